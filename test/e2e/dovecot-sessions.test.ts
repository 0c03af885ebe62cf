// What an account has open at Debian's Dovecot ends with a suspension or another password, told over its doveadm HTTP API, and only that; and
// what happens when Dovecot is not there to be told.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { tryDovecotSessions } from "../../src/control/dovecot-sessions.ts";
import { askDoveadm } from "../../src/io/doveadm.ts";
import { openDialogue } from "../lab/client.ts";
import type { Dialogue, Where } from "../lab/client.ts";
import { startDovecot } from "../lab/dovecot.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { startSink } from "../lab/sink.ts";
import { alice, startSite } from "../lab/site.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { waitFor } from "../lab/wait.ts";
import { assertNothingBroke, readLog } from "./support/log.ts";

const carol = { address: "carol@store.test", password: "password of carol" } as const;
const dave = { address: "dave@store.test", password: "password of dave" } as const;
const key = "0123456789abcdef0123456789abcdef";

type Who = { readonly address: string; readonly password: string };

/** The next line that begins so; what Dovecot says unasked, "* OK Still here" for one, may come before it. */
async function lineWith(session: Dialogue, start: string): Promise<string> {
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    const line = await session.line();
    if (line === undefined) return "closed";
    if (line.startsWith(start)) return line;
  }
}

/** The answer to one command of IMAP: OK or NO. */
async function command(session: Dialogue, text: string): Promise<string> {
  await session.send(`t ${text}\r\n`);
  return (await lineWith(session, "t ")).split(" ")[1] ?? "closed";
}

async function login(
  t: TestContext,
  where: Where,
  { address, password }: Who,
): Promise<Dialogue | "refused" | "closed"> {
  const session = await openDialogue(t, where, "implicit");
  assert.match((await session.line())!, /^\* OK/);
  const answer = await command(session, `LOGIN "${address}" "${password}"`);
  if (answer !== "OK") {
    session.destroy();
    return answer === "NO" ? "refused" : "closed";
  }
  return session;
}

/** From now on. Dovecot looks at its file once a second at most: until then it may let somebody in, and cuts him off again. */
async function isShutOut(t: TestContext, where: Where, who: Who): Promise<void> {
  await waitFor(`${who.address} refused`, 20_000, async () => {
    const session = await login(t, where, who);
    if (session === "refused") return true;
    // One after the other: so many at once would be refused for that.
    if (session !== "closed") {
      await session.send("t LOGOUT\r\n");
      await session.waitForClose();
    }
    return undefined;
  });
}

/** Logged in, waiting for mail (RFC 2177). */
async function idle(t: TestContext, where: Where, who: Who): Promise<Dialogue> {
  const session = await login(t, where, who);
  assert.ok(typeof session !== "string", who.address);
  assert.equal(await command(session, "SELECT INBOX"), "OK");
  await session.send("i IDLE\r\n");
  assert.match(await lineWith(session, "+"), /^\+/);
  return session;
}

/** Nothing comes from it until it is asked. */
async function goesOn(session: Dialogue): Promise<void> {
  await session.send("DONE\r\n");
  assert.match(await lineWith(session, "i "), /^i OK/);
  assert.equal(await command(session, "NOOP"), "OK");
}

