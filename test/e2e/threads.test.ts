// Several mail threads are one server: limits hold for all of them together to the last recipient, every command reaches
// every message, and another number of threads at the next start loses nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestContext } from "node:test";
import { laneOf } from "../../src/base/id.ts";
import { openDialogue } from "../lab/client.ts";
import { waitForMailbox } from "../lab/mailbox.ts";
import type { Server } from "../lab/server.ts";
import { startSink } from "../lab/sink.ts";
import type { Sink } from "../lab/sink.ts";
import { alice, bob, openAuthenticated, plain, startSite } from "../lab/site.ts";
import type { Site, SiteOptions } from "../lab/site.ts";
import { waitFor } from "../lab/wait.ts";
import { randomFrom } from "../../chaos/report.ts";
import { mostWithin, startDemand } from "./support/exactness.ts";
import { assertNothingBroke, readLog } from "./support/log.ts";
import { reconfigure } from "./support/reconfigure.ts";
import { stallThread } from "./support/stall.ts";

const threads = (count: number): readonly string[] => ["[process]", `mail-threads = ${count}`];

async function siteWithThreads(
  t: TestContext,
  count: number,
  options: Partial<SiteOptions> = {},
): Promise<{ readonly site: Site; readonly sink: Sink }> {
  const sink = await startSink(t);
  const site = await startSite(t, {
    smarthost: sink,
    ...options,
    tables: [...threads(count), ...(options.tables ?? [])],
  });
  return { site, sink };
}

/** One message on a connection of its own; its queue id. */
async function sendOne(t: TestContext, site: Site, recipients: readonly string[]): Promise<string> {
  const session = await openDialogue(t, site.mx);
  await session.reply();
  await session.expect("EHLO client.example.org", 250);
  await session.expect("MAIL FROM:<carol@example.org>", 250);
  // oxlint-disable-next-line no-await-in-loop -- a dialogue
  for (const recipient of recipients) await session.expect(`RCPT TO:<${recipient}>`, 250);
  await session.expect("DATA", 354);
  const { raw } = await session.expect("Subject: through a thread\r\n\r\nhello\r\n.", 250);
  session.destroy();
  return /queued as (\S+)/.exec(raw)![1]!;
}

/** Messages until every thread has taken some: which one gets a connection is the kernel's choice. */
async function sendThroughAll(t: TestContext, site: Site, count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  while (new Set(ids.map(laneOf)).size < count || ids.length < 8) {
    assert.ok(ids.length < 200, "the kernel spreads connections over all threads");
    // oxlint-disable-next-line no-await-in-loop -- until all have been there
    ids.push(await sendOne(t, site, [alice.address]));
  }
  return ids;
}

async function queueOf(
  server: Server,
): Promise<readonly { readonly id: string; readonly origin: string; readonly state: string }[]> {
  const { stdout } = await server.command("queue", "list", "--json", "--limit", "100000");
  const { entries } = JSON.parse(stdout) as {
    readonly entries: readonly {
      readonly id: string;
      readonly origin: string;
      readonly recipients: readonly { readonly state: string }[];
    }[];
  };
  return entries.map(({ id, origin, recipients }) => ({ id, origin, state: recipients[0]!.state }));
}

test("mail taken by three threads is found by one, and again by three, and is delivered once", async (t) => {
  const { site } = await siteWithThreads(t, 3, { delivery: ["paused = true"] });
  const ids = await sendThroughAll(t, site, 3);
  const one = await reconfigure(t, site, site.server, { from: "mail-threads = 3", to: "mail-threads = 1" });
  assert.deepEqual((await queueOf(one)).map(({ id }) => id).toSorted(), ids.toSorted());
  // A command on the files of a stopped server reaches all of them, too.
  await one.stop();
  assert.equal((await one.command("queue", "hold", "--all")).code, 0);
  assert.ok((await queueOf(one)).every(({ state }) => state === "held"));
  assert.equal((await one.command("queue", "release", "--all")).code, 0);
  const back = await site.restart();
  const third = await reconfigure(t, site, back, { from: "paused = true", to: "" });
  const messages = await waitForMailbox(t, site.pop3s, alice, ids.length, 20_000);
  assert.equal(messages.length, ids.length);
  assert.deepEqual(await queueOf(third), []);
  assertNothingBroke(third.state);
});

