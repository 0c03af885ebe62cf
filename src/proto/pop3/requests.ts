// What the POP3 core asks of whoever drives it, and what it is told. See server.ts.

import type { Exchange, LoginKeys, Mechanism, Step } from "../sasl/mechanism.ts";
import type { DropMessage } from "./maildrop.ts";

export interface Pop3ServerOptions {
  /** The name in the greeting. */
  readonly hostname: string;
  /** `implicit`: the session is inside TLS already. `starttls`: logins wait for STLS. */
  readonly tls: "implicit" | "starttls";
  /** Lines refused before the session is closed. */
  readonly errors: number;
  /** Refused logins before the session is closed. */
  readonly authFailures: number;
  /** Left out: the usual ones. */
  readonly mechanisms?: readonly Mechanism[];
  /** For SCRAM: see ScramEnvironment. */
  readonly nonce: () => string;
}

export type Pop3Request =
  /** Begin TLS once the output is written; answered by `secured`. */
  | { readonly kind: "secure" }
  /** The login is prepared (RFC 4013), the password is as it was sent; answered by `authenticated`. */
  | {
      readonly kind: "authenticate";
      readonly mechanism: "USER" | Exchange["mechanism"];
      readonly login: string;
      readonly password: string;
    }
  /** The keys of this name, or made-up ones, are wanted for an exchange; answered by `keys`. */
  | {
      readonly kind: "find-keys";
      readonly mechanism: Exchange["mechanism"];
      readonly login: string;
      readonly of: Extract<Step, { kind: "keys" }>["of"];
    }
  /** Who has these keys now has proved that he knows their password; answered by `authenticated`. */
  | {
      readonly kind: "confirm";
      readonly mechanism: Exchange["mechanism"];
      readonly login: string;
      readonly keys: LoginKeys;
    }
  /** A proof was wrong, or no password can be this: to be logged and slowed down as every refused login; answered by `authenticated`. */
  | { readonly kind: "refuse"; readonly mechanism: "USER" | Exchange["mechanism"]; readonly login: string }
  /** Index into the messages of `authenticated`; answered by `content` … `contentEnd`, or `contentMissing`. */
  | { readonly kind: "retrieve"; readonly message: number }
  /** Indexes of marked messages, never empty; answered by `removed`. */
  | { readonly kind: "remove"; readonly messages: readonly number[] }
  /** Write the output, then end the connection. Final. */
  | { readonly kind: "close"; readonly cause: Pop3CloseCause };

export type Pop3CloseCause = "quit" | "errors" | "auth-failures" | "bad-line" | "shutdown" | "suspended";

export type LoginResult =
  | { readonly kind: "opened"; readonly messages: readonly DropMessage[] }
  /** `shut`: nobody logs in in this session any more. */
  | { readonly kind: "refused" | "unavailable" | "in-use" | "shut" };
