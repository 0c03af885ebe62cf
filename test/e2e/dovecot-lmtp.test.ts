// Dovecot takes our mail over LMTP, and its answers for each recipient become ours (RFC 2033).

import assert from "node:assert/strict";
import { test } from "node:test";
import { startDovecot } from "../lab/dovecot.ts";
import { waitForMailbox } from "../lab/mailbox.ts";
import { startSink } from "../lab/sink.ts";
import { alice, openAuthenticated, startSite } from "../lab/site.ts";
import { waitFor } from "../lab/wait.ts";

const content = "From: alice@sekimori.test\r\nTo: carol@example.net\r\nSubject: greetings\r\n\r\n.dot\r\n関守\r\n";

test("Dovecot over LMTP: stored, over quota, unknown, each recipient by its own answer", async (t) => {
  const dovecot = await startDovecot(t, [
    { address: "carol@example.net" },
    { address: "dave@example.net", quota: 100 },
    { address: "erin@example.net" },
  ]);
  if (dovecot === undefined) return;
  const site = await startSite(t, {
    smarthost: await startSink(t),
    tables: [
      "[[route]]",
      'domain = "example.net"',
      `host = "${dovecot.address}"`,
      `port = ${dovecot.port}`,
      'protocol = "lmtp"',
    ],
  });
  const session = await openAuthenticated(t, site, alice);
  for (let round = 0; round < 2; round++) {
    // oxlint-disable no-await-in-loop -- one dialogue; twice, so that the connection is used again
    await session.expect(`MAIL FROM:<${alice.address}> BODY=8BITMIME`, 250);
    for (const name of ["carol", "dave", "frank", "erin"]) await session.expect(`RCPT TO:<${name}@example.net>`, 250);
    await session.expect("DATA", 354);
    await session.send(Buffer.from(content.replace("\r\n.dot", "\r\n..dot"), "utf8"));
    await session.expect(".", 250);
    const stored = await waitFor("the message in both mailboxes", 20_000, async () => {
      const boxes = [await dovecot.messages("carol@example.net"), await dovecot.messages("erin@example.net")];
      return boxes.every((box) => box.length > round) ? boxes.flat() : undefined;
    });
    for (const message of stored) {
      assert.ok(message.replaceAll("\r\n", "\n").endsWith("\n\n.dot\n" + Buffer.from("関守\n").toString("latin1")));
    }
    // oxlint-enable no-await-in-loop
  }
  assert.deepEqual(await dovecot.messages("dave@example.net"), []);
  const reports = (await waitForMailbox(t, site.pop3s, alice, 2, 20_000)).join("\n");
  assert.match(reports, /Final-Recipient: rfc822; dave@example\.net\r\nAction: failed\r\nStatus: 5\.2\.2\r\n/);
  assert.match(reports, /Final-Recipient: rfc822; frank@example\.net\r\nAction: failed\r\nStatus: 5\.1\.1\r\n/);
  assert.doesNotMatch(reports, /Final-Recipient: rfc822; (carol|erin)/);
});
