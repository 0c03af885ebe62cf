// Debian's Postfix as the other side, in both directions: mail to it, mail from it, its refusals as notifications that another
// program can read, and what happens while it does not want the mail or is not there.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { makeCertificate } from "../lab/certificate.ts";
import { runProgram } from "../lab/child.ts";
import { openDialogue } from "../lab/client.ts";
import type { Where } from "../lab/client.ts";
import { atEnd } from "../lab/cleanup.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { waitForMailbox } from "../lab/mailbox.ts";
import { startPostfix } from "../lab/postfix.ts";
import type { Server } from "../lab/server.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, openAuthenticated, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";
import { requires } from "../lab/skip.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { waitFor } from "../lab/wait.ts";
import { startForwarder } from "./support/forwarder.ts";
import { assertNothingBroke } from "./support/log.ts";
import { reconfigure } from "./support/reconfigure.ts";

const domains = ["example.jp"] as const;

/** bob submits; returns the queue id. */
async function submit(t: TestContext, site: Site, recipients: readonly string[], subject: string): Promise<string> {
  const session = await openAuthenticated(t, site, bob);
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  // oxlint-disable-next-line no-await-in-loop -- a dialogue
  for (const recipient of recipients) await session.expect(`RCPT TO:<${recipient}>`, 250);
  await session.expect("DATA", 354);
  const header = `From: ${bob.address}\r\nTo: ${recipients.join(", ")}\r\nSubject: ${subject}`;
  const { raw } = await session.expect(`${header}\r\n\r\n..dot\r\nhello\r\n.`, 250);
  return /queued as (\S+)/.exec(raw)?.[1] ?? "";
}

for (const tls of ["with", "without"] as const) {
  test(`what is submitted here arrives in a mailbox of Postfix, ${tls} TLS between the two`, async (t) => {
    const certificate = tls === "with" ? await makeCertificate(await temporaryDirectory(t), "peer.example.jp") : "none";
    const postfix = await startPostfix(t, {
      domains,
      settings: ["smtpd_tls_received_header = yes"],
      ...(certificate === "none" ? {} : { tls: certificate }),
    });
    if (postfix === undefined) return;
    const site = await startSite(t, { smarthost: postfix });
    const id = await submit(t, site, ["carol@example.jp", "dora@example.jp"], "to Postfix");
    const messages = await postfix.waitForMessages(2, 30_000);
    const owners = messages.map((message) => /^Delivered-To: (\S+)$/m.exec(message)?.[1]);
    assert.deepEqual(new Set(owners), new Set(["carol@example.jp", "dora@example.jp"]));
    for (const message of messages) {
      assert.match(message, /^Return-Path: <bob@sekimori\.test>$/m);
      assert.match(message, /^Received: from mx\.sekimori\.test /m);
      assert.match(message, new RegExp(`^\\tby mx\\.sekimori\\.test with ESMTPSA\\b[^]*id ${id}`, "m"));
      assert.match(message, /\n\n\.dot\nhello\n$/);
      assert.equal(/\(using TLSv1\.[23] with cipher /.test(message), tls === "with");
    }
    await queueIsEmpty(site.server);
    assertNothingBroke(site.server.state);
  });
}

test("what Postfix sends to the MX is read over POP3S", async (t) => {
  const python = await requires(t, "python3");
  if (python === undefined) return;
  const site = await startSite(t, { smarthost: await startSink(t) });
  const postfix = await startPostfix(t, { domains, relayTo: site.mx });
  if (postfix === undefined) return;
  const session = await openDialogue(t, postfix);
  await session.reply();
  await session.expect("EHLO client.example.jp", 250);
  await session.expect("MAIL FROM:<carol@example.jp>", 250);
  await session.expect(`RCPT TO:<${alice.address}>`, 250);
  await session.expect(`RCPT TO:<nobody@sekimori.test>`, 250);
  await session.expect("DATA", 354);
  await session.expect("From: carol@example.jp\r\nSubject: from Postfix\r\n\r\n..dot\r\nhello\r\n.", 250);
  const [message = ""] = await waitForMailbox(t, site.pop3s, alice, 1, 30_000);
  assert.match(message, /^Return-Path: <carol@example\.jp>\r\n/);
  assert.match(message, /^Received: from peer\.example\.jp \([^)]*\)\r\n\tby mx\.sekimori\.test with ESMTPS\b/m);
  assert.match(message, /\r\n\r\n\.dot\r\nhello\r\n$/);
  // The other recipient does not exist: Postfix tells its own user, with our words.
  const [report = ""] = await postfix.waitForMessages(1, 30_000);
  assert.match(report, /^Delivered-To: carol@example\.jp$/m);
  assert.match(report, /550 5\.1\.1 <nobody@sekimori\.test>/);
  assertNothingBroke(site.server.state);
});

