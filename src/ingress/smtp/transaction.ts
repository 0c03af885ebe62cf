// One mail transaction, from MAIL to the end of DATA. The value is replaced at every step; the list of recipients is
// only appended to and frozen when DATA begins (law 7).

import { formatAddress } from "../../address/address.ts";
import type { Address } from "../../address/address.ts";
import type { Reservation } from "../../counters/limits.ts";
import type { SmtpRequest } from "../../proto/smtp/server.ts";
import type { ReasonId } from "../../verdict/reasons.ts";

/** What MAIL and RCPT said, as the core read it. */
export type MailRequest = Extract<SmtpRequest, { kind: "mail" }>;
export type RcptRequest = Extract<SmtpRequest, { kind: "rcpt" }>;

export interface TransactionRecipient {
  readonly address: Address;
  readonly text: string;
  readonly dsn: RcptRequest["dsn"];
  readonly reason: ReasonId;
  readonly reservation: Reservation | undefined;
}

export interface Transaction {
  /** undefined is <>. */
  readonly sender: Address | undefined;
  /** The same as text, "" for <>. */
  readonly senderText: string;
  readonly declaredSize: number | undefined;
  readonly body: MailRequest["body"];
  readonly charset: MailRequest["charset"];
  readonly dsn: MailRequest["dsn"];
  readonly recipients: readonly TransactionRecipient[];
  /** Appends; a copy of the list for each would make a thousand recipients cost half a million copies. */
  readonly add: (recipient: TransactionRecipient) => Transaction;
  readonly freeze: () => Transaction;
}

export function beginTransaction(request: MailRequest): Transaction {
  const { sender, declaredSize, body, charset, dsn } = request;
  const recipients: TransactionRecipient[] = [];
  const transaction: Transaction = {
    sender,
    senderText: sender === undefined ? "" : formatAddress(sender),
    declaredSize,
    body,
    charset,
    dsn,
    recipients,
    add: (recipient) => {
      recipients.push(recipient);
      return transaction;
    },
    freeze: () => {
      Object.freeze(recipients);
      return transaction;
    },
  };
  return transaction;
}

export function reservationsOf(transaction: Transaction): readonly Reservation[] {
  return transaction.recipients.map(({ reservation }) => reservation).filter((each) => each !== undefined);
}
