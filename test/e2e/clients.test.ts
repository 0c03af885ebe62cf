// What people's programs do with the server: swaks, curl and Python's smtplib and poplib submit mail and read it back; what the
// server adds, removes and signs; and what it refuses, to accounts and to strangers.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import type { TestContext } from "node:test";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { ensureDkimKey } from "../../src/io/dkim-key.ts";
import { runProgram } from "../lab/child.ts";
import { openDialogue } from "../lab/client.ts";
import { atEnd } from "../lab/cleanup.ts";
import type { Scope } from "../lab/cleanup.ts";
import { readMailbox, waitForMailbox } from "../lab/mailbox.ts";
import type { ProgramName } from "../lab/packages.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, domain, openAuthenticated, plain, startSite } from "../lab/site.ts";
import { requires } from "../lab/skip.ts";
import { waitFor } from "../lab/wait.ts";
import { assertNothingBroke } from "./support/log.ts";

const scope: Scope = { after };
const limit = 40;
const named = (name: string): { readonly address: string; readonly password: string } => ({
  address: `${name}@${domain}`,
  password: `password of ${name}`,
});
// A mailbox or a quota of its own for each test that looks at one.
const [carol, dave, erin, frank, grace] = [
  named("carol"),
  named("dave"),
  named("erin"),
  named("frank"),
  named("grace"),
];
const sink = await startSink(scope);
const site = await startSite(scope, {
  smarthost: sink,
  accounts: Object.fromEntries(
    [alice, bob, carol, dave, erin, frank, grace].map((each) => [each.address, each.password]),
  ),
  tables: ["[domain.dkim]", 'selector = "lab"', "[limits.account]", `recipients = ["${limit}/1h", "1000/1d"]`],
});
atEnd(scope, () => assertNothingBroke(site.server.state));

async function run(
  t: TestContext,
  name: ProgramName,
  parameters: readonly (string | readonly string[])[],
  input?: string,
): Promise<Awaited<ReturnType<typeof runProgram>> | undefined> {
  const program = await requires(t, name);
  if (program === undefined) return undefined;
  const given = input === undefined ? {} : { input };
  return runProgram({
    program: program.path,
    environment: program.environment,
    parameters: parameters.flat(),
    milliseconds: 60_000,
    ...given,
  });
}

const host = site.address;
const submissionPort = String(site.submission.port);
const submissionsPort = String(site.submissions.port);
const pop3sPort = String(site.pop3s.port);

for (const [how, where] of [
  ["STARTTLS", ["--port", submissionPort, "--tls"]],
  ["implicit TLS", ["--port", submissionsPort, "--tls-on-connect"]],
] as const) {
  test(`swaks submits with ${how}, and curl reads it from the mailbox`, async (t) => {
    const login = ["--auth", "PLAIN", "--auth-user", bob.address, "--auth-password", bob.password];
    const sent = await run(t, "swaks", [
      ["--server", host, ...where, ...login, "--from", bob.address, "--to", carol.address],
      ["--header", `Subject: swaks, ${how}`, "--body", "..leading dots\nand a line"],
    ]);
    if (sent === undefined) return;
    assert.equal(sent.code, 0, sent.stdout + sent.stderr);
    assert.match(sent.stdout, /^<~. +250 2\.0\.0 queued as \S+$/m);
    await waitFor("the mail in the mailbox", 20_000, async () => {
      const messages = await readMailbox(t, site.pop3s, carol);
      return messages.some((message) => message.includes(`swaks, ${how}`)) ? true : undefined;
    });
    const list = await run(t, "curl", [
      ["--silent", "--show-error", "--insecure", "--user", `${carol.address}:${carol.password}`],
      `pop3s://${host}:${pop3sPort}/`,
    ]);
    assert.match(list?.stdout ?? "", /^1 \d+\r$/m);
    const last = String(list?.stdout.trim().split("\n").length);
    const read = await run(t, "curl", [
      ["--silent", "--show-error", "--insecure", "--user", `${carol.address}:${carol.password}`],
      `pop3s://${host}:${pop3sPort}/${last}`,
    ]);
    assert.match(read?.stdout ?? "", new RegExp(`^Subject: swaks, ${how}\r$`, "m"));
    assert.match(read?.stdout ?? "", /\r\n\r\n\.\.leading dots\r\nand a line\r\n/);
  });
}

