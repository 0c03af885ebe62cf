// All facts a decision may use: read once by ingress, then only looked at. A fact that could not be established is
// "unavailable" with its cause; what that means is for the rule to say, and it is never a yes.

import type { Address } from "../address/address.ts";

export interface Unavailable {
  readonly kind: "unavailable";
  readonly cause: string;
}

/** May an account send as somebody? `delegate`: for somebody else, who allowed it, and the message must say so. */
export type SenderRight = "own" | "delegate" | "foreign";

/**
 * What is done about senders and authors that are not the account's. refuse: 550. tag: authors pass, with a Sender field that
 * names the account. rewrite: the same, and the envelope sender becomes the account's address.
 */
export type ForeignSender = "refuse" | "tag" | "rewrite";

/** Substitute listeners: an address that is not the account's here, at a third party. */
export type EnrolmentFact =
  /** `relay`: only by the third party's own server. */
  | { readonly kind: "valid"; readonly way: "direct" | "relay" }
  | { readonly kind: "none" }
  | { readonly kind: "expired"; readonly since: string }
  /** What the third party publishes makes receivers refuse mail from here. */
  | { readonly kind: "unfit"; readonly words: string }
  /** Nobody knows what it publishes. */
  | { readonly kind: "unread"; readonly cause: string }
  /** The agreement with the third party is over. */
  | { readonly kind: "over"; readonly until: string }
  /** An author, whose domain is not that of the envelope sender: neither SPF nor DKIM would speak for it. */
  | { readonly kind: "unaligned"; readonly sender: string };

/** A mailbox that a message claims to be from. */
export interface ClaimedMailbox {
  readonly field: "from" | "sender" | "resent-from" | "resent-sender";
  readonly address: string;
  readonly right: SenderRight | EnrolmentFact;
}

/** What a limit does that cannot be counted: it lets nothing through, or everything. */
export type FailMode = "closed" | "open";

/** A count that could not be asked for. */
export interface Uncounted extends Unavailable {
  readonly fail: FailMode;
}

/** What a listener is for; the rules differ by it (S6: MSA and MTA are kept apart). */
export type Role = "submission" | "mx";

/** The listener took mail until then, and does not any more. */
export interface Ended {
  readonly role: "legacy" | "substitute";
  readonly until: string;
}

export interface ConnectFacts {
  readonly hostname: string;
  readonly role: Role | "pop3";
  /** Sessions of the budget open now, this one included. */
  readonly sessions: number;
  readonly sessionLimit: number;
  readonly client: ClientFact;
  readonly ended: Ended | undefined;
}

/** What the counters say about one more connection of this client. */
export type ClientFact =
  | { readonly kind: "within" }
  | { readonly kind: "connections"; readonly limit: number }
  | { readonly kind: "rate" | "logins"; readonly limit: number; readonly window: string }
  | Uncounted;

export interface AuthFacts {
  readonly hostname: string;
  readonly role: Role;
  readonly secured: "plaintext" | "tls";
  /** Failed logins in this session, this one included. */
  readonly failures: number;
  readonly failureLimit: number;
  readonly outcome:
    | { readonly kind: "not-asked" }
    | { readonly kind: "account"; readonly account: string }
    /** `delay`: how long the answer waits, ms. */
    | { readonly kind: "refused"; readonly delay: number }
    | { readonly kind: "held" }
    | { readonly kind: "busy" }
    | { readonly kind: "shut"; readonly limit: number; readonly window: string }
    | { readonly kind: "wrong-scope" }
    | { readonly kind: "malformed" }
    | Unavailable;
}

