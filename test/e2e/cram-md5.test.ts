// CRAM-MD5 as clients that share no code with us speak it: Python's smtplib and poplib, swaks, curl. And what is stored for it, beside what
// Dovecot makes.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { TestContext } from "node:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeCramKeys } from "../../src/io/cram-keys.ts";
import { runProgram } from "../lab/child.ts";
import type { Scope } from "../lab/cleanup.ts";
import { startServer } from "../lab/server.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { alice, domain } from "../lab/site.ts";
import { requires } from "../lab/skip.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { waitFor } from "../lab/wait.ts";
import type { LogEntry } from "./support/log.ts";
import { assertNothingBroke, readLog } from "./support/log.ts";

const scope: Scope = { after };
const address = loopbackAddress();
const old = { address: `old@${domain}`, password: "from before it" };
const listener = (role: string, port: number, more = ""): string =>
  `[[listener]]\nrole = "${role}"\nlisten = ["${address}:${port}"]\ntls = "implicit"\n${more}\n`;
const config = (mechanisms: string): string =>
  [
    "version = 1",
    `hostname = "mx.${domain}"`,
    `http.listen = ["${address}:2080"]`,
    "[[domain]]",
    `name = "${domain}"`,
    `postmaster = "${alice.address}"`,
    listener("submission", 2465, mechanisms),
    listener("submission", 2466),
    listener("pop3", 2995, mechanisms),
    "",
  ].join("\n");
const directory = await temporaryDirectory(scope);
// One account is made before the mechanism is switched on.
const before = await startServer(scope, { directory, config: config(""), accounts: { [old.address]: old.password } });
await before.stop();
const server = await startServer(scope, {
  directory,
  config: config('mechanisms = ["scram-sha-256", "plain", "login", "cram-md5"]'),
  accounts: { [alice.address]: alice.password },
});

const python = `
import poplib, smtplib, ssl, sys
kind, host, port, name, password = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
context = ssl._create_unverified_context()
if kind == "smtp":
    session = smtplib.SMTP_SSL(host, port, context=context, timeout=30)
    session.ehlo("client.example.org")
    session.user, session.password = name, password
    print(session.auth("CRAM-MD5", session.auth_cram_md5)[0])
else:
    import base64, hmac
    session = poplib.POP3_SSL(host, port, context=context, timeout=30)
    challenge = base64.b64decode(session._shortcmd("AUTH CRAM-MD5")[2:])
    digest = hmac.new(password.encode(), challenge, "md5").hexdigest()
    print(session._shortcmd(base64.b64encode(("%s %s" % (name, digest)).encode()).decode()).decode())
session.quit()
`;

async function runPython(
  t: TestContext,
  kind: "smtp" | "pop3",
  port: number,
  { address: name, password }: typeof old | typeof alice,
) {
  const program = await requires(t, "python3");
  if (program === undefined) return undefined;
  return runProgram({
    program: program.path,
    parameters: ["-c", python, kind, address, String(port), name, password],
    milliseconds: 60_000,
  });
}

test("Python's smtplib and poplib log in", async (t) => {
  const smtp = await runPython(t, "smtp", 2465, alice);
  const pop3 = await runPython(t, "pop3", 2995, alice);
  if (smtp === undefined || pop3 === undefined) return;
  assert.equal(smtp.stdout.trim(), "235", smtp.stderr);
  assert.match(pop3.stdout, /^\+OK/, pop3.stderr);
});

