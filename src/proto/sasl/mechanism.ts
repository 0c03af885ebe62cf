// SASL server exchanges for SMTP and POP3: SCRAM-SHA-256 and its -PLUS (RFC 5802, RFC 7677; scram.ts), PLAIN (RFC 4616),
// LOGIN (draft-murchison-sasl-login) and, where it is switched on, CRAM-MD5 (RFC 2195; cram-md5.ts). Pure: octets in, the next step out. Framing, base64 and "*" belong to the
// protocol around it, the check of the password to whoever asked; nothing here compares, keeps or logs one.
//
// Room for more: OAUTHBEARER (RFC 7628) will add a step kind that carries a token. Callers switch on `kind`.

import { cramMd5 } from "./cram-md5.ts";
import type { CramKeys } from "./cram-md5.ts";
import { canBeTyped, prepare } from "../../base/saslprep.ts";
import { scram } from "./scram.ts";
import type { ScramEnvironment, ScramKeys } from "./scram.ts";

type MechanismName = "SCRAM-SHA-256-PLUS" | "SCRAM-SHA-256" | "PLAIN" | "LOGIN" | "CRAM-MD5";

/** As an operator names them: the -PLUS of SCRAM comes with it wherever there is something to bind to. */
export type Mechanism = "scram-sha-256" | "plain" | "login" | "cram-md5";

export const usualMechanisms: readonly Mechanism[] = ["scram-sha-256", "plain", "login"];

/** What the exchanges know of their connection. */
export interface SaslEnvironment extends ScramEnvironment {
  readonly offered: readonly Mechanism[];
  /** Our own name. */
  readonly hostname: string;
}

/** What is asked for by name, to check a proof. */
export type LoginKeys = ScramKeys | CramKeys;

/**
 * In the order in which they are announced, the strongest first, as clients tend to take the first they know. None of
 * them is to be announced outside TLS, SCRAM no more than the others: a client that finds it there goes on in clear
 * with its mail, and one that finds the list without it falls back to PLAIN and hands over the password.
 */
export function mechanismNames({
  binding,
  offered,
}: Pick<SaslEnvironment, "binding" | "offered">): readonly MechanismName[] {
  return names
    .filter(({ name, as }) => offered.includes(as) && (name !== PLUS || binding !== undefined))
    .map(({ name }) => name);
}

const PLUS = "SCRAM-SHA-256-PLUS";
/** CRAM-MD5 last: few accounts have keys for it, and inside TLS the others are worth more. */
const names: readonly { readonly name: MechanismName; readonly as: Mechanism }[] = [
  { name: PLUS, as: "scram-sha-256" },
  { name: "SCRAM-SHA-256", as: "scram-sha-256" },
  { name: "PLAIN", as: "plain" },
  { name: "LOGIN", as: "login" },
  { name: "CRAM-MD5", as: "cram-md5" },
];

type FailureCause =
  /** Not a message of this mechanism. */
  | "malformed"
  /** A field is longer than 1024 octets. */
  | "too-long"
  /** Not UTF-8, a name that SASLprep prohibits, or a password that no program has ever taken. */
  | "bad-text"
  /** Acting as somebody else (RFC 4422 §3.4.1) is not offered. */
  | "other-identity"
  /** Not bound to this connection, or misled about what was offered (RFC 5802 §6). */
  | "channel-binding"
  /** The proof is wrong: a wrong password, or a name without keys. */
  | "proof";

export type Step =
  | { readonly kind: "challenge"; readonly data: Uint8Array }
  /**
   * Names are prepared (RFC 4013); authorization equals authentication. The password is as it was sent, without NUL and line ends: whoever
   * compares it prepares it first, and may have a hash of what was typed.
   */
  | {
      readonly kind: "credentials";
      readonly authorization: string;
      readonly authentication: string;
      readonly password: string;
    }
  /** Wants the keys of this name, or made-up ones, by `supply`. */
  | { readonly kind: "keys"; readonly authentication: string; readonly of: "scram" | "cram-md5" }
  /** The client knows the password behind these keys; after SCRAM it also knows that we had them. */
  | { readonly kind: "proved"; readonly authentication: string; readonly keys: LoginKeys }
  /** `authentication`: who it was about, once that was said. */
  | { readonly kind: "failed"; readonly cause: FailureCause; readonly authentication?: string };

