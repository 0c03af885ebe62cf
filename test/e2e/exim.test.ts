// Exim on either side of us.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openDialogue } from "../lab/client.ts";
import { startExim } from "../lab/exim.ts";
import { waitForMailbox } from "../lab/mailbox.ts";
import { egressFor } from "../../src/egress/test-support.ts";
import { alice, bob, openAuthenticated, startSite } from "../lab/site.ts";
import { startSink } from "../lab/sink.ts";

test("Exim delivers to us, and we to Exim", async (t) => {
  const site = await startSite(t, { smarthost: { address: "127.0.0.1", port: 9 } });
  const exim = await startExim(t, { domains: ["example.jp"], relayTo: site.mx });
  if (exim === undefined) return;
  const client = await openDialogue(t, exim);
  await client.reply();
  await client.expect("EHLO client.example.org", 250);
  await client.expect("MAIL FROM:<carol@example.jp>", 250);
  for (const name of [alice.address, bob.address]) await client.expect(`RCPT TO:<${name}>`, 250);
  await client.expect("DATA", 354);
  await client.send("From: carol@example.jp\r\nSubject: in\r\n\r\n..dot\r\nhello\r\n");
  await client.expect(".", 250);
  for (const account of [alice, bob]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const [message] = await waitForMailbox(t, site.pop3s, account, 1, 20_000);
    assert.match(message ?? "", /^Received: from peer\.example\.jp /m);
    assert.match(message ?? "", /\r\n\r\n\.dot\r\nhello\r\n$/);
  }

  const out = await startSite(t, { smarthost: exim });
  const session = await openAuthenticated(t, out, alice);
  await session.expect(`MAIL FROM:<${alice.address}>`, 250);
  await session.expect("RCPT TO:<carol@example.jp>", 250);
  await session.expect("RCPT TO:<dave@example.jp>", 250);
  await session.expect("DATA", 354);
  await session.send(`From: ${alice.address}\r\nSubject: out\r\n\r\n..dot\r\nhello\r\n`);
  await session.expect(".", 250);
  // Exim writes a file for each recipient.
  const kept = await exim.waitForMessages(2, 20_000);
  for (const message of kept) {
    assert.match(message, /^Return-path: <alice@sekimori\.test>$/m);
    assert.match(message, /\n\n\.dot\nhello\n$/);
  }
  const recipients = kept.map((message) => /^Envelope-to: (.*)$/m.exec(message)?.[1]);
  assert.deepEqual(new Set(recipients), new Set(["carol@example.jp", "dave@example.jp"]));
});

test("Exim gets DSN parameters and 8-bit content, and says what it did with them", async (t) => {
  const sink = await startSink(t);
  const exim = await startExim(t, { domains: ["example.jp"], relayTo: sink });
  if (exim === undefined) return;
  const smarthost = { host: exim.address, port: exim.port, protocol: "smtp", tls: "never", auth: undefined } as const;
  const egress = egressFor(t, { smarthost });
  const text = Buffer.from("Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n関守\r\n");
  const [result] = await egress.deliver(["葉子@example.jp"], {
    eightBit: true,
    content: () => Promise.resolve([text]),
    more: {
      dsn: { envelopeId: "QQ1", returns: "HDRS" },
      recipientDsn: { 0: { notify: ["SUCCESS"], originalRecipient: "rfc822;team@example.org" } },
    },
  });
  assert.deepEqual([result?.kind, result?.confirms], ["delivered", true]);
  const [kept] = await exim.waitForMessages(1, 20_000);
  assert.match(Buffer.from(kept ?? "", "latin1").toString("utf8"), /^Envelope-to: 葉子@example\.jp$[^]*\n\n関守\n$/m);
  const [report] = await sink.waitForMessages(1, 20_000);
  assert.match(report?.data ?? "", /^Original-Envelope-ID: QQ1\r$/m);
  assert.match(report?.data ?? "", /^Action: delivered\r$/m);
});
