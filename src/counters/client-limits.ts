// What one client address may do, whoever is behind it (M4): connections at once, connections, messages and recipients in
// sliding windows, failed logins. An IPv4 address is one client, in IPv6 its /64 is: a customer has at least that
// (RFC 6177), so an address of its own for every connection gains nothing. Addresses on the list of exempt prefixes
// are not counted.
//
// Every question counts at once and gives nothing back, but for the connection itself. Memory follows who is active:
// sweep() forgets the rest.

import { clientKey } from "../base/client-key.ts";
import { prefixMatcher } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import { Limits } from "./limits.ts";
import type { LimitAnswer, WindowRule } from "./limits.ts";

export interface ClientRules {
  /** At once. */
  readonly connections: number;
  readonly connectionRate: readonly WindowRule[];
  readonly messages: readonly WindowRule[];
  readonly recipients: readonly WindowRule[];
  readonly authFailures: readonly WindowRule[];
  readonly exempt: readonly Prefix[];
}

export type Connecting =
  | { readonly kind: "within" }
  | { readonly kind: "connections"; readonly limit: number }
  | { readonly kind: "rate" | "logins"; readonly over: Extract<LimitAnswer, { kind: "over" }> };

/** One client's connection, where the counts are (counters.ts has it as sessions see it). */
interface LocalHandle {
  readonly connecting: Connecting;
  message(): LimitAnswer | undefined;
  recipient(): LimitAnswer | undefined;
  /** A login was refused. */
  failed(): void;
  /** The connection has ended. Once. */
  close(): void;
}

export interface ClientLimits {
  connect(address: string): LocalHandle;
  sweep(): void;
  /** Other limits from now on, with what was counted so far; who was exempt begins at nothing. */
  replaceRules(rules: ClientRules): void;
}

const exemptHandle: LocalHandle = {
  connecting: { kind: "within" },
  message: () => undefined,
  recipient: () => undefined,
  failed: () => undefined,
  close: () => undefined,
};

export function createClientLimits(first: ClientRules, now: () => number): ClientLimits {
  let rules = first;
  let isExempt = prefixMatcher(rules.exempt);
  const open = new Map<string, number>();
  let rate = new Limits(rules.connectionRate);
  let messages = new Limits(rules.messages);
  let recipients = new Limits(rules.recipients);
  let failures = new Limits(rules.authFailures);

  function connecting(key: string): Connecting {
    const arrived = rate.reserve(key, 1, now());
    if (arrived.kind === "over") return { kind: "rate", over: arrived };
    if (open.get(key)! > rules.connections) return { kind: "connections", limit: rules.connections };
    // Nothing is taken: only asked whether one more failure would fit.
    const login = failures.reserve(key, 1, now());
    if (login.kind === "over") return { kind: "logins", over: login };
    failures.release(login.reservation);
    return { kind: "within" };
  }

  return {
    connect: (address) => {
      if (isExempt(address)) return exemptHandle;
      const key = clientKey(address);
      open.set(key, (open.get(key) ?? 0) + 1);
      let isOpen = true;
      return {
        connecting: connecting(key),
        message: () => messages.reserve(key, 1, now()),
        recipient: () => recipients.reserve(key, 1, now()),
        failed: () => failures.count(key, 1, now()),
        close: () => {
          if (!isOpen) return;
          isOpen = false;
          const left = open.get(key)! - 1;
          if (left === 0) open.delete(key);
          else open.set(key, left);
        },
      };
    },
    sweep: () => {
      for (const limits of [rate, messages, recipients, failures]) limits.sweep(now());
    },
    replaceRules: (next) => {
      rules = next;
      isExempt = prefixMatcher(next.exempt);
      rate = rate.reshaped(next.connectionRate);
      messages = messages.reshaped(next.messages);
      recipients = recipients.reshaped(next.recipients);
      failures = failures.reshaped(next.authFailures);
    },
  };
}

/** The address, or the first 64 bits of an IPv6 one. What is no address (a socket that is gone) is one client. */