export interface Exchange {
  readonly mechanism: MechanismName;
  /**
   * Takes the client's next response, decoded; undefined only at first, when the client sent no initial response.
   * After `credentials`, `proved` or `failed` the exchange is over and another step is a bug.
   */
  step(response: Uint8Array | undefined): Step;
  /** Answers the step `keys`, with those that it asked for. */
  supply(keys: LoginKeys): Step;
}

/** RFC 4616 §2 wants at least 255; longer values only feed the password hash. */
const FIELD_LIMIT = 1024;

/** Mechanism names are compared without regard to case, as deployed clients send them. Undefined: not offered. */
export function startMechanism(name: string, environment: SaslEnvironment): Exchange | undefined {
  const mechanism = mechanismNames(environment).find((offered) => offered === name.toUpperCase());
  switch (mechanism) {
    case "SCRAM-SHA-256-PLUS":
      return exchange(mechanism, scram("plus", environment));
    case "SCRAM-SHA-256":
      return exchange(mechanism, scram("plain", environment));
    case "PLAIN":
      return exchange(mechanism, plain());
    case "LOGIN":
      return exchange(mechanism, login());
    case "CRAM-MD5":
      return exchange(mechanism, cramMd5(environment), "server");
    case undefined:
      return undefined;
  }
}

/** Takes responses, and keys where they were asked for. */
export type Steps = Generator<Step, Step, Uint8Array | LoginKeys | undefined>;

/** `first`: who speaks first. Where it is the server, an initial response answers what was not asked yet (RFC 4954 §4). */
function exchange(mechanism: MechanismName, steps: Steps, first: "client" | "server" = "client"): Exchange {
  let state: "fresh" | "running" | "keys" | "over" = "fresh";
  function proceed(input: Uint8Array | LoginKeys | undefined): Step {
    const { done, value } = steps.next(input);
    state = done === true ? "over" : value.kind === "keys" ? "keys" : "running";
    return value;
  }
  return {
    mechanism,
    step(response) {
      if (state === "over" || state === "keys") throw new Error(`SASL ${mechanism} is not waiting for the client`);
      if (state === "fresh") {
        const challenge = proceed(undefined);
        if (response === undefined) return challenge;
        if (first === "server") {
          state = "over";
          return failed("malformed");
        }
      }
      return proceed(response);
    },
    supply(keys) {
      if (state !== "keys") throw new Error(`SASL ${mechanism} did not ask for keys`);
      return proceed(keys);
    },
  };
}

// An initial response answers the first challenge before it is sent.

function* plain(): Steps {
  const response = yield { kind: "challenge", data: new Uint8Array(0) };
  if (!(response instanceof Uint8Array)) return failed("malformed");
  const first = response.indexOf(0);
  const second = first === -1 ? -1 : response.indexOf(0, first + 1);
  if (second === -1 || response.indexOf(0, second + 1) !== -1) return failed("malformed");
  return credentials(response.subarray(0, first), response.subarray(first + 1, second), response.subarray(second + 1));
}

function* login(): Steps {
  const name = yield { kind: "challenge", data: Buffer.from("Username:") };
  if (!(name instanceof Uint8Array)) return failed("malformed");
  const password = yield { kind: "challenge", data: Buffer.from("Password:") };
  if (!(password instanceof Uint8Array)) return failed("malformed");
  return credentials(new Uint8Array(0), name, password);
}

function credentials(authzid: Uint8Array, authcid: Uint8Array, secret: Uint8Array): Step {
  if (authcid.length === 0 || secret.length === 0) return failed("malformed");
  if (Math.max(authzid.length, authcid.length, secret.length) > FIELD_LIMIT) return failed("too-long");
  const authentication = text(authcid);
  const password = decoded(secret);
  if (authentication === undefined || password === undefined || !canBeTyped(password)) return failed("bad-text");
  const authorization = authzid.length === 0 ? authentication : text(authzid);
  if (authorization === undefined) return failed("bad-text");
  if (authorization !== authentication) return failed("other-identity");
  return { kind: "credentials", authorization, authentication, password };
}

function failed(cause: FailureCause): Step {
  return { kind: "failed", cause };
}

function text(octets: Uint8Array): string | undefined {
  const written = decoded(octets);
  return written === undefined ? undefined : prepare(written);
}

function decoded(octets: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return undefined;
  }
}
