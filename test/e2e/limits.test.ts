// Limits of an account in a running server: what only a whole server can show.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import type { Dialogue } from "../lab/client.ts";
import type { Server } from "../lab/server.ts";
import { waitForMailbox } from "../lab/mailbox.ts";
import { startSink } from "../lab/sink.ts";
import { bob, openAuthenticated, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";
import { waitFor } from "../lab/wait.ts";
import { assertNothingBroke } from "./support/log.ts";
import { stallThread } from "./support/stall.ts";

/** Nothing is delivered. */
const smarthost = { address: "127.0.0.1", port: 9 };

function siteWith(t: TestContext, ...limits: readonly string[]): Promise<Site> {
  return startSite(t, { smarthost, delivery: ["paused = true"], tables: ["[limits.account]", ...limits] });
}

/** RCPT in a transaction of its own, which is given up; the code. */
async function asked(session: Dialogue, recipient: string): Promise<number> {
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  const { code } = await session.command(`RCPT TO:<${recipient}>`);
  await session.expect("RSET", 250);
  return code;
}

async function send(session: Dialogue, recipients: readonly string[], body = "hello"): Promise<string> {
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  // oxlint-disable-next-line no-await-in-loop -- a dialogue
  for (const recipient of recipients) await session.expect(`RCPT TO:<${recipient}>`, 250);
  await session.expect("DATA", 354);
  return (await session.command(`From: <${bob.address}>\r\nSubject: one\r\n\r\n${body}\r\n.`)).raw;
}

async function useOf(server: Server): Promise<Readonly<Record<string, number>>> {
  const { stdout } = await server.command("account", "show", bob.address, "--json");
  const { use } = JSON.parse(stdout) as { use: { quota: readonly { layer: string; used: number }[] } };
  return Object.fromEntries(use.quota.map(({ layer, used }) => [layer, used]));
}

test("to whom an account wrote, and how much, is known after a kill", async (t) => {
  const site = await siteWith(t, 'new-recipients = ["3/1d"]', 'bytes = ["2kB/1d"]');
  const first = await openAuthenticated(t, site, bob);
  assert.match(await send(first, ["x@example.org", "y@example.org"]), /^250 /);
  const before = await useOf(site.server);
  assert.equal(before["new-recipients"], 2);
  await site.server.kill();
  const server = await site.restart();
  assert.deepEqual(await useOf(server), before);
  const session = await openAuthenticated(t, site, bob);
  assert.match(await send(session, ["X@example.org", "z@example.org"]), /^250 /);
  assert.equal(await asked(session, "w@example.org"), 450);
  assert.equal(await asked(session, "y@example.org"), 250);
  assert.match(
    await send(session, ["y@example.org"], "x".repeat(700).concat("\r\n").repeat(2)),
    /^450 4\.7\.1 size limit/,
  );
  const { recipients, messages, "new-recipients": strangers } = await useOf(server);
  assert.deepEqual([recipients, messages, strangers], [4, undefined, 3]);
  assertNothingBroke(server.state);
});

test("what is beyond the limit is held over a kill, and released or returned by the operator", async (t) => {
  const sink = await startSink(t);
  const site = await startSite(t, {
    smarthost: sink,
    tables: ["[limits.account]", 'recipients = ["2/1h"]', 'over = "hold"', 'bytes = ["1GB/1d"]'],
  });
  const session = await openAuthenticated(t, site, bob);
  assert.match(
    await send(session, ["a@example.org", "b@example.org", "c@example.org"]),
    /^250 .* 1 of 3 recipients held/,
  );
  assert.match(await send(session, ["d@example.org"]), /^250 .* 1 of 1 recipients held/);
  await sink.waitForMessages(1, 30_000);
  await site.server.kill();
  const server = await site.restart();
  assert.equal((await useOf(server))["recipients"], 4, "held is used");
  const { stdout } = await server.command("queue", "list", "--state", "held", "--json");
  const { entries } = JSON.parse(stdout) as {
    entries: readonly { id: string; recipients: readonly { address: string; state: string; why: string }[] }[];
  };
  assert.deepEqual(
    entries.flatMap(({ recipients }) => recipients.map(({ address, why }) => [address, why])),
    [
      ["c@example.org", "recipient.limit-held: 2 of 2 in 1h"],
      ["d@example.org", "recipient.limit-held: 3 of 2 in 1h"],
    ],
  );
  assert.equal((await server.command("queue", "release", entries[0]!.id)).code, 0);
  assert.equal((await server.command("queue", "return", entries[1]!.id)).code, 0);
  const reached = (): ReadonlySet<string> =>
    new Set(sink.messages.flatMap(({ recipients }) => recipients.map((each) => each.replace(/^TO:<(.*)>.*$/, "$1"))));
  await waitFor("what was released", 30_000, () => reached().has("c@example.org") || undefined);
  // A kill may make duplicates.
  assert.deepEqual([...reached()].toSorted(), ["a@example.org", "b@example.org", "c@example.org"]);
  // Beside what the account is told about its limit.
  const report = await waitFor("the report", 30_000, async () => {
    const messages = await waitForMailbox(t, site.pop3s, bob, 1, 30_000);
    return messages.map(String).find((message) => message.includes("returned by the operator of this server"));
  });
  assert.match(report, /by the operator of this server\s+\(recipient\.limit-held: 3 of 2\s+in 1h\)/);
  assertNothingBroke(server.state);
});

test("an account and its second contact are told by mail, once, and nothing of that is counted", async (t) => {
  const sink = await startSink(t);
  const site = await startSite(t, { smarthost: sink, tables: ["[limits.account]", 'recipients = ["5/1h"]'] });
  const contact = await site.server.command("account", "contact", bob.address, "bob@example.net");
  assert.equal(contact.code, 0, contact.stderr);
  const session = await openAuthenticated(t, site, bob);
  assert.match(
    await send(
      session,
      ["a", "b", "c", "d"].map((name) => `${name}@example.org`),
    ),
    /^250 /,
  );
  const reached = (): number =>
    sink.messages.filter(({ recipients }) => recipients[0]?.includes("bob@example.net") === true).length;
  await waitFor("the contact to be told", 30_000, () => reached() > 0 || undefined);
  const [first] = await waitForMailbox(t, site.pop3s, bob, 1, 30_000);
  assert.match(String(first), /has nearly used up a limit: 4 of 5 recipients/);
  assert.doesNotMatch(String(first), /bob@example\.net/);
  assert.equal((await useOf(site.server))["recipients"], 4);
  await site.server.stop();
  const server = await site.restart();
  const again = await openAuthenticated(t, site, bob);
  assert.match(await send(again, ["e@example.org"]), /^250 /);
  assert.equal(await asked(again, "f@example.org"), 450);
  const messages = await waitForMailbox(t, site.pop3s, bob, 2, 30_000);
  assert.match(String(messages[1]), /has used up a limit: 5 of 5 recipients/);
  await waitFor("the contact to be told again", 30_000, () => reached() === 2 || undefined);
  assert.equal((await waitForMailbox(t, site.pop3s, bob, 2, 30_000)).length, 2);
  assert.equal((await useOf(server))["recipients"], 5);
  assertNothingBroke(server.state);
});

test("while the counters or the store stand still nobody is let through, and nothing is used up by it", async (t) => {
  const site = await startSite(t, {
    smarthost,
    delivery: ["paused = true"],
    tables: ["[process]", "mail-threads = 2", "[limits.account]", 'new-recipients = ["5/1d"]'],
  });
  const { server } = site;
  const sessions = [await openAuthenticated(t, site, bob), await openAuthenticated(t, site, bob)];
  const [first] = sessions;
  assert.match(await send(first!, ["x@example.org"]), /^250 /);
  for (const session of sessions) {
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  }
  for (const name of ["counters thread", "state thread"]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const stall = await stallThread(t, server, name);
    if (stall === undefined) return;
    // oxlint-disable-next-line no-await-in-loop -- all at once
    await Promise.all(sessions.map((session) => session.expect("RCPT TO:<stranger@example.org>", 451)));
    // oxlint-disable-next-line no-await-in-loop
    await stall.end();
    // oxlint-disable-next-line no-await-in-loop
    await waitFor(
      "the thread to answer again",
      20_000,
      async () => (await useOf(server))["recipients"] === 1 || undefined,
    );
  }
  const use = await useOf(server);
  assert.deepEqual([use["recipients"], use["new-recipients"]], [1, 1]);
  await first!.expect("RCPT TO:<stranger@example.org>", 250);
});
