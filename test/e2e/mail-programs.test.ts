// More programs that submit mail: msmtp, a sendmail for people, neomutt, which people write in, and nodemailer, which web sites use. What
// they send arrives as they meant it, and what is refused they tell with our words.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import type { TestContext } from "node:test";
import { createTransport } from "nodemailer";
import { runProgram } from "../lab/child.ts";
import { atEnd } from "../lab/cleanup.ts";
import type { Scope } from "../lab/cleanup.ts";
import { readMailbox } from "../lab/mailbox.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, startSite } from "../lab/site.ts";
import { requires } from "../lab/skip.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { waitFor } from "../lab/wait.ts";
import { assertNothingBroke } from "./support/log.ts";

const scope: Scope = { after };
const sink = await startSink(scope);
const site = await startSite(scope, { smarthost: sink });
atEnd(scope, () => assertNothingBroke(site.server.state));

function arrived(t: TestContext, words: string): Promise<string> {
  return waitFor(`the mail with ${words}`, 20_000, async () =>
    (await readMailbox(t, site.pop3s, alice)).find((message) => message.includes(words)),
  );
}

// --- msmtp

async function msmtp(
  t: TestContext,
  options: {
    readonly port: number;
    readonly tls: "on" | "starttls";
    readonly password: string;
    readonly auth?: string;
  },
  recipients: readonly string[],
  input: string,
): Promise<Awaited<ReturnType<typeof runProgram>> | undefined> {
  const program = await requires(t, "msmtp");
  if (program === undefined) return undefined;
  const directory = await temporaryDirectory(t);
  const file = join(directory, "msmtprc");
  const lines = [
    "account default",
    `host ${site.address}`,
    `port ${options.port}`,
    "tls on",
    `tls_starttls ${options.tls === "starttls" ? "on" : "off"}`,
    "tls_certcheck off",
    `auth ${options.auth ?? "on"}`,
    `user ${bob.address}`,
    `password ${options.password}`,
    `from ${bob.address}`,
    "timeout 20",
    "",
  ];
  await writeFile(file, lines.join("\n"), { mode: 0o600 });
  return runProgram({
    program: program.path,
    environment: program.environment,
    parameters: ["-C", file, ...recipients],
    input,
    milliseconds: 60_000,
  });
}

for (const [how, tls, port] of [
  ["STARTTLS", "starttls", site.submission.port],
  ["implicit TLS", "on", site.submissions.port],
] as const) {
  test(`msmtp submits with ${how}`, async (t) => {
    const sent = await msmtp(
      t,
      { port, tls, password: bob.password },
      [alice.address],
      `From: ${bob.address}\nTo: ${alice.address}\nSubject: msmtp, ${how}\n\n.\n..two\n関守\n`,
    );
    if (sent === undefined) return;
    assert.equal(sent.code, 0, sent.stderr);
    const message = await arrived(t, `Subject: msmtp, ${how}\r\n`);
    assert.ok(message.includes(`\r\n\r\n.\r\n..two\r\n${Buffer.from("関守").toString("latin1")}\r\n`), message);
  });
}

test("msmtp is told by EX_NOPERM and our words when the password is wrong, and by EX_UNAVAILABLE when it may not", async (t) => {
  const wrong = await msmtp(
    t,
    { port: site.submission.port, tls: "starttls", password: "not it" },
    [alice.address],
    "\n",
  );
  if (wrong === undefined) return;
  // sysexits.h: EX_NOPERM.
  assert.equal(wrong.code, 77, wrong.stderr);
  assert.match(wrong.stderr, /535 5\.7\.8/);
  const foreign = await msmtp(
    t,
    { port: site.submission.port, tls: "starttls", password: bob.password },
    [alice.address],
    `From: ${alice.address}\nSubject: not mine\n\nx\n`,
  );
  assert.match(foreign?.stderr ?? "", /550 5\.7\.1/);
  assert.notEqual(foreign?.code, 0);
});

// --- neomutt

async function neomutt(
  t: TestContext,
  options: { readonly url: string; readonly password: string; readonly from?: string; readonly subject: string },
): Promise<Awaited<ReturnType<typeof runProgram>> | undefined> {
  const program = await requires(t, "neomutt");
  if (program === undefined) return undefined;
  const directory = await temporaryDirectory(t);
  const attachment = join(directory, "gate.bin");
  await writeFile(attachment, Buffer.from([0, 1, 2, 255]));
  const lines = [
    `set from = "${options.from ?? bob.address}"`,
    `set smtp_url = "${options.url}"`,
    `set smtp_pass = "${options.password}"`,
    'set smtp_authenticators = "plain"',
    "set ssl_force_tls = yes",
    "set ssl_verify_host = no",
    // Trusted as if somebody had looked at it and said yes.
    `set certificate_file = "${join(site.server.state, "tls", "self-signed.crt")}"`,
    "set copy = no",
    "set crypt_use_gpgme = no",
    'set charset = "utf-8"',
    "",
  ];
  const file = join(directory, "muttrc");
  await writeFile(file, lines.join("\n"), { mode: 0o600 });
  return runProgram({
    program: program.path,
    environment: { ...program.environment, HOME: directory, TERM: "dumb", LC_ALL: "C.UTF-8" },
    parameters: ["-n", "-F", file, "-s", options.subject, "-a", attachment, "--", alice.address],
    input: ".\n..two\n関守\n",
    milliseconds: 60_000,
  });
}

