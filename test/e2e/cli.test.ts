// The command line, as an operator types it: the same questions to a running and to a stopped server, the same answers, and exit
// codes that a script can rely on (0 yes, 1 no, 2 usage or configuration, 3 not possible here).

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { openDialogue } from "../lab/client.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { waitForMailbox } from "../lab/mailbox.ts";
import { startServer } from "../lab/server.ts";
import type { Server } from "../lab/server.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, domain, openAuthenticated, plain, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { waitFor } from "../lab/wait.ts";
import { sekimori } from "./support/command.ts";
import { assertNothingBroke } from "./support/log.ts";
import { reconfigure } from "./support/reconfigure.ts";

interface QueueEntry {
  readonly id: string;
  readonly sender: string;
  readonly account?: string;
  readonly recipients: readonly {
    readonly address: string;
    readonly state: string;
    readonly attempts: number;
    readonly next?: string;
    readonly reply?: string;
  }[];
}

const states = ["running", "stopped"] as const;
type State = (typeof states)[number];

/** In the state the test is about. */
async function siteIn(t: TestContext, state: State): Promise<Site> {
  const site = await startSite(t, { smarthost: { address: loopbackAddress(), port: 2525 } });
  if (state === "stopped") await site.server.stop();
  return site;
}

function at(site: Site, ...parameters: readonly string[]): readonly string[] {
  return [...parameters, "--config", join(site.directory, "sekimori.toml")];
}

async function queue(server: Server): Promise<readonly QueueEntry[]> {
  const { code, stdout, stderr } = await server.command("queue", "list", "--json");
  assert.equal(code, 0, stderr);
  return (JSON.parse(stdout) as { readonly entries: readonly QueueEntry[] }).entries;
}

async function logsIn(t: TestContext, site: Site, address: string, password: string): Promise<boolean> {
  const session = await openDialogue(t, site.submissions, "implicit");
  await session.reply();
  await session.expect("EHLO client.example.org", 250);
  const { code } = await session.command(`AUTH PLAIN ${plain(address, password)}`);
  session.destroy();
  return code === 235;
}

