// What the spool keeps of one message: everything that a restart needs to carry it to its end.

/** Queue id: sorts by time, safe in file names, headers and replies. Made by base/id.ts. */
export type MessageId = string;

/** The accept record: written with the content, synced before the 250, never changed. */
export interface AcceptRecord {
  readonly id: MessageId;
  /** Wall clock, ms. */
  readonly receivedAt: number;
  /** Which road it came by; a `bounce` is our own DSN, a `notice` tells an account of its limits. Both are from <> and never bounced. */
  readonly origin: "submission" | "mx" | "bounce" | "notice";
  /** Envelope sender as written in the reverse-path, without brackets; "" is the null reverse-path. */
  readonly sender: string;
  /** Envelope recipients, frozen at DATA. Settlements name them by index. */
  readonly recipients: readonly string[];
  /** Content needs 8BITMIME on the way out (RFC 6152). */
  readonly eightBit: boolean;
  /** Content has lines that only BDAT can carry: BODY=BINARYMIME (RFC 3030). */
  readonly binary?: true;
  /** Addresses or header fields in UTF-8: needs SMTPUTF8 on the way out (RFC 6531). */
  readonly utf8?: true;
  /** It says of itself that it goes to many: it waits behind other mail (queue/classes.ts). */
  readonly bulk?: true;
  /** RFC 3461 parameters of MAIL, xtext as they came: they are passed on verbatim. */
  readonly dsn?: { readonly envelopeId?: string; readonly returns?: "FULL" | "HDRS" };
  /** RFC 3461 parameters of RCPT by index of the recipient; absent where none were given. */
  readonly recipientDsn?: Readonly<Record<number, RecipientDsn>>;
  /** Message-ID header field, with its angle brackets; what people search for. */
  readonly messageId: string;
  /** Submission only: the account that is charged with it (law 8). */
  readonly account?: string;
  /** An author is not the account's: it is signed for the domain of its Sender, never for that of From. */
  readonly foreignAuthor?: true;
  /** The domain of a third party, in whose name it is: what leaves goes by the server that its `[[substitute.provider]]` names. */
  readonly relay?: string;
  /** Its limits ask to whom the account wrote before: its recipients are to be remembered. */
  readonly remember?: true;
  /** Beyond a limit: these recipients wait until an operator has looked at them. */
  readonly hold?: Hold;
  /** Somebody else may be using the account: what else there is waits as well, until somebody has looked. Which step, and since when. */
  readonly suspected?: string;
  /** The account was suspended by an operator, or deleted, while it came in: the same, until somebody has decided. In words. */
  readonly suspended?: string;
  /** For the failure report and trace: who handed it over. */
  readonly client?: string;
}

export interface Hold {
  /** Id of the reason, and numbers. */
  readonly why: string;
  /** Indexes. */
  readonly recipients: readonly number[];
}

export interface RecipientDsn {
  /** As it came: "NEVER", or any of the others; absent means the server's default (failure, maybe delay). */
  readonly notify?: readonly ("NEVER" | "SUCCESS" | "FAILURE" | "DELAY")[];
  /** ORCPT, type and xtext, as it came. */
  readonly originalRecipient?: string;
}

/** The end of the road for one recipient. Final: what is still to be tried is not in the spool. */
export interface Settlement {
  /** Index in AcceptRecord.recipients. */
  readonly recipient: number;
  readonly outcome: "delivered" | "failed" | "deleted";
}

export interface SpooledMessage extends AcceptRecord {
  /** Octets of the content: header section and body, CRLF line ends, no dot-stuffing. */
  readonly size: number;
}

export interface OpenMessageFound {
  readonly id: MessageId;
  /** Indexes of the recipients that are not settled. Never empty. */
  readonly open: readonly number[];
}

/** What a start found. The records stay on disk: a million of them are read when they are asked for, not before. */
export interface Recovered {
  /** Oldest first. */
  readonly open: readonly OpenMessageFound[];
  /** Of a message that is open. Rejects when it is not, or cannot be read. */
  readonly record: (id: MessageId) => Promise<SpooledMessage>;
}

export interface Spool {
  /**
   * Appends a message. Resolves when its bytes and its record are synced to disk: only then may anybody say 250.
   * Rejects when they cannot be made durable (disk full, I/O error); then the message is not there after a
   * restart either, as far as can be known, and the client gets 4xx.
   */
  append(record: AcceptRecord, content: readonly Uint8Array[]): Promise<SpooledMessage>;
  /** Records ends. Resolves when synced; callers need not wait, for a lost settlement only costs a duplicate. */
  settle(id: MessageId, settlements: readonly Settlement[]): Promise<void>;
  /** Somebody does wait for a settlement: those handed in so far are synced now, not with the next message. */
  hurry(): void;
  /** The content, octet for octet. Rejects when the message is unknown or its checksum does not hold. */
  read(id: MessageId): Promise<Buffer>;
  /** What is in it: for metrics and for the spool ceiling. */
  status(): SpoolStatus;
  /** Waits for what is in flight, closes the files. */
  close(): Promise<void>;
}

export interface SpoolStatus {
  readonly segments: number;
  readonly octets: number;
  readonly openMessages: number;
  /** Groups committed and messages in them since start. */
  readonly commits: number;
  readonly appended: number;
}
