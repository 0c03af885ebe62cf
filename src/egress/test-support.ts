// For the tests of this room: an egress with short times and a scripted resolver, and jobs whose results are kept.

import type { TestContext } from "node:test";
import type { DeliverySettings } from "../config/settings.ts";
import { systemClock } from "../io/clock.ts";
import type { DnsAnswer, HostAddress, MxRecord, Resolver } from "../io/dns.ts";
import type { SpooledMessage } from "../spool/message.ts";
import { createEgress, type Egress, type EgressOptions } from "./delivery.ts";
import type { AttemptResult, Later } from "./dispatch/transport.ts";
import { standardLimits } from "./limits.ts";

export interface Names {
  readonly mx?: Readonly<Record<string, DnsAnswer<MxRecord>>>;
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
}

const nowhere = { kind: "none", reason: "nxdomain" } as const;

export function fakeResolver(names: Names = {}): Resolver {
  return {
    mx: (domain) => Promise.resolve(names.mx?.[domain] ?? nowhere),
    addresses: (host) => Promise.resolve(addressesOf(names, host)),
    ptr: () => Promise.resolve(nowhere),
    txt: () => Promise.resolve(nowhere),
  };
}

function addressesOf(names: Names, host: string): DnsAnswer<HostAddress> {
  const found = /^[0-9.]+$/.test(host) ? [host] : names.addresses?.[host];
  if (found === undefined) return nowhere;
  return { kind: "found", ttl: 60, records: found.map((address) => ({ family: 4, address })) };
}

export function mxRecords(...exchanges: readonly string[]): DnsAnswer<MxRecord> {
  return {
    kind: "found",
    ttl: 60,
    records: exchanges.map((exchange, index) => ({ preference: index * 10, exchange })),
  };
}

export function settingsFor(settings: Partial<DeliverySettings>): DeliverySettings {
  return {
    smarthost: undefined,
    routes: new Map(),
    retry: [60_000],
    giveUp: 86_400_000,
    delayNotice: 3_600_000,
    paused: false,
    connectionsPerDestination: 4,
    connections: 20,
    tls: "opportunistic",
    port: 25,
    messagesPerConnection: 500,
    sources: [],
    destinations: [],
    ...settings,
  };
}

export interface TestEgress extends Egress {
  readonly events: readonly string[];
  /** Resolves with the results of all recipients, as many times as `done` was called and one tick more. */
  deliver(recipients: readonly string[], job?: Partial<TestJob>): Promise<readonly AttemptResult[]>;
}

export interface TestJob {
  readonly content: () => Later<readonly Uint8Array[]>;
  readonly eightBit: boolean;
  readonly more: Partial<SpooledMessage>;
  /** Gets what says that a delivery is recorded; without it that is said at once. */
  readonly record: (recorded: () => void) => void;
  readonly hurry: () => void;
}

export const testContent = Buffer.from("Subject: x\r\n\r\n.dot\r\n");

/** Every phase of a session ends after so many milliseconds of silence. */
export function patience(milliseconds: number): Pick<EgressOptions, "limits"> {
  const session = { ...standardLimits.session };
  for (const phase of Object.keys(session)) Object.assign(session, { [phase]: milliseconds });
  return { limits: { connect: milliseconds, tick: 5, session, grace: 500 } };
}

let sequence = 0;

export function egressFor(
  context: TestContext,
  settings: Partial<DeliverySettings>,
  options: Partial<Omit<EgressOptions, "settings">> = {},
): TestEgress {
  const events: string[] = [];
  const egress = createEgress({
    settings: settingsFor(settings),
    hostname: "mx1.sekimori.test",
    resolver: fakeResolver(),
    clock: systemClock,
    observer: { emit: (name, fields) => events.push(`${name} ${JSON.stringify(fields)}`) },
    ...options,
    limits: { tick: 5, grace: 500, ...options.limits },
  });
  context.after(() => egress.close());
  return {
    ...egress,
    events,
    deliver: (recipients, job = {}) =>
      new Promise((resolve) => {
        const results: AttemptResult[] = [];
        const content = job.content ?? (() => [testContent]);
        egress.submit({
          message: {
            id: `m${++sequence}`,
            receivedAt: 0,
            origin: "submission",
            sender: "alice@sekimori.test",
            recipients,
            eightBit: job.eightBit ?? false,
            messageId: "<x@sekimori.test>",
            size: testContent.length,
            ...job.more,
          },
          recipients: recipients.map((_each, index) => index),
          content,
          hurry: job.hurry ?? (() => undefined),
          done: (result, recorded) => {
            if (recorded !== undefined) (job.record ?? ((now) => now()))(recorded);
            results.push(result);
            // One tick more, so that a second report for somebody would be seen.
            if (results.length === recipients.length) setTimeout(() => resolve(results), 10);
          },
        });
      }),
  };
}

export function inWords(results: readonly AttemptResult[]): readonly string[] {
  return results
    .toSorted((a, b) => a.recipient - b.recipient)
    .map(({ recipient, kind, status, reply }) => `${recipient} ${kind} ${status} ${reply}`);
}
