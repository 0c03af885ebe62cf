// What goes into the client core and what comes out of it.

import type { Extensions } from "./extensions.ts";
import type { Derivation } from "./login.ts";
import type { Reply } from "./reply.ts";

export interface Transaction<Tag> {
  /** The caller's own; comes back with the outcomes. */
  readonly tag: Tag;
  /** Reverse-path without brackets; "" is null. */
  readonly sender: string;
  /** At least one. */
  readonly recipients: readonly string[];
  /** Octets of the content. */
  readonly size: number;
  readonly eightBit: boolean;
  /** Octets that only BDAT can carry (RFC 3030): line ends are not looked at then. */
  readonly binary?: boolean;
  /** Header fields in UTF-8; for addresses in UTF-8 this is found out here (RFC 6531). */
  readonly utf8?: boolean;
  /** Parameters of MAIL and RCPT (RFC 3461), xtext as it came; written where the server offers DSN. */
  readonly notifications?: Notifications;
  /** CRLF line ends unless binary, no dot-stuffing; not changed until the transaction has finished. */
  readonly content: readonly Uint8Array[];
}

export interface Notifications {
  readonly envelopeId: string | undefined;
  readonly returns: "FULL" | "HDRS" | undefined;
  /** In the order of the recipients. */
  readonly recipients: readonly (RecipientNotifications | undefined)[];
}

export interface RecipientNotifications {
  readonly notify?: readonly ("NEVER" | "SUCCESS" | "FAILURE" | "DELAY")[];
  readonly originalRecipient?: string;
}

/** Why a transaction is not even begun: the message cannot go over this session as it is. */
export interface Refusal {
  readonly code:
    | "bad-address"
    | "non-ascii"
    | "bare-carriage-return"
    | "bare-line-feed"
    | "unterminated"
    | "too-large"
    | "needs-conversion";
  readonly status: string;
  readonly message: string;
}

export type Stage = "MAIL" | "RCPT" | "DATA" | "content";

/** The end for one recipient as far as this session is concerned. */
export type Outcome =
  | { readonly kind: "delivered"; readonly reply: Reply }
  | { readonly kind: "deferred" | "failed"; readonly stage: Stage; readonly reply: Reply }
  /**
   * The session ended without an answer. `unsent`: the content never left, another session may try at once.
   * `unknown`: the final dot may have arrived; trying again can make a duplicate, not trying can lose it.
   */
  | { readonly kind: "lost"; readonly content: "unsent" | "unknown" };

export interface SessionFailure {
  readonly code:
    | "refused" // banner, EHLO, HELO or RSET answered 4yz or 5yz
    | "closing" // 421
    | "violation" // not SMTP
    | "tls-unavailable" // required, and not offered or refused
    | "auth-unavailable" // no TLS or no common mechanism
    | "auth-refused";
  readonly message: string;
  readonly reply: Reply | undefined;
}

export type ClientEvent<Tag> =
  /** Do the handshake on the same socket, then call `secured`. Read nothing more in the clear. */
  | { readonly kind: "start-tls" }
  /** Derive the key, off this thread if it takes long, then call `derived`. */
  | ({ readonly kind: "derive" } & Derivation)
  /** Transactions may be sent from now on. */
  | { readonly kind: "ready"; readonly server: string; readonly extensions: Extensions }
  /** One outcome for each recipient, in their order. */
  | { readonly kind: "finished"; readonly tag: Tag; readonly outcomes: readonly Outcome[] }
  /** Close the socket. Nothing follows. No failure after QUIT. */
  | { readonly kind: "closed"; readonly failure: SessionFailure | undefined };

/** What one call asks of the shell: first write, then look at the events. */
export interface Step<Tag> {
  /** To be written at once and together (one segment on a small message); empty when there is nothing. */
  readonly write: readonly Uint8Array[];
  readonly events: readonly ClientEvent<Tag>[];
}
