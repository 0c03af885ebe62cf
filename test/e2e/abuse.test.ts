// An account that tries addresses through the submission service of a real server: step by step as far as the configuration allows, over
// a restart and in all mail threads; what was done, what it rests on, and that somebody has looked, which ends it. By default it is
// only told. And what its customer is told by mail.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { test } from "node:test";
import { atEnd } from "../lab/cleanup.ts";
import { openDialogue } from "../lab/client.ts";
import type { Dialogue } from "../lab/client.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { readMailbox, waitForMailbox } from "../lab/mailbox.ts";
import type { Server } from "../lab/server.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, domain, openAuthenticated, plain, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";
import type { Scope } from "../lab/cleanup.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { waitFor } from "../lab/wait.ts";
import type { LogEntry } from "./support/log.ts";
import { assertNothingBroke, readLog } from "./support/log.ts";

const smtp = ["errors = 100"];
const clause = "Article 12 of the terms of use";
/** Nothing is delivered. */
const nowhere = { address: "127.0.0.1", port: 9 };

function abuse(act: string): readonly string[] {
  return ["[abuse]", `act = "${act}"`, `clause = "${clause}"`];
}

/** Recipients that nobody has: each adds 1.3 to a score of nothing, so that eight slow, the ninth holds, and the thirteenth suspends. */
async function harvest(session: Dialogue, count: number): Promise<void> {
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  for (let each = 0; each < count; each++) {
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    await session.expect(`RCPT TO:<nobody${each}@${domain}>`, 550);
  }
  await session.expect("RSET", 250);
}

/** Who is slowed may name one more, and who is held ten. */
async function harvestUntilSuspended(server: Server, session: Dialogue): Promise<void> {
  await harvest(session, 8);
  await waitForDone(server, "slowed");
  await harvest(session, 1);
  await waitForDone(server, "held");
  // The session ends, in the middle of it or after it.
  await harvest(session, 6).catch(() => undefined);
  await waitForDone(server, "suspended");
}

/** A message to so many that nobody has, elsewhere. */
async function sendToNobody(session: Dialogue, count: number): Promise<void> {
  await send(
    session,
    Array.from({ length: count }, (_each, index) => `nobody${index}@example.org`),
  );
}

/** Of a server that does not know them. */
function refuseNobody(line: string): string | undefined {
  return /^RCPT TO:<nobody/i.test(line) ? "550 5.1.1 nobody here by that name" : undefined;
}

async function send(session: Dialogue, recipients: readonly string[]): Promise<string> {
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  // oxlint-disable-next-line no-await-in-loop -- a dialogue
  for (const recipient of recipients) await session.expect(`RCPT TO:<${recipient}>`, 250);
  await session.expect("DATA", 354);
  return (await session.command(`From: <${bob.address}>\r\nSubject: one\r\n\r\nhello\r\n.`)).raw;
}

function told({ state }: Server): readonly LogEntry[] {
  return readLog(state).filter(({ event }) => event === "account.suspected");
}

/** The event of the last step, once that is done. */
function waitForDone(server: Server, done: string, times = 1): Promise<LogEntry> {
  return waitFor(
    `${done} ${times} times`,
    60_000,
    () => told(server).filter((each) => each["done"] === done)[times - 1],
  );
}

