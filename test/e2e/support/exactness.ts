// Many sessions of one account that want more than it may have: how much they get. Every session sends messages to one recipient
// each until nothing is left, gives some transactions back on the way, and goes on when the server was killed meanwhile.

import { setTimeout as sleep } from "node:timers/promises";
import type { Dialogue } from "../../lab/client.ts";
import { openAuthenticated } from "../../lab/site.ts";
import type { Site } from "../../lab/site.ts";
import { passingScope } from "./load.ts";

export interface Demand {
  readonly site: Site;
  readonly account: { readonly address: string; readonly password: string };
  readonly sessions: number;
  /** In [0, 1): which transactions are given back, and in which state. */
  readonly random: () => number;
  /** When the demand ends, by what was accepted so far. Without it: when nothing is left, and nobody holds anything that may come back. */
  readonly until?: (accepted: number) => boolean;
}

/** A recipient that was let through: between these two moments of one clock, ms. */
interface Taken {
  readonly from: number;
  readonly to: number;
}

export interface Supply {
  /** Messages answered 250, by queue id. */
  readonly accepted: readonly string[];
  /** When the recipients of these messages were let through. */
  readonly taken: readonly Taken[];
  /** Messages whose answer never came. */
  readonly unknown: number;
  readonly givenBack: number;
}

export interface Running {
  /** Messages answered 250 so far. */
  accepted(): number;
  readonly done: Promise<Supply>;
}

/** How often a transaction is given back. */
const GIVEN_BACK = 0.1;

/** Longer means that something is stuck, ms. */
const DEADLINE = 300_000;

export function startDemand({ site, account, sessions, random, until }: Demand): Running {
  const deadline = performance.now() + DEADLINE;
  const accepted: string[] = [];
  const taken: Taken[] = [];
  let unknown = 0;
  let givenBack = 0;
  /** Transactions that hold something, or may. */
  let open = 0;

  async function transaction(session: Dialogue): Promise<"more" | "refused" | "over"> {
    await session.expect(`MAIL FROM:<${account.address}>`, 250);
    const alone = open === 0;
    const from = performance.now();
    open++;
    let state: "asked" | "sending" = "asked";
    try {
      const { code } = await session.command("RCPT TO:<somebody@example.org>");
      if (code === 450) {
        await session.expect("RSET", 250);
        // Nobody held anything when this was asked: what is used is charged for good.
        return alone ? "over" : "refused";
      }
      if (code !== 250) throw new Error(`RCPT was answered ${code}`);
      const to = performance.now();
      if (random() < GIVEN_BACK) {
        givenBack++;
        if (random() < 0.5) await session.expect("RSET", 250);
        else await session.expect("EHLO client.example.org", 250);
        return "more";
      }
      await session.expect("DATA", 354);
      state = "sending";
      const { raw } = await session.expect(`From: <${account.address}>\r\nSubject: exact\r\n\r\nhello\r\n.`, 250);
      state = "asked";
      accepted.push(/queued as (\S+)/.exec(raw)?.[1] ?? raw);
      taken.push({ from, to });
      return "more";
    } finally {
      if (state === "sending") unknown++;
      open--;
    }
  }

  /** One that was alone was refused: nothing comes back, for nobody either. */
  let isUsedUp = false;
  const isOver = (): boolean => isUsedUp || until?.(accepted.length) === true;

  async function run(): Promise<void> {
    let session: Dialogue | undefined;
    while (!isOver()) {
      if (performance.now() > deadline) throw new Error(`the demand did not end: ${accepted.length} accepted`);
      /* oxlint-disable no-await-in-loop -- one session does one thing at a time */
      try {
        session ??= await openAuthenticated(passingScope(), site, account);
        const outcome = await transaction(session);
        if (until === undefined && outcome === "over") isUsedUp = true;
        // With fewer questions at a time one of them is alone soon.
        if (until === undefined && outcome === "refused") await sleep(random() * sessions * 20);
      } catch {
        session?.destroy();
        session = undefined;
        await sleep(20);
      }
      /* oxlint-enable no-await-in-loop */
    }
    session?.destroy();
  }

  return {
    accepted: () => accepted.length,
    done: Promise.all(Array.from({ length: sessions }, run)).then(() => ({ accepted, taken, unknown, givenBack })),
  };
}

/**
 * The most that were surely let through within one interval of `length` ms: the limit is broken when it is more. Others at
 * its edges may have been in it or not.
 */
export function mostWithin(taken: readonly Taken[], length: number): number {
  let most = 0;
  for (const { from } of taken) {
    let count = 0;
    for (const each of taken) if (each.from >= from && each.to < from + length) count++;
    most = Math.max(most, count);
  }
  return most;
}
