// Carries every accepted message to its end: splits recipients into local and remote, makes the attempts, records the
// ends in the spool, hands what must wait to the queue store, and bounces what failed for good.
//
//   accepted ─► active ─► delivered / failed ─► settled in the spool
//                  │ └──► deferred ─► queue store (SQLite, other thread) ─┐
//                  ▲                                                      │ due, claimed
//                  └──────────────────────────────────────────────────────┘
//
// Active messages are bounded (window.ts), in all and for each recipient domain; what comes in beyond goes to the queue
// store as due now. Attempts are recorded before they are made (law 4): the first by the accept record itself, later
// ones by the claim. The state thread is asked about what waits only; a message delivered at once never touches it.

import { parseAddress } from "../../address/address.ts";
import type { Directory } from "../../directory/directory.ts";
import type { Remote } from "../../io/rpc.ts";
import type { Mailboxes } from "../../mailbox/maildir.ts";
import { domainOf } from "../../queue/classes.ts";
import { nextStep } from "../../queue/schedule.ts";
import type { RetrySchedule } from "../../queue/schedule.ts";
import type { Recovered, Settlement, Spool, SpooledMessage } from "../../spool/message.ts";
import type { DeferredMessage, QueueChange, QueueCount, QueueSelector, QueueStore } from "../../store/store.ts";
import { agreeWithSpool } from "./agree.ts";
import { bounce, deliveredAs } from "./bounce.ts";
import type { Bounced, BounceServices, Ended } from "./bounce.ts";
import { deleteWaiting } from "./delete.ts";
import { deliverLocally } from "./local.ts";
import { outgoing } from "./outgoing.ts";
import type { OutgoingServices } from "./outgoing.ts";
import type { AttemptResult, Transport } from "./transport.ts";
import { ActiveWindow } from "./window.ts";

const ACTIVE_LIMIT = 20_000;
/** Content of fresh messages kept in memory until they end, octets; that of others is read from the spool in its turn. */
const CONTENT_LIMIT = 128 * 2 ** 20;
const CLAIM_BATCH = 200;
/** A claim that is not settled by then is free again: its thread is gone. */
const LEASE = 60 * 60_000;
/** How often the store is asked although nothing told us to: leases that ran out, rows from a command. */
const POLL = 30_000;
/** Messages that must wait are gathered this long, ms. */
const KEEP_TIME = 50;
/** How soon what is due and found no room is looked at again, ms, and after how many ended messages at the latest. */
const CROWDED = 100;
const ENOUGH = 50;
/** Until a failure that could not be reported is tried again, ms. */
const REPORT_AGAIN = 5 * 60_000;

export interface DispatcherServices extends BounceServices, OutgoingServices {
  readonly spool: Spool;
  readonly store: Remote<QueueStore>;
  readonly directory: Directory;
  readonly mailboxes: Mailboxes;
  readonly transport: Transport;
  /** `delayNotice`: age at which a sender is told that a message waits, ms. */
  readonly schedule: RetrySchedule & { readonly delayNotice: number };
  /** Nothing is delivered; what comes in waits. */
  readonly paused: boolean;
  /** Messages in delivery at once. */
  readonly window?: number;
  /** Octets of content kept in memory for them. */
  readonly contentMemory?: number;
}

export interface Dispatcher {
  /** A durable message from ingress. Never throws. */
  accepted(message: SpooledMessage, content: readonly Uint8Array[]): void;
  /** What the spool found at start. Resolves when the queue store agrees. */
  recover(recovered: Recovered): Promise<void>;
  /** Begins to take due messages from the queue store. */
  start(): void;
  /** hold reaches what is being tried, too: the attempt goes on and is the last until the release. */
  change(change: QueueChange, selector: QueueSelector): Promise<QueueCount>;
  /** Ends what waits; what is being tried is left alone. */
  remove(selector: QueueSelector): Promise<QueueCount>;
  active(): readonly ActiveMessage[];
  activeCount(): number;
  /** No new attempts; resolves when those under way have ended. */
  close(): Promise<void>;
}

export interface ActiveMessage {
  readonly message: SpooledMessage;
  readonly recipients: readonly number[];
  /** Whether the queue store has rows of it. */
  readonly stored: boolean;
}

type Deferred = DeferredMessage["recipients"][number];
type PastAttemptFacts = NonNullable<Deferred["attempt"]>;