test("queue commands reach the messages of every thread, and are counted once", async (t) => {
  const { site } = await siteWithThreads(t, 2, { delivery: ["paused = true"] });
  const { server } = site;
  const ids = await sendThroughAll(t, site, 2);
  const counted = async (...parameters: readonly string[]): Promise<number> => {
    const { code, stdout, stderr } = await server.command("queue", ...parameters);
    assert.equal(code, 0, stdout + stderr);
    return Number(/(\d+) message/.exec(stdout)?.[1]);
  };
  await queueOf(server);
  assert.equal(await counted("hold", "--all"), ids.length);
  assert.ok((await queueOf(server)).every(({ state }) => state === "held"));
  const [first = ""] = ids;
  await counted("release", first);
  assert.equal((await queueOf(server)).filter(({ state }) => state === "held").length, ids.length - 1);
  assert.equal(await counted("delete", "--sender", "carol@example.org"), ids.length);
  assert.deepEqual(await queueOf(server), []);
  assertNothingBroke(server.state);
});

const room = <T>(dial: () => Promise<T>): Promise<T> =>
  waitFor("room for one more connection", 20_000, () => dial().catch(() => undefined));

test("connections and failed logins of a client are counted over all threads, POP3 among them", async (t) => {
  const limits = ["[limits.client]", "exempt = []", "connections = 4", 'auth-failures = ["3/1h"]'];
  const { site } = await siteWithThreads(t, 2, { tables: limits });
  (await openAuthenticated(t, site, alice)).destroy();
  const open = [];
  for (let index = 0; index < 4; index++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const session = await openDialogue(t, index % 2 === 0 ? site.mx : site.pop3);
    // oxlint-disable-next-line no-await-in-loop
    assert.match((await session.line()) ?? "", /^(220|\+OK) /);
    open.push(session);
  }
  const fifth = await openDialogue(t, site.mx);
  assert.match((await fifth.reply()).raw, /^421 4\.7\.0 .* at most 4/);
  const sixth = await openDialogue(t, site.pop3);
  assert.match((await sixth.line()) ?? "", /^-ERR \[SYS\/TEMP\]/);
  for (const session of open) session.destroy();

  const refusals = async (): Promise<number> => {
    const session = await openDialogue(t, site.submissions, "implicit");
    const { code } = await session.reply();
    if (code === 421) return code;
    await session.expect("EHLO client.example.org", 250);
    const login = await session.command(`AUTH PLAIN ${plain(bob.address, "guessed")}`);
    session.destroy();
    return login.code;
  };
  const codes: number[] = [];
  // What was open is counted until its end was seen.
  for (let index = 0; codes.filter((code) => code === 535).length < 3 && index < 20; index++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    codes.push(await refusals().catch(() => 0));
  }
  // POP3 and submission ask who it is; the MX has nothing to ask.
  const last = await openDialogue(t, site.mx);
  assert.match((await last.reply()).raw, /^421 4\.7\.0 .* too many failed logins/);
  last.destroy();
  // Alice has logged in from here before, Bob has not.
  await room(() => openAuthenticated(t, site, alice));
  const right = await room(async () => {
    const session = await openDialogue(t, site.submissions, "implicit");
    await session.expect("EHLO client.example.org", 220);
    return session;
  });
  assert.equal((await right.reply()).code, 250);
  const bobs = await right.command(`AUTH PLAIN ${plain(bob.address, bob.password)}`);
  assert.match(bobs.raw, /^421 4\.7\.0 .* too many failed logins/);
  await right.waitForClose();
});

/** In which threads logins ended like this so far: ids of sessions say it. */
function lanesOf(server: Server, event: "auth.succeeded" | "auth.failed"): readonly number[] {
  return readLog(server.state).flatMap((entry) => (entry.event === event ? [laneOf(String(entry["session"]))] : []));
}