const readReport = `
import email, email.policy, json, sys
message = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
text, status, original = message.iter_parts()
fields = [{name.lower(): str(value) for name, value in block.items()} for block in status.get_payload()]
print(json.dumps({
    "type": message.get_content_type(), "report": message.get_param("report-type"),
    "from": str(message["From"]), "to": str(message["To"]), "auto": str(message["Auto-Submitted"]),
    "returnPath": str(message["Return-Path"]), "subject": str(message["Subject"]),
    "parts": [text.get_content_type(), status.get_content_type(), original.get_content_type()],
    "text": text.get_content(), "fields": fields,
    "original": str(original.get_payload(0)["Subject"] if original.is_multipart() else original.get_content()),
    "defects": [str(defect) for part in message.walk() for defect in part.defects],
}))
`;

interface Report {
  readonly type: string;
  readonly report: string;
  readonly from: string;
  readonly to: string;
  readonly auto: string;
  readonly returnPath: string;
  readonly subject: string;
  readonly parts: readonly string[];
  readonly text: string;
  readonly fields: readonly Readonly<Record<string, string>>[];
  readonly original: string;
  readonly defects: readonly string[];
}

test("what Postfix refuses comes back as one delivery status notification that Python can read", async (t) => {
  const python = await requires(t, "python3");
  if (python === undefined) return;
  const postfix = await startPostfix(t, {
    domains,
    settings: ["virtual_mailbox_maps = inline:{carol@example.jp=box/}"],
  });
  if (postfix === undefined) return;
  const site = await startSite(t, { smarthost: postfix });
  const recipients = ["nobody@example.jp", "carol@example.jp", "nobody2@example.jp"];
  await submit(t, site, recipients, "half of them exist");
  await postfix.waitForMessages(1, 30_000);
  const [message = ""] = await waitForMailbox(t, site.pop3s, bob, 1, 30_000);
  const parsed = await runProgram({
    program: python.path,
    parameters: ["-c", readReport],
    input: Buffer.from(message, "latin1"),
    milliseconds: 20_000,
  });
  assert.equal(parsed.code, 0, parsed.stderr);
  const report = JSON.parse(parsed.stdout) as Report;
  assert.deepEqual(report.defects, []);
  assert.deepEqual([report.type, report.report], ["multipart/report", "delivery-status"]);
  assert.deepEqual(report.parts, ["text/plain", "message/delivery-status", "message/rfc822"]);
  assert.deepEqual([report.to, report.returnPath], [bob.address, "<>"]);
  assert.match(report.auto, /^auto-(?:replied|generated)/);
  assert.match(report.from, /sekimori\.test/);
  assert.equal(report.original, "half of them exist");
  const [whole, ...each] = report.fields;
  assert.equal(whole?.["reporting-mta"], "dns; mx.sekimori.test");
  assert.ok(Number.isFinite(Date.parse(whole?.["arrival-date"] ?? "")));
  assert.deepEqual(
    new Set(each.map((fields) => fields["final-recipient"])),
    new Set(["rfc822; nobody@example.jp", "rfc822; nobody2@example.jp"]),
  );
  for (const fields of each) {
    assert.deepEqual([fields["action"], fields["status"]], ["failed", "5.1.1"]);
    assert.match(fields["diagnostic-code"] ?? "", /^smtp; 550 5\.1\.1 .*User unknown in virtual mailbox table/);
    assert.ok((fields["remote-mta"] ?? "").includes(postfix.address), fields["remote-mta"]);
  }
  for (const person of ["nobody@example.jp", "nobody2@example.jp"]) assert.ok(report.text.includes(person));
  assert.ok(!report.text.includes("carol@example.jp"), "only those that failed are told");
  await queueIsEmpty(site.server);
  assert.equal((await waitForMailbox(t, site.pop3s, bob, 1, 1000)).length, 1);
  assertNothingBroke(site.server.state);
});

interface Waiting {
  readonly id: string;
  readonly recipients: readonly {
    readonly address: string;
    readonly state: string;
    readonly attempts: number;
    readonly status?: string;
    readonly reply?: string;
  }[];
}

async function queue(server: Server): Promise<readonly Waiting[]> {
  const { code, stdout, stderr } = await server.command("queue", "list", "--json");
  assert.equal(code, 0, stderr);
  return (JSON.parse(stdout) as { readonly entries: readonly Waiting[] }).entries;
}