for (const [how, url] of [
  ["STARTTLS", `smtp://${host}:${submissionPort}/client.example.org`],
  ["implicit TLS", `smtps://${host}:${submissionsPort}/client.example.org`],
] as const) {
  test(`curl submits with ${how}`, async (t) => {
    const sent = await run(
      t,
      "curl",
      [
        ["--silent", "--show-error", "--insecure", "--ssl-reqd", "--url", url],
        ["--user", `${bob.address}:${bob.password}`, "--mail-from", bob.address],
        ["--mail-rcpt", dave.address, "--upload-file", "-"],
      ],
      `From: <${bob.address}>\r\nTo: <${dave.address}>\r\nSubject: curl, ${how}\r\n\r\nhello\r\n`,
    );
    if (sent === undefined) return;
    assert.equal(sent.code, 0, sent.stderr);
    await waitFor("the mail in the mailbox", 20_000, async () => {
      const messages = await readMailbox(t, site.pop3s, dave);
      return messages.some((message) => message.includes(`Subject: curl, ${how}\r\n`)) ? true : undefined;
    });
  });
}

const python = `
import poplib, smtplib, ssl, sys, time
from email.message import EmailMessage
host, starttls, implicit, pop3s, user, password, other, secret = sys.argv[1:]
context = ssl._create_unverified_context()
for how in "STARTTLS", "implicit TLS":
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = user, other, "smtplib, " + how
    message.set_content("関守より\\n.\\n..\\n")
    if how == "STARTTLS":
        session = smtplib.SMTP(host, int(starttls), timeout=20)
        session.starttls(context=context)
    else:
        session = smtplib.SMTP_SSL(host, int(implicit), context=context, timeout=20)
    session.login(user, password)
    assert session.send_message(message) == {}
    session.quit()
for _ in range(200):
    box = poplib.POP3_SSL(host, int(pop3s), context=context, timeout=20)
    box.user(other)
    box.pass_(secret)
    if box.stat()[0] == 2:
        break
    box.quit()
    time.sleep(0.05)
import email, email.policy
for number in 1, 2:
    read = email.message_from_bytes(b"\\r\\n".join(box.retr(number)[1]) + b"\\r\\n", policy=email.policy.default)
    print(read["Subject"], repr(read.get_content()))
    box.dele(number)
print(len(box.uidl()[1]))
box.quit()
box = poplib.POP3_SSL(host, int(pop3s), context=context, timeout=20)
box.user(other)
box.pass_(secret)
print(box.stat())
`;

test("Python's smtplib submits both ways, its poplib reads, deletes and finds the mailbox empty", async (t) => {
  const ran = await run(t, "python3", [
    ["-c", python, host, submissionPort, submissionsPort, pop3sPort],
    [bob.address, bob.password, erin.address, erin.password],
  ]);
  if (ran === undefined) return;
  assert.equal(ran.code, 0, ran.stderr);
  const lines = ran.stdout.trim().split("\n");
  assert.deepEqual(lines.slice(0, 2).toSorted(), [
    "smtplib, STARTTLS '関守より\\r\\n.\\r\\n..\\r\\n'",
    "smtplib, implicit TLS '関守より\\r\\n.\\r\\n..\\r\\n'",
  ]);
  assert.deepEqual(lines.slice(2), ["0", "(0, 0)"]);
});

test("a wrong password is refused with 535, to swaks, curl and poplib", async (t) => {
  const sent = await run(t, "swaks", [
    ["--server", host, "--port", submissionPort, "--tls", "--auth", "LOGIN", "--auth-user", bob.address],
    ["--auth-password", "not the password", "--from", bob.address, "--to", carol.address],
  ]);
  if (sent === undefined) return;
  assert.notEqual(sent.code, 0);
  assert.match(sent.stdout, /535 5\.7\.8/);
  assert.doesNotMatch(sent.stdout, /MAIL FROM/);
  const list = await run(t, "curl", [
    ["--silent", "--show-error", "--insecure", "--user", `${bob.address}:not the password`],
    `pop3s://${host}:${pop3sPort}/`,
  ]);
  // CURLE_LOGIN_DENIED.
  assert.equal(list?.code, 67, list?.stderr);
});

test("submission without AUTH is refused with 530, and AUTH is not offered before TLS", async (t) => {
  const sent = await run(t, "swaks", [
    ["--server", host, "--port", submissionPort, "--tls", "--from", bob.address, "--to", carol.address],
  ]);
  if (sent === undefined) return;
  assert.notEqual(sent.code, 0);
  assert.match(sent.stdout, /^<~\* 530 5\.7\.0/m);
  const session = await openDialogue(t, site.submission);
  await session.reply();
  const { lines } = await session.expect("EHLO client.example.org", 250);
  assert.ok(!lines.some((line) => line.startsWith("AUTH")), lines.join(", "));
  await session.expect(`AUTH PLAIN ${plain(bob.address, bob.password)}`, 538);
});