for (const state of states) {
  test(`accounts are added, listed and given passwords while the server is ${state}`, async (t) => {
    const site = await siteIn(t, state);
    const add = await sekimori(at(site, "account", "add", `carol@${domain}`, "--alias", `c@${domain}`), {
      input: "a long password\n",
    });
    assert.deepEqual([add.code, add.stdout, add.stderr], [0, `added carol@${domain}\n`, ""]);
    const generated = await sekimori(at(site, "account", "add", `Dave@${domain}`, "--generate"));
    const secret = /, password (\S+)\n$/.exec(generated.stdout)?.[1] ?? "";
    assert.ok(secret.length >= 12, generated.stdout);

    const list = await sekimori(at(site, "account", "list"));
    assert.equal(list.code, 0);
    for (const address of [alice.address, bob.address, `carol@${domain}`]) assert.ok(list.stdout.includes(address));
    assert.match(list.stdout, /^ADDRESS +CREATED +RECIPIENTS +ALIASES\n/);
    const json = JSON.parse((await sekimori(at(site, "account", "list", "--json"))).stdout) as {
      readonly address: string;
      readonly aliases: readonly string[];
    }[];
    assert.deepEqual(json.find(({ address }) => address === `carol@${domain}`)?.aliases, [`c@${domain}`]);
    assert.ok(!JSON.stringify(json).includes("$argon2"), "hashes are not shown");

    const changed = await sekimori(at(site, "account", "passwd", bob.address), { input: "another password\n" });
    assert.deepEqual([changed.code, changed.stdout], [0, `changed ${bob.address}\n`]);
    if (state === "stopped") await site.restart();
    assert.equal(await logsIn(t, site, `carol@${domain}`, "a long password"), true);
    assert.equal(await logsIn(t, site, `DAVE@${domain}`, secret), true);
    assert.equal(await logsIn(t, site, bob.address, "another password"), true);
    assert.equal(await logsIn(t, site, bob.address, bob.password), false);
    assertNothingBroke(site.server.state);
  });

  test(`what cannot be done to accounts ends with 1 and says why while the server is ${state}`, async (t) => {
    const site = await siteIn(t, state);
    for (const [command, password, why] of [
      [["account", "add", alice.address], "a long password", /exists already/],
      [["account", "add", `carol@${domain}`, "--alias", bob.address], "a long password", /exists already/],
      [["account", "add", "carol@example.org"], "a long password", /domain/],
      [["account", "add", "carol"], "a long password", /carol/],
      [["account", "add", `carol@${domain}`], "short", /at least 8/],
      [["account", "passwd", `nobody@${domain}`], "a long password", /no such account/],
      [["queue", "show", "nothing"], undefined, /not in the queue/],
      [["queue", "retry", "nothing"], undefined, /not in the queue/],
      [["queue", "delete", "../../etc"], undefined, /not in the queue/],
      [["trace", "nobody@nowhere.example.org"], undefined, /nobody@nowhere/],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { code, stdout, stderr } = await sekimori(
        at(site, ...command),
        password === undefined ? {} : { input: `${password}\n` },
      );
      assert.equal(code, 1, `${command.join(" ")}: ${stdout}${stderr}`);
      assert.match(stderr, why);
      assert.equal(stdout, "");
    }
  });

  test(`waiting mail is listed, shown, retried and deleted while the server is ${state}`, async (t) => {
    const nobodyThere = { address: loopbackAddress(), port: 2525 };
    const site = await startSite(t, { smarthost: nobodyThere });
    // It tries again when it is told to, not by itself.
    const first = await reconfigure(t, site, site.server, { from: 'retry = ["1s"]', to: 'retry = ["1d"]' });
    const [one, two] = await sendTwo(t, site);
    await waitFor("both waiting with a reason", 20_000, async () => {
      const recipients = (await queue(first)).flatMap((each) => each.recipients);
      const waiting = recipients.filter((each) => each.state === "waiting" && each.reply !== undefined);
      return waiting.length === 2 ? true : undefined;
    });
    if (state === "stopped") await first.stop();

    const entries = await queue(first);
    assert.deepEqual(
      entries.map(({ id }) => id),
      [one, two],
    );
    const [entry] = entries;
    assert.deepEqual([entry?.sender, entry?.account], [bob.address, bob.address]);
    const [recipient] = entry?.recipients ?? [];
    assert.deepEqual([recipient?.address, recipient?.attempts], ["one@example.org", 1]);
    assert.match(recipient?.reply ?? "", /connection refused/);
    assert.ok(Date.parse(recipient?.next ?? "") > Date.now() + 3_600_000, recipient?.next);
    const table = await sekimori(at(site, "queue", "list"));
    assert.match(table.stdout, /^ID +RECEIVED +SIZE +SENDER +RECIPIENT +STATE\n/);
    assert.match(
      table.stdout,
      new RegExp(`^${one} .*<${bob.address}> +<one@example\\.org> +.*connection refused`, "m"),
    );
    const shown = await sekimori(at(site, "queue", "show", one));
    assert.equal(shown.code, 0);
    assert.match(shown.stdout, /^messageId +<first@client\.example\.org>$/m);
    assert.match(shown.stdout, /^recipient +<one@example\.org> waiting, 1 attempt, next .*connection refused/m);

    const deleted = await sekimori(at(site, "queue", "delete", two));
    assert.deepEqual([deleted.code, deleted.stdout], [0, "1 message, 1 recipient deleted\n"]);
    assert.deepEqual(
      (await queue(first)).map(({ id }) => id),
      [one],
    );

    const sink = await startSink(t, nobodyThere);
    const retried = await sekimori(at(site, "queue", "retry", one));
    assert.deepEqual([retried.code, retried.stdout], [0, "1 message, 1 recipient queued anew\n"]);
    const config = await readFile(join(site.directory, "sekimori.toml"), "utf8");
    const server = state === "stopped" ? await startServer(t, { directory: site.directory, config }) : first;
    const [arrived] = await sink.waitForMessages(1, 20_000);
    assert.match(arrived?.data ?? "", /^Message-ID: <first@client\.example\.org>\r$/m);
    await waitFor("an empty queue", 20_000, async () => ((await queue(server)).length === 0 ? true : undefined));
    assert.equal(sink.messages.length, 1);
    assertNothingBroke(server.state);
  });

  test(`trace tells the story of a message in plain words while the server is ${state}`, async (t) => {
    const sink = await startSink(t, {
      answer: (line) => (line.includes("nobody@") ? "550 5.1.1 no such person in this house" : undefined),
    });
    const site = await startSite(t, { smarthost: sink });
    const session = await openAuthenticated(t, site, bob);
    await session.expect(`MAIL FROM:<${bob.address}>`, 250);
    for (const recipient of [alice.address, "dora@example.org", "nobody@example.org"]) {
      // oxlint-disable-next-line no-await-in-loop -- a dialogue
      await session.expect(`RCPT TO:<${recipient}>`, 250);
    }
    await session.expect("DATA", 354);
    await session.expect(`From: ${bob.address}\r\nMessage-ID: <story@client.example.org>\r\n\r\nhello\r\n.`, 250);
    const [report = ""] = await waitForMailbox(t, site.pop3s, bob, 1, 20_000);
    assert.match(report, /no such person in this house/);
    const stranger = await openDialogue(t, site.mx);
    await stranger.reply();
    await stranger.expect("EHLO mail.example.com", 250);
    await stranger.expect("MAIL FROM:<mallory@example.com>", 250);
    await stranger.expect("RCPT TO:<victim@example.org>", 550);
    stranger.destroy();
    if (state === "stopped") await site.server.stop();

    const question = "<story@client.example.org>";
    const told = await waitFor("the whole story in the log", 10_000, async () => {
      const { code, stdout } = await site.server.command("trace", question);
      return code === 0 && /delivered to <bob@/.test(stdout) ? stdout : undefined;
    });
    for (const words of [
      /accepted from 127\.\S+ port \d+ on submissions: <bob@sekimori\.test> to <alice@sekimori\.test>, <dora@example\.org>, <nobody@example\.org>/,
      /authenticated as bob@sekimori\.test with PLAIN/,
      /delivered to <alice@sekimori\.test> by local/,
      /delivered to <dora@example\.org> by 127\.\S+.*250 2\.6\.0 taken/,
      /failed for <nobody@example\.org> \(127\.\S+: 5\.1\.1 .*no such person in this house\)/,
      /delivery status notification \S+ made about \S+ for <bob@sekimori\.test>/,
      /delivered to <bob@sekimori\.test> by local/,
    ]) {
      assert.match(told, words);
    }
    const { stdout } = await site.server.command("trace", question, "--json");
    const { stories } = JSON.parse(stdout) as {
      readonly stories: readonly { readonly steps: readonly { readonly event: string; readonly time: string }[] }[];
    };
    const events = stories.flatMap(({ steps }) => steps.map(({ event }) => event));
    for (const event of ["message.accepted", "delivery.delivered", "delivery.failed", "message.created"]) {
      assert.ok(events.includes(event), event);
    }
    const byAddress = await site.server.command("trace", "dora@example.org");
    assert.match(byAddress.stdout, /delivered to <dora@example\.org>/);
    const refused = await site.server.command("trace", "victim@example.org");
    assert.equal(refused.code, 0);
    assert.match(refused.stdout, /recipient <victim@example\.org> refused: 550 5\.7\.1 relaying denied/);
    assertNothingBroke(site.server.state);
  });
}

test("config check says fine or tells every problem with its place; show and schema print", async (t) => {
  const directory = await temporaryDirectory(t);
  const good = join(directory, "good.toml");
  const lines = [
    "version = 1",
    'hostname = "mx.sekimori.test"',
    "[[domain]]",
    'name = "sekimori.test"',
    'postmaster = "alice@sekimori.test"',
    "[[listener]]",
    'role = "mx"',
    'listen = ["127.0.0.1:0"]',
    "[delivery.smarthost]",
    'host = "smtp.example.net"',
    'username = "relay"',
    'password = { environment = "SMARTHOST_PASSWORD" }',
    "",
  ];
  await writeFile(good, lines.join("\n"));
  const environment = { SMARTHOST_PASSWORD: "hush hush" };
  const check = await sekimori(["config", "check", "--config", good], { environment });
  assert.deepEqual([check.code, check.stdout], [0, `${good} is fine\n`]);
  const shown = await sekimori(["config", "show", "--config", good], { environment });
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /smtp\.example\.net/);
  assert.ok(!shown.stdout.includes("hush"), "secrets stay hidden");

  const bad = join(directory, "bad.toml");
  await writeFile(
    bad,
    lines.join("\n").replace('role = "mx"', 'role = "exchange"').replace("127.0.0.1:0", "127.0.0.1"),
  );
  const problems = await sekimori(["config", "check", "--config", bad], { environment });
  assert.equal(problems.code, 2);
  assert.ok(problems.stderr.includes(`${bad}:8:11`), problems.stderr);
  assert.ok(problems.stderr.includes(`${bad}:7:8`), problems.stderr);

  const schema = await sekimori(["config", "schema"]);
  assert.equal(schema.code, 0);
  assert.match((JSON.parse(schema.stdout) as { readonly $schema: string }).$schema, /json-schema/);
});

