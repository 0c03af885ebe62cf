// Queue entries as people see them, from what waits in the store and what is in delivery.

import type { ActiveMessage } from "../egress/dispatch/dispatcher.ts";
import type { SpooledMessage } from "../spool/message.ts";
import type { PastAttempt, WaitingMessage } from "../store/store.ts";
import type { QueueEntry, QueueRecipient, RelayView } from "./control.ts";

export function queueEntries(
  waiting: readonly WaitingMessage[],
  active: readonly ActiveMessage[],
  attempts: readonly PastAttempt[] = [],
  relayOf: (message: SpooledMessage, recipient: string) => RelayView | undefined = () => undefined,
): readonly QueueEntry[] {
  const entries = new Map<
    string,
    { readonly message: SpooledMessage; readonly recipients: Map<number, QueueRecipient> }
  >();
  const entry = (message: SpooledMessage): Map<number, QueueRecipient> => {
    let found = entries.get(message.id);
    if (found === undefined) entries.set(message.id, (found = { message, recipients: new Map() }));
    return found.recipients;
  };
  for (const { message, recipients } of waiting) {
    for (const { recipient, attempts: made, due, status, reply, held, suspected, suspended } of recipients) {
      entry(message).set(recipient, {
        address: message.recipients[recipient]!,
        state: held === true ? "held" : "waiting",
        attempts: made,
        next: new Date(due).toISOString(),
        ...(held === true
          ? heldFor(message, recipient, suspended === true ? "suspension" : suspected === true ? "suspicion" : "other")
          : {}),
        ...(status === "" ? {} : { status, reply }),
      });
    }
  }
  for (const { message, recipients } of active) {
    for (const recipient of recipients) {
      const known = entry(message).get(recipient);
      entry(message).set(recipient, {
        address: message.recipients[recipient]!,
        state: "in delivery",
        attempts: known?.attempts ?? 1,
        ...(known?.status === undefined ? {} : { status: known.status, reply: known.reply ?? "" }),
      });
    }
  }
  for (const { recipient, at, ...words } of attempts) {
    for (const { recipients } of entries.values()) {
      const known = recipients.get(recipient);
      if (known === undefined) continue;
      const history = [...(known.history ?? []), { at: new Date(at).toISOString(), ...words }];
      recipients.set(recipient, { ...known, history });
    }
  }
  return [...entries.values()]
    .map(({ message, recipients }) =>
      toEntry(
        message,
        [...recipients.values()].map((recipient) => {
          const relay = relayOf(message, recipient.address);
          return relay === undefined ? recipient : { ...recipient, relay };
        }),
      ),
    )
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function heldFor(
  { hold, suspected, suspended }: SpooledMessage,
  recipient: number,
  account: "suspicion" | "suspension" | "other",
): Pick<QueueRecipient, "heldFor" | "why"> {
  if (account !== "other") {
    const why = account === "suspicion" ? suspected : suspended;
    return { heldFor: account, ...(why === undefined ? {} : { why }) };
  }
  if (hold?.recipients.includes(recipient) === true) return { heldFor: "limit", why: hold.why };
  return { heldFor: "operator" };
}

function toEntry(message: SpooledMessage, recipients: readonly QueueRecipient[]): QueueEntry {
  return {
    id: message.id,
    received: new Date(message.receivedAt).toISOString(),
    origin: message.origin,
    sender: message.sender,
    size: message.size,
    messageId: message.messageId,
    ...(message.account === undefined ? {} : { account: message.account }),
    recipients,
  };
}
