// A legacy listener of a real server: a POP3 login opens it for the account, from that address and for nothing else; a changed password closes it,
// and an app password for reading alone opens nothing; the report names who used it. After the last day it says what to use.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openDialogue } from "../lab/client.ts";
import type { Dialogue, Where } from "../lab/client.ts";
import type { Scope } from "../lab/cleanup.ts";
import { runProgram } from "../lab/child.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { alice, bob, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";
import { requires } from "../lab/skip.ts";
import { assertNothingBroke } from "./support/log.ts";

const port = 2526;

function startLegacy(t: Scope, lines: readonly string[]): Promise<Site & { readonly legacy: string }> {
  const address = loopbackAddress();
  const tables = ["[[listener]]", 'role = "legacy"', `listen = ["${address}:${port}"]`, 'tls = "starttls"', ...lines];
  const smarthost = { address: loopbackAddress(), port: 2525 };
  return startSite(t, { smarthost, tables }).then((site) => ({ ...site, legacy: address }));
}

async function open(t: Scope, address: string): Promise<Dialogue> {
  const session = await openDialogue(t, { address, port });
  await session.reply();
  await session.expect("EHLO old.example.org", 250);
  return session;
}

/** poplib, over TLS: the password itself, or a proof that it is known, by the words of RFC 2195 and RFC 5802. */
const python = `
import base64, hashlib, hmac, os, poplib, ssl, sys
how, host, port, name, password = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
b64 = lambda octets: base64.b64encode(octets).decode()
mac = lambda key, text: hmac.new(key, text, hashlib.sha256).digest()
box = poplib.POP3_SSL(host, port, context=ssl._create_unverified_context(), timeout=30)
def ask(line):
    box._putcmd(line)
    answer = box._getline()[0]
    if not answer.startswith(b"+"): sys.exit(answer.decode())
    return base64.b64decode(answer[2:]) if answer.startswith(b"+ ") else answer
if how == "USER":
    box.user(name); box.pass_(password)
elif how == "CRAM-MD5":
    digest = hmac.new(password.encode(), ask("AUTH CRAM-MD5"), "md5").hexdigest()
    ask(b64(("%s %s" % (name, digest)).encode()))
else:
    bare = "n=%s,r=%s" % (name, base64.urlsafe_b64encode(os.urandom(18)).decode())
    challenge = ask("AUTH SCRAM-SHA-256 " + b64(("n,," + bare).encode())).decode()
    fields = dict(part.split("=", 1) for part in challenge.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
    unproved = "c=biws,r=" + fields["r"]
    key = mac(salted, b"Client Key")
    signature = mac(hashlib.sha256(key).digest(), ",".join([bare, challenge, unproved]).encode())
    ask(b64((unproved + ",p=" + b64(bytes(a ^ b for a, b in zip(key, signature)))).encode()))
    ask("")
box.stat(); box.quit()`;

type How = "USER" | "CRAM-MD5" | "SCRAM-SHA-256";

async function popLogin(where: Where, how: How, { address, password }: typeof bob | Person): Promise<void> {
  const parameters = ["-c", python, how, where.address, String(where.port), address, password];
  const { code, stderr } = await runProgram({ program: "python3", parameters, milliseconds: 60_000 });
  assert.equal(code, 0, stderr);
}

interface Person {
  readonly address: string;
  readonly password: string;
}

/** A server's own password, for somebody who has the address. */
async function made(site: Site, person: Person, ...words: readonly string[]): Promise<Person> {
  const { code, stdout, stderr } = await site.server.command("account", ...words, "--json");
  assert.equal(code, 0, stderr);
  const { password } = JSON.parse(stdout) as { readonly password: string };
  return { ...person, password };
}