interface Run {
  readonly message: SpooledMessage;
  readonly content: () => Promise<readonly Uint8Array[]>;
  /** Attempts made, this one included, by recipient. */
  readonly attempts: ReadonlyMap<number, number>;
  /** The queue store has rows of it: they must be put back or removed. */
  stored: boolean;
  /** Octets of content kept in memory. */
  readonly held: number;
  /** Recipients of whose delay the sender has been told. */
  readonly warned: Set<number>;
  readonly open: Set<number>;
  /** Open, or ended and not recorded yet. */
  readonly busy: Set<number>;
  /** Open recipients by domain. */
  readonly domains: Map<string, number>;
  results: AttemptResult[];
  readonly failures: AttemptResult[];
  scheduled: boolean;
  /** Groups of results on their way into the spool or the store. */
  recording: number;
}

export function createDispatcher(services: DispatcherServices): Dispatcher {
  const { spool, store, directory, observer, clock } = services;
  /** Several of one message when a recipient is due again while another is still being tried. */
  const runs = new Set<Run>();
  const byId = new Map<string, Set<Run>>();
  let contentHeld = 0;
  const window = new ActiveWindow(services.window ?? ACTIVE_LIMIT);
  /** Something is due that found no room. */
  let crowded = false;
  let endedSince = 0;
  let closing = false;
  let idle: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  let polling: Promise<void> | undefined;
  let pollAgain = false;
  const kept: DeferredMessage[] = [];
  let keeping: Promise<void> | undefined;

  function begin(
    message: SpooledMessage,
    attempts: ReadonlyMap<number, number>,
    source: "fresh" | "claimed",
    content?: readonly Uint8Array[],
    warned: readonly number[] = [],
  ): void {
    const room = (services.contentMemory ?? CONTENT_LIMIT) - contentHeld;
    const inMemory = content === undefined || message.size > room ? undefined : Promise.resolve(content);
    let loaded = inMemory;
    const run: Run = {
      message,
      content: () => (loaded ??= spool.read(message.id).then((bytes) => [bytes])),
      held: inMemory === undefined ? 0 : message.size,
      attempts,
      stored: source === "claimed",
      warned: new Set(warned),
      open: new Set(attempts.keys()),
      busy: new Set(attempts.keys()),
      domains: new Map(),
      results: [],
      failures: [],
      scheduled: false,
      recording: 0,
    };
    enter(run);
    const remote: number[] = [];
    for (const recipient of attempts.keys()) {
      const address = parseAddress(message.recipients[recipient]!, { utf8: true });
      if (!address.ok) {
        // <postmaster> without a domain is the only accepted recipient that the mailbox grammar does not know.
        void locally(run, recipient, directory.lookup({ local: "postmaster", domain: undefined, literal: undefined }));
        continue;
      }
      const answer = directory.lookup(address.value);
      if (!(answer instanceof Promise) && answer.kind === "remote") remote.push(recipient);
      else void locally(run, recipient, answer);
    }
    if (remote.length > 0) remotely(run, remote);
  }

  function enter(run: Run): void {
    runs.add(run);
    const same = byId.get(run.message.id);
    if (same === undefined) byId.set(run.message.id, new Set([run]));
    else same.add(run);
    window.enter();
    contentHeld += run.held;
    for (const recipient of run.open) {
      const domain = domainOf(run.message.recipients[recipient]!);
      const others = run.domains.get(domain) ?? 0;
      run.domains.set(domain, others + 1);
      if (others === 0) window.join(domain);
    }
  }

  function remotely(run: Run, recipients: readonly number[]): void {
    try {
      services.transport.submit({
        message: run.message,
        recipients,
        attempt: Math.max(...recipients.map((recipient) => run.attempts.get(recipient) ?? 1)),
        ...outgoing(services, run.message, run.content),
        done: (result) => ended(run, result),
      });
    } catch (error) {
      for (const recipient of recipients) ended(run, brokenHere(recipient, error));
    }
  }

  async function locally(run: Run, recipient: number, lookup: ReturnType<Directory["lookup"]>): Promise<void> {
    try {
      const target = await lookup;
      if (target.kind === "remote") remotely(run, [recipient]);
      else ended(run, await deliverLocally(services.mailboxes, run.message, recipient, target, await run.content()));
    } catch (error) {
      ended(run, brokenHere(recipient, error));
    }
  }

  /** Results of one tick are recorded together. */
  function ended(run: Run, result: AttemptResult): void {
    if (!run.open.delete(result.recipient)) return;
    const domain = domainOf(run.message.recipients[result.recipient]!);
    const others = run.domains.get(domain)! - 1;
    run.domains.set(domain, others);
    if (others === 0) window.part(domain);
    run.results.push(result);
    if (run.scheduled) return;
    run.scheduled = true;
    setImmediate(() => {
      run.scheduled = false;
      const results = run.results;
      run.results = [];
      run.recording++;
      record(run, results)
        .catch((error: unknown) => failed(run, error))
        .finally(() => {
          // What failed, or was given up, is recorded with the report, after which the run ends.
          const unreported = new Set(run.failures.map(({ recipient }) => recipient));
          for (const { recipient, kind } of results) {
            if (kind !== "failed" && !unreported.has(recipient)) run.busy.delete(recipient);
          }
          run.recording--;
          finish(run);
        });
    });
  }

  async function record(run: Run, results: readonly AttemptResult[]): Promise<void> {
    const { message } = run;
    const now = clock.wall();
    const delivered = results.filter(({ kind }) => kind === "delivered");
    const waiting: Deferred[] = [];
    const delayed: Ended[] = [];
    for (const result of results) {
      if (result.kind === "failed") run.failures.push(result);
      if (result.kind !== "deferred") continue;
      const attempts = run.attempts.get(result.recipient) ?? 1;
      const step = nextStep(services.schedule, { receivedAt: message.receivedAt, attempts }, now);
      if (step.kind === "give-up")
        run.failures.push({ ...result, kind: "failed", status: result.status.replace(/^4/, "5") });
      else {
        const { recipient, status, reply } = result;
        waiting.push({ recipient, attempts, due: step.due, status, reply, attempt: attemptOf(result, now) });
        if (now >= message.receivedAt + services.schedule.delayNotice && !run.warned.has(recipient)) {
          delayed.push({ result, event: "delayed", willRetryUntil: message.receivedAt + services.schedule.giveUp });
        }
      }
    }
    announce(run, delivered, results, waiting);
    const work: Promise<unknown>[] = [];
    if (delivered.length > 0) work.push(confirm(run, delivered).then(() => settle(run, delivered, "delivered")));
    if (waiting.length > 0) work.push(tell(run, delayed).then((told) => putBack(run, waiting, told)));
    // One report for all recipients that failed in this run.
    if (run.open.size === 0 && run.results.length === 0 && run.failures.length > 0) work.push(giveUp(run));
    const outcomes = await Promise.allSettled(work);
    for (const outcome of outcomes) if (outcome.status === "rejected") failed(run, outcome.reason);
  }

  /** Success is told only to who asked for it (NOTIFY), and nearly nobody does. */
  async function confirm(run: Run, delivered: readonly AttemptResult[]): Promise<void> {
    if (run.message.recipientDsn === undefined) return;
    const about = delivered.map((result) => ({ result, event: deliveredAs(result) }));
    await tell(run, about);
  }

  /**
   * A notification about what did not fail. Without it nothing is lost, and a second delivery would be worse than none:
   * when it cannot be made, that is an event and the mail goes on. Resolves to those who need no other.
   */
  async function tell(run: Run, about: readonly Ended[]): Promise<readonly Ended[]> {
    if (about.length === 0) return about;
    try {
      const bounced = await bounce(services, run.message, () => original(run), about);
      if (bounced !== undefined) accepted(bounced.message, bounced.content);
      return about;
    } catch (error) {
      failed(run, error);
      return [];
    }
  }

  async function putBack(run: Run, waiting: readonly Deferred[], told: readonly Ended[]): Promise<void> {
    for (const { result } of told) run.warned.add(result.recipient);
    await store.putWaiting([{ message: run.message, recipients: waiting.map((each) => withWarning(run, each)) }]);
    // At once: a claim of what is due by now must find them free.
    for (const { recipient } of waiting) run.busy.delete(recipient);
    wakeAt(waiting);
  }

  async function giveUp(run: Run): Promise<void> {
    const failures = run.failures.splice(0);
    const { message } = run;
    let bounced: Bounced | undefined;
    try {
      const about = failures.map((result) => ({ result, event: "failed" }) as const);
      bounced = await bounce(services, message, () => original(run), about);
    } catch (error) {
      // The sender must hear of it: another attempt comes to the same end, and by then there may be room for the report.
      const due = clock.wall() + REPORT_AGAIN;
      const recipients = failures.map((failure) => {
        const { recipient, status, reply } = failure;
        const attempts = run.attempts.get(recipient) ?? 1;
        const attempt = attemptOf(failure, clock.wall());
        return withWarning(run, { recipient, attempts, due, status, reply, attempt });
      });
      await store.putWaiting([{ message, recipients }]);
      wakeAt(recipients);
      throw error;
    }
    for (const { recipient, reply, status, remote } of failures) {
      const recipients = [message.recipients[recipient]!];
      observer.emit("delivery.failed", { message: message.id, recipients, destination: remote, reply, status });
    }
    try {
      await settle(run, failures, "failed");
    } finally {
      // Durable by now, whatever became of the settlement.
      if (bounced !== undefined) accepted(bounced.message, bounced.content);
    }
  }

  /** For the report. A message whose content cannot be read any more fails too, and its sender is told without it. */
  async function original(run: Run): Promise<readonly Uint8Array[]> {
    try {
      return await run.content();
    } catch (error) {
      failed(run, error);
      return [];
    }
  }

  async function settle(run: Run, results: readonly AttemptResult[], outcome: Settlement["outcome"]): Promise<void> {
    const recipients = results.map(({ recipient }) => recipient);
    const settled = spool.settle(
      run.message.id,
      recipients.map((recipient) => ({ recipient, outcome })),
    );
    await settled;
    if (run.stored) await store.removeWaiting(run.message.id, recipients);
  }

  function announce(
    run: Run,
    delivered: readonly AttemptResult[],
    results: readonly AttemptResult[],
    waiting: readonly { readonly recipient: number; readonly due: number }[],
  ): void {
    const names = (each: readonly AttemptResult[]): string[] =>
      each.map(({ recipient }) => run.message.recipients[recipient]!);
    for (const group of grouped(delivered)) {
      const { remote, reply, milliseconds, tls } = group[0]!;
      observer.emit("delivery.delivered", {
        message: run.message.id,
        recipients: names(group),
        destination: remote,
        reply,
        milliseconds,
        ...(tls === undefined ? {} : { tls }),
      });
    }
    const due = new Map(waiting.map((each) => [each.recipient, each.due]));
    for (const group of grouped(results.filter(({ recipient }) => due.has(recipient)))) {
      const { remote, reply, recipient } = group[0]!;
      observer.emit("delivery.deferred", {
        message: run.message.id,
        recipients: names(group),
        destination: remote,
        reply,
        next: new Date(due.get(recipient)!).toISOString(),
      });
    }
  }

  /**
   * Nothing is lost: what could not be recorded is still open in the spool, and the next start finds it there. It is not
   * tried again before: a disk that takes no settlement would turn every attempt into one more copy.
   */
  function failed(run: Run, error: unknown): void {
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    observer.emit("internal.failed", { where: `queue of ${run.message.id}`, cause });
  }

  function finish(run: Run): void {
    if (run.open.size > 0 || run.scheduled || run.recording > 0) return;
    runs.delete(run);
    window.leave();
    contentHeld -= run.held;
    const same = byId.get(run.message.id)!;
    same.delete(run);
    if (same.size === 0) byId.delete(run.message.id);
    if (crowded && ++endedSince >= Math.min(ENOUGH, Math.ceil(window.room / 4))) {
      endedSince = 0;
      schedulePoll(0);
    }
    if (runs.size === 0) idle?.();
  }

  /** A lease is wall time: when the clock is set forward it can run out under an attempt that goes on. */
  function beingTried(id: string, recipient: number): boolean {
    for (const run of byId.get(id) ?? []) if (run.busy.has(recipient)) return true;
    return false;
  }

  function accepted(message: SpooledMessage, content?: readonly Uint8Array[]): void {
    const now: number[] = [];
    const later: number[] = [];
    const wait = closing || services.paused || window.room === 0;
    for (const [index, recipient] of message.recipients.entries()) {
      if (wait || window.full(domainOf(recipient))) later.push(index);
      else now.push(index);
    }
    if (later.length > 0) {
      const due = clock.wall();
      keep({ message, recipients: later.map((recipient) => ({ recipient, attempts: 0, due, status: "", reply: "" })) });
    }
    if (now.length === 0) return;
    try {
      begin(message, new Map(now.map((recipient) => [recipient, 1])), "fresh", content);
    } catch (error) {
      observer.emit("internal.failed", { where: `queue of ${message.id}`, cause: String(error) });
    }
  }

  /** Into the queue store, due now; many at once are one transaction. */
  function keep(waiting: DeferredMessage): void {
    kept.push(waiting);
    keeping ??= new Promise((resolve) => {
      setTimeout(() => {
        const batch = kept.splice(0);
        keeping = undefined;
        store
          .putWaiting(batch)
          .then(() => schedulePoll(0))
          // They are found in the spool at the next start.
          .catch((error: unknown) => observer.emit("internal.failed", { where: "queue", cause: String(error) }))
          .finally(resolve);
      }, KEEP_TIME);
    });
  }

  function wakeAt(waiting: readonly { readonly due: number }[]): void {
    schedulePoll(Math.min(...waiting.map(({ due }) => due)) - clock.wall());
  }

  let pollAt = Number.POSITIVE_INFINITY;
  function schedulePoll(wait: number): void {
    const at = clock.monotonic() + Math.max(0, Math.min(wait, POLL));
    if (closing || services.paused || at >= pollAt) return;
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
      schedulePoll(again ? 0 : crowded ? CROWDED : wait);
    });
  }

  /** Resolves to how long the queue may be left alone, ms. */
  async function takeDue(): Promise<number> {
    let wait = POLL;
    try {
      for (;;) {
        const limit = Math.min(CLAIM_BATCH, Math.ceil(window.room / 2));
        if (limit <= 0 || closing) break;
        const due = await store.claimDue(clock.wall(), LEASE, limit, window.fullDomains());
        // Nothing begins after close(); the next start ends the leases.
        if (closing) break;
        for (const { message, recipients } of due) {
          const free = recipients.filter(({ recipient }) => !beingTried(message.id, recipient));
          if (free.length === 0) continue;
          const warned = free.filter((each) => each.warned === true).map(({ recipient }) => recipient);
          const attempts = new Map(free.map((each) => [each.recipient, each.attempts]));
          begin(message, attempts, "claimed", undefined, warned);
        }
        if (due.length < limit) break;
      }
      const next = await store.nextDue();
      if (next !== undefined) wait = next - clock.wall();
    } catch (error) {
      observer.emit("internal.failed", { where: "queue", cause: String(error) });
    }
    return wait;
  }

  /** Rows for what is being tried for the first time, claimed as long as it is, so that a hold has something to hold. */
  async function storeActive(selector: QueueSelector): Promise<void> {
    const found: { readonly message: SpooledMessage; readonly recipients: readonly number[] }[] = [];
    for (const run of runs) {
      if (run.stored) continue;
      const recipients = [...run.open, ...[...run.results, ...run.failures].map(({ recipient }) => recipient)];
      const meant = recipients.filter((recipient) => means(selector, run.message, recipient));
      if (meant.length === 0) continue;
      run.stored = true;
      found.push({ message: run.message, recipients: meant });
    }
    if (found.length > 0) await store.addWaiting(found, clock.wall(), LEASE);
  }

  return {
    accepted,
    recover: (recovered) => agreeWithSpool(recovered, { store, clock, observer }),
    start: () => schedulePoll(0),
    change: async (change, selector) => {
      // What came in a moment ago is on its way to the store.
      await keeping;
      if (change === "hold") await storeActive(selector);
      const count = await store.changeWaiting(change, selector, clock.wall());
      if (change !== "hold" && count.recipients > 0) schedulePoll(0);
      return count;
    },
    remove: (selector) => deleteWaiting({ spool, store, observer, clock, beingTried }, selector),
    active: () => [...runs].map(({ message, open, stored }) => ({ message, recipients: [...open], stored })),
    activeCount: () => runs.size,
    close: async () => {
      closing = true;
      clearTimeout(timer);
      await polling;
      if (runs.size > 0) await new Promise<void>((resolve) => (idle = resolve));
      // Reports made by the last runs wait in the store as well.
      await keeping;
    },
  };
}

