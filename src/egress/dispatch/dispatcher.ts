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

import { addressKey, parseAddress } from "../../address/address.ts";
import type { Address } from "../../address/address.ts";
import type { Directory, LocalAnswer } from "../../directory/directory.ts";
import type { Remote } from "../../io/rpc.ts";
import type { Mailboxes } from "../../mailbox/maildir.ts";
import { domainOf, firstHolds, holds } from "../../queue/classes.ts";
import { latestDue } from "../../queue/schedule.ts";
import type { Recovered, Spool, SpooledMessage } from "../../spool/message.ts";
import type {
  QueueChange,
  QueueCount,
  QueueSelector,
  QueueStore,
  UntriedMessage,
  WaitingMessage,
} from "../../store/store.ts";
import { agreeWithSpool } from "./agree.ts";
import { deleteWaiting } from "./delete.ts";
import { returnToSender } from "./return.ts";
import type { ReturnServices } from "./return.ts";
import { firstAnswer, withdraw } from "./first-answer.ts";
import type { FirstAnswer } from "./first-answer.ts";
import { deliverLocally } from "./local.ts";
import { gatherWrites } from "./gathered-store.ts";
import { outgoing } from "./outgoing.ts";
import type { OutgoingServices } from "./outgoing.ts";
import { createPersistence, type Distances } from "./persist.ts";
import { createPoller, LEASE } from "./poller.ts";
import { createRecorder } from "./recorder.ts";
import type { RecorderServices } from "./recorder.ts";
import { brokenHere } from "./run.ts";
import type { Run } from "./run.ts";
import type { AttemptResult, Later, Transport } from "./transport.ts";
import { ActiveWindow } from "./window.ts";

export const ACTIVE_LIMIT = 20_000;
/** Content of fresh messages kept in memory until they end, octets; that of others is read from the spool in its turn. */
export const CONTENT_LIMIT = 128 * 2 ** 20;

export interface DispatcherServices extends Omit<RecorderServices, "persist">, OutgoingServices {
  readonly spool: Spool;
  readonly store: Remote<QueueStore>;
  readonly directory: Directory;
  readonly mailboxes: Mailboxes;
  readonly transport: Transport;
  /** Nothing is delivered; what comes in waits. */
  readonly paused: boolean;
  /** Messages in delivery at once. */
  readonly window?: number;
  /** Octets of content kept in memory for them. */
  readonly contentMemory?: number;
  /** How soon what the disk refuses is written again. */
  readonly writeAgain?: Distances;
}

