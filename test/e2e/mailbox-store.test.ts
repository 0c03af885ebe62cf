// A local domain whose mailboxes Dovecot has ([[domain]] mailboxes): its answers at RCPT and to the message reach the
// sending server, nobody who may be forged is notified, and nothing is lost while it is away.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openDialogue } from "../lab/client.ts";
import type { Dialogue } from "../lab/client.ts";
import { startDovecot } from "../lab/dovecot.ts";
import { startSink } from "../lab/sink.ts";
import { alice, openAuthenticated, startSite } from "../lab/site.ts";
import { waitFor } from "../lab/wait.ts";
import { assertNothingBroke, readLog } from "./support/log.ts";

const content = (octets: number): string =>
  `From: x@example.org\r\nSubject: greetings\r\n\r\n${"0123456789abcdef\r\n".repeat(Math.ceil(octets / 18))}`;

async function deliver(session: Dialogue, recipients: readonly string[], octets = 100): Promise<string> {
  await session.expect("MAIL FROM:<forged@victim.example>", 250);
  for (const recipient of recipients) await session.expect(`RCPT TO:<${recipient}@store.test>`, 250);
  await session.expect("DATA", 354);
  await session.send(content(octets));
  return (await session.command(".")).raw;
}

test("Dovecot's answers become ours: unknown and full at RCPT, over quota after the message, and nothing is lost", async (t) => {
  const dovecot = await startDovecot(t, [
    { address: "carol@store.test" },
    { address: "dave@store.test", quota: 5000 },
    { address: "erin@store.test" },
  ]);
  if (dovecot === undefined) return;
  const sink = await startSink(t);
  const site = await startSite(t, {
    smarthost: sink,
    tables: [
      "[[domain]]",
      'name = "store.test"',
      'postmaster = "carol@store.test"',
      `mailboxes = { lmtp = "${dovecot.address}:${dovecot.port}", answer-within = "10s" }`,
      "[domain.aliases]",
      'team = ["carol@store.test", "erin@store.test"]',
      'gone = ["frank@store.test"]',
    ],
  });
  const session = await openDialogue(t, site.mx);
  await session.reply();
  await session.expect("EHLO mail.example.org", 250);
  const has = async (user: string, count: number): Promise<readonly string[]> =>
    waitFor(`${count} in the mailbox of ${user}`, 20_000, async () => {
      const box = await dovecot.messages(`${user}@store.test`);
      return box.length >= count ? box : undefined;
    });

  // At RCPT: who does not exist is told so; an alias, a role and capital letters are fine.
  await session.expect("MAIL FROM:<forged@victim.example>", 250);
  assert.match((await session.expect("RCPT TO:<frank@store.test>", 550)).raw, /5\.1\.1/);
  assert.match((await session.expect("RCPT TO:<gone@store.test>", 550)).raw, /5\.1\.1/);
  for (const name of ["Carol", "team", "abuse"]) await session.expect(`RCPT TO:<${name}@store.test>`, 250);
  await session.expect("RSET", 250);

  // Answered when Dovecot has it; the next message over the same way.
  assert.match(await deliver(session, ["carol"]), /^250 2\.0\.0 queued as /);
  assert.equal((await dovecot.messages("carol@store.test")).length, 1);
  assert.match(await deliver(session, ["carol", "erin"]), /^250 /);
  assert.equal((await dovecot.messages("erin@store.test")).length, 1);

  // Larger than the room that is left: nobody knows before Dovecot has seen it. Its refusal is the reply.
  assert.match(await deliver(session, ["dave"], 8000), /^552 5\.2\.2 <dave@store\.test> .*[Qq]uota/);
  // One takes it, one does not: ours from here on, and the sender is notified, whoever that is.
  assert.match(await deliver(session, ["dave", "erin"], 8000), /^250 /);
  await has("erin", 2);
  const [notice] = await sink.waitForMessages(1, 20_000);
  assert.match(notice!.data, /Final-Recipient: rfc822; dave@store\.test\r\nAction: failed\r\nStatus: 5\.2\.2/);
  assert.doesNotMatch(notice!.data, /Final-Recipient: rfc822; erin/);

  // An account here that writes to a mailbox there; an alias reaches both.
  const own = await openAuthenticated(t, site, alice);
  await own.expect(`MAIL FROM:<${alice.address}>`, 250);
  await own.expect("RCPT TO:<frank@store.test>", 550);
  await own.expect("RCPT TO:<team@store.test>", 250);
  await own.expect("DATA", 354);
  await own.send(`From: ${alice.address}\r\nTo: team@store.test\r\n\r\nfor both\r\n`);
  await own.expect(".", 250);
  await has("erin", 3);
  assert.match((await has("carol", 3)).join("\n"), /for both/);

  // Away: what is known is taken and kept, what is not is for later; nothing is answered 550.
  await dovecot.stop();
  assert.match(await deliver(session, ["carol"]), /^250 /);
  await session.expect("MAIL FROM:<forged@victim.example>", 250);
  await session.expect("RCPT TO:<grace@store.test>", 451);
  await session.expect("RCPT TO:<postmaster@store.test>", 250);
  await session.expect("RSET", 250);
  await dovecot.start();
  await has("carol", 4);
  assert.equal(sink.messages.length, 1);
  assert.ok(readLog(site.server.state).some((line) => line["reason"] === "message.store-refused"));
  assertNothingBroke(site.server.state);
});
