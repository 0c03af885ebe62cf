// Who is told what about one recipient (RFC 3461 §5.2, §6.2): NOTIFY × what happened → the notification, or none.
// One table. It does not know how a notification looks (dsn.ts) nor when something happened.

import type { DsnAction } from "./dsn.ts";

export type Notify = "NEVER" | "SUCCESS" | "FAILURE" | "DELAY";

/** What became of a recipient here. */
export type RecipientEvent =
  /** Stored in a mailbox. */
  | "delivered"
  /** Taken by a server that offers DSN: it has got our parameters, and tells the sender what must be told. */
  | "relayed-with-dsn"
  /** Taken by a server that does not: nobody after us will confirm. */
  | "relayed-without-dsn"
  /** Waits for longer than senders expect; called once. */
  | "delayed"
  /** Failed for good. */
  | "failed";

interface Rule {
  readonly action: DsnAction;
  readonly asked: Notify;
  /** When the sender said nothing (RFC 3461 §4.1: failures, and delays if the server likes). */
  readonly unasked: "told" | "not told";
}

const rules: Readonly<Record<RecipientEvent, Rule | undefined>> = {
  delivered: { action: "delivered", asked: "SUCCESS", unasked: "not told" },
  "relayed-with-dsn": undefined,
  "relayed-without-dsn": { action: "relayed", asked: "SUCCESS", unasked: "not told" },
  delayed: { action: "delayed", asked: "DELAY", unasked: "told" },
  failed: { action: "failed", asked: "FAILURE", unasked: "told" },
};

/** `sender` is the envelope sender; `notify` as it came, undefined or empty when it did not. */
export function noticeFor(
  sender: string,
  notify: readonly Notify[] | undefined,
  event: RecipientEvent,
): DsnAction | undefined {
  const rule = rules[event];
  // RFC 3461 §6.1: nothing is ever said to <>.
  if (rule === undefined || sender === "") return undefined;
  if (notify === undefined || notify.length === 0) return rule.unasked === "told" ? rule.action : undefined;
  if (notify.includes("NEVER")) return undefined;
  return notify.includes(rule.asked) ? rule.action : undefined;
}
