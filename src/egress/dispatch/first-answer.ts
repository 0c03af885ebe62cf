// What a sending server can still be told about a message when all its recipients are in mailbox stores behind LMTP and
// these have spoken: if nobody took it, their answer; if somebody did, or somebody said nothing, the message is ours.

import type { StoreRefusal } from "../../verdict/facts.ts";
import type { Remote } from "../../io/rpc.ts";
import type { Spool } from "../../spool/message.ts";
import type { QueueStore } from "../../store/store.ts";
import type { Persistence } from "./persist.ts";
import type { Run } from "./run.ts";
import type { AttemptResult } from "./transport.ts";

export type FirstAnswer =
  /** Delivered, or kept here and tried again, or its failure will be told by a notification. */
  | { readonly kind: "taken" }
  /** Nobody has it, and we have not either: `recipient` is an index in the message. */
  | { readonly kind: "refused"; readonly recipient: number; readonly refusal: StoreRefusal };

export function firstAnswer(results: readonly AttemptResult[]): FirstAnswer {
  let worst: FirstAnswer = { kind: "taken" };
  for (const { kind, recipient, said } of results) {
    if (kind === "delivered" || said === undefined) return { kind: "taken" };
    // A refusal for now wins: the sender comes back, and hears the other one then if it still stands.
    if (worst.kind === "taken" || (said.code < 500 && worst.refusal.code >= 500)) {
      worst = { kind: "refused", recipient, refusal: { ...said, kind: "store-refused" } };
    }
  }
  return worst;
}

interface WithdrawServices {
  readonly spool: Pick<Spool, "settle">;
  readonly store: Remote<Pick<QueueStore, "removeWaiting">>;
  readonly persist: Persistence["persist"];
}

/**
 * Ends the message without a word to its sender, who is told by the reply. What the disk refuses is written later, so that a
 * message that its sender still has is not delivered, or bounced, after a restart; `refused` hears of it at once.
 */
export async function withdraw(
  { spool, store, persist }: WithdrawServices,
  { message, stored }: Run,
  refused: (error: unknown) => void,
): Promise<void> {
  const recipients = [...message.recipients.keys()];
  const ends = recipients.map((recipient) => ({ recipient, outcome: "failed" }) as const);
  await persist(() => spool.settle(message.id, ends), refused);
  if (stored) await persist(() => store.removeWaiting([{ id: message.id, recipients }]), refused);
}