function means(selector: QueueSelector, message: SpooledMessage, recipient: number): boolean {
  switch (selector.kind) {
    case "all":
      return true;
    case "message":
      return message.id === selector.id;
    case "sender":
      return message.sender.toLowerCase() === selector.sender.toLowerCase();
    case "domain":
      return domainOf(message.recipients[recipient]!) === selector.domain.toLowerCase();
  }
}

function withWarning(run: Run, waiting: Deferred): Deferred {
  return run.warned.has(waiting.recipient) ? { ...waiting, warned: true } : waiting;
}

function attemptOf({ remote, tls, milliseconds }: AttemptResult, at: number): PastAttemptFacts {
  return tls === undefined ? { at, remote, milliseconds } : { at, remote, tls, milliseconds };
}

/** Our own trouble is never the end of a message. */
function brokenHere(recipient: number, error: unknown): AttemptResult {
  const reply = error instanceof Error ? error.message : String(error);
  return { recipient, kind: "deferred", status: "4.3.0", reply, remote: "local", milliseconds: 0 };
}

/** Results with the same words from the same host are one event. */
function grouped(results: readonly AttemptResult[]): readonly (readonly AttemptResult[])[] {
  const groups = new Map<string, AttemptResult[]>();
  for (const result of results) {
    const key = `${result.remote}\n${result.reply}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [result]);
    else group.push(result);
  }
  return [...groups.values()];
}
