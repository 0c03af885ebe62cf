// Strangers on port 25 who hold what they can get: sessions, and content that they never finish. Nobody who sends by
// submission notices, over several mail threads.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { openDialogue } from "../lab/client.ts";
import type { Dialogue } from "../lab/client.ts";
import { waitForMailbox } from "../lab/mailbox.ts";
import { alice, bob, openAuthenticated, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";
import { assertNothingBroke } from "./support/log.ts";

/** Nothing goes out. */
const smarthost = { address: "127.0.0.1", port: 9 };
const lines = (octets: number): string => `${"x".repeat(98)}\r\n`.repeat(octets / 100);

async function openStranger(t: TestContext, site: Site): Promise<Dialogue> {
  const session = await openDialogue(t, site.mx);
  assert.equal((await session.reply()).code, 220);
  await session.expect("EHLO stranger.example.org", 250);
  await session.expect("MAIL FROM:<carol@example.org>", 250);
  await session.expect(`RCPT TO:<${alice.address}>`, 250);
  return session;
}

/** Sends an octet or so at a time until the server has had enough; its last reply. */
async function drip(session: Dialogue): Promise<number> {
  const timer = setInterval(() => void session.send("x").catch(() => clearInterval(timer)), 250);
  try {
    return (await session.reply()).code;
  } finally {
    clearInterval(timer);
  }
}

async function send(session: Dialogue, octets: number): Promise<void> {
  await session.expect(`MAIL FROM:<${bob.address}> SIZE=${octets}`, 250);
  await session.expect(`RCPT TO:<${alice.address}>`, 250);
  await session.expect("DATA", 354);
  await session.expect(`From: <${bob.address}>\r\nSubject: honest\r\n\r\n${lines(octets)}.`, 250);
}

test("strangers who fill their part of content memory and sessions leave submission untouched", async (t) => {
  const site = await startSite(t, {
    smarthost,
    threads: 2,
    smtp: ['message-size = "256KiB"', 'content-memory = "1MiB"', "sessions = 20"],
  });
  const strangers: Dialogue[] = [];
  const replies: number[] = [];
  for (let index = 0; index < 10; index++) {
    // oxlint-disable-next-line no-await-in-loop -- what the one holds the next one finds
    const session = await openStranger(t, site);
    strangers.push(session);
    // oxlint-disable-next-line no-await-in-loop
    replies.push((await session.command(`BDAT 200000\r\n${lines(200_000).slice(0, -2)}`)).code);
  }
  // Half of a MiB is theirs, and who is within it may bring what he did not announce.
  assert.deepEqual(replies, [250, 250, 250, 452, 452, 452, 452, 452, 452, 452]);
  const late = await openDialogue(t, site.mx);
  assert.equal((await late.reply()).code, 421);

  const honest = await openAuthenticated(t, site, bob);
  await send(honest, 200_000);
  const others = [await openAuthenticated(t, site, bob), await openAuthenticated(t, site, alice)];
  await send(others[0]!, 200_000);
  assert.equal((await waitForMailbox(t, site.pop3s, alice, 2, 20_000)).length, 2);

  // The strangers' own go on, one by one, and give back what they held.
  for (const session of strangers.slice(0, 3)) {
    // oxlint-disable-next-line no-await-in-loop
    await session.expect("BDAT 0 LAST", 250);
  }
  await strangers[9]!.expect("RSET", 250);
  await strangers[9]!.expect("MAIL FROM:<carol@example.org>", 250);
  await strangers[9]!.expect(`RCPT TO:<${alice.address}>`, 250);
  await strangers[9]!.expect("DATA", 354);
  assertNothingBroke(site.server.state);
});

test("strangers whose messages never end are ended, and what they held is free again", async (t) => {
  const site = await startSite(t, {
    smarthost,
    threads: 2,
    smtp: ['message-size = "256KiB"', 'content-memory = "1MiB"', 'content-time = "10s"'],
  });
  // All that takes time is done before the first one's content begins, and the time of each with it.
  const [next, ...strangers] = await Promise.all([1, 2, 3, 4].map(() => openStranger(t, site)));
  await Promise.all(strangers.map((session) => session.expect(`BDAT 200000\r\n${lines(200_000).slice(0, -2)}`, 250)));
  assert.ok(next !== undefined);
  await next.expect("DATA", 452);
  assert.deepEqual(await Promise.all(strangers.map(drip)), [421, 421, 421]);
  await next.expect("DATA", 354);
  await next.expect(`${lines(100_000)}.`, 250);
  const honest = await openAuthenticated(t, site, bob);
  await send(honest, 100_000);
  assert.equal((await waitForMailbox(t, site.pop3s, alice, 2, 20_000)).length, 2);
  assertNothingBroke(site.server.state);
});
