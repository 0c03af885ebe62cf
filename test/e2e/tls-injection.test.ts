// Command injection at STARTTLS and STLS (CVE-2011-0411 and its kin; RFC 3207 §4.2, RFC 2595 §4): what a stranger on the
// path adds in plaintext before the handshake is never obeyed inside TLS, and nothing learned before is kept.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makeCertificate } from "../lab/certificate.ts";
import { openDialogue, show } from "../lab/client.ts";
import type { Dialogue, Where } from "../lab/client.ts";
import type { Scope } from "../lab/cleanup.ts";
import { startPostfix } from "../lab/postfix.ts";
import { startSink } from "../lab/sink.ts";
import { alice, plain, startSite } from "../lab/site.ts";
import { temporaryDirectory } from "../lab/temporary.ts";

const scope: Scope = { after };
const sink = await startSink(scope);
const site = await startSite(scope, { smarthost: sink });

const injected: readonly string[] = [
  "NOOP\r\n",
  "RSET\r\n",
  "QUIT\r\n",
  "NOOP\r\nNOOP\r\nNOOP\r\n",
  "EHLO mallory.example.com\r\n",
  `EHLO mallory.example.com\r\nAUTH PLAIN ${plain(alice.address, "guess")}\r\n`,
  `EHLO mallory.example.com\r\nMAIL FROM:<mallory@example.com>\r\nRCPT TO:<${alice.address}>\r\nDATA\r\n`,
  // Without its line end: it must not become the beginning of the first command inside TLS either.
  "NO",
  "MAIL FROM:<mallory@example.com> ",
  "\r\n",
  "STARTTLS\r\n",
];

const injectedPop3: readonly string[] = [
  "NOOP\r\n",
  "CAPA\r\n",
  "QUIT\r\n",
  `USER ${alice.address}\r\nPASS ${alice.password}\r\n`,
  `USER ${alice.address}\r\n`,
  "CA",
  "STLS\r\n",
];

async function linesToTheEnd(session: Dialogue): Promise<readonly string[]> {
  const lines: string[] = [];
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    const line = await session.line();
    if (line === undefined) return lines;
    lines.push(line);
  }
}

/** Inside TLS: every reply must belong to a command of ours. Returns the codes, multi-line replies as one. */
async function smtpRepliesInside(session: Dialogue): Promise<readonly string[]> {
  await session.upgrade();
  await session.send("MAIL FROM:<mallory@example.com>\r\n");
  await session.send("EHLO client.example.com\r\nVRFY someone\r\nQUIT\r\n");
  const lines = await linesToTheEnd(session);
  return lines.filter((line) => /^\d{3} /.test(line)).map((line) => line.slice(0, 3));
}

async function startTlsWith(t: Scope, where: Where, extra: string): Promise<Dialogue> {
  const session = await openDialogue(t, where);
  await session.reply();
  await session.expect("EHLO client.example.com", 250);
  await session.send(`STARTTLS\r\n${extra}`);
  assert.equal((await session.reply()).code, 220);
  return session;
}

for (const extra of injected) {
  for (const role of ["mx", "submission"] as const) {
    test(`${show(extra)} in the packet of STARTTLS is not obeyed inside TLS on ${role}`, async (t) => {
      const session = await startTlsWith(t, site[role], extra);
      // Refusing to go on is as good as forgetting what was injected.
      if (session.pending() !== "") assert.fail(`answered in plaintext after 220: ${show(session.pending())}`);
      const codes = await smtpRepliesInside(session);
      assert.deepEqual(codes, ["503", "250", "252", "221"]);
    });

    test(`${show(extra)} in a packet of its own after STARTTLS is not obeyed on ${role}`, async (t) => {
      const session = await openDialogue(t, site[role]);
      await session.reply();
      await session.expect("EHLO client.example.com", 250);
      await session.send("STARTTLS\r\n");
      await sleep(20);
      // The server now waits for a handshake; this is none.
      await session.send(extra);
      assert.equal((await session.reply()).code, 220);
      const outcome = await smtpRepliesInside(session).catch(() => "no TLS");
      // Depending on where the packet lands it was dropped with the plaintext or broke the handshake.
      if (outcome !== "no TLS" && outcome.length > 0) assert.deepEqual(outcome, ["503", "250", "252", "221"]);
    });
  }
}

test("what EHLO said before TLS is forgotten", async (t) => {
  const session = await startTlsWith(t, site.submission, "");
  await session.upgrade();
  await session.expect(`AUTH PLAIN ${plain(alice.address, alice.password)}`, 503);
  await session.expect("EHLO client.example.com", 250);
  await session.expect(`AUTH PLAIN ${plain(alice.address, alice.password)}`, 235);
});

test("STARTTLS inside TLS is refused and not offered", async (t) => {
  const session = await startTlsWith(t, site.mx, "");
  await session.upgrade();
  const hello = await session.expect("EHLO client.example.com", 250);
  assert.ok(!hello.lines.includes("STARTTLS"));
  const again = await session.command("STARTTLS");
  assert.ok(again.code >= 500, again.raw);
});

for (const extra of injectedPop3) {
  test(`${show(extra)} in the packet of STLS is not obeyed inside TLS`, async (t) => {
    const session = await openDialogue(t, site.pop3);
    assert.match((await session.line()) ?? "", /^\+OK/);
    await session.send(`STLS\r\n${extra}`);
    assert.match((await session.line()) ?? "", /^\+OK/);
    await session.upgrade();
    // PASS would succeed if an injected USER were remembered.
    await session.send(`PASS ${alice.password}\r\nNOSUCH\r\nQUIT\r\n`);
    const lines = await linesToTheEnd(session);
    assert.deepEqual(
      lines.map((line) => line.split(" ")[0]),
      ["-ERR", "-ERR", "+OK"],
      lines.join("\n"),
    );
  });
}

test("the battery runs against another server: Postfix forgets what was injected", async (t) => {
  const certificate = await makeCertificate(await temporaryDirectory(t), "peer.example.jp");
  const postfix = await startPostfix(t, {
    domains: ["example.jp"],
    tls: certificate,
    settings: ["smtpd_helo_required = yes"],
  });
  if (postfix === undefined) return;
  const session = await startTlsWith(t, postfix, "NOOP\r\n");
  // Its VRFY says 550 for people it does not know; the rest is the same.
  assert.deepEqual(await smtpRepliesInside(session), ["503", "250", "550", "221"]);
});
