// The wall clock jumps by two days, forward and back, while mail waits for a host that says 451. Nothing is lost, nobody is called more
// often than the retry schedule says, ids stay unique and in order, and a limit that is reached stays reached. What was deferred under a clock
// that ran ahead does not wait until the right clock has come as far.

import { closeSync, openSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startServer } from "../test/lab/server.ts";
import type { Server } from "../test/lab/server.ts";
import { alice, bob, openAuthenticated, startSite } from "../test/lab/site.ts";
import { temporaryDirectory } from "../test/lab/temporary.ts";
import { readLog } from "../test/e2e/support/log.ts";
import { openPlain, passingScope } from "../test/e2e/support/load.ts";
import { startExchanger } from "./exchanger.ts";
import { createLedger, failuresOf, figuresOf, makeToken } from "./ledger.ts";
import { send } from "./load.ts";
import { collectMail, drained } from "./mailboxes.ts";
import { makePreload } from "./preload.ts";
import { until } from "./report.ts";
import type { ChaosOptions, Report } from "./report.ts";
import { damageIn } from "./server-log.ts";

const twoDays = 2 * 86_400_000;
const limit = 20;

export async function chaosClock({ scope, rounds, random, tell }: ChaosOptions): Promise<Report> {
  const preload = await makePreload(scope, "clock");
  if (preload.kind === "absent") return { kind: "not-possible", reason: preload.reason };
  const directory = await temporaryDirectory(scope);
  const ledger = createLedger();
  let busy = true;
  /** MAIL commands that were answered 451, by when: monotonic. */
  const calls: number[] = [];
  const later = await startExchanger(scope, {
    taken: (recipient, content) => ledger.arrived(recipient, content, "remote"),
    answer: (line) => {
      if (!busy || !line.startsWith("RCPT")) return undefined;
      calls.push(performance.now());
      return "451 4.3.0 not now";
    },
  });
  const site = await startSite(scope, {
    directory,
    smarthost: later,
    // A refusal is asked for after every jump.
    smtp: ["errors = 10000"],
    // Twenty days ahead a message is twenty days old.
    delivery: ['give-up = "30d"'],
    tables: ["[limits.account]", `recipients = ["${limit}/1h"]`],
  });
  await site.server.stop();
  const config = await readFile(join(directory, "sekimori.toml"), "utf8");
  const offsetFile = join(directory, "offset");
  const offset = openSync(offsetFile, "w+");
  const setClock = (milliseconds: number): void => {
    const octets = Buffer.alloc(8);
    octets.writeBigInt64LE(BigInt(milliseconds));
    writeSync(offset, octets, 0, 8, 0);
  };
  setClock(0);
  const environment = { LD_PRELOAD: preload.path, SEKIMORI_CLOCK_OFFSET: offsetFile };
  const start = (): Promise<Server> => startServer(scope, { directory, config, environment });
  let server = await start();

  const failures: string[] = [];
  const ids: string[] = [];
  /** Remote mail of one account that may send so much and no more; local mail from outside, without a limit. */
  const sender = await openAuthenticated(passingScope(), site, alice);
  const greedy = await openAuthenticated(passingScope(), site, bob);
  const outside = await openPlain(site.mx, passingScope());
  const submit = async (
    session: typeof sender,
    from: string,
    name: string,
    number: number,
    to: string,
  ): Promise<string> => {
    const token = makeToken(name, number, 500);
    ledger.tried(token, [to]);
    const outcome = await send(session, from, token, [to]);
    if (outcome.kind === "refused") return outcome.reply;
    ledger.answered(token, outcome.id);
    ids.push(outcome.id);
    return "250";
  };
  const waiting = 5;
  for (let number = 0; number < waiting; number++) {
    // oxlint-disable-next-line no-await-in-loop -- one dialogue
    await submit(sender, alice.address, "waiting", number, `later${number}@example.org`);
  }
  for (let number = 0; number < limit; number++) {
    // oxlint-disable-next-line no-await-in-loop
    await submit(greedy, bob.address, "greedy", number, alice.address);
  }

  /** Forward, and forward again; then back and forth. */
  const forward = Math.ceil(Math.min(rounds / 2, 10));
  let now = 0;
  let furthest = 0;
  const begun = performance.now();
  for (let round = 1; round <= rounds; round++) {
    /* oxlint-disable no-await-in-loop -- one jump after the other */
    now += round <= forward || now < 0 ? twoDays : now >= furthest || random() < 0.5 ? -twoDays : twoDays;
    furthest = Math.max(furthest, now);
    setClock(now);
    for (let number = 0; number < 5; number++) {
      const reply = await submit(outside, "carol@example.com", `round${round}`, number, bob.address);
      if (reply !== "250") failures.push(`local mail after jump ${round}: ${reply}`);
    }
    const over = await greedy.command(`MAIL FROM:<${bob.address}>`);
    const refusal = over.code === 250 ? await greedy.command(`RCPT TO:<${alice.address}>`) : over;
    if (refusal.code < 400 || refusal.code >= 500) {
      failures.push(`over the limit, ${now / 86_400_000} days off, the reply was ${refusal.raw}`);
    }
    await greedy.command("RSET");
    await sleep(100 + random() * 400);
    if (round % 10 === 0) tell(`${round} jumps, ${calls.length} calls for ${waiting} messages that wait`);
    /* oxlint-enable no-await-in-loop */
  }
  const seconds = (performance.now() - begun) / 1000;
  // retry = ["1s"]: once a second each, and once more after each jump.
  const most = waiting * (Math.ceil(seconds) + rounds + 2);
  if (calls.length > most) failures.push(`${calls.length} calls in ${seconds.toFixed(1)} s, at most ${most} were due`);
  const storm = densest(calls, 500);
  if (storm > waiting * 2) failures.push(`${storm} calls for ${waiting} messages within half a second`);

  // At the furthest point everything is deferred once more. Then the clock is right again, and the host has time. Started anew, the server
  // looks at once, not within half a minute.
  for (const session of [sender, greedy, outside]) session.destroy();
  setClock(furthest);
  const before = calls.length;
  await until(() => calls.length >= before + waiting, 40_000);
  await server.kill();
  setClock(0);
  busy = false;
  server = await start();
  if (!(await drained(site, 60_000))) failures.push("mail still waits a minute after the clock was right again");
  await collectMail(server.state, ledger);
  await server.stop();
  closeSync(offset);
  const inOrder = ids.toSorted();
  if (ids.some((id, index) => id !== inOrder[index])) failures.push("ids are not in order");
  const judgement = ledger.judge();
  failures.push(...failuresOf(judgement), ...damageIn(readLog(server.state)));
  const figures = `${rounds} jumps of two days, ${calls.length} calls for ${waiting} waiting messages in ${seconds.toFixed(1)} s, ${figuresOf(judgement)}`;
  return { kind: "ran", figures, failures };
}

/** Most entries within a window of so many ms. */
function densest(times: readonly number[], window: number): number {
  let most = 0;
  let from = 0;
  for (const [index, time] of times.entries()) {
    while ((times[from] ?? time) < time - window) from++;
    most = Math.max(most, index - from + 1);
  }
  return most;
}