const login = bob.address.replace("@", "%40");

for (const [how, url] of [
  ["STARTTLS", `smtp://${login}@${site.address}:${site.submission.port}`],
  ["implicit TLS", `smtps://${login}@${site.address}:${site.submissions.port}`],
] as const) {
  test(`neomutt submits with ${how}: UTF-8 and an attachment`, async (t) => {
    const sent = await neomutt(t, { url, password: bob.password, subject: `neomutt, ${how}` });
    if (sent === undefined) return;
    assert.equal(sent.code, 0, sent.stdout + sent.stderr);
    const message = await arrived(t, `Subject: neomutt, ${how}\r\n`);
    assert.ok(message.includes(Buffer.from([0, 1, 2, 255]).toString("base64")), message);
    assert.match(message, /\r\n\.\r\n\.\.two\r\n/);
  });
}

test("neomutt sends nothing with a wrong password, or with somebody else's sender", async (t) => {
  const url = `smtp://${login}@${site.address}:${site.submission.port}`;
  const wrong = await neomutt(t, { url, password: "not it", subject: "never sent" });
  if (wrong === undefined) return;
  assert.notEqual(wrong.code, 0, wrong.stdout + wrong.stderr);
  const foreign = await neomutt(t, { url, password: bob.password, from: alice.address, subject: "never sent" });
  assert.notEqual(foreign?.code, 0);
  assert.match(`${foreign?.stdout ?? ""}${foreign?.stderr ?? ""}`, /550 5\.7\.1/);
  const all = await readMailbox(t, site.pop3s, alice);
  assert.ok(!all.some((message) => message.includes("never sent")));
});

// --- nodemailer

function transport(options: {
  readonly secure: boolean;
  readonly password?: string;
}): ReturnType<typeof createTransport> {
  return createTransport({
    host: site.address,
    port: options.secure ? site.submissions.port : site.submission.port,
    secure: options.secure,
    requireTLS: true,
    tls: { rejectUnauthorized: false },
    auth: { user: bob.address, pass: options.password ?? bob.password },
    name: "client.example.org",
  });
}

for (const secure of [false, true]) {
  test(`nodemailer submits with ${secure ? "implicit TLS" : "STARTTLS"}: UTF-8, an attachment, Bcc`, async (t) => {
    const subject = `nodemailer ${secure ? "465" : "587"} 関守`;
    const sent = await transport({ secure }).sendMail({
      from: { name: "ボブ", address: bob.address },
      to: alice.address,
      bcc: `hidden-${secure}@example.org`,
      subject,
      text: "本文\n.\n..\n",
      attachments: [{ filename: "門.txt", content: Buffer.from([0, 1, 2, 255]) }],
    });
    assert.match(sent.response, /^250 2\.0\.0 queued as \S+$/);
    assert.deepEqual(sent.rejected, []);
    const message = await arrived(t, sent.messageId);
    assert.doesNotMatch(message, /^Bcc:/im);
    assert.ok(message.includes(Buffer.from([0, 1, 2, 255]).toString("base64")));
    await waitFor("the hidden copy", 20_000, () =>
      sink.messages.find(({ recipients }) => recipients.some((each) => each.includes(`hidden-${secure}@`))),
    );
  });
}

test("nodemailer hears which recipient was refused and why, and the others get the mail", async (t) => {
  const sent = await transport({ secure: true }).sendMail({
    from: bob.address,
    to: [alice.address, "nobody@sekimori.test"],
    subject: "one of two",
    text: "x",
  });
  assert.deepEqual([sent.accepted, sent.rejected], [[alice.address], ["nobody@sekimori.test"]]);
  assert.match(sent.rejectedErrors?.[0]?.message ?? "", /550 5\.1\.1/);
  await arrived(t, "Subject: one of two\r\n");
});

test("nodemailer hears 535 for a wrong password and 552 for a message that is too large", async () => {
  await assert.rejects(
    transport({ secure: true, password: "not it" }).sendMail({ from: bob.address, to: alice.address, text: "x" }),
    { code: "EAUTH", responseCode: 535 },
  );
  await assert.rejects(
    transport({ secure: true }).sendMail({ from: bob.address, to: alice.address, text: "x".repeat(40 * 1024 * 1024) }),
    { responseCode: 552 },
  );
});

test("nodemailer asks for a notification of success (RFC 3461) and gets it", async (t) => {
  const sent = await transport({ secure: true }).sendMail({
    from: bob.address,
    to: alice.address,
    subject: "with a receipt",
    text: "x",
    dsn: { id: "receipt-1", return: "headers", notify: ["success"], recipient: bob.address },
  });
  const report = await waitFor("the report", 20_000, async () =>
    (await readMailbox(t, site.pop3s, bob)).find((message) => message.includes("Original-Envelope-Id: receipt-1")),
  );
  assert.match(report, /^Action: delivered\r$/m);
  assert.ok(report.includes(sent.messageId));
});