test("a wrong password, an unknown name, and a password from before it are refused with the same words", async (t) => {
  const refusals = [];
  for (const who of [{ ...alice, password: "guess" }, { ...alice, address: `nobody@${domain}` }, old]) {
    // oxlint-disable-next-line no-await-in-loop -- one login at a time
    const ran = await runPython(t, "smtp", 2465, who);
    if (ran === undefined) return;
    refusals.push(/SMTPAuthenticationError: (.*)/.exec(ran.stderr)?.[1]);
  }
  assert.match(refusals[0] ?? "", /^\(535, /);
  assert.equal(new Set(refusals).size, 1);
  // The listener without it has never heard of it.
  const off = await runPython(t, "smtp", 2466, alice);
  assert.match(off?.stderr ?? "", /\(504, /);
});

test("swaks logs in with it, and with its password set again the old account does too", async (t) => {
  const program = await requires(t, "swaks");
  if (program === undefined) return;
  const swaks = ({ address: name, password }: typeof old | typeof alice) =>
    runProgram({
      program: program.path,
      parameters: [
        "--server",
        `${address}:2465`,
        "--tls-on-connect",
        "--auth",
        "CRAM-MD5",
        "--auth-user",
        name,
        "--auth-password",
        password,
        "--quit-after",
        "AUTH",
      ],
      environment: program.environment,
      milliseconds: 60_000,
    });
  const done = await swaks(alice);
  assert.match(done.stdout, /235 2\.7\.0/, done.stdout + done.stderr);
  const changed = await server.command("account", "passwd", old.address, "--generate", "--json");
  const { password } = JSON.parse(changed.stdout) as { readonly password: string };
  assert.match((await server.command("account", "show", old.address)).stdout, /^cram-md5 /m);
  const again = await swaks({ ...old, password });
  assert.match(again.stdout, /235 2\.7\.0/, again.stdout + again.stderr);
});

test("curl sends with it", async (t) => {
  const program = await requires(t, "curl");
  if (program === undefined) return;
  const ran = await runProgram({
    program: program.path,
    parameters: [
      "--insecure",
      "--silent",
      "--show-error",
      "--login-options",
      "AUTH=CRAM-MD5",
      "--user",
      `${alice.address}:${alice.password}`,
      "--mail-from",
      alice.address,
      "--mail-rcpt",
      alice.address,
      "--upload-file",
      "-",
      `smtps://${address}:2465`,
    ],
    environment: program.environment,
    input: `From: <${alice.address}>\r\nSubject: by curl\r\n\r\nHello\r\n`,
    milliseconds: 60_000,
  });
  assert.equal(ran.code, 0, ran.stderr);
});

test("what is stored is what Dovecot stores, and it is in no log", async (t) => {
  const keys = makeCramKeys(alice.password);
  const log = JSON.stringify(readLog(server.state));
  assert.match(log, /"mechanism":"CRAM-MD5"/);
  for (const secret of [keys, alice.password]) assert.ok(!log.includes(secret));
  assertNothingBroke(server.state);
  const dovecot = await requires(t, "dovecot");
  if (dovecot === undefined) return;
  for (const password of [alice.password, "x".repeat(100)]) {
    // oxlint-disable-next-line no-await-in-loop -- one program at a time
    const ran = await runProgram({
      program: `${dovecot.tree}/usr/bin/doveadm`,
      parameters: ["-O", "pw", "-s", "CRAM-MD5", "-p", password],
      environment: dovecot.environment,
      milliseconds: 30_000,
    });
    assert.equal(ran.stdout.trim(), `{CRAM-MD5}${makeCramKeys(password)}`, ran.stderr);
  }
});

test("switched off by a reload or a restart, what it needs is deleted and said to be; switched on again it works as at first", async (t) => {
  const file = join(directory, "sekimori.toml");
  const on = await readFile(file, "utf8");
  const parts = on.split("[[listener]]");
  const off = parts.filter((part) => !part.includes("cram-md5")).join("[[listener]]");
  const purged = (): readonly LogEntry[] =>
    readLog(server.state).filter(({ event, what }) => event === "retention.purged" && what === "cram_md5");
  const goneTimes = (times: number): Promise<LogEntry> =>
    waitFor(`gone ${times} times`, 60_000, () => purged()[times - 1]);
  const show = async (): Promise<string> => (await server.command("account", "show", alice.address)).stdout;
  assert.match(await show(), /^cram-md5 /m);
  assert.match(
    (await server.command("retention", "show")).stdout,
    /^cram_md5 +\d+ +0 +while a listener offers CRAM-MD5/m,
  );

  await writeFile(file, off);
  assert.equal((await server.command("reload")).code, 0);
  assert.ok(Number((await goneTimes(1))["items"]) >= 1);
  assert.doesNotMatch(await show(), /^cram-md5 /m);
  for (const name of ["index.sqlite", "index.sqlite-wal"]) {
    // oxlint-disable-next-line no-await-in-loop -- two
    const octets = await readFile(join(server.state, name), "latin1");
    assert.ok(!octets.includes(makeCramKeys(alice.password)), name);
  }

  await writeFile(file, on);
  assert.equal((await server.command("reload")).code, 0);
  const refused = await runPython(t, "smtp", 2465, alice);
  const changed = await server.command("account", "passwd", alice.address, "--generate", "--json");
  const { password } = JSON.parse(changed.stdout) as { readonly password: string };
  const again = await runPython(t, "smtp", 2465, { ...alice, password });
  if (refused !== undefined) assert.match(refused.stderr, /\(535, /);
  if (again !== undefined) assert.equal(again.stdout.trim(), "235", again.stderr);
  assert.match(await show(), /^cram-md5 /m);

  await server.stop();
  await writeFile(file, off);
  assert.match(
    (await server.command("retention", "show")).stdout,
    /^cram_md5 +1 +1 +while a listener offers CRAM-MD5/m,
  );
  const last = await startServer(scope, { directory, config: off });
  assert.equal((await goneTimes(2))["items"], 1);
  assert.doesNotMatch((await last.command("account", "show", alice.address)).stdout, /^cram-md5 /m);
  assertNothingBroke(last.state);
});
