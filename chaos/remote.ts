// The remote host breaks connections, or hangs, at every point of the dialogue; one host for each point and manner, all at once, each so many
// times before it behaves. Every message gets there in the end, and a second time only where the host had taken it and its 250
// did not arrive.

import { setTimeout as sleep } from "node:timers/promises";
import { alice, openAuthenticated, startSite } from "../test/lab/site.ts";
import { readLog } from "../test/e2e/support/log.ts";
import { passingScope } from "../test/e2e/support/load.ts";
import { waitFor } from "../test/lab/wait.ts";
import { points, startExchanger } from "./exchanger.ts";
import type { Exchanger, Fault, Point } from "./exchanger.ts";
import { createLedger, failuresOf, figuresOf, makeToken } from "./ledger.ts";
import type { Ledger } from "./ledger.ts";
import { send } from "./load.ts";
import { drained } from "./mailboxes.ts";
import type { ChaosOptions, Report } from "./report.ts";
import { damageIn } from "./server-log.ts";

/** Where the host has taken the message and the 250 is not read, or may not be. */
const doubtful = "final dot, before its 250";
const manners = ["reset", "end", "hang"] as const;

interface Host {
  readonly domain: string;
  readonly at: Point;
  readonly exchanger: Exchanger;
  readonly ledger: Ledger;
  readonly faults: () => number;
}

export async function chaosRemote({ scope, rounds, random, tell }: ChaosOptions): Promise<Report> {
  const hosts: Host[] = [];
  for (const [number, at] of points.entries()) {
    for (const kind of manners) {
      // A reset can overtake the 250 that was sent before it.
      if (at === "250 of the final dot" && kind === "reset") continue;
      const ledger = createLedger();
      let faults = 0;
      const fault = (): Fault | undefined => {
        if (faults >= rounds) return undefined;
        faults++;
        return { at, manner: kind === "hang" ? { kind, ms: 20 + random() * 180 } : { kind } };
      };
      // oxlint-disable-next-line no-await-in-loop -- a few
      const exchanger = await startExchanger(scope, {
        taken: (recipient, content) => ledger.arrived(recipient, content, "remote"),
        fault,
      });
      hosts.push({ domain: `${kind}-${number}.example.org`, at, exchanger, ledger, faults: () => faults });
    }
  }
  const [first] = hosts;
  if (first === undefined) throw new Error("no hosts");
  const site = await startSite(scope, {
    smarthost: first.exchanger,
    tables: [
      ...hosts.flatMap(({ domain, exchanger: { address, port } }) => [
        "[[route]]",
        `domain = "${domain}"`,
        `host = "${address}"`,
        `port = ${port}`,
      ]),
      "[limits.account]",
      'recipients = ["100000000/1h"]',
    ],
  });

  const failures: string[] = [];
  /** A message for each host at a time, until all of them have broken as often as they should. */
  const session = await openAuthenticated(passingScope(), site, alice);
  const lengths = [300, 3000, 30_000, 300_000];
  for (let number = 0; hosts.some((host) => host.faults() < rounds); number++) {
    /* oxlint-disable no-await-in-loop -- one dialogue */
    for (const host of hosts) {
      if (host.faults() >= rounds && number > 0) continue;
      const token = makeToken("remote", number, lengths[number % lengths.length] ?? 0);
      const recipients = [`one@${host.domain}`, ...(number % 3 === 2 ? [`two@${host.domain}`] : [])];
      host.ledger.tried(token, recipients);
      const outcome = await send(session, alice.address, token, recipients);
      if (outcome.kind === "queued") host.ledger.answered(token, outcome.id);
      else failures.push(`refused: ${outcome.reply}`);
    }
    if (number % 20 === 19) tell(`${hosts.reduce((sum, host) => sum + host.faults(), 0)} connections broken`);
    if (number > rounds * 20 + 100) {
      const slow = hosts.filter((host) => host.faults() < rounds).map(({ domain, faults }) => `${domain} ${faults()}`);
      failures.push(`tried too seldom: ${slow.join(", ")}`);
      break;
    }
    await sleep(150);
    /* oxlint-enable no-await-in-loop */
  }
  session.destroy();
  if (!(await drained(site, 60_000))) failures.push("mail still waits a minute after the hosts began to behave");
  await waitFor(
    "all connections to end",
    30_000,
    () => hosts.every(({ exchanger }) => exchanger.open() === 0) || undefined,
  );
  await site.server.stop();

  let broken = 0;
  let connections = 0;
  const sums = { answered: 0, copies: 0, lost: 0, seconds: 0 };
  for (const { domain, at, ledger, faults, exchanger } of hosts) {
    const judgement = ledger.judge();
    failures.push(...failuresOf(judgement).map((each) => `${domain} (${at}): ${each}`));
    const most = at === doubtful ? faults() : 0;
    // Two recipients of one message are one second copy each.
    if (judgement.seconds.remote > 2 * most) failures.push(`${domain} (${at}): ${figuresOf(judgement)}`);
    broken += faults();
    connections += exchanger.connections();
    sums.answered += judgement.answered;
    sums.copies += judgement.copies;
    sums.lost += judgement.lost.length;
    sums.seconds += judgement.seconds.remote;
  }
  failures.push(...damageIn(readLog(site.server.state)));
  return {
    kind: "ran",
    figures:
      `${hosts.length} hosts (${points.length} points of the dialogue), ${broken} of ${connections} connections broken, ` +
      `${sums.answered} messages answered 250, ${sums.copies} copies came, ${sums.lost} missing, ${sums.seconds} second copies`,
    failures,
  };
}
