// OpenSMTPD on either side of us.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openDialogue } from "../lab/client.ts";
import { waitForMailbox } from "../lab/mailbox.ts";
import { startOpenSmtpd } from "../lab/opensmtpd.ts";
import { alice, bob, openAuthenticated, startSite } from "../lab/site.ts";
import { assertNothingBroke } from "./support/log.ts";

test("OpenSMTPD delivers to us, and we to OpenSMTPD", async (t) => {
  const site = await startSite(t, { smarthost: { address: "127.0.0.1", port: 9 } });
  const peer = await startOpenSmtpd(t, { domains: ["example.jp"], relayTo: site.mx });
  if (peer === undefined) return;
  const client = await openDialogue(t, peer);
  await client.reply();
  await client.expect("EHLO client.example.org", 250);
  await client.expect("MAIL FROM:<carol@example.jp>", 250);
  for (const { address } of [alice, bob]) {
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    await client.expect(`RCPT TO:<${address}>`, 250);
  }
  await client.expect("DATA", 354);
  await client.send("From: carol@example.jp\r\nSubject: in\r\n\r\n..dot\r\nhello\r\n");
  await client.expect(".", 250);
  for (const account of [alice, bob]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const [message] = await waitForMailbox(t, site.pop3s, account, 1, 20_000);
    // It uses our STARTTLS without being asked to.
    assert.match(message ?? "", /^Received: from peer\.example\.jp [^]*?with ESMTPS/m);
    assert.match(message ?? "", /\r\n\r\n\.dot\r\nhello\r\n$/);
  }
  // A recipient that we refuse comes back to its sender, who lives there.
  await client.expect("MAIL FROM:<carol@example.jp>", 250);
  await client.expect("RCPT TO:<nobody@sekimori.test>", 250);
  await client.expect("DATA", 354);
  await client.send("From: carol@example.jp\r\nSubject: to nobody\r\n\r\nx\r\n");
  await client.expect(".", 250);
  const [bounce] = await peer.waitForMessages(1, 20_000);
  assert.match(bounce ?? "", /550 5\.1\.1/);
  assertNothingBroke(site.server.state);

  const out = await startSite(t, { smarthost: peer });
  const session = await openAuthenticated(t, out, alice);
  await session.expect(`MAIL FROM:<${alice.address}>`, 250);
  await session.expect("RCPT TO:<carol@example.jp>", 250);
  await session.expect("RCPT TO:<dave@example.jp>", 250);
  await session.expect("DATA", 354);
  await session.send(`From: ${alice.address}\r\nSubject: out\r\n\r\n..dot\r\nhello\r\n`);
  await session.expect(".", 250);
  // One for each recipient, beside the bounce.
  const kept = (await peer.waitForMessages(3, 20_000)).filter((message) => message.includes("\nSubject: out\n"));
  assert.equal(kept.length, 2);
  for (const message of kept) {
    assert.match(message, /^Return-Path: <?alice@sekimori\.test>?$/m);
    assert.match(message, /\n\n\.dot\nhello\n$/);
  }
  const recipients = kept.map((message) => /^Delivered-To: <?([^>\n]*)>?$/m.exec(message)?.[1]);
  assert.deepEqual(new Set(recipients), new Set(["carol@example.jp", "dave@example.jp"]));
  assertNothingBroke(out.server.state);
});
