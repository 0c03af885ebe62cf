// Everything around a dispatcher, for its tests: a spool, a transport and mailboxes in memory that do as they are told and
// write down what happened. The store comes from the test.

import assert from "node:assert/strict";
import { parseAddress } from "../../address/address.ts";
import type { Address } from "../../address/address.ts";
import { addressKey } from "../../address/address.ts";
import { parseDomain } from "../../address/domain.ts";
import { failure, success } from "../../base/result.ts";
import { createDirectory } from "../../directory/directory.ts";
import type { Clock } from "../../io/clock.ts";
import { asRemote } from "../../io/rpc.ts";
import type { Remote } from "../../io/rpc.ts";
import type { Mailboxes } from "../../mailbox/maildir.ts";
import type { EventFields, EventName } from "../../observe/events.ts";
import type { AcceptRecord, Settlement, Spool, SpooledMessage } from "../../spool/message.ts";
import type { QueueStore } from "../../store/store.ts";
import { createDispatcher } from "./dispatcher.ts";
import type { Dispatcher, DispatcherServices } from "./dispatcher.ts";
import type { AttemptResult, Transport, TransportJob } from "./transport.ts";

export const hour = 3_600_000;

export interface ClosableStore extends QueueStore {
  close(): void;
}

interface SpoolEntry {
  readonly message: SpooledMessage;
  readonly content: Buffer;
  readonly settled: Map<number, Settlement["outcome"]>;
}