test("a password that was changed is refused at the very next AUTH, in every thread, and so is a suspended account", async (t) => {
  const { site } = await siteWithThreads(t, 2);
  const { server } = site;
  const code = async (password: string): Promise<number> => {
    const session = await openDialogue(t, site.submissions, "implicit");
    await session.reply();
    await session.expect("EHLO client.example.org", 250);
    const reply = await session.command(`AUTH PLAIN ${plain(bob.address, password)}`);
    session.destroy();
    return reply.code;
  };
  /** Until each thread has had one. */
  const everywhere = async (
    event: "auth.succeeded" | "auth.failed",
    password: string,
    wanted: number,
  ): Promise<void> => {
    for (let tries = 1; tries < 20; tries++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      assert.equal(await code(password), wanted);
      // oxlint-disable-next-line no-await-in-loop -- lines are written in batches
      const lanes = await waitFor("the line in the log", 20_000, () => {
        const found = lanesOf(server, event);
        return found.length >= tries ? found : undefined;
      });
      if (new Set(lanes).size === 2) return;
    }
    assert.fail("the kernel spreads connections over both threads");
  };
  await everywhere("auth.succeeded", bob.password, 235);
  const changed = await server.command("account", "passwd", bob.address, "--generate");
  assert.equal(changed.code, 0);
  await everywhere("auth.failed", bob.password, 535);
  const made = /password (\S+)/.exec(changed.stdout)?.[1] ?? assert.fail(changed.stdout);
  assert.equal(await code(made), 235);
  assert.equal((await server.command("account", "suspend", bob.address)).code, 0);
  assert.equal(await code(made), 535);
  assertNothingBroke(server.state);
});

test("200 sessions of one account over two threads get what it may have, to the last recipient, over a kill and a stall", async (t) => {
  const limit = 300;
  const { site, sink } = await siteWithThreads(t, 2, {
    delivery: ["paused = true"],
    smtp: ["sessions = 1000"],
    tables: ["[limits.account]", `recipients = ["${limit}/1h"]`, 'attempts = ["100000/1h"]'],
  });
  const demand = startDemand({ site, account: bob, sessions: 200, random: randomFrom(1) });
  const half = async (): Promise<true | undefined> => demand.accepted() >= limit / 2 || undefined;
  await waitFor("half of it", 120_000, half);
  await site.server.kill();
  const server = await site.restart();
  // The store stands still for five seconds: its charges are late, and whoever must ask it waits.
  const stall = await stallThread(t, server, "state thread");
  if (stall === undefined) return;
  await sleep(5000);
  await stall.end();
  const { accepted, unknown, givenBack } = await demand.done;
  assert.ok(accepted.length <= limit && accepted.length + unknown >= limit, `${accepted.length} and ${unknown}`);
  assert.ok(givenBack > 0);
  assert.deepEqual(
    [...new Set(accepted.map(laneOf))].toSorted((one, other) => one - other),
    [0, 1],
  );
  // Beside what the account was told about its limit.
  const queued = (await queueOf(server)).filter(({ origin }) => origin === "submission").map(({ id }) => id);
  assert.equal(queued.length, limit);
  for (const id of accepted) assert.ok(queued.includes(id), `${id} was answered 250`);
  const last = await openAuthenticated(t, site, bob);
  await last.expect(`MAIL FROM:<${bob.address}>`, 250);
  await last.expect("RCPT TO:<one-more@example.org>", 450);
  await reconfigure(t, site, server, { from: "paused = true", to: "" });
  assert.equal((await sink.waitForMessages(limit, 60_000)).length, limit);
  assertNothingBroke(server.state);
});

test("in no interval of the window's length more than the limit passes, whatever thread it passes through", async (t) => {
  const [limit, length] = [20, 1000];
  const { site } = await siteWithThreads(t, 2, {
    delivery: ["paused = true"],
    tables: ["[limits.account]", `recipients = ["${limit}/${length / 1000}s"]`, 'attempts = ["1000000/1h"]'],
  });
  // Over the edges of three windows.
  const demand = startDemand({
    site,
    account: bob,
    sessions: 10,
    random: randomFrom(2),
    until: (accepted) => accepted >= 3 * limit,
  });
  const { taken } = await demand.done;
  assert.ok(taken.length >= 3 * limit);
  assert.ok(mostWithin(taken, length) <= limit);
});
