// Which charges of one spool are in the history already. Charges are handed to it in the order of their messages' ids,
// together with the id they reach to, so that a restart can add up: history, plus what the spool holds beyond that id.
// Nothing is counted twice or forgotten.

import type { AcceptRecord, Spool } from "../spool/message.ts";
import type { AccountCharge } from "./account-limits.ts";

export interface ChargeLedger {
  /** Before the message is handed to the spool: from here to `settled` its id holds the history back. */
  charging(id: string): void;
  /** The message is durable (its reservations are now charges) or it is not (they were released). */
  settled(id: string, charge: AccountCharge | undefined): void;
  /** Charges not yet in the history. Call `written` when they are. */
  pending(): { readonly charges: readonly AccountCharge[]; readonly through: string };
  written(count: number): void;
}

/** `after`: the last id of earlier runs. */
export function createChargeLedger(after: string): ChargeLedger {
  /** Ids handed to the spool and not settled, oldest first; each with the id handed over before it. */
  const open = new Map<string, string>();
  let latest = after;
  const unwritten: { readonly id: string; readonly charge: AccountCharge }[] = [];

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

/** What a message costs its account, by its record. */
export function chargeOf({ account, receivedAt, recipients }: AcceptRecord): AccountCharge | undefined {
  return account === undefined ? undefined : { account, at: receivedAt, recipients: recipients.length };
}

/** Every message that goes into the spool passes the ledger. */
export function appendCharged(spool: Pick<Spool, "append">, ledger: ChargeLedger): Spool["append"] {
  return (record, content) => {
    ledger.charging(record.id);
    return spool.append(record, content).then(
      (message) => {
        ledger.settled(record.id, chargeOf(record));
        return message;
      },
      (error: unknown) => {
        ledger.settled(record.id, undefined);
        throw error;
      },
    );
  };
}
