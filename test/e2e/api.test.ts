// The API of a real server, as its guide says it: every command of docs/guide/api.md is run by a shell, and what it did stands in the
// log with the right name. The token is nobody else's to read, and survives a restart; HTTPS has the server's certificate.

import assert from "node:assert/strict";
import { chmod, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { runProgram } from "../lab/child.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { startServer } from "../lab/server.ts";
import { bob, domain, openAuthenticated, startSite } from "../lab/site.ts";
import { requires } from "../lab/skip.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { waitFor } from "../lab/wait.ts";
import { sekimori } from "./support/command.ts";
import { assertNothingBroke, readLog } from "./support/log.ts";

const root = join(import.meta.dirname, "../..");

/** Blocks of the guide in one language, in order. */
async function blocks(language: string): Promise<readonly string[]> {
  const guide = await readFile(join(root, "docs/guide/api.md"), "utf8");
  return [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, text = ""]) => text);
}

test("the guide's commands do what it says, and the log says who did it", async (t) => {
  const curl = await requires(t, "curl");
  if (curl === undefined) return;
  const site = await startSite(t, { smarthost: { address: loopbackAddress(), port: 2525 } });
  const session = await openAuthenticated(t, site, bob);
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  await session.expect(`RCPT TO:<dora@example.org>`, 250);
  await session.expect("DATA", 354);
  await session.expect(`From: ${bob.address}\r\nMessage-ID: <api@client.example.org>\r\n\r\nhello\r\n.`, 250);
  session.destroy();

  const command = `${process.execPath} --disable-warning=ExperimentalWarning ${join(root, "src/main/main.ts")}`;
  const config = join(site.directory, "sekimori.toml");
  // One line after each command tells how it ended.
  const script = (await blocks("sh"))
    .join("")
    .replaceAll(/^(curl .*)$/gm, 'OUT=$($1); echo "$? $OUT" | tr "\\n" " "; echo');
  const ran = await runProgram({
    program: "bash",
    parameters: [
      "-c",
      `sekimori() { ${command} "$@" --config '${config}'; }\n${script.replace("127.0.0.1:2080", `${site.http.address}:${site.http.port}`)}`,
    ],
    environment: { ...curl.environment, PATH: `${join(curl.path, "..")}:${process.env["PATH"] ?? ""}` },
    milliseconds: 120_000,
  });
  assert.equal(ran.code, 0, ran.stderr);
  const answers = ran.stdout.trim().split("\n");
  assert.equal(answers.length, script.match(/^OUT=/gm)?.length);
  for (const answer of answers) assert.match(answer, /^0 /, `${answer}\n${ran.stderr}`);
  const told = (words: RegExp): void =>
    assert.ok(
      answers.some((answer) => words.test(answer)),
      `${words}\n${ran.stdout}`,
    );
  told(/^0 \{"state":"ready","version":"\d/);
  told(/^0 \{"address":"dora@sekimori\.test","aliases":\[\],.*"suspended":false/);
  told(/^0 \{"total":\d+,"entries":\[\{"address":"bob@/);
  told(
    /"subject":"\w+","steps":\[.*accepted from 127\.\S+ port \d+ on submissions: <bob@sekimori\.test> to <dora@example\.org>/,
  );
  told(/^0 \{"toml":"version = 1\\nhostname/);
  told(/^0 # HELP sekimori_/);
  told(/^0 \{"messages":1,"recipients":1\}|"code":"conflict"/);
  const [example = "{}"] = await blocks("json");
  assert.deepEqual(JSON.parse(answers.at(-1)!.slice(2)), JSON.parse(example));

  const log = readLog(site.server.state);
  for (const [event, changes] of [
    ["account.changed", ["added", "suspended", "deleted"]],
    ["config.reloaded", [undefined]],
    ["trace.asked", [undefined]],
  ] as const) {
    const lines = log.filter((line) => line["event"] === event && line["by"] === "token api-token");
    assert.deepEqual(
      lines.map((line) => line["change"]),
      changes,
      event,
    );
  }
  const token = (await readFile(join(site.server.state, "api-token"), "utf8")).trim();
  assert.ok(!JSON.stringify(log).includes(token));
  assertNothingBroke(site.server.state);
});

test("the token is its owner's alone and the same after a restart; one that others can read ends the start with 3", async (t) => {
  const site = await startSite(t, { smarthost: { address: loopbackAddress(), port: 2525 } });
  const file = join(site.server.state, "api-token");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const token = (await site.server.command("token", "show")).stdout.trim();
  assert.deepEqual([(await site.server.command("status")).code, token.length > 40], [0, true]);
  await site.server.stop();
  assert.equal((await site.server.command("status")).code, 1);
  assert.equal((await site.server.command("token", "show")).stdout.trim(), token);
  const rotated = (await site.server.command("token", "rotate", "--json")).stdout;
  const { token: next } = JSON.parse(rotated) as { readonly token: string };
  const again = await site.restart();
  const health = async (bearer: string): Promise<number> => {
    const answer = await fetch(`http://${site.http.address}:${site.http.port}/api/v1/health`, {
      headers: { authorization: `Bearer ${bearer}` },
    });
    return answer.status;
  };
  assert.deepEqual([await health(token), await health(next)], [401, 200]);
  await again.stop();
  await chmod(file, 0o640);
  const refused = await sekimori(["serve", "--config", join(site.directory, "sekimori.toml")]);
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /api-token is open to others than its owner: chmod 600/);
});

test("over HTTPS the API has the certificate of the server; named tokens have their rights", async (t) => {
  const curl = await requires(t, "curl");
  if (curl === undefined) return;
  const directory = await temporaryDirectory(t);
  const address = loopbackAddress();
  const config = [
    "version = 1",
    `hostname = "mx.${domain}"`,
    "[http]",
    `listen = ["${address}:2080"]`,
    'tls = "implicit"',
    "[[http.token]]",
    'name = "monitoring"',
    'secret = { environment = "MONITORING" }',
    "[[domain]]",
    `name = "${domain}"`,
    `postmaster = "alice@${domain}"`,
    "[[listener]]",
    'role = "mx"',
    `listen = ["${address}:2525"]`,
    "",
  ].join("\n");
  const environment = { MONITORING: "monitoring-0123456789abcdef" };
  const server = await startServer(t, { directory, config, environment });
  const certificate = join(server.state, "tls/self-signed.crt");
  const ask = (...parameters: readonly string[]): ReturnType<typeof runProgram> =>
    runProgram({
      program: curl.path,
      environment: curl.environment,
      parameters: [
        "--silent",
        "--show-error",
        "--cacert",
        certificate,
        "--connect-to",
        `::${address}:2080`,
        "--header",
        `Authorization: Bearer ${environment.MONITORING}`,
        ...parameters,
      ],
      milliseconds: 60_000,
    });
  const health = await ask(`https://mx.${domain}:2080/api/v1/health`);
  assert.match(health.stdout, /"state":"ready"/, health.stderr);
  const change = await ask("--request", "POST", `https://mx.${domain}:2080/api/v1/reload`);
  assert.match(change.stdout, /"code":"rights"/);
  const clear = await ask(`http://mx.${domain}:2080/api/v1/health`);
  assert.notEqual(clear.code, 0);
  const refused = await waitFor("the refusal in the log", 10_000, () =>
    readLog(server.state).find((line) => line["event"] === "api.refused"),
  );
  assert.deepEqual(
    [refused["cause"], refused["by"], refused["path"]],
    ["rights", "token monitoring", "/api/v1/reload"],
  );
  const shown = await sekimori(["token", "show", "--config", join(directory, "sekimori.toml")], { environment });
  assert.deepEqual([shown.code, /monitoring/.test(shown.stderr)], [1, true]);
  assert.ok(!shown.stderr.includes(environment.MONITORING));
});