async function asJson<T>(server: Server, ...words: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await server.command(...words, "--json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as T;
}

interface Suspect {
  readonly address: string;
  readonly held: number;
  readonly suspicion?: { readonly score: number; readonly evidence: readonly { readonly sign: string }[] };
  readonly restraint?: { readonly step: string; readonly evidence: readonly string[]; readonly clause?: string };
}

interface Queue {
  readonly total: number;
  readonly entries: readonly {
    readonly recipients: readonly { readonly state: string; readonly heldFor?: string }[];
  }[];
}

const suspects = (server: Server): Promise<readonly Suspect[]> => asJson(server, "abuse", "list");
const heldOf = (server: Server): Promise<Queue> =>
  asJson(server, "queue", "list", "--state", "held", "--account", bob.address);

function reasonsOf({ entries }: Queue): readonly (string | undefined)[] {
  return [...new Set(entries.flatMap(({ recipients }) => recipients.map(({ heldFor }) => heldFor)))];
}

async function clear(server: Server, ...more: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await server.command(
    "abuse",
    "clear",
    bob.address,
    "--reason",
    "asked her",
    ...more,
  );
  assert.equal(code, 0, stderr);
  return stdout;
}

test("by default it is told, with the evidence, and nothing is done", async (t) => {
  const site = await startSite(t, { smarthost: nowhere, smtp, delivery: ["paused = true"] });
  const session = await openAuthenticated(t, site, bob);
  await harvest(session, 20);
  await waitFor("all steps", 60_000, () => (told(site.server).length === 4 ? true : undefined));
  assert.deepEqual(
    told(site.server).map(({ step, done }) => [step, done]),
    [
      ["notice", "told"],
      ["slow", "told"],
      ["hold", "told"],
      ["suspend", "told"],
    ],
  );
  assert.doesNotMatch(await send(session, ["x@example.org", "y@example.org"]), /held/);
  const [suspect] = await suspects(site.server);
  assert.equal(suspect?.restraint, undefined);
  assert.ok(suspect!.suspicion!.evidence.some(({ sign }) => sign === "unknown-recipients"));
  assert.match(await clear(site.server), /^cleared/);
  assert.deepEqual(await suspects(site.server), []);
  assertNothingBroke(site.server.state);
});

test("a slowed account reaches one recipient in two minutes, in all its sessions, until somebody has looked", async (t) => {
  const tables = abuse("slow");
  const site = await startSite(t, { smarthost: nowhere, smtp, delivery: ["paused = true"], tables, threads: 2 });
  const session = await openAuthenticated(t, site, bob);
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  for (let each = 0; each < 8; each++) {
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    await session.expect(`RCPT TO:<nobody${each}@${domain}>`, 550);
  }
  const event = await waitForDone(site.server, "slowed");
  assert.deepEqual([event["step"], event["clause"]], ["slow", clause]);
  // In the transaction that is open.
  await session.expect("RCPT TO:<x@example.org>", 250);
  const nobody = await session.expect(`RCPT TO:<nobody@${domain}>`, 450);
  assert.match(nobody.raw, /^450 4\.7\.1 your account is slowed down/);
  const second = await session.expect("RCPT TO:<y@example.org>", 450);
  assert.match(second.raw, /^450 4\.7\.1 your account is slowed down.* 1 of 1 recipients in 2m, again from 2/);
  await session.expect("DATA", 354);
  await session.expect(`From: <${bob.address}>\r\n\r\nhello\r\n.`, 250);
  for (let other = 0; other < 4; other++) {
    // oxlint-disable-next-line no-await-in-loop -- whichever thread each comes to
    const elsewhere = await openAuthenticated(t, site, bob);
    // oxlint-disable-next-line no-await-in-loop
    await elsewhere.expect(`MAIL FROM:<${bob.address}>`, 250);
    // oxlint-disable-next-line no-await-in-loop
    await elsewhere.expect("RCPT TO:<z@example.org>", 450);
    elsewhere.destroy();
  }

  const [suspect, ...others] = await suspects(site.server);
  assert.deepEqual([suspect?.address, suspect?.restraint?.step, others], [bob.address, "slow", []]);
  assert.equal(suspect?.restraint?.clause, clause);
  assert.ok(suspect.restraint.evidence.length > 0);
  assert.match((await site.server.command("abuse", "show", bob.address)).stdout, /Article 12/);
  assert.equal((await site.server.command("abuse", "clear", bob.address)).code, 2, "a reason is asked for");
  await clear(site.server);
  assert.equal((await site.server.command("abuse", "clear", bob.address, "--reason", "again")).code, 1);
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  await session.expect("RCPT TO:<y@example.org>", 250);
  await session.expect("RCPT TO:<z@example.org>", 250);
  const [cleared] = readLog(site.server.state).filter((each) => each.event === "account.cleared");
  assert.deepEqual([cleared?.["step"], cleared?.["reason"], cleared?.["mail"]], ["slow", "asked her", "kept"]);
  assert.notEqual(cleared?.["by"] ?? "", "");
  assertNothingBroke(site.server.state);
});

test("new mail is accepted and held, over a restart, and released or returned when somebody has looked", async (t) => {
  const sink = await startSink(t, { answer: refuseNobody });
  const site = await startSite(t, { smarthost: sink, smtp, tables: abuse("hold") });
  const before = await openAuthenticated(t, site, bob);
  await sendToNobody(before, 12);
  await waitForDone(site.server, "held");
  assert.match(await send(before, ["x@example.org", alice.address]), /^250 .* 2 of 2 recipients held for review/);
  await site.server.stop();
  const server = await site.restart();
  const session = await openAuthenticated(t, site, bob);
  assert.match(await send(session, ["y@example.org"]), /^250 .* 1 of 1 recipients held for review/);
  const held = await heldOf(server);
  assert.deepEqual([held.total, reasonsOf(held)], [2, ["suspicion"]]);
  assert.equal((await suspects(server))[0]?.held, 2);
  assert.equal(sink.messages.length, 0);

  assert.match(await clear(server, "--mail", "release"), /2 messages released/);
  await sink.waitForMessages(2, 60_000);
  await waitForMailbox(t, site.pop3s, alice, 1, 60_000);
  assert.doesNotMatch(await send(session, ["z@example.org"]), /held/);
  await sink.waitForMessages(3, 60_000);

  await sendToNobody(session, 13);
  await waitForDone(server, "held", 2);
  assert.match(await send(session, ["w@example.org"]), /held for review/);
  assert.match(await clear(server, "--mail", "return"), /1 message returned/);
  await waitFor("the report beside what the customer is told", 60_000, async () =>
    (await readMailbox(t, site.pop3s, bob)).some((each) => each.includes("returned by the operator of this server"))
      ? true
      : undefined,
  );
  assert.equal((await heldOf(server)).total, 0);
  assertNothingBroke(server.state);
});

async function openPop(t: Scope, site: Site): Promise<Dialogue> {
  const session = await openDialogue(t, site.pop3s, "implicit");
  await session.line();
  await session.send(`USER ${bob.address}\r\n`);
  await session.line();
  await session.send(`PASS ${bob.password}\r\n`);
  return session;
}

/** The code of a login. */
async function login(t: Scope, site: Site, password: string): Promise<number> {
  const session = await openDialogue(t, site.submissions, "implicit");
  await session.reply();
  await session.expect("EHLO client.example.org", 250);
  const { code } = await session.command(`AUTH PLAIN ${plain(bob.address, password)}`);
  session.destroy();
  return code;
}

/** A place where Dovecot's doveadm API would be (the real one: dovecot-sessions.test.ts): the table that names it, and what it is asked. */
async function startDoveadm(scope: Scope): Promise<{ readonly table: readonly string[]; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    void readText(request).then((body) => {
      const [[command, parameters, tag]] = JSON.parse(body) as [[string, Readonly<Record<string, unknown>>, string]];
      asked.push(`${command} ${Object.values(parameters).flat().join(" ")}`);
      response.end(JSON.stringify([["doveadmResponse", command === "who" ? [] : [{ result: bob.address }], tag]]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(scope, () => void server.close());
  const key = join(await temporaryDirectory(scope), "doveadm.key");
  await writeFile(key, `${"k".repeat(32)}\n`, { mode: 0o600 });
  const { port } = server.address() as AddressInfo;
  return { table: ["[dovecot]", `doveadm = { port = ${port}, key = { file = "${key}" } }`], asked };
}

test("a suspended account has no session, no login and no mail on its way, until somebody has looked", async (t) => {
  const smarthost = { address: loopbackAddress(), port: 2525 };
  const doveadm = await startDoveadm(t);
  const site = await startSite(t, { smarthost, smtp, tables: [...abuse("suspend"), ...doveadm.table], threads: 2 });
  const { server } = site;
  const { password: phone } = await asJson<{ password: string }>(server, "account", "app", "add", bob.address, "phone");
  assert.equal(await login(t, site, phone), 235);
  const sessions: Dialogue[] = [];
  for (let each = 0; each < 4; each++) {
    // oxlint-disable-next-line no-await-in-loop -- whichever thread each comes to
    sessions.push(await openAuthenticated(t, site, bob));
  }
  assert.match(await send(sessions[0]!, ["x@example.org", "y@example.org"]), /^250 /);
  await sessions[1]!.expect(`MAIL FROM:<${bob.address}>`, 250);
  await sessions[1]!.expect("RCPT TO:<z@example.org>", 250);
  const pop = await openPop(t, site);
  assert.match((await pop.line()) ?? "", /^\+OK/);

  await harvestUntilSuspended(server, await openAuthenticated(t, site, bob));
  for (const session of sessions) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    assert.match((await session.reply()).raw, /^421 4\.7\.0 .* suspended/);
    // oxlint-disable-next-line no-await-in-loop
    await session.waitForClose();
  }
  assert.match((await pop.line()) ?? "", /^-ERR .* suspended/);
  const atDovecot = [`authCacheFlush ${bob.address}`, `kick ${bob.address}`];
  await waitFor("the end of its sessions at Dovecot", 60_000, () => (doveadm.asked.length >= 2 ? true : undefined));
  assert.deepEqual(doveadm.asked.slice(0, 2), atDovecot);
  assert.deepEqual([await login(t, site, bob.password), await login(t, site, phone)], [535, 535]);
  const refused = await openPop(t, site);
  assert.match((await refused.line()) ?? "", /^-ERR/);
  const held = await heldOf(server);
  assert.deepEqual([held.total, reasonsOf(held)], [1, ["suspicion"]]);
  // What others write to it is its owner's.
  const mx = await openDialogue(t, site.mx);
  await mx.reply();
  await mx.expect("EHLO mx.example.org", 250);
  await mx.expect("MAIL FROM:<>", 250);
  await mx.expect(`RCPT TO:<${bob.address}>`, 250);

  // What an operator says himself is not undone by looking.
  assert.equal((await server.command("account", "suspend", bob.address)).code, 0);
  assert.match(await clear(server), /what is held is kept/);
  assert.equal(await login(t, site, bob.password), 535);
  assert.equal((await heldOf(server)).total, 1);
  assert.equal((await server.command("account", "resume", bob.address)).code, 0);
  assert.deepEqual([await login(t, site, bob.password), await login(t, site, phone)], [235, 235]);
  assert.equal((await server.command("queue", "release", "--suspected", bob.address)).code, 0);
  assert.equal((await heldOf(server)).total, 0);
  assert.deepEqual(await suspects(server), []);
  assertNothingBroke(server.state);
});

/** Quoted-printable (RFC 2045 §6.7). */
function decoded(text: string): string {
  const octets = text
    .replaceAll("=\r\n", "")
    .replaceAll(/=([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(octets, "latin1").toString("utf8");
}

const subjectOf = (text: string): string => /^Subject: (.*) \/\r$/m.exec(text)?.[1] ?? "";

test("the customer is told of each step and of its end, once, over a restart, and a thief reads nothing new", async (t) => {
  const sink = await startSink(t);
  const tables = [...abuse("suspend"), 'help = "Helpdesk 0120-000-000"'];
  const site = await startSite(t, { smarthost: sink, smtp, tables, threads: 2 });
  const contact = "bob@example.net";
  assert.equal((await site.server.command("account", "contact", bob.address, contact)).code, 0);
  const heard = (): readonly string[] =>
    sink.messages.filter(({ recipients }) => recipients.join("").includes(contact)).map(({ data }) => data);
  await harvestUntilSuspended(site.server, await openAuthenticated(t, site, bob));
  await waitFor("three steps at the contact", 60_000, () => (heard().length >= 3 ? true : undefined));
  await site.server.stop();
  const server = await site.restart();
  await clear(server, "--mail", "return");
  await waitFor("the end at the contact", 60_000, () => (heard().length >= 4 ? true : undefined));
  const own = await waitForMailbox(t, site.pop3s, bob, 3, 60_000);

  const subjects = ["sends slowly for now", "has its mail held", "is suspended", "is as it was again"];
  assert.deepEqual(heard().map(subjectOf).toSorted(), subjects.map((each) => `${bob.address} ${each}`).toSorted());
  assert.deepEqual(
    own.map(subjectOf).toSorted(),
    subjects
      .filter((each) => each !== "is suspended")
      .map((each) => `${bob.address} ${each}`)
      .toSorted(),
  );
  const about = readLog(server.state).filter(
    ({ event, about: whom }) => event === "message.created" && whom === bob.address,
  );
  assert.equal(about.length, 7, "not one was made twice");
  for (const { mail } of sink.messages) assert.match(mail, /^FROM:<>/);
  const suspended = decoded(heard().find((each) => subjectOf(each).endsWith("is suspended")) ?? "");
  assert.match(suspended, /^Auto-Submitted: auto-generated\r$/m);
  for (const words of [
    "nobody can therefore log in to it",
    "- recipients that do not exist",
    "ログインを停止",
    "- 存在しない宛先への送信",
    clause,
    "Helpdesk 0120-000-000",
  ]) {
    assert.ok(suspended.includes(words), words);
  }
  for (const copy of own) assert.doesNotMatch(decoded(copy), /What was seen|recipients that do not exist|兆候:/);
  // At nobody's cost.
  const { use } = await asJson<{ readonly use: { readonly quota: readonly { readonly used: number }[] } }>(
    server,
    "account",
    "show",
    bob.address,
  );
  assert.ok(use.quota.length > 0 && use.quota.every(({ used }) => used === 0));
  assertNothingBroke(server.state);
});