test("MAIL FROM and From that the account does not own are refused with 550", async (t) => {
  const session = await openAuthenticated(t, site, bob);
  for (const foreign of [alice.address, "bob@example.org", `bob@sub.${domain}`, `mx@mx.${domain}`]) {
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    assert.match((await session.expect(`MAIL FROM:<${foreign}>`, 550)).raw, /^550 5\.7\.1 .*does not belong/);
  }
  for (const header of [
    `From: ${alice.address}`,
    `From: ${bob.address}, ${alice.address}`,
    `From: "${bob.address}" <${alice.address}>`,
    `From: ${bob.address}\r\nSender: ${alice.address}`,
    `From: ${bob.address}\r\nFrom: ${alice.address}`,
    `Subject: no author`,
  ]) {
    /* oxlint-disable no-await-in-loop -- a dialogue */
    await session.expect(`MAIL FROM:<${bob.address}>`, 250);
    await session.expect(`RCPT TO:<${alice.address}>`, 250);
    await session.expect("DATA", 354);
    const { code } = await session.command(`${header}\r\n\r\nhello\r\n.`);
    assert.ok(code === 550 || code === 554, `${header}: ${code}`);
    /* oxlint-enable no-await-in-loop */
  }
});

test("recipients over the limit get 450 with limit, use and time; those accepted before are delivered", async (t) => {
  const session = await openAuthenticated(t, site, frank);
  await session.expect(`MAIL FROM:<${frank.address}>`, 250);
  const people = Array.from({ length: limit + 2 }, (_, index) => `friend${index}@limit.example.org`);
  const codes: number[] = [];
  let words = "";
  for (const person of people) {
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    const { code, raw } = await session.command(`RCPT TO:<${person}>`);
    codes.push(code);
    if (code !== 250) words = raw;
  }
  assert.deepEqual(codes, [...Array.from({ length: limit }, () => 250), 450, 450]);
  const [, used, most, window, reset = ""] =
    /^450 4\.7\.1 recipient limit reached: (\d+) of (\d+) in (\w+), again from (\S+)$/.exec(words) ?? [];
  assert.deepEqual([used, most, window], [String(limit), String(limit), "1h"]);
  assert.ok(Date.parse(reset) > Date.now(), words);
  await session.expect("DATA", 354);
  await session.expect(`From: ${frank.address}\r\nSubject: to all of them\r\n\r\nhello\r\n.`, 250);
  const reached = await waitFor("the recipients at the sink", 20_000, () => {
    const all = sink.messages.flatMap(({ recipients }) => recipients).filter((each) => each.includes("@limit."));
    return all.length >= limit ? all : undefined;
  });
  assert.deepEqual(new Set(reached.map((each) => /<(.*)>/.exec(each)?.[1])), new Set(people.slice(0, limit)));
  await session.expect(`MAIL FROM:<${frank.address}>`, 250);
  await session.expect(`RCPT TO:<${alice.address}>`, 450);
});

test("a refused message and RSET give the recipients back", async (t) => {
  const session = await openAuthenticated(t, site, grace);
  for (let round = 0; round < 2; round++) {
    /* oxlint-disable no-await-in-loop -- a dialogue */
    await session.expect(`MAIL FROM:<${grace.address}>`, 250);
    for (let index = 0; index < 5; index++) await session.expect(`RCPT TO:<friend${index}@example.org>`, 250);
    if (round === 0) await session.expect("RSET", 250);
    else {
      await session.expect("DATA", 354);
      await session.expect(`From: ${alice.address}\r\n\r\nnot mine\r\n.`, 550);
    }
    /* oxlint-enable no-await-in-loop */
  }
  const { stdout } = await site.server.command("account", "list", "--json");
  const accounts = JSON.parse(stdout) as { address: string; use: Record<string, { window: string; used: number }[]> }[];
  const use = accounts.find(({ address }) => address === grace.address)?.use;
  assert.deepEqual(
    use?.["quota"]?.map(({ used }) => used),
    [0, 0],
  );
  // Attempts are never given back: nobody tries addresses for nothing.
  assert.deepEqual(
    use?.["attempts"]?.map(({ used }) => used),
    [10, 10],
  );
});

test("a stranger reaches a mailbox and postmaster on the MX, and nobody elsewhere", async (t) => {
  const sent = await run(t, "swaks", [
    ["--server", host, "--port", String(site.mx.port), "--tls", "--helo", "mail.example.com"],
    ["--from", "mallory@example.com", "--to", `${alice.address},postmaster@${domain},Postmaster`],
    ["--header", "Subject: from a stranger"],
  ]);
  if (sent === undefined) return;
  assert.equal(sent.code, 0, sent.stdout + sent.stderr);
  // Postmaster is alice.
  const messages = await waitForMailbox(t, site.pop3s, alice, 3, 20_000);
  const fromStranger = messages.filter((message) => message.includes("Subject: from a stranger\r\n"));
  assert.equal(fromStranger.length, 3);
  for (const message of fromStranger) {
    assert.match(message, /^Return-Path: <mallory@example\.com>\r\n/);
    assert.match(message, /^Received: from mail\.example\.com \([^)]*\)\r\n\tby mx\.sekimori\.test with ESMTPS\b/m);
  }
  const relayed = await run(t, "swaks", [
    ["--server", host, "--port", String(site.mx.port), "--from", "mallory@example.com", "--to", "victim@example.org"],
  ]);
  assert.notEqual(relayed?.code, 0);
  assert.match(relayed?.stdout ?? "", /^<\*\* 550 5\.7\.1 relaying denied/m);
  const unknown = await run(t, "swaks", [
    ["--server", host, "--port", String(site.mx.port), "--from", "mallory@example.com", "--to", `nobody@${domain}`],
  ]);
  assert.match(unknown?.stdout ?? "", /^<\*\* 550 5\.1\.1/m);
});