function queueIsEmpty(server: Server): Promise<true> {
  return waitFor("an empty queue", 30_000, async () => ((await queue(server)).length === 0 ? true : undefined));
}

/** A policy service (Postfix, SMTPD_POLICY_README): puts off until it is told otherwise. */
async function startPolicy(t: TestContext, words: string): Promise<Where & { readonly permit: () => void }> {
  let action = `defer_if_permit ${words}`;
  const server = createServer((socket) => {
    let buffer = "";
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      buffer += chunk.toString("latin1");
      for (let end = buffer.indexOf("\n\n"); end >= 0; end = buffer.indexOf("\n\n")) {
        buffer = buffer.slice(end + 2);
        socket.write(`action=${action}\n\n`);
      }
    });
  });
  const address = loopbackAddress();
  await new Promise<void>((resolve) => {
    server.listen(0, address, resolve);
  });
  atEnd(t, () => void server.close());
  return { address, port: (server.address() as AddressInfo).port, permit: () => (action = "dunno") };
}

test("mail that Postfix puts off waits with its words, and `queue retry` delivers it once Postfix wants it", async (t) => {
  const words = "4.7.1 greylisted, come back later";
  const policy = await startPolicy(t, words);
  const check = `check_policy_service inet:${policy.address}:${policy.port}`;
  const postfix = await startPostfix(t, { domains, settings: [`smtpd_recipient_restrictions = ${check}`] });
  if (postfix === undefined) return;
  const { site, server } = await startPatientSite(t, postfix);
  const id = await submit(t, site, ["carol@example.jp"], "greylisted");
  const [entry] = await waitFor("the mail waits", 30_000, async () => {
    const entries = await queue(server);
    return entries[0]?.recipients[0]?.state === "waiting" && entries[0].recipients[0].reply !== undefined
      ? entries
      : undefined;
  });
  assert.equal(entry?.id, id);
  const [recipient] = entry.recipients;
  assert.deepEqual([recipient?.address, recipient?.attempts, recipient?.status], ["carol@example.jp", 1, "4.7.1"]);
  assert.match(recipient?.reply ?? "", /^45\d 4\.7\.1 .*greylisted, come back later/);

  // Still unwilling: one more attempt, and it waits again.
  assert.equal((await server.command("queue", "flush", id)).code, 0);
  await waitFor("a second attempt", 30_000, async () => {
    const [first] = (await queue(server))[0]?.recipients ?? [];
    return first?.state === "waiting" && first.attempts === 2 ? true : undefined;
  });
  policy.permit();
  assert.equal((await server.command("queue", "retry", id)).code, 0);
  const [message] = await postfix.waitForMessages(1, 30_000);
  assert.match(message ?? "", /^Subject: greylisted$/m);
  await queueIsEmpty(server);
  assert.equal((await server.command("queue", "retry", id)).code, 1);
  assertNothingBroke(server.state);
});

test("mail waits while Postfix is not there, and `queue retry` delivers it when it is", async (t) => {
  const postfix = await startPostfix(t, { domains });
  if (postfix === undefined) return;
  const road = await startForwarder(t, postfix);
  await road.close();
  const { site, server } = await startPatientSite(t, road);
  const id = await submit(t, site, ["carol@example.jp"], "after the break");
  const reply = await waitFor("the mail waits", 30_000, async () => (await queue(server))[0]?.recipients[0]?.reply);
  assert.match(reply, /connection refused/);
  assert.match((await server.command("queue", "list")).stdout, new RegExp(`^${id} .*connection refused`, "m"));
  await road.open();
  assert.equal((await server.command("queue", "retry", id)).code, 0);
  const [message] = await postfix.waitForMessages(1, 30_000);
  assert.match(message ?? "", /^Subject: after the break$/m);
  await queueIsEmpty(server);
  assertNothingBroke(server.state);
});

/** Tries again when it is told to, not by itself. */
async function startPatientSite(
  t: TestContext,
  peer: Where,
): Promise<{ readonly site: Site; readonly server: Server }> {
  const route = ["[[route]]", 'domain = "example.jp"', `host = "${peer.address}"`, `port = ${peer.port}`];
  const site = await startSite(t, { smarthost: { address: loopbackAddress(), port: 2525 }, tables: route });
  return { site, server: await reconfigure(t, site, site.server, { from: 'retry = ["1s"]', to: 'retry = ["1d"]' }) };
}