test("sessions that wait at Dovecot end with a suspension, by whichever name they began, and nobody else's", async (t) => {
  const directory = await temporaryDirectory(t);
  const passwdFile = join(directory, "sekimori.users");
  const keyFile = join(directory, "doveadm.key");
  await writeFile(passwdFile, "", { mode: 0o600 });
  await writeFile(keyFile, `${key}\n`, { mode: 0o600 });
  const dovecot = await startDovecot(t, [], { passwdFile, doveadmKey: key });
  if (dovecot === undefined) return;
  const { doveadm, imaps } = dovecot;
  const site = await startSite(t, {
    smarthost: await startSink(t),
    accounts: { [alice.address]: alice.password, [carol.address]: carol.password, [dave.address]: dave.password },
    tables: [
      "[[domain]]",
      'name = "store.test"',
      `postmaster = "${carol.address}"`,
      `mailboxes = { lmtp = "${dovecot.address}:${dovecot.port}" }`,
      "[dns]",
      `servers = ["${loopbackAddress()}:5353"]`,
      'timeout = "1s"',
      "[dovecot]",
      `users = "${passwdFile}"`,
      `doveadm = { host = "${doveadm.address}", port = ${doveadm.port}, key = { file = "${keyFile}" } }`,
    ],
  });
  const run = async (...words: readonly string[]): Promise<void> => {
    const { code, stderr } = await site.server.command(...words);
    assert.equal(code, 0, stderr);
  };
  const kicksOf = (account: string): number =>
    readLog(site.server.state).filter((line) => line.event === "dovecot.kicked" && line["account"] === account).length;
  await run("account", "alias", "add", carol.address, "c@store.test");
  await waitFor("all in the file", 20_000, () =>
    /^c@store\.test:(?:.|\n)*^dave@/m.test(readFileSync(passwdFile, "utf8")) ? true : undefined,
  );

  /** Results of the doctor about Dovecot, by check. */
  const examined = async (): Promise<Readonly<Record<string, string>>> => {
    const { stdout, stderr } = await site.server.command("doctor", "--json");
    const findings = JSON.parse(stdout) as readonly { readonly check: string; readonly result: string }[];
    assert.ok(!(stdout + stderr).includes(key));
    return Object.fromEntries(
      findings.filter(({ check }) => /Dovecot/.test(check)).map(({ check, result }) => [check, result]),
    );
  };
  const healthy = { "file for Dovecot": "ok", "accounts for Dovecot": "ok", "sessions at Dovecot": "ok" };
  assert.deepEqual(await examined(), healthy);

  // Twice each, so that Dovecot has them in its cache.
  const sessions = [
    await idle(t, imaps, carol),
    await idle(t, imaps, carol),
    await idle(t, imaps, { ...carol, address: "c@store.test" }),
    await idle(t, imaps, { ...carol, address: "c@store.test" }),
  ];
  const others = [await idle(t, imaps, dave), await idle(t, imaps, alice)] as const;
  await run("account", "suspend", carol.address);
  for (const session of sessions) await session.waitForClose();
  await waitFor("the event", 20_000, () => (kicksOf(carol.address) >= 1 ? true : undefined));
  // However often they come back.
  await isShutOut(t, imaps, { ...carol, address: "c@store.test" });
  await isShutOut(t, imaps, carol);

  // The old password opened this one; the new one is good at once.
  const changed = await site.server.command("account", "passwd", dave.address, "--generate", "--json");
  assert.equal(changed.code, 0, changed.stderr);
  const { password } = JSON.parse(changed.stdout) as { readonly password: string };
  await others[0].waitForClose();
  await isShutOut(t, imaps, dave);
  await waitFor("the event", 20_000, () => (kicksOf(dave.address) >= 1 ? true : undefined));
  await goesOn(others[1]);
  assert.equal(kicksOf(alice.address), 0);

  // Whoever is suspended while this server stands still is told of when it starts.
  await site.server.stop();
  await run("account", "suspend", alice.address);
  assert.equal(others[1].closed(), false);
  const server = await site.restart();
  await others[1].waitForClose();

  // Nobody there: everything else goes on, and what is left to do is told.
  await dovecot.stop();
  const old = await readFile(passwdFile, "utf8");
  await run("account", "suspend", dave.address);
  // Those of the start may be told as well, if it went before they had been looked at twice.
  const failure = await waitFor("dovecot.failed", 60_000, () =>
    readLog(server.state).find(
      ({ event, accounts }) => event === "dovecot.failed" && String(accounts).includes(dave.address),
    ),
  );
  assert.deepEqual([failure["accounts"], failure["count"]], [[dave.address], 1]);
  assert.match(String(failure["cause"]), /ECONNREFUSED/);
  assert.match(String(failure["hint"]), /doveadm kick/);
  // As if it had not been written.
  await writeFile(passwdFile, old);
  assert.deepEqual(await examined(), { ...healthy, "accounts for Dovecot": "fail", "sessions at Dovecot": "fail" });
  assert.equal((await site.server.command("reload")).code, 0);
  const shown = await server.command("account", "show", dave.address, "--json");
  assert.match(shown.stdout, /"suspended": ?true/);
  await dovecot.start();
  await isShutOut(t, imaps, { ...dave, password });
  assertNothingBroke(server.state);
  const log = join(server.state, "log");
  for (const name of readdirSync(log)) assert.ok(!readFileSync(join(log, name), "utf8").includes(key));
});

test("Dovecot's doveadm API as it is: nobody there, nobody cut, a wrong key, a command that is not allowed", async (t) => {
  const passwdFile = join(await temporaryDirectory(t), "users");
  await writeFile(passwdFile, "", { mode: 0o600 });
  const dovecot = await startDovecot(t, [], { passwdFile, doveadmKey: key });
  if (dovecot === undefined) return;
  const place = { host: dovecot.doveadm.address, port: dovecot.doveadm.port, tls: "none", ca: undefined, key } as const;
  assert.equal(await tryDovecotSessions(place, askDoveadm), undefined);
  assert.equal((await tryDovecotSessions({ ...place, key: `${key}x` }, askDoveadm))?.kind, "refused");
  const never = new AbortController().signal;
  const mask = ["nobody@sekimori.invalid"];
  assert.deepEqual(await askDoveadm(place, "kick", { mask }, never), { kind: "exit", code: 68 });
  assert.deepEqual(await askDoveadm(place, "who", { mask }, never), { kind: "rows", rows: [] });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is never asked
  const reload = await askDoveadm(place, "reload" as "who", {}, never);
  assert.equal(reload.kind, "forbidden");
});