test("mail that leaves is signed so that another program finds it good, and carries what RFC 6409 asks", async (t) => {
  const session = await openAuthenticated(t, site, bob);
  await session.expect(`MAIL FROM:<${bob.address}> BODY=8BITMIME`, 250);
  await session.expect("RCPT TO:<dora@signed.example.org>", 250);
  await session.expect("RCPT TO:<hidden@signed.example.org>", 250);
  await session.expect("DATA", 354);
  const header = [`From: Bob <${bob.address}>`, "To: dora@signed.example.org", "Bcc: hidden@signed.example.org"];
  await session.send(
    `${header.join("\r\n")}\r\nSubject: =?utf-8?B?6Zai?=\r\nReturn-Path: <forged@example.com>\r\n\r\n`,
  );
  await session.send("..stuffed\r\nこんにちは\r\n\r\ntrailing space \r\n\r\n.\r\n");
  const { raw, code } = await session.reply();
  assert.equal(code, 250, raw);
  const id = /queued as (\S+)/.exec(raw)?.[1] ?? "";
  const sent = await waitFor("the mail at the sink", 20_000, () =>
    sink.messages.find(({ recipients }) => recipients.some((each) => each.includes("@signed."))),
  );
  assert.match(sent.mail, /^FROM:<bob@sekimori\.test>/);
  const [head = ""] = sent.data.split("\r\n\r\n");
  const fields = head.replaceAll(/\r\n(?=[ \t])/g, "").split("\r\n");
  const all = (name: string): readonly string[] => fields.filter((field) => field.startsWith(`${name}:`));
  assert.equal(all("DKIM-Signature").length, 1);
  assert.equal(all("Received").length, 1);
  assert.match(all("Received")[0] ?? "", new RegExp(`with ESMTPSA\\b.* id ${id}\\b`));
  assert.match(all("Date")[0] ?? "", /^Date: \w{3}, \d\d? \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}$/);
  assert.match(all("Message-ID")[0] ?? "", /^Message-ID: <[^@<>]+@mx\.sekimori\.test>$/);
  assert.equal(all("Date").length + all("Message-ID").length, 2);
  assert.deepEqual([...all("Bcc"), ...all("Return-Path")], []);
  assert.ok(!sent.data.includes("hidden@"));
  assert.ok(
    sent.data.endsWith(
      `\r\n\r\n.stuffed\r\n${Buffer.from("こんにちは").toString("latin1")}\r\n\r\ntrailing space \r\n\r\n`,
    ),
  );

  const { publicRecord } = await ensureDkimKey(join(site.server.state, "dkim", `${domain}.lab.pem`));
  const verify = async (message: string): Promise<readonly string[]> => {
    const { results } = await dkimVerify(Buffer.from(message, "latin1"), {
      resolver: async (name, type) => {
        assert.deepEqual([name, type], [`lab._domainkey.${domain}`, "TXT"]);
        return await Promise.resolve([[publicRecord]]);
      },
    });
    return results.map(({ status }) => status.result);
  };
  assert.deepEqual(await verify(sent.data), ["pass"]);
  assert.deepEqual(await verify(sent.data.replace("trailing", "changed")), ["neutral"]);
  assert.deepEqual(await verify(sent.data.replace("From: Bob", "From: Eve")), ["fail"]);
});

test("mail that a stranger brings is not signed with our name", async (t) => {
  const before = await readMailbox(t, site.pop3s, alice);
  const stranger = await openDialogue(t, site.mx);
  await stranger.reply();
  await stranger.expect("EHLO mail.example.com", 250);
  await stranger.expect("MAIL FROM:<mallory@example.com>", 250);
  await stranger.expect(`RCPT TO:<${alice.address}>`, 250);
  await stranger.expect("DATA", 354);
  await stranger.expect(`From: ${alice.address}\r\nSubject: a stranger\r\n\r\nunsigned\r\n.`, 250);
  const messages = await waitForMailbox(t, site.pop3s, alice, before.length + 1, 10_000);
  for (const message of messages) assert.ok(!message.includes("DKIM-Signature"));
});