test("a POP3 login opens the way for its own account, and a changed password closes it", async (t) => {
  if ((await requires(t, "python3")) === undefined) return;
  const site = await startLegacy(t, ['pop-before-smtp = { networks = ["127.0.0.0/8"], for = "15m" }']);
  const session = await open(t, site.legacy);
  await session.expect(`MAIL FROM:<${bob.address}>`, 530);
  await popLogin(site.pop3s, "USER", bob);
  await session.expect(`MAIL FROM:<${alice.address}>`, 530);
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  await session.expect("RCPT TO:<dora@example.org>", 250);
  await session.expect("DATA", 354);
  await session.expect(`From: ${bob.address}\r\n\r\nhello\r\n.`, 250);
  // Nobody logged in from there to the other services.
  const submission = await openDialogue(t, site.submission);
  await submission.reply();
  await submission.expect("EHLO old.example.org", 250);
  await submission.expect(`MAIL FROM:<${bob.address}>`, 530);
  submission.destroy();

  const report = await site.server.command("report", "legacy", "--json");
  const [use] = JSON.parse(report.stdout) as readonly {
    readonly account: string;
    readonly messages: number;
    readonly popBeforeSmtp: number;
    readonly programs: readonly string[];
  }[];
  assert.deepEqual(
    [use?.account, use?.messages, use?.popBeforeSmtp, use?.programs],
    [bob.address, 1, 1, ["old.example.org"]],
  );
  const changed = await made(site, bob, "passwd", bob.address, "--generate");
  await session.expect(`MAIL FROM:<${bob.address}>`, 530);
  await popLogin(site.pop3s, "USER", changed);
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  await session.expect("RSET", 250);
  const suspended = await site.server.command("account", "suspend", bob.address);
  assert.equal(suspended.code, 0, suspended.stderr);
  await session.expect(`MAIL FROM:<${bob.address}>`, 530);
  session.destroy();
  assertNothingBroke(site.server.state);
});

test("however the password was shown over POP3 it opens, and one for reading alone does not", async (t) => {
  if ((await requires(t, "python3")) === undefined) return;
  const old = { address: loopbackAddress(), port: 2995 };
  const lines = [
    'pop-before-smtp = { networks = ["127.0.0.0/8"] }',
    "[[listener]]",
    'role = "pop3"',
    `listen = ["${old.address}:${old.port}"]`,
    'tls = "implicit"',
    'mechanisms = ["scram-sha-256", "plain", "cram-md5"]',
  ];
  const site = await startLegacy(t, lines);
  const session = await open(t, site.legacy);
  const reader = await made(site, alice, "app", "add", alice.address, "reader", "--scope", "pop3");
  await popLogin(site.pop3s, "USER", reader);
  await session.expect(`MAIL FROM:<${alice.address}>`, 530);
  await popLogin(old, "CRAM-MD5", alice);
  await session.expect(`MAIL FROM:<${alice.address}>`, 250);
  await session.expect("RSET", 250);
  // What it opened is not closed by another program that only reads.
  await popLogin(site.pop3s, "USER", reader);
  await session.expect(`MAIL FROM:<${alice.address}>`, 250);
  await session.expect("RSET", 250);
  await session.expect(`MAIL FROM:<${bob.address}>`, 530);
  await popLogin(site.pop3s, "SCRAM-SHA-256", bob);
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  const program = await made(site, bob, "app", "add", bob.address, "old program");
  await session.expect("RSET", 250);
  await made(site, bob, "passwd", bob.address, "--generate");
  await session.expect(`MAIL FROM:<${bob.address}>`, 530);
  await popLogin(old, "USER", program);
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  session.destroy();
  assertNothingBroke(site.server.state);
});

test("after its last day the listener says what to use instead", async (t) => {
  const site = await startLegacy(t, ['until = "2026-01-31"']);
  const session = await openDialogue(t, { address: site.legacy, port });
  assert.match((await session.reply()).raw, /^554 5\.7\.0 .*until 2026-01-31: set port 587/);
  session.destroy();
  assertNothingBroke(site.server.state);
});