export interface Dispatcher {
  /** A durable message from ingress. Never throws. */
  accepted(message: SpooledMessage, content: readonly Uint8Array[]): void;
  /**
   * The same, while its sender waits for what the mailbox stores of its recipients say to it. Resolves to their answer, or
   * after `within` ms to "taken". Rejects when a refusal could not be recorded: the message may be delivered yet.
   */
  deliver(message: SpooledMessage, content: readonly Uint8Array[], within: number): Promise<FirstAnswer>;
  /** What the spool found at start. Resolves when the queue store agrees. */
  recover(recovered: Recovered): Promise<void>;
  /** Begins to take due messages from the queue store. */
  start(): void;
  /** hold reaches what is being tried, too: the attempt goes on and is the last until the release. */
  change(change: QueueChange, selector: QueueSelector): Promise<QueueCount>;
  /** Ends what waits; what is being tried is left alone. */
  remove(selector: QueueSelector, by: string): Promise<QueueCount>;
  /** The same, and senders get back what they sent. */
  giveBack(selector: QueueSelector, by: string): Promise<QueueCount>;
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

interface Beginning {
  readonly content?: readonly Uint8Array[] | undefined;
  readonly warned?: readonly number[];
  readonly awaited?: Run["awaited"];
}

export function createDispatcher(services: DispatcherServices): Dispatcher {
  const { spool, store, directory, observer, clock } = services;
  const writes = gatherWrites(store);
  const { persist, close: giveUpWriting } = createPersistence(services.writeAgain);
  /** Several of one message when a recipient is due again while another is still being tried. */
  const runs = new Set<Run>();
  const byId = new Map<string, Set<Run>>();
  let contentHeld = 0;
  const window = new ActiveWindow(services.window ?? ACTIVE_LIMIT);
  let closing = false;
  let idle: (() => void) | undefined;
  const poller = createPoller({
    store,
    persist,
    clock,
    observer,
    paused: () => services.paused,
    latestDue: (now) => latestDue(services.schedule, now),
    room: () => window.room,
    fullDomains: () => window.fullDomains(),
    due,
  });
  const hurry = (): void => spool.hurry();
  const record = createRecorder(
    { ...services, store: writes, persist },
    {
      created: (message, content) => accepted(message, content),
      waits: (time) => poller.at(time),
    },
  );

  function begin(
    message: SpooledMessage,
    attempts: ReadonlyMap<number, number>,
    source: "fresh" | "claimed",
    { content, warned = [], awaited }: Beginning,
  ): Run {
    const room = (services.contentMemory ?? CONTENT_LIMIT) - contentHeld;
    const inMemory = message.size > room ? undefined : content;
    let loaded: Later<readonly Uint8Array[]> | undefined = inMemory;
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
      waiters: [],
      failures: [],
      scheduled: false,
      recording: 0,
      awaited,
    };
    enter(run);
    const remote: number[] = [];
    const stored: number[] = [];
    for (const recipient of attempts.keys()) {
      const address = parseAddress(message.recipients[recipient]!, { utf8: true });
      if (!address.ok) {
        // <postmaster> without a domain is the only accepted recipient that the mailbox grammar does not know.
        void locally(run, recipient, directory.lookup({ local: "postmaster", domain: undefined, literal: undefined }));
        continue;
      }
      const answer = directory.lookup(address.value);
      if (answer instanceof Promise) void locally(run, recipient, answer);
      else if (answer.kind === "remote") remote.push(recipient);
      else if (storedAs(answer, address.value)) stored.push(recipient);
      else void locally(run, recipient, answer);
    }
    if (remote.length > 0) remotely(run, remote);
    if (stored.length > 0) remotely(run, stored, { stored: true });
    return run;
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

  function remotely(run: Run, recipients: readonly number[], mark: Pick<AttemptResult, "stored"> = {}): void {
    try {
      services.transport.submit({
        message: run.message,
        recipients,
        attempt: Math.max(...recipients.map((recipient) => run.attempts.get(recipient) ?? 1)),
        ...outgoing(services, run.message, run.content),
        done: (result, recorded) => ended(run, { ...result, ...mark }, recorded),
        hurry,
      });
    } catch (error) {
      for (const recipient of recipients) ended(run, brokenHere(recipient, error));
    }
  }

  /** One copy for somebody to whom the recipient's address leads. */
  function toStore(run: Run, recipient: number, account: string): Promise<AttemptResult> {
    const { recipientDsn: _asked, ...message } = run.message;
    return new Promise((resolve) => {
      services.transport.submit({
        message: { ...message, recipients: [account] },
        recipients: [0],
        attempt: run.attempts.get(recipient) ?? 1,
        ...outgoing(services, run.message, run.content),
        done: (result, recorded) => {
          recorded?.();
          resolve({ ...result, recipient, stored: true });
        },
        hurry,
      });
    });
  }

  async function locally(run: Run, recipient: number, lookup: ReturnType<Directory["lookup"]>): Promise<void> {
    try {
      const target = await lookup;
      if (target.kind === "remote") return remotely(run, [recipient]);
      const address = parseAddress(run.message.recipients[recipient]!, { utf8: true });
      if (address.ok && storedAs(target, address.value)) return remotely(run, [recipient], { stored: true });
      const local = { ...services, toStore: (account: string) => toStore(run, recipient, account) };
      ended(run, await deliverLocally(local, run.message, recipient, target, await run.content()));
    } catch (error) {
      ended(run, brokenHere(recipient, error));
    }
  }

  /** Results of one tick are recorded together; the last ones of a run at once, for nothing can join them. */
  function ended(run: Run, result: AttemptResult, recorded?: () => void): void {
    if (!run.open.delete(result.recipient)) return recorded?.();
    const domain = domainOf(run.message.recipients[result.recipient]!);
    const others = run.domains.get(domain)! - 1;
    run.domains.set(domain, others);
    if (others === 0) window.part(domain);
    run.results.push(result);
    if (run.awaited !== undefined && firstAnswer([result]).kind === "refused") {
      // Kept until all have answered; nobody else waits for that.
      recorded?.();
      if (run.open.size === 0) schedule(run);
      return;
    }
    if (recorded !== undefined) run.waiters.push(recorded);
    if (run.awaited === undefined) schedule(run);
    else letGo(run);
  }

  function schedule(run: Run): void {
    if (run.scheduled) return;
    if (run.open.size === 0) return recordResults(run);
    run.scheduled = true;
    setImmediate(recordResults, run);
  }

  function recordResults(run: Run): void {
    const { results, waiters } = run;
    run.scheduled = false;
    run.results = [];
    run.waiters = [];
    run.recording++;
    void conclude(run, results, waiters).then(() => {
      // What failed, or was given up, is recorded with the report, after which the run ends.
      const unreported = new Set(run.failures.map(({ recipient }) => recipient));
      for (const { recipient, kind } of results) {
        if (kind !== "failed" && !unreported.has(recipient)) run.busy.delete(recipient);
      }
      run.recording--;
      finish(run);
    });
  }

  /** Never rejects. */
  async function conclude(
    run: Run,
    results: readonly AttemptResult[],
    waiters: readonly (() => void)[],
  ): Promise<void> {
    const { awaited } = run;
    if (awaited === undefined) return record(run, results, waiters);
    run.awaited = undefined;
    const answer = firstAnswer(results);
    await withdraw({ spool, store, persist }, run, awaited.reject).then(() => awaited.resolve(answer), awaited.reject);
  }

  function finish(run: Run): void {
    if (run.open.size > 0 || run.scheduled || run.recording > 0) return;
    runs.delete(run);
    window.leave();
    contentHeld -= run.held;
    const same = byId.get(run.message.id)!;
    same.delete(run);
    if (same.size === 0) byId.delete(run.message.id);
    poller.left();
    if (runs.size === 0) idle?.();
  }

  /** A lease is wall time: when the clock is set forward it can run out under an attempt that goes on. */
  function beingTried(id: string, recipient: number): boolean {
    for (const run of byId.get(id) ?? []) if (run.busy.has(recipient)) return true;
    return false;
  }

  function deliver(message: SpooledMessage, content: readonly Uint8Array[], within: number): Promise<FirstAnswer> {
    const { promise, ...awaited } = Promise.withResolvers<FirstAnswer>();
    const run = accepted(message, content, awaited);
    const timer = setTimeout(() => {
      if (run?.awaited !== undefined) letGo(run);
    }, within);
    const over = (): void => clearTimeout(timer);
    promise.then(over, over);
    return promise;
  }

  /** Nobody waits any more, for the message is ours; what was said meanwhile is recorded. */
  function letGo(run: Run): void {
    run.awaited?.resolve({ kind: "taken" });
    run.awaited = undefined;
    if (run.results.length > 0) schedule(run);
  }

  function accepted(
    message: SpooledMessage,
    content?: readonly Uint8Array[],
    awaited?: Run["awaited"],
  ): Run | undefined {
    const now: number[] = [];
    const later: number[] = [];
    const wait = closing || services.paused || window.room === 0;
    const holdOf = firstHolds(message);
    for (const [index, recipient] of message.recipients.entries()) {
      if (wait || holdOf(index) !== holds.none || window.full(domainOf(recipient))) later.push(index);
      else now.push(index);
    }
    if (later.length > 0) poller.keep({ message, recipients: later });
    // Whoever is told that some of it waits can as well be told that all of it does.
    if (later.length > 0) awaited?.resolve({ kind: "taken" });
    if (now.length === 0) return undefined;
    try {
      const attempts = new Map(now.map((recipient) => [recipient, 1]));
      return begin(message, attempts, "fresh", { content, awaited: later.length > 0 ? undefined : awaited });
    } catch (error) {
      awaited?.resolve({ kind: "taken" });
      observer.emit("internal.failed", { where: `queue of ${message.id}`, cause: String(error) });
      return undefined;
    }
  }

  function due({ message, recipients }: WaitingMessage): void {
    const free = recipients.filter(({ recipient }) => !beingTried(message.id, recipient));
    if (free.length === 0) return;
    const warned = free.filter((each) => each.warned === true).map(({ recipient }) => recipient);
    begin(message, new Map(free.map((each) => [each.recipient, each.attempts])), "claimed", { warned });
  }

  /** Rows for what is being tried for the first time, claimed as long as it is, so that a hold has something to hold. */
  async function storeActive(selector: QueueSelector): Promise<void> {
    const found: UntriedMessage[] = [];
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

  const ending = {
    spool,
    store: {
      seizeWaiting: (...which: Parameters<QueueStore["seizeWaiting"]>) => store.seizeWaiting(...which),
      ...writes,
    },
    observer,
    clock,
    beingTried,
  };

  return {
    accepted: (message, content) => void accepted(message, content),
    deliver,
    recover: (recovered) => agreeWithSpool(recovered, { store, clock, observer }),
    start: () => poller.after(0),
    change: async (change, selector) => {
      // What came in a moment ago is on its way to the store.
      await poller.kept();
      if (isHold(change)) await storeActive(selector);
      const count = await store.changeWaiting(change, selector, clock.wall());
      if (!isHold(change) && count.recipients > 0) poller.after(0);
      return count;
    },
    remove: (selector, by) => deleteWaiting(ending, selector, by),
    giveBack: (selector, by) => {
      const report: ReturnServices = {
        ...services,
        created: (message, content) => void accepted(message, content),
      };
      return deleteWaiting({ ...ending, report: (id, which) => returnToSender(report, id, which) }, selector, by);
    },
    active: () => [...runs].map(({ message, open, stored }) => ({ message, recipients: [...open], stored })),
    activeCount: () => runs.size,
    close: async () => {
      closing = true;
      await poller.close();
      giveUpWriting();
      if (runs.size > 0) await new Promise<void>((resolve) => (idle = resolve));
      // Reports made by the last runs wait in the store as well.
      await poller.kept();
    },
  };
}

/** The mailbox store is asked for the address as it was written: many such recipients can travel together. */
function storedAs(answer: LocalAnswer, address: Address): boolean {
  return answer.kind === "stored" && (answer.account === undefined || answer.account === addressKey(address));
}

function isHold(change: QueueChange): boolean {
  return change === "hold" || change === "hold-suspected" || change === "hold-suspended";
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
    case "account":
      return message.account === selector.account;
    case "suspected":
      // What is being tried is not held.
      return false;
  }
}