export interface MailFacts {
  readonly hostname: string;
  readonly role: Role;
  /** Sessions may be older than the last day of their listener. */
  readonly ended: Ended | undefined;
  /** Account key, when somebody logged in. */
  readonly account: string | undefined;
  /** Does its login still hold? "none" when there is no account; unavailable also when nobody can say whether there is one. */
  readonly standing: "active" | "suspended" | "ended" | "none" | Unavailable;
  /** undefined is <>. */
  readonly sender: Address | undefined;
  /** May the account send as this sender? "none" when there is no account or no sender to ask about. */
  readonly ownership: SenderRight | "none" | EnrolmentFact | Unavailable;
  readonly foreignSender: ForeignSender;
  /** Its own address; "" when there is no account. */
  readonly ownAddress: string;
  readonly declaredSize: number | undefined;
  readonly messageSize: number;
  /** Whether that size would fit into the account's limit of octets; "none" where there is no such limit, or no size. */
  readonly octets: LimitFact;
  readonly over: OverLimit;
  /** Octets free where the state lives, and how many must remain. */
  readonly freeSpace: number;
  readonly freeSpaceNeeded: number;
  readonly clientMessages: ClientLimitFact;
  /** Octets in the spool, and how many may be. */
  readonly spooled: number;
  readonly spoolLimit: number;
  readonly messages: number;
  readonly messageLimit: number;
}

export type Lookup =
  | { readonly kind: "mailbox"; readonly account: string }
  | { readonly kind: "alias"; readonly accounts: readonly string[] }
  | { readonly kind: "role"; readonly accounts: readonly string[] }
  | { readonly kind: "suspended"; readonly account: string }
  /** It exists, and holds what it may hold. */
  | { readonly kind: "full"; readonly account: string }
  /** The mailbox store of the domain says that it takes mail for it. */
  | { readonly kind: "stored" }
  /** It says that it does not. */
  | StoreRefusal
  | { readonly kind: "unknown-mailbox" }
  | { readonly kind: "remote" }
  | Unavailable;

/** A 4yz or 5yz reply of a mailbox store. */
export interface StoreRefusal {
  readonly kind: "store-refused";
  readonly code: number;
  /** RFC 3463, of the same class as the code. */
  readonly enhanced: string;
  readonly text: string;
}

/** What the counters say about one more recipient. */
export type LimitFact =
  | { readonly kind: "within" }
  | { readonly kind: "none" }
  | {
      /** `beyond`: it is taken all the same, to be held. */
      readonly kind: "over" | "beyond";
      /** Whose; the account's own when nothing is said. */
      readonly of?: "domain" | "new-recipients" | "restrained";
      /** Name of the window that is full, e.g. "1h". */
      readonly window: string;
      readonly used: number;
      readonly limit: number;
      /** Wall clock, ms: when one more fits. */
      readonly reset: number;
    }
  | Unavailable;

/** The same of a client, for which the operator chose what an answer that does not come means. */
export type ClientLimitFact = Exclude<LimitFact, Unavailable> | Uncounted;

/** Of a RCPT before anybody looks who the recipient is. */
export interface TryFacts {
  /** Recipients accepted in this transaction so far. */
  readonly accepted: number;
  readonly recipientLimit: number;
  readonly attempts: LimitFact;
  readonly clientRecipients: ClientLimitFact;
}

export interface RcptFacts {
  readonly role: Role;
  readonly account: string | undefined;
  /** As the client wrote it, for replies. */
  readonly recipient: string;
  readonly lookup: Lookup;
}

/** What who is over a limit is told: come back later, or no; or it is taken and held. */
export type OverLimit = "defer" | "reject" | "hold";

export interface DataFacts {
  /** Messages of the account. */
  readonly messages: LimitFact;
  readonly over: OverLimit;
  /** Octets of content in memory in all sessions of the budget now, and what is to come. */
  readonly contentMemory: number;
  readonly contentMemoryLimit: number;
}

export interface MessageFacts {
  readonly role: Role;
  readonly account: string | undefined;
  readonly header:
    | { readonly kind: "fine" }
    /** Lines that are no fields, and the like. */
    | { readonly kind: "malformed"; readonly defect: string }
    /** Beyond the bounds within which it is read at all, or read differently by others. */
    | { readonly kind: "unbounded"; readonly defect: string };
  /** Number of Received fields. */
  readonly hops: number;
  readonly hopLimit: number;
  /** The recipient for which it was here most often before, if it was. */
  readonly passes: { readonly recipient: string; readonly count: number } | undefined;
  readonly passLimit: number;
  /** Submission: whose message it says it is. */
  readonly authors:
    | { readonly kind: "not-asked" }
    | { readonly kind: "claimed"; readonly mailboxes: readonly ClaimedMailbox[]; readonly policy: ForeignSender }
    | { readonly kind: "unreadable"; readonly defect: string }
    | Unavailable;
}