export interface House {
  readonly clock: Clock;
  readonly services: DispatcherServices;
  readonly dispatcher: Dispatcher;
  readonly store: ClosableStore;
  readonly spool: Map<string, SpoolEntry>;
  /** What happened, in order: "append id", "settle id 0 delivered", "deliver account", "attempt address". */
  readonly journal: string[];
  readonly events: { readonly name: EventName; readonly fields: object }[];
  readonly jobs: TransportJob[];
  /** Content by account. */
  readonly mail: Map<string, string[]>;
  /** Accounts without room. */
  readonly full: Set<string>;
  /** How the next attempt for an address ends; none is given: delivered. */
  readonly endings: Map<string, ("delivered" | "deferred" | "failed")[]>;
  /** Called before the thing is done; may throw or wait. */
  before: {
    append?: (record: AcceptRecord) => Promise<void> | void;
    settle?: (id: string, settlements: readonly Settlement[]) => Promise<void> | void;
    read?: (id: string) => Promise<void> | void;
    deliver?: (account: string) => Promise<void> | void;
    submit?: (job: TransportJob) => void;
  };
  /** Attempts stay open until the test ends them by `done`. */
  holding: boolean;
  /** Into the spool, as ingress does. */
  accept(sender: string, recipients: readonly string[], more?: Partial<AcceptRecord>): SpooledMessage;
  /** Into the spool and to the dispatcher. */
  send(sender: string, recipients: readonly string[], more?: Partial<AcceptRecord>): SpooledMessage;
  /** As after a start that found these messages and what is open of them. */
  recover(found: readonly { readonly message: SpooledMessage; readonly open: readonly number[] }[]): Promise<void>;
  named(name: EventName): readonly EventFields[EventName][];
  end(): Promise<void>;
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

export interface HouseOptions {
  readonly paused?: boolean;
  readonly window?: number;
  readonly contentMemory?: number;
  /** In place of the one in memory. */
  readonly transport?: Transport;
  readonly retry?: readonly number[];
  readonly delayNotice?: number;
  readonly writeAgain?: DispatcherServices["writeAgain"];
  readonly queue?: (store: Remote<QueueStore>) => Remote<QueueStore>;
}

export function openHouse(store: ClosableStore, options: HouseOptions = {}): House {
  const start = performance.now();
  const clock: Clock = {
    wall: () => Math.floor(1_800_000_000_000 + performance.now() - start),
    monotonic: () => performance.now(),
  };
  const spool: House["spool"] = new Map();
  const journal: string[] = [];
  const mail: House["mail"] = new Map();
  let serial = 0;
  const newId = (): string => `m${String(++serial).padStart(6, "0")}`;

  const spoolFace: Spool = {
    append: async (record, content) => {
      await house.before.append?.(record);
      journal.push(`append ${record.id}`);
      const bytes = Buffer.concat(content);
      const message = { ...record, size: bytes.length };
      spool.set(record.id, { message, content: bytes, settled: new Map() });
      return message;
    },
    settle: async (id, settlements) => {
      await house.before.settle?.(id, settlements);
      for (const { recipient, outcome } of settlements) {
        journal.push(`settle ${id} ${recipient} ${outcome}`);
        const entry = spool.get(id);
        assert.ok(entry !== undefined && recipient < entry.message.recipients.length);
        assert.equal(entry.settled.get(recipient), undefined, `${id} ${recipient} is settled twice`);
        entry.settled.set(recipient, outcome);
      }
    },
    hurry: () => undefined,
    read: async (id) => {
      await house.before.read?.(id);
      const entry = spool.get(id);
      if (entry === undefined) throw new Error(`message ${id} is not in the spool`);
      return entry.content;
    },
    status: () => ({ segments: 0, octets: 0, openMessages: 0, commits: 0, appended: 0 }),
    close: async () => undefined,
  };

  const mailboxes: Mailboxes = {
    open: () => Promise.reject(new Error("not for the dispatcher")),
    fits: (account) => !house.full.has(addressKey(account)),
    deliver: async (account, chunks, quota) => {
      const key = addressKey(account);
      if (quota === "counted" && house.full.has(key)) return failure({ code: "over-quota", cause: "full" });
      try {
        await house.before.deliver?.(key);
      } catch (error) {
        return failure({ code: "unavailable", cause: String(error) });
      }
      journal.push(`deliver ${key}`);
      mail.set(key, [...(mail.get(key) ?? []), Buffer.concat(chunks).toString("latin1")]);
      return success({ file: `file${journal.length}` });
    },
  };

  const domain = parseDomain("sekimori.test");
  assert.ok(domain.ok);
  const storeDomain = parseDomain("store.test");
  assert.ok(storeDomain.ok);
  const accounts = ["alice@sekimori.test", "bob@sekimori.test", "carol@sekimori.test"];
  const directory = createDirectory(
    [
      {
        name: domain.value,
        postmaster: address("alice@sekimori.test"),
        aliases: new Map([["team", [address("alice@sekimori.test"), address("bob@sekimori.test")]]]),
        dkim: undefined,
        store: undefined,
      },
      {
        name: storeDomain.value,
        postmaster: address("carol@store.test"),
        aliases: new Map([["pair", [address("dave@store.test"), address("alice@sekimori.test")]]]),
        dkim: undefined,
        store: {
          target: { host: "127.0.0.1", port: 24, protocol: "lmtp", tls: "never", auth: undefined },
          imap: undefined,
          answerWithin: 1000,
        },
      },
    ],
    {
      findAccount: async (key) =>
        accounts.includes(key)
          ? { key, address: key, passwordHash: "", aliases: [], createdAt: 1, suspended: key.startsWith("carol") }
          : undefined,
    },
  );

  const queue = asRemote<QueueStore>(store);
  const services: DispatcherServices = {
    hostname: domain.value,
    postmaster: address("postmaster@sekimori.test"),
    spool: spoolFace,
    clock,
    observer: { emit: (name, fields) => void house.events.push({ name, fields }) },
    newId,
    store: options.queue?.(queue) ?? queue,
    directory,
    mailboxes,
    transport: options.transport ?? {
      submit: (job) => {
        house.before.submit?.(job);
        house.jobs.push(job);
        for (const recipient of job.recipients) journal.push(`attempt ${job.message.recipients[recipient]!}`);
        if (!house.holding) setImmediate(() => endJob(house, job));
      },
    },
    schedule: { retry: options.retry ?? [1], giveUp: hour, delayNotice: options.delayNotice ?? hour / 2 },
    paused: options.paused ?? false,
    ...(options.writeAgain === undefined ? {} : { writeAgain: options.writeAgain }),
    ...(options.window === undefined ? {} : { window: options.window }),
    ...(options.contentMemory === undefined ? {} : { contentMemory: options.contentMemory }),
    finish: async (_message, content) => content,
  };

  const house: House = {
    clock,
    services,
    dispatcher: createDispatcher(services),
    store,
    spool,
    journal,
    events: [],
    jobs: [],
    mail,
    full: new Set(),
    endings: new Map(),
    before: {},
    holding: false,
    accept: (sender, recipients, more = {}) => {
      const id = newId();
      const content = Buffer.from(`Message-ID: <${id}@sekimori.test>\r\nSubject: ${id}\r\n\r\nHello\r\n`);
      const message: SpooledMessage = {
        id,
        receivedAt: clock.wall(),
        origin: "submission",
        sender,
        recipients,
        eightBit: false,
        messageId: `<${id}@sekimori.test>`,
        size: content.length,
        ...more,
      };
      spool.set(id, { message, content, settled: new Map() });
      return message;
    },
    send: (sender, recipients, more = {}) => {
      const message = house.accept(sender, recipients, more);
      house.dispatcher.accepted(message, [spool.get(message.id)!.content]);
      return message;
    },
    recover: (found) =>
      house.dispatcher.recover({
        open: found.map(({ message, open }) => ({ id: message.id, open })),
        record: async (id) => spool.get(id)!.message,
      }),
    named: (name) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- kept beside their name
      house.events.filter((each) => each.name === name).map(({ fields }) => fields as EventFields[EventName]),
    end: async () => {
      await house.dispatcher.close();
      store.close();
    },
  };
  return house;
}

/** Ends every recipient of a job as the house's endings say. */
export function endJob(house: House, job: TransportJob): void {
  for (const recipient of job.recipients) {
    const kind = house.endings.get(job.message.recipients[recipient]!)?.shift() ?? "delivered";
    job.done(resultOf(recipient, kind));
  }
}

export function resultOf(recipient: number, kind: AttemptResult["kind"]): AttemptResult {
  const status = { delivered: "2.0.0", deferred: "4.4.1", failed: "5.1.1" }[kind];
  return {
    recipient,
    kind,
    status,
    reply: `${kind} by the other side`,
    remote: "mx.example.jp[192.0.2.1]:25",
    milliseconds: 1,
  };
}

/** Recipients of a message that are not settled. */
export function openIn(house: House, { id, recipients }: SpooledMessage): readonly string[] {
  const entry = house.spool.get(id)!;
  return recipients.filter((_recipient, index) => !entry.settled.has(index));
}

export async function until(what: string, condition: () => boolean): Promise<void> {
  for (let round = 0; round < 2000; round++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.fail(`never: ${what}`);
}

/** Time for what must not happen to happen. */
export function aWhile(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 15));
}

export function settledAs(house: House, { id }: SpooledMessage): readonly (string | undefined)[] {
  const { message, settled } = house.spool.get(id)!;
  return message.recipients.map((_recipient, index) => settled.get(index));
}
