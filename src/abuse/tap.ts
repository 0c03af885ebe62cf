// From events to observations, in the thread where the events are: what says something about an account, and nothing else. The account of
// a message is remembered until its recipients are settled, among the last ones.

import { networkOf } from "./network.ts";
import type { EventFields, EventName, Observer } from "../observe/events.ts";
import type { Observation } from "./observation.ts";

/** Something about an account, so many times. */
export interface Observed {
  /** Its key; of a failure what was typed, in lower case: an alias, or nobody's name. */
  readonly account: string;
  readonly observation: Observation;
  readonly times: number;
}

/** Messages whose recipients are still to be settled. */
const MOST_MESSAGES = 50_000;

export function createAbuseTap(now: () => number, take: (observed: Observed) => void): Observer {
  const senders = new Map<string, string>();

  function tell(account: string, observation: Observation, times = 1): void {
    if (account !== "" && times > 0) take({ account: account.toLowerCase(), observation, times });
  }

  function outcome(message: string, result: "taken" | "unknown", times: number): void {
    const account = senders.get(message);
    if (account !== undefined) tell(account, { kind: "outcome", at: now(), result }, times);
  }

  const handlers: { readonly [Name in EventName]?: (fields: EventFields[Name]) => void } = {
    "auth.succeeded": ({ account, client }) => {
      tell(account, { kind: "login", at: now(), network: networkOf(client), country: undefined });
    },
    "auth.failed": ({ account, client, reason }) => {
      // Of all others nobody looked at the password, or it was right.
      if (reason === "auth.credentials") tell(account, { kind: "failure", at: now(), network: networkOf(client) });
    },
    "recipient.refused": ({ account, reason }) => {
      if (account === undefined || reason !== "recipient.unknown") return;
      tell(account, { kind: "outcome", at: now(), result: "unknown" });
    },
    "message.accepted": ({ account, message, authors = [], recipients, newRecipients = 0 }) => {
      if (account === undefined) return;
      if (senders.size >= MOST_MESSAGES) senders.delete(senders.keys().next().value!);
      senders.set(message, account);
      const names = [...new Set(authors.map((author) => author.toLowerCase()))];
      tell(account, { kind: "message", at: now(), recipients: recipients.length, newRecipients, authors: names });
    },
    "delivery.delivered": ({ message, recipients }) => outcome(message, "taken", recipients.length),
    "delivery.failed": ({ message, recipients, status }) => {
      // No such mailbox, no such system, null MX (RFC 3463 §3.2, RFC 7505 §4.2).
      if (/^5\.1\.(?:1|2|10)$/.test(status)) outcome(message, "unknown", recipients.length);
    },
  };

  return {
    emit: (name, fields) => {
      const handler = handlers[name];
      handler?.(fields);
    },
  };
}
