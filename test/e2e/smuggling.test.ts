// SMTP smuggling (CVE-2023-51764, -51765, -51766): only CRLF "." CRLF ends a message, whatever else some other server
// may have taken for it. Each variant carries a second transaction behind a false end; one message or a refusal may
// come of it, never two. A Postfix that still allows bare line feeds shows that the battery can tell the difference.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { openDialogue, show } from "../lab/client.ts";
import type { Dialogue } from "../lab/client.ts";
import type { Scope } from "../lab/cleanup.ts";
import { waitForMailbox } from "../lab/mailbox.ts";
import { startPostfix } from "../lab/postfix.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, openAuthenticated, startSite } from "../lab/site.ts";
import { falseEnds } from "./support/false-ends.ts";

const scope: Scope = { after };
const sink = await startSink(scope);
const site = await startSite(scope, { smarthost: sink });

interface Envelope {
  readonly sender: string;
  readonly recipient: string;
  /** Whom the smuggled message is for. */
  readonly smuggled: string;
}

/** Sends one message with a second one behind a false end; returns the codes that came after DATA. */
async function smuggle(
  session: Dialogue,
  envelope: Envelope,
  falseEnd: string,
  pieces: "whole" | "octets",
): Promise<readonly number[]> {
  const { sender, recipient, smuggled } = envelope;
  await session.expect(`MAIL FROM:<${sender}>`, 250);
  await session.expect(`RCPT TO:<${recipient}>`, 250);
  await session.expect("DATA", 354);
  const before = `From: ${sender}\r\nSubject: honest\r\n\r\nfirst`;
  const behind = [
    `MAIL FROM:<${sender}>`,
    `RCPT TO:<${smuggled}>`,
    "DATA",
    `From: ${sender}`,
    "Subject: smuggled",
    "",
    "second",
    ".",
    "QUIT",
    "",
  ].join("\r\n");
  if (pieces === "whole") await session.send(Buffer.from(before + falseEnd + behind, "latin1"));
  else {
    // Each octet around the false end in a packet of its own, as far as the kernel lets it.
    await session.send(before);
    for (const octet of Buffer.from(falseEnd, "latin1")) {
      // oxlint-disable-next-line no-await-in-loop -- order is the point
      await session.send(Uint8Array.of(octet));
      // oxlint-disable-next-line no-await-in-loop
      await nextTurn();
    }
    await session.send(behind);
  }
  const codes: number[] = [];
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    const line = await session.line();
    if (line === undefined) return codes;
    if (/^\d{3} /.test(line)) codes.push(Number(line.slice(0, 3)));
  }
}

/** True when the one message was accepted. What follows a message is QUIT, or the server has hung up. */
function judge(codes: readonly number[], what: string): boolean {
  const [first = 0, ...others] = codes;
  assert.ok(first === 250 || (first >= 500 && first < 600), `${what}: answered ${codes.join(", ")}`);
  assert.ok(
    others.every((code) => code === 221 || code >= 400),
    `${what}: commands behind the false end were obeyed: ${codes.join(", ")}`,
  );
  return first === 250;
}

const toAlice = { sender: "mallory@example.com", recipient: alice.address, smuggled: bob.address };
let accepted = 0;

for (const falseEnd of falseEnds) {
  for (const pieces of ["whole", "octets"] as const) {
    test(`${show(falseEnd)} ends no message on the MX (${pieces})`, async (t) => {
      const session = await openDialogue(t, site.mx);
      await session.reply();
      await session.expect("EHLO client.example.com", 250);
      if (judge(await smuggle(session, toAlice, falseEnd, pieces), show(falseEnd))) accepted++;
    });

    test(`${show(falseEnd)} ends no message on submission (${pieces})`, async (t) => {
      const session = await openAuthenticated(t, site, alice);
      const envelope = { ...toAlice, sender: alice.address };
      if (judge(await smuggle(session, envelope, falseEnd, pieces), show(falseEnd))) accepted++;
    });
  }
}

test("no smuggled message was delivered", async (t) => {
  const session = await openDialogue(t, site.mx);
  await session.reply();
  await session.expect("EHLO client.example.com", 250);
  await session.expect("MAIL FROM:<carol@example.org>", 250);
  await session.expect(`RCPT TO:<${alice.address}>`, 250);
  await session.expect(`RCPT TO:<${bob.address}>`, 250);
  await session.expect("DATA", 354);
  await session.expect("Subject: the last one\r\n\r\nhello\r\n.", 250);
  const forAlice = await waitForMailbox(t, site.pop3s, alice, accepted + 1, 30_000);
  const forBob = await waitForMailbox(t, site.pop3s, bob, 1, 30_000);
  assert.equal(forAlice.length, accepted + 1);
  assert.equal(forBob.length, 1);
  // What was accepted is whole: the second transaction is text of the first message.
  for (const message of forAlice) {
    const [head = "", ...body] = message.split("\r\n\r\n");
    assert.doesNotMatch(head, /^Subject: smuggled\r?$/m);
    if (head.includes("Subject: honest")) assert.ok(body.join("\r\n\r\n").includes("\r\nSubject: smuggled\r\n"));
  }
  assert.match(forBob[0] ?? "", /^Subject: the last one\r$/m);
});

/** A line that does not end in CRLF is no command, and hides none. */
const badLines: readonly string[] = [
  "NOOP\n",
  "NOOP\r",
  "NOOP\nNOOP\r\n",
  "NOOP\rNOOP\r\n",
  "NOOP\n\rNOOP\r\n",
  "NOOP\0\r\n",
  "RSET\nNOOP\nNOOP\r\n",
  `MAIL FROM:<mallory@example.com>\nRCPT TO:<${alice.address}>\nDATA\n`,
  `MAIL FROM:<mallory@example.com>\rRCPT TO:<${alice.address}>\r\n`,
  "EHLO client.example.com\nNOOP\r\n",
];

for (const line of badLines) {
  for (const role of ["mx", "submission"] as const) {
    test(`${show(line)} is refused on ${role}`, async (t) => {
      const session = await openDialogue(t, site[role]);
      await session.reply();
      await session.expect("EHLO client.example.com", 250);
      await session.send(`${line}QUIT\r\n`);
      const answers: string[] = [];
      for (let answer = await session.line(); answer !== undefined; answer = await session.line()) answers.push(answer);
      assert.match(answers[0] ?? "", /^5\d\d /);
      for (const answer of answers.slice(1)) assert.match(answer, /^(221|5\d\d) /, answers.join("\n"));
    });
  }
}

test("the battery tells: a server that takes LF . LF for an end obeys what stands behind it", async (t) => {
  const postfix = await startPostfix(t, {
    domains: ["example.jp"],
    settings: ["smtpd_forbid_bare_newline = no", "smtpd_forbid_unauth_pipelining = no"],
  });
  if (postfix === undefined) return;
  const session = await openDialogue(t, postfix);
  await session.reply();
  await session.expect("EHLO client.example.com", 250);
  const envelope = { sender: "mallory@example.com", recipient: "bob@example.jp", smuggled: "carol@example.jp" };
  const codes = await smuggle(session, envelope, "\n.\n", "whole");
  assert.deepEqual(codes, [250, 250, 250, 354, 250, 221]);
  assert.throws(() => judge(codes, "Postfix"));
  assert.equal((await postfix.waitForMessages(2, 20_000)).length, 2);
});
