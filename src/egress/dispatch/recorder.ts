// What attempts came to is written down: ends in the spool, what must wait in the queue store, and the sender is told.
// Promises: a report is durable before the failure that it tells of is recorded. What cannot be written now (a full disk) is
// written later (persist.ts), and until then the run goes on: nobody tries its recipients again, and the connection that
// delivered them sends no further final dot, so that a crash meanwhile repeats no more than at other times. What is not
// written when the server ends stays open in the spool, and the next start finds it there.

import type { Remote } from "../../io/rpc.ts";
import { nextStep, type RetrySchedule } from "../../queue/schedule.ts";
import type { Settlement, Spool, SpooledMessage } from "../../spool/message.ts";
import type { DeferredMessage, QueueStore } from "../../store/store.ts";
import { bounce, deliveredAs, type Bounced, type BounceServices, type Ended } from "./bounce.ts";
import type { Persistence } from "./persist.ts";
import { grouped, type Run } from "./run.ts";
import type { AttemptResult } from "./transport.ts";

/** Until a failure that could not be reported is tried again, ms. */
const REPORT_AGAIN = 5 * 60_000;

export interface RecorderServices extends BounceServices {
  readonly spool: Pick<Spool, "append" | "settle">;
  readonly store: Remote<Pick<QueueStore, "putWaiting" | "removeWaiting">>;
  readonly persist: Persistence["persist"];
  /** `delayNotice`: age at which a sender is told that a message waits, ms. */
  readonly schedule: RetrySchedule & { readonly delayNotice: number };
}

interface RecorderEvents {
  /** A message of our own is durable and wants to be delivered. */
  readonly created: (message: SpooledMessage, content: readonly Uint8Array[]) => void;
  /** Recipients are in the queue store until then. */
  readonly waits: (due: number) => void;
}

type Deferred = DeferredMessage["recipients"][number];
type PastAttemptFacts = NonNullable<Deferred["attempt"]>;

/**
 * Records results of one run. Resolves when they are recorded, or could not be, which is an event. Whoever waits is called
 * as soon as what was delivered is recorded, and not otherwise.
 */
export type Recorder = (run: Run, results: readonly AttemptResult[], waiters: readonly (() => void)[]) => Promise<void>;

export function createRecorder(services: RecorderServices, { created, waits }: RecorderEvents): Recorder {
  const { spool, store, observer, clock } = services;

  async function record(run: Run, results: readonly AttemptResult[], waiters: readonly (() => void)[]): Promise<void> {
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
    if (delivered.length > 0) work.push(recordDelivered(run, delivered, waiters));
    if (waiting.length > 0) work.push(tell(run, delayed).then((told) => putBack(run, waiting, told)));
    // One report for all recipients that failed in this run.
    if (run.open.size === 0 && run.results.length === 0 && run.failures.length > 0) work.push(giveUp(run));
    const outcomes = await Promise.allSettled(work);
    for (const outcome of outcomes) if (outcome.status === "rejected") failed(run, outcome.reason);
  }

  async function recordDelivered(
    run: Run,
    delivered: readonly AttemptResult[],
    waiters: readonly (() => void)[],
  ): Promise<void> {
    // Success is told only to who asked for it (NOTIFY), and nearly nobody does.
    if (run.message.recipientDsn !== undefined) {
      const about = delivered.map((result) => ({ result, event: deliveredAs(result) }));
      await tell(run, about);
    }
    await settle(run, delivered, "delivered");
    for (const recorded of waiters) recorded();
    await forget(run, delivered);
  }

  /**
   * A notification about what did not fail. Without it nothing is lost, and a second delivery would be worse than none:
   * when it cannot be made, that is an event and the mail goes on. Resolves to those who need no other.
   */
  async function tell(run: Run, about: readonly Ended[]): Promise<readonly Ended[]> {
    if (about.length === 0) return about;
    try {
      const bounced = await bounce(services, run.message, () => original(run), about);
      if (bounced !== undefined) created(bounced.message, bounced.content);
      return about;
    } catch (error) {
      failed(run, error);
      return [];
    }
  }

  async function putBack(run: Run, waiting: readonly Deferred[], told: readonly Ended[]): Promise<void> {
    for (const { result } of told) run.warned.add(result.recipient);
    const recipients = waiting.map((each) => withWarning(run, each));
    await written(run, () => store.putWaiting([{ message: run.message, recipients }]));
    // At once: a claim of what is due by now must find them free.
    for (const { recipient } of waiting) run.busy.delete(recipient);
    waits(Math.min(...waiting.map(({ due }) => due)));
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
      failed(run, error);
      await written(run, () => store.putWaiting([{ message, recipients }]));
      return waits(due);
    }
    for (const { recipient, reply, status, remote } of failures) {
      const recipients = [message.recipients[recipient]!];
      observer.emit("delivery.failed", { message: message.id, recipients, destination: remote, reply, status });
    }
    // Durable by now, whatever becomes of the settlement.
    if (bounced !== undefined) created(bounced.message, bounced.content);
    await settle(run, failures, "failed");
    await forget(run, failures);
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
    const settlements = results.map(({ recipient }) => ({ recipient, outcome }));
    await written(run, () => spool.settle(run.message.id, settlements));
  }

  /** The spool has its end; a start would find that out, too. */
  async function forget(run: Run, results: readonly AttemptResult[]): Promise<void> {
    if (!run.stored) return;
    const recipients = results.map(({ recipient }) => recipient);
    await written(run, () => store.removeWaiting([{ id: run.message.id, recipients }]));
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

  function written(run: Run, write: () => Promise<void>): Promise<void> {
    return services.persist(write, (error) => failed(run, error));
  }

  function failed(run: Run, error: unknown): void {
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    observer.emit("internal.failed", { where: `queue of ${run.message.id}`, cause });
  }

  return (run, results, waiters) => record(run, results, waiters).catch((error: unknown) => failed(run, error));
}

function withWarning(run: Run, waiting: Deferred): Deferred {
  return run.warned.has(waiting.recipient) ? { ...waiting, warned: true } : waiting;
}

function attemptOf({ remote, tls, milliseconds }: AttemptResult, at: number): PastAttemptFacts {
  return tls === undefined ? { at, remote, milliseconds } : { at, remote, tls, milliseconds };
}
