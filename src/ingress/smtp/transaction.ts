// One mail transaction, from MAIL to the end of DATA. The value is replaced at every step; the list of recipients is
// only appended to and frozen when DATA begins (law 7).

import { formatAddress } from "../../address/address.ts";
import type { Address } from "../../address/address.ts";
import type { Held } from "../../counters/account-limits.ts";
import type { AccountTerms } from "../../directory/terms.ts";
import type { Hold } from "../../spool/message.ts";
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
  readonly held: readonly Held[];
  /** Beyond which limit it is, when it is to be held. */
  readonly beyond?: string;
}

export interface Transaction {
  /** undefined is <>. */
  readonly sender: Address | undefined;
  /** The same as text, "" for <>. */
  readonly senderText: string;
  /** What the client said, where something else stands in its place. */
  readonly claimedSender?: string;
  /** The domain of a third party, by whose own server it has to go. */
  readonly relay?: string;
  readonly declaredSize: number | undefined;
  readonly body: MailRequest["body"];
  readonly charset: MailRequest["charset"];
  readonly dsn: MailRequest["dsn"];
  /** Of the account that submits it. */
  readonly terms: AccountTerms | undefined;
  readonly recipients: readonly TransactionRecipient[];
  /** What the message itself holds of the limits. */
  readonly held: readonly Held[];
  /** Appends; a copy of the list for each would make a thousand recipients cost half a million copies. */
  readonly add: (recipient: TransactionRecipient) => Transaction;
  readonly hold: (held: readonly Held[]) => void;
  /** Beyond which limit the message itself is, when all of it is to be held. */
  readonly beyond: string | undefined;
  readonly goBeyond: (limit: string) => void;
  readonly freeze: () => Transaction;
}

/** `sender`: in place of the one that the request names. */
export function beginTransaction(
  request: MailRequest,
  terms?: AccountTerms,
  { sender: replacement, relay }: { readonly sender?: Address | undefined; readonly relay?: string | undefined } = {},
): Transaction {
  const { declaredSize, body, charset, dsn } = request;
  const sender = replacement ?? request.sender;
  const claimed = replacement === undefined || request.sender === undefined ? undefined : formatAddress(request.sender);
  const recipients: TransactionRecipient[] = [];
  const messageHeld: Held[] = [];
  let beyond: string | undefined;
  const transaction: Transaction = {
    sender,
    senderText: sender === undefined ? "" : formatAddress(sender),
    ...(claimed === undefined ? {} : { claimedSender: claimed }),
    ...(relay === undefined ? {} : { relay }),
    declaredSize,
    body,
    charset,
    dsn,
    terms,
    recipients,
    held: messageHeld,
    hold: (held) => void messageHeld.push(...held),
    get beyond() {
      return beyond;
    },
    goBeyond: (limit) => void (beyond ??= limit),
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

export function reservationsOf({ recipients, held }: Transaction): readonly Held[] {
  return [...held, ...recipients.flatMap((recipient) => recipient.held)];
}

/** What of an accepted message is to be held, and for the first limit that it is beyond. */
export function holdOf({ recipients, beyond }: Transaction): Hold | undefined {
  const held = recipients.flatMap((recipient, index) =>
    beyond === undefined && recipient.beyond === undefined ? [] : [index],
  );
  const why = beyond ?? recipients.find((recipient) => recipient.beyond !== undefined)?.beyond;
  return why === undefined ? undefined : { why, recipients: held };
}