test("the configuration is found: --config, then the environment, then the directory, then the demonstration", async (t) => {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, "empty"));
  const file = (name: string): string => join(directory, name);
  for (const name of ["given.toml", "named.toml", "sekimori.toml"]) {
    // oxlint-disable-next-line no-await-in-loop -- three files
    await writeFile(file(name), `version = "${name}"\n`);
  }
  const environment = { SEKIMORI_CONFIG: file("named.toml") };
  const given = await sekimori(["config", "check", "--config", file("given.toml")], { environment, cwd: directory });
  assert.ok(given.stderr.includes("given.toml:1"), given.stderr);
  const named = await sekimori(["config", "check"], { environment, cwd: directory });
  assert.ok(named.stderr.includes("named.toml:1"), named.stderr);
  const here = await sekimori(["config", "check"], { environment: { SEKIMORI_CONFIG: "" }, cwd: directory });
  assert.ok(here.stderr.includes("sekimori.toml:1"), here.stderr);
  const demo = await sekimori(["config", "check"], { environment: { SEKIMORI_CONFIG: "" }, cwd: file("empty") });
  assert.deepEqual([demo.code, /demonstration/.test(demo.stdout)], [0, true]);
});

test("wrong usage ends with 2, help and version with 0, and a state that is not there with 3", async (t) => {
  const directory = await temporaryDirectory(t);
  for (const parameters of [
    ["serv"],
    ["queue"],
    ["queue", "show"],
    ["account", "add"],
    ["trace"],
    ["serve", "--port", "1"],
  ]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const { code, stdout } = await sekimori(parameters, { cwd: directory });
    assert.deepEqual([code, stdout], [2, ""], parameters.join(" "));
  }
  const help = await sekimori(["--help"]);
  assert.equal(help.code, 0);
  for (const command of ["serve", "account", "queue", "trace", "config"]) assert.ok(help.stdout.includes(command));
  assert.match((await sekimori(["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
  const nowhere = await sekimori(["queue", "list", "--var", join(directory, "nowhere")], { cwd: directory });
  assert.equal(nowhere.code, 3, nowhere.stderr);
  assert.match(nowhere.stderr, /does not exist/);
});

/** Two messages from bob to hosts that do not answer; their queue ids. */
async function sendTwo(t: TestContext, site: Site): Promise<readonly [string, string]> {
  const session = await openAuthenticated(t, site, bob);
  const ids: string[] = [];
  for (const [name, recipient] of [
    ["first", "one@example.org"],
    ["second", "two@example.org"],
  ]) {
    /* oxlint-disable no-await-in-loop -- a dialogue */
    await session.expect(`MAIL FROM:<${bob.address}>`, 250);
    await session.expect(`RCPT TO:<${recipient}>`, 250);
    await session.expect("DATA", 354);
    const header = `From: ${bob.address}\r\nMessage-ID: <${name}@client.example.org>`;
    const { raw } = await session.expect(`${header}\r\n\r\nhello\r\n.`, 250);
    ids.push(/queued as (\S+)/.exec(raw)?.[1] ?? "");
    /* oxlint-enable no-await-in-loop */
  }
  session.destroy();
  return [ids[0] ?? "", ids[1] ?? ""];
}
