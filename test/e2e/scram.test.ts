// SCRAM-SHA-256 as clients that share no code with us speak it: GNU SASL with and without channel binding, and a page of
// Python over smtplib and poplib. And the account of an index that an older version made.

import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { DatabaseSync } from "node:sqlite";
import { runProgram } from "../lab/child.ts";
import type { Where } from "../lab/client.ts";
import { atEnd } from "../lab/cleanup.ts";
import type { Scope } from "../lab/cleanup.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, openAuthenticated, startSite } from "../lab/site.ts";
import { requires } from "../lab/skip.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { readLog } from "./support/log.ts";

const scope: Scope = { after };
const sink = await startSink(scope);
const site = await startSite(scope, { smarthost: sink });

const python = `
import base64, hashlib, hmac, os, poplib, smtplib, ssl, sys
kind, host, port, name, password = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
context = ssl._create_unverified_context()
b64 = lambda octets: base64.b64encode(octets).decode()
mac = lambda key, text: hmac.new(key, text, hashlib.sha256).digest()

class Scram:
    def __init__(self):
        self.bare = "n=%s,r=%s" % (name, base64.urlsafe_b64encode(os.urandom(18)).decode())
    def first(self):
        return ("n,," + self.bare).encode()
    def final(self, challenge):
        fields = dict(part.split("=", 1) for part in challenge.decode().split(","))
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        unproved = "c=biws,r=" + fields["r"]
        spoken = ",".join([self.bare, challenge.decode(), unproved]).encode()
        key = mac(salted, b"Client Key")
        proof = bytes(a ^ b for a, b in zip(key, mac(hashlib.sha256(key).digest(), spoken)))
        self.expected = b"v=" + base64.b64encode(mac(mac(salted, b"Server Key"), spoken))
        return (unproved + ",p=" + b64(proof)).encode()

scram = Scram()
if kind == "smtp":
    session = smtplib.SMTP_SSL(host, port, context=context, timeout=20)
    session.ehlo("client.example.org")
    print(session.esmtp_features["auth"])
    code, text = session.docmd("AUTH", "SCRAM-SHA-256 " + b64(scram.first()))
    code, text = session.docmd(b64(scram.final(base64.b64decode(text))))
    if code != 334: sys.exit("%d %s" % (code, text))
    assert base64.b64decode(text) == scram.expected, "the server does not know the password"
    code, text = session.docmd("")
    if code != 235: sys.exit("%d %s" % (code, text))
    session.sendmail(name, ["carol@example.org"], "From: %s\\r\\nSubject: greetings\\r\\n\\r\\nhello\\r\\n" % name)
else:
    session = poplib.POP3_SSL(host, port, context=context, timeout=20)
    print(session.capa()["SASL"])
    def ask(line):
        session._putcmd(line)
        answer = session._getline()[0]
        if not answer.startswith(b"+"): sys.exit(answer.decode())
        return answer
    answer = ask("AUTH SCRAM-SHA-256 " + b64(scram.first()))
    answer = ask(b64(scram.final(base64.b64decode(answer[2:]))))
    assert base64.b64decode(answer[2:]) == scram.expected, "the server does not know the password"
    assert ask("").startswith(b"+OK")
    print(session.stat())
session.quit()
`;

async function runPython(t: Parameters<typeof requires>[0], kind: "smtp" | "pop3", where: Where, password: string) {
  const program = await requires(t, "python3");
  if (program === undefined) return undefined;
  return runProgram({
    program: program.path,
    parameters: ["-c", python, kind, where.address, String(where.port), alice.address, password],
    milliseconds: 60_000,
  });
}

test("Python logs in with SCRAM-SHA-256 and sends", async (t) => {
  const ran = await runPython(t, "smtp", site.submissions, alice.password);
  if (ran === undefined) return;
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /^\s*SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN$/m);
  const [message] = await sink.waitForMessages(1, 20_000);
  assert.match(message?.data ?? "", /with ESMTPSA/);
});

test("Python reads its mailbox with SCRAM-SHA-256", async (t) => {
  const ran = await runPython(t, "pop3", site.pop3s, alice.password);
  if (ran === undefined) return;
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN', 'LOGIN'/);
});

test("Python with a wrong password is refused", async (t) => {
  const smtp = await runPython(t, "smtp", site.submissions, "guess");
  const pop3 = await runPython(t, "pop3", site.pop3s, "guess");
  if (smtp === undefined || pop3 === undefined) return;
  assert.match(smtp.stderr, /^535 /m);
  assert.match(pop3.stderr, /^-ERR \[AUTH\] Login refused$/m);
});

