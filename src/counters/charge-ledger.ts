// Which charges of one spool are in the history already. Charges are handed to it in the order of their messages' ids,
// together with the id they reach to, so that a restart can add up: history, plus what the spool holds beyond that id.
// Nothing is counted twice or forgotten.

import type { Spool, SpooledMessage } from "../spool/message.ts";
import type { AccountCharge } from "./account-limits.ts";

/** How many of its recipients are new is for the store to say. */
export interface NewCharge extends Omit<AccountCharge, "newRecipients"> {
  /** They are to be remembered. */
  readonly correspondents?: readonly number[];
}

export interface ChargeLedger {
  /** Before the message is handed to the spool: from here to `settled` its id holds the history back. */
  charging(id: string): void;
  /** The message is durable (its reservations are now charges) or it is not (they were released). */
  settled(id: string, charge: NewCharge | undefined): void;
  /** Charges not yet in the history. Call `written` when they are. */
  pending(): { readonly charges: readonly NewCharge[]; readonly through: string };
  written(count: number): void;
}

/** `after`: the last id of earlier runs. */
export function createChargeLedger(after: string): ChargeLedger {
  /** Ids handed to the spool and not settled, oldest first; each with the id handed over before it. */
  const open = new Map<string, string>();
  let latest = after;
  const unwritten: { readonly id: string; readonly charge: NewCharge }[] = [];

  /** Every id up to this one is settled. */
  function settledThrough(): string {
    const oldest = open.values().next();
    return oldest.done === true ? latest : oldest.value;
  }

  return {
    charging: (id) => {
      open.set(id, latest);
      latest = id;
    },
    settled: (id, charge) => {
      open.delete(id);
      if (charge !== undefined) unwritten.push({ id, charge });
    },
    pending: () => {
      const through = settledThrough();
      // What lies beyond waits for the next round, behind what is handed out now.
      const ready = unwritten.filter(({ id }) => id <= through);
      const rest = unwritten.filter(({ id }) => id > through);
      unwritten.splice(0, unwritten.length, ...ready, ...rest);
      return { charges: ready.map(({ charge }) => charge), through };
    },
    written: (count) => {
      unwritten.splice(0, count);
    },
  };
}

/** By which an account's recipient is remembered (directory/correspondents.ts). */
export type Fingerprint = (account: string, recipient: string) => number;

/** What a message costs its account, by its record. */
export function chargeOf(message: SpooledMessage, fingerprint: Fingerprint): NewCharge | undefined {
  const { account, receivedAt, recipients, remember, size } = message;
  if (account === undefined) return undefined;
  const charge = { account, at: receivedAt, recipients: recipients.length, octets: size };
  if (remember !== true) return charge;
  return { ...charge, correspondents: recipients.map((recipient) => fingerprint(account, recipient)) };
}

/** Every message that goes into the spool passes the ledger. */
export function appendCharged(
  spool: Pick<Spool, "append">,
  ledger: ChargeLedger,
  fingerprint: Fingerprint,
): Spool["append"] {
  return (record, content) => {
    ledger.charging(record.id);
    return spool.append(record, content).then(
      (message) => {
        ledger.settled(record.id, chargeOf(message, fingerprint));
        return message;
      },
      (error: unknown) => {
        ledger.settled(record.id, undefined);
        throw error;
      },
    );
  };
}
