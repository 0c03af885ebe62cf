// What an SMTP session needs from the rest of the house. Made in main/; a reload makes a new value, which new sessions
// get, and a session keeps the one it began with.

import type { SecureContext } from "node:tls";
import type { Address } from "../../address/address.ts";
import type { Domain } from "../../address/domain.ts";
import type { SmtpSettings } from "../../config/settings.ts";
import type { LimitNotice } from "../../counters/account-limits.ts";
import type { AccountCounts, ClientCounts } from "../../counters/counters.ts";
import type { Visits } from "../../counters/visits.ts";
import type { Login } from "../../directory/login.ts";
import type { ScramLogin } from "../../directory/scram-login.ts";
import type { Correspondents } from "../../directory/correspondents.ts";
import type { Identities } from "../../directory/identities.ts";
import type { loginStanding } from "../../directory/standing.ts";
import type { AccountTerms } from "../../directory/terms.ts";
import type { Directory } from "../../directory/directory.ts";
import type { Clock } from "../../io/clock.ts";
import type { Observer } from "../../observe/events.ts";
import type { Spool, SpooledMessage } from "../../spool/message.ts";
import type { EnrolmentFact, FailMode, Lookup, StoreRefusal } from "../../verdict/facts.ts";
import type { BudgetOf } from "./budgets.ts";

export interface SmtpServices {
  readonly hostname: Domain;
  readonly smtp: SmtpSettings;
  /** Its look-ups also know full mailboxes. */
  readonly directory: Omit<Directory, "lookup"> & { lookup(address: Address): Lookup | Promise<Lookup> };
  readonly login: Login;
  readonly scram: ScramLogin;
  /** Rejects when the directory does not answer; likewise `terms`. */
  readonly standing: ReturnType<typeof loginStanding>;
  /** Substitute listeners: an address that is not the account's here. Rejects when nobody can say. */
  readonly enrolment: (account: string, address: Address) => Promise<EnrolmentFact>;
  readonly limits: AccountCounts;
  readonly correspondents: Pick<Correspondents, "stranger">;
  /** How accounts are named to others. */
  readonly identities: Identities;
  readonly clients: ClientCounts;
  readonly visits: Pick<Visits, "note" | "at">;
  /** When the counts of clients cannot be asked: nobody, or everybody. Those of accounts let nobody through. */
  readonly clientFail: FailMode;
  readonly spool: Pick<Spool, "append">;
  readonly terms: (account: string) => AccountTerms | Promise<AccountTerms>;
  /** A window of an account is nearly or wholly used up: tells its people by mail. Must not throw. */
  readonly tellAccount: (terms: AccountTerms, notice: LimitNotice) => void;
  /** What the content says about who uses the account; only where its terms allow that. Must not throw. */
  readonly examine: (account: string, content: readonly Uint8Array[]) => void;
  /** The message is durable; takes it on its way. Must not throw. */
  readonly accepted: (message: SpooledMessage, content: readonly Uint8Array[]) => void;
  /** The same, for a message whose recipients are all in mailbox stores; resolves to what they say, at the latest after `within` ms. */
  readonly deliver: (
    message: SpooledMessage,
    content: readonly Uint8Array[],
    within: number,
  ) => Promise<
    | { readonly kind: "taken" }
    | { readonly kind: "refused"; readonly recipient: number; readonly refusal: StoreRefusal }
  >;
  readonly secureContext: SecureContext;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Octets free where the state lives, as of a moment ago. */
  readonly freeSpace: () => number;
  /** Octets in the spool. */
  readonly spooled: () => number;
  /** Shared by all sessions of the process. */
  readonly load: SessionLoad;
  /** Which part of it a session may have. */
  readonly budgetOf: BudgetOf;
}

/** What sessions of one budget hold. */
export interface LoadPart {
  /** Open now. */
  readonly sessions: number;
  /** Octets of content held in open transactions. */
  readonly content: number;
  addSessions(count: number): void;
  addContent(octets: number): void;
}

export interface SessionLoad {
  /** All together. */
  readonly sessions: number;
  readonly content: number;
  part(slot: number): LoadPart;
}