/** GNU SASL's client overlooks STARTTLS in the last line of the reply to EHLO: a relay that changes the order, in clear only. */
async function startRelay(t: Scope, to: Where): Promise<Where> {
  const server = createServer((client) => {
    const onward = connect(to.port, to.address);
    for (const socket of [client, onward]) socket.on("error", () => socket.destroy());
    onward.on("data", (octets) => {
      const text = octets.toString("latin1");
      client.write(text.replace(/^250-(.*)\r\n250 STARTTLS\r\n/m, "250-STARTTLS\r\n250 $1\r\n"), "latin1");
    });
    onward.on("close", () => client.end());
    client.on("data", (octets) => onward.write(octets));
    client.on("close", () => onward.destroy());
  });
  const address = loopbackAddress();
  await new Promise<void>((resolve) => {
    server.listen(2587, address, resolve);
  });
  atEnd(t, () => void server.close());
  return { address, port: 2587 };
}

for (const mechanism of ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"] as const) {
  for (const password of [alice.password, "guess"]) {
    test(`GNU SASL, ${mechanism}, with ${password === alice.password ? "the right" : "a wrong"} password`, async (t) => {
      const gsasl = await requires(t, "gsasl");
      if (gsasl === undefined) return;
      const { address, port } = await startRelay(t, site.submission);
      const ran = await runProgram({
        program: gsasl.path,
        parameters: [
          "--client",
          "--smtp",
          `--connect=${address}:${port}`,
          "--x509-ca-file=",
          `--mechanism=${mechanism}`,
          `--authentication-id=${alice.address}`,
          `--password=${password}`,
          "--authorization-id=",
          "--no-client-first",
          "--verbose",
          ...(mechanism === "SCRAM-SHA-256" ? ["--no-cb"] : []),
        ],
        environment: gsasl.environment,
        input: "",
        milliseconds: 60_000,
      });
      const said = ran.stdout + ran.stderr;
      if (password === alice.password) assert.match(said, /^235 /m, said);
      else assert.match(said, /^535 /m, said);
    });
  }
}

test("an account of an older index takes part after its next login", async (t) => {
  await site.server.stop();
  const index = new DatabaseSync(join(site.server.state, "index.sqlite"));
  index.exec("UPDATE account SET scram = NULL");
  index.close();
  await site.restart();
  const before = await runPython(t, "smtp", site.submissions, alice.password);
  if (before === undefined) return;
  assert.match(before.stderr, /^535 /m);
  await openAuthenticated(t, site, alice);
  const later = await runPython(t, "smtp", site.submissions, alice.password);
  assert.equal(later?.code, 0, later?.stderr);
});

test("the keys are in the index and nowhere else: no log, no output, no view", async () => {
  const index = new DatabaseSync(join(site.server.state, "index.sqlite"));
  const keys = index
    .prepare("SELECT scram FROM account WHERE scram IS NOT NULL")
    .all()
    .map((row) => String(row["scram"]));
  index.close();
  assert.ok(keys.length > 0);
  const { stdout } = await site.server.command("account", "list", "--json");
  assert.ok(stdout.includes(alice.address));
  const logs = globSync("log/*.jsonl", { cwd: site.server.state }).map((file) => join(site.server.state, file));
  assert.ok(logs.length > 0 && logs.every((file) => existsSync(file)));
  const seen = [
    stdout,
    site.server.stdout(),
    site.server.stderr(),
    ...logs.map((file) => readFileSync(file, "utf8")),
  ].join("\n");
  assert.match(seen, /"mechanism":"SCRAM-SHA-256"/);
  for (const part of keys.flatMap((text) => text.split(/[$:]/).slice(2))) assert.ok(!seen.includes(part));
  for (const { password } of [alice, bob]) assert.ok(!seen.includes(password));
});

test("mail goes through a smarthost that wants a login: by SCRAM, bound to the channel", async (t) => {
  // A test above took the keys of all accounts away; a login with the password makes them anew.
  await openAuthenticated(t, site, bob);
  const directory = await temporaryDirectory(t);
  const file = join(directory, "password");
  writeFileSync(file, `${bob.password}\n`, { mode: 0o600 });
  const other = await startSite(t, {
    smarthost: sink,
    tables: [
      "[[route]]",
      'domain = "example.net"',
      `host = "${site.address}"`,
      `port = ${site.submission.port}`,
      `username = "${bob.address}"`,
      `password = { file = ${JSON.stringify(file)} }`,
    ],
  });
  const session = await openAuthenticated(t, other, bob);
  const before = sink.messages.length;
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  await session.expect("RCPT TO:<carol@example.net>", 250);
  await session.expect("DATA", 354);
  await session.expect(`From: <${bob.address}>\r\nSubject: through a smarthost\r\n\r\nHello\r\n.`, 250);
  await sink.waitForMessages(before + 1, 20_000);
  assert.deepEqual(sink.messages.at(-1)?.recipients, ["TO:<carol@example.net>"]);
  const logins = readLog(site.server.state).filter(({ event }) => event === "auth.succeeded");
  assert.equal(logins.at(-1)?.["mechanism"], "SCRAM-SHA-256-PLUS");
});
