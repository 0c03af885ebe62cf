// What an SMTP session needs from the rest of the house. Made in main/; a reload makes a new value, which new sessions
// get, and a session keeps the one it began with.

import type { SecureContext } from "node:tls";
import type { Address } from "../../address/address.ts";
import type { Domain } from "../../address/domain.ts";
import type { SmtpSettings } from "../../config/settings.ts";
import type { AccountLimits } from "../../counters/account-limits.ts";
import type { ClientLimits } from "../../counters/client-limits.ts";
import type { Login, ScramLogin } from "../../directory/credentials.ts";
import type { Directory } from "../../directory/directory.ts";
import type { Clock } from "../../io/clock.ts";
import type { Observer } from "../../observe/events.ts";
import type { Spool, SpooledMessage } from "../../spool/message.ts";
import type { Lookup } from "../../verdict/facts.ts";

export interface SmtpServices {
  readonly hostname: Domain;
  readonly smtp: SmtpSettings;
  /** Its look-ups also know full mailboxes. */
  readonly directory: Omit<Directory, "lookup"> & { lookup(address: Address): Lookup | Promise<Lookup> };
  readonly login: Login;
  readonly scram: ScramLogin;
  readonly limits: AccountLimits;
  readonly clients: Pick<ClientLimits, "connect">;
  readonly spool: Pick<Spool, "append">;
  /** The message is durable; takes it on its way. Must not throw. */
  readonly accepted: (message: SpooledMessage, content: readonly Uint8Array[]) => void;
  readonly secureContext: SecureContext;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Octets free where the state lives, as of a moment ago. */
  readonly freeSpace: () => number;
  /** Octets in the spool. */
  readonly spooled: () => number;
  /** Shared by all sessions of this thread. */
  readonly load: SessionLoad;
}

export interface SessionLoad {
  sessions: number;
  /** Octets of content held in open transactions. */
  content: number;
}
