// The door between the queue store and the attempts: what must wait goes in, in batches; what is due comes out, as far
// as there is room for it. Promises: the store is asked when the earliest message is due, soon after room was made for
// what found none, and now and then in any case; one question is under way at a time. Nothing comes out after `close`.
// Due times are wall time. What a clock that ran ahead has put far into the future is brought back at the start and
// whenever the clock has gone back.

import type { Clock } from "../../io/clock.ts";
import type { Remote } from "../../io/rpc.ts";
import type { Observer } from "../../observe/events.ts";
import type { QueueStore, UntriedMessage, WaitingMessage } from "../../store/store.ts";
import type { Persistence } from "./persist.ts";

const CLAIM_BATCH = 200;
/** A claim that is not settled by then is free again: its thread is gone. */
export const LEASE = 60 * 60_000;
/** How often the store is asked although nothing told us to: leases that ran out, rows from a command. */
const POLL = 30_000;
/** The wall clock has gone back when it lost so much on the monotonic one, ms: less is the work of NTP. */
const GONE_BACK = 1000;
/** Messages that must wait are gathered this long, ms. */
const KEEP_TIME = 50;
/** How soon what is due and found no room is looked at again, ms, and after how many ended messages at the latest. */
const CROWDED = 100;
const ENOUGH = 50;

interface PollerServices {
  readonly persist: Persistence["persist"];
  readonly store: Remote<Pick<QueueStore, "addWaiting" | "claimDue" | "hasten" | "nextDue">>;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly paused: () => boolean;
  /** Wall ms: nothing is due later by what is known now. */
  readonly latestDue: (now: number) => number;
  /** Messages that may still begin. */
  readonly room: () => number;
  readonly fullDomains: () => readonly string[];
  /** A message whose due recipients were claimed. */
  readonly due: (claimed: WaitingMessage) => void;
}

export interface Poller {
  /** Asks the store in so many ms, or when the wall clock says that `due` is over. */
  after(wait: number): void;
  at(due: number): void;
  /** A message ended and left its room. */
  left(): void;
  /** Into the queue store, due at once; many together are one transaction. */
  keep(waiting: UntriedMessage): void;
  /** Resolves when what was kept so far is in the store, or was refused by it for now. */
  kept(): Promise<void>;
  /** Resolves when no question is under way any more. What is kept may still be on its way. */
  close(): Promise<void>;
}

export function createPoller(services: PollerServices): Poller {
  const { store, persist, clock, observer, paused, latestDue, room, fullDomains, due } = services;
  /** Something is due that found no room. */
  let crowded = false;
  let endedSince = 0;
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  let pollAt = Number.POSITIVE_INFINITY;
  let polling: Promise<void> | undefined;
  let pollAgain = false;
  /** Wall minus monotonic time at the last look; at first nobody knows what clock the times in the store are from. */
  let usualLead = Number.POSITIVE_INFINITY;
  const waitingToBeKept: UntriedMessage[] = [];
  let keeping: Promise<void> | undefined;
  const broken = (error: unknown): void => observer.emit("internal.failed", { where: "queue", cause: String(error) });

  function after(wait: number): void {
    const at = clock.monotonic() + Math.max(0, Math.min(wait, POLL));
    if (closing || paused() || at >= pollAt) return;
    pollAt = at;
    clearTimeout(timer);
    timer = setTimeout(poll, Math.max(1, at - clock.monotonic()));
  }

  function poll(): void {
    pollAt = Number.POSITIVE_INFINITY;
    if (closing) return;
    if (polling !== undefined) {
      pollAgain = true;
      return;
    }
    polling = takeDue().then((wait) => {
      polling = undefined;
      const again = pollAgain;
      pollAgain = false;
      // What is due and was not taken has no room: it is looked at when enough has ended, or a moment later.
      crowded = wait <= 0;
      after(again ? 0 : crowded ? CROWDED : wait);
    });
  }

  async function lookAtClock(): Promise<void> {
    const now = clock.wall();
    const lead = now - clock.monotonic();
    if (lead < usualLead - GONE_BACK) await store.hasten(now, latestDue(now));
    usualLead = lead;
  }

  /** Resolves to how long the queue may be left alone, ms. */
  async function takeDue(): Promise<number> {
    let wait = POLL;
    try {
      await lookAtClock();
      for (;;) {
        const limit = Math.min(CLAIM_BATCH, Math.ceil(room() / 2));
        if (limit <= 0 || closing) break;
        const claimed = await store.claimDue(clock.wall(), LEASE, limit, fullDomains());
        // Nothing begins after close(); the next start ends the leases.
        if (closing) break;
        for (const message of claimed) due(message);
        if (claimed.length < limit) break;
      }
      const next = await store.nextDue();
      if (next !== undefined) wait = next - clock.wall();
    } catch (error) {
      broken(error);
    }
    return wait;
  }

  return {
    after,
    at: (time) => after(time - clock.wall()),
    left: () => {
      if (!crowded || ++endedSince < Math.min(ENOUGH, Math.ceil(room() / 4))) return;
      endedSince = 0;
      after(0);
    },
    keep: (waiting) => {
      waitingToBeKept.push(waiting);
      keeping ??= new Promise((resolve) => {
        setTimeout(() => {
          const batch = waitingToBeKept.splice(0);
          keeping = undefined;
          const refused = (error: unknown): void => {
            broken(error);
            resolve();
          };
          persist(() => store.addWaiting(batch, clock.wall(), 0), refused)
            .then(
              () => after(0),
              // They are found in the spool at the next start.
              () => undefined,
            )
            .finally(resolve);
        }, KEEP_TIME);
      });
    },
    kept: async () => await keeping,
    close: async () => {
      closing = true;
      clearTimeout(timer);
      await polling;
    },
  };
}
