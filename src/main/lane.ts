// One lane of mail: a spool, the ids of what goes into it, its charges, and the delivery of what is in it. A message stays
// in the lane that took it until its end; its id says which that is (base/id.ts).

import { randomBytes } from "node:crypto";
import { rmdir } from "node:fs/promises";
import { createIdMaker } from "../base/id.ts";
import type { Settings } from "../config/settings.ts";
import type { AccountCharge } from "../counters/account-limits.ts";
import { appendCharged, chargeOf, createChargeLedger } from "../counters/charge-ledger.ts";
import type { Fingerprint, NewCharge } from "../counters/charge-ledger.ts";
import type { Directory } from "../directory/directory.ts";
import { ACTIVE_LIMIT, CONTENT_LIMIT, createDispatcher } from "../egress/dispatch/dispatcher.ts";
import type { Dispatcher } from "../egress/dispatch/dispatcher.ts";
import type { Clock } from "../io/clock.ts";
import type { Mailboxes } from "../mailbox/maildir.ts";
import type { Observer } from "../observe/events.ts";
import type { Recovered, Spool } from "../spool/message.ts";
import { openSpool } from "../spool/spool.ts";
import type { LaneStore } from "../store/lane.ts";
import type { Outbound } from "./outbound.ts";

export interface Lane {
  /** What is appended is charged. */
  readonly spool: Spool;
  readonly dispatcher: Dispatcher;
  readonly newId: () => string;
  /** Charges in the spool that the history lacked; from now on it has them. Before `recover`. */
  chargesFound(): Promise<readonly AccountCharge[]>;
  /** The queue store agrees with the spool. Before the first message. */
  recover(): Promise<void>;
  /** Puts charges into the history. What is not there yet is in the spool. */
  writeCharges(): Promise<void>;
  /** After the dispatcher. */
  close(): Promise<void>;
}

export interface LaneServices {
  readonly lane: number;
  /** No mail comes in here any more. */
  readonly isAdopted: boolean;
  /** Of the spool. */
  readonly directory: string;
  /** So many lanes share what the process may have in delivery. */
  readonly parts: number;
  /** Charges that were written down reach to this id; the spool keeps the records beyond it. */
  readonly through: string;
  /** As of now. */
  readonly settings: () => Settings;
  readonly store: LaneStore;
  readonly accounts: Directory;
  readonly mailboxes: Mailboxes;
  readonly fingerprint: Fingerprint;
  readonly outbound: Pick<Outbound, "transport" | "finish">;
  readonly observer: Observer;
  readonly clock: Clock;
}

export async function openLane(services: LaneServices): Promise<Lane> {
  const { settings, store, accounts, mailboxes, outbound, isAdopted, fingerprint, observer, clock } = services;
  let chargesThrough = services.through;
  let lastId = chargesThrough;
  const found: NewCharge[] = [];

  // The list of what was found is large after a long night: nobody keeps it beyond the start.
  const opened = await openSpool(services.directory, {
    onRecord: (record, size) => {
      if (record.id > lastId) lastId = record.id;
      const charge = record.id > chargesThrough ? chargeOf({ ...record, size }, fingerprint) : undefined;
      if (charge !== undefined) found.push(charge);
    },
    mayForget: (newest) => newest <= chargesThrough,
    onFailure: (error: Error) => observer.emit("spool.failed", { cause: error.message }),
  });
  const { report } = opened;
  let { recovered }: { recovered: Recovered | undefined } = opened;
  const ledger = createChargeLedger(lastId);
  const spool: Spool = { ...opened.spool, append: appendCharged(opened.spool, ledger, fingerprint) };
  const newId = createIdMaker(clock, randomBytes, { lane: services.lane, after: lastId });
  /** Of `found`, what is not written yet. */
  let unwritten: readonly NewCharge[] = found;
  /** Of each of `found`, how many of its recipients were new; until the store says so, all that were to be remembered. */
  let strangers: readonly number[] = found.map(({ correspondents = [] }) => correspondents.length);

  const dispatcher = createDispatcher({
    hostname: settings().hostname,
    get postmaster() {
      return settings().domains[0]!.postmaster;
    },
    spool,
    store,
    directory: accounts,
    mailboxes,
    transport: outbound.transport,
    finish: outbound.finish,
    get schedule() {
      return settings().delivery;
    },
    get paused() {
      return settings().delivery.paused;
    },
    observer,
    clock,
    newId,
    window: Math.ceil(ACTIVE_LIMIT / services.parts),
    contentMemory: Math.ceil(CONTENT_LIMIT / services.parts),
  });

  let writing = Promise.resolve();
  function writeCharges(): Promise<void> {
    // At once at the start: until the charges of earlier runs are written, the spool keeps every segment of those runs.
    writing = writing.then(async () => {
      const { charges, through } = ledger.pending();
      if (unwritten.length + charges.length > 0) {
        const met = await store.addCharges([...unwritten, ...charges], through);
        if (unwritten.length > 0) strangers = met;
      }
      unwritten = [];
      ledger.written(charges.length);
      chargesThrough = through;
    });
    return (writing = writing.catch((error: unknown) => {
      observer.emit("internal.failed", { where: "history of charges", cause: String(error) });
    }));
  }

  return {
    spool,
    dispatcher,
    newId,
    chargesFound: async () => {
      await writeCharges();
      return found.map(({ correspondents: _names, ...charge }, index) => ({
        ...charge,
        newRecipients: strangers[index] ?? 0,
      }));
    },
    recover: async () => {
      const started = clock.monotonic();
      const messages = recovered?.open.length ?? 0;
      if (recovered !== undefined) await dispatcher.recover(recovered);
      recovered = undefined;
      observer.emit("spool.recovered", {
        messages,
        segments: spool.status().segments,
        damaged: report.damaged.length,
        tornBytes: report.tornOctets,
        milliseconds: Math.round(clock.monotonic() - started),
      });
    },
    writeCharges,
    close: async () => {
      await spool.close();
      await writeCharges();
      // Of an adopted lane that has come to its end. One that is not empty stays.
      if (isAdopted) await rmdir(services.directory).catch(() => undefined);
    },
  };
}
