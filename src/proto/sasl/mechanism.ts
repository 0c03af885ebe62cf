// SASL server exchanges for SMTP and POP3: PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login). Pure: octets
// in, the next step out. Framing, base64 and "*" belong to the protocol around it, the check of the password to
// whoever asked; nothing here compares, keeps or logs one.
//
// Room for more: SCRAM (RFC 5802) will add a step kind that asks for a verifier and one that carries the final
// server message; OAUTHBEARER (RFC 7628) one that carries a token. Callers switch on `kind`.

import { prepare } from "./prepare.ts";

type MechanismName = "PLAIN" | "LOGIN";

/** In the order in which they are announced. */
export const mechanismNames: readonly MechanismName[] = ["PLAIN", "LOGIN"];

type FailureCause =
  /** Not a message of this mechanism. */
  | "malformed"
  /** A field is longer than 1024 octets. */
  | "too-long"
  /** Not UTF-8, or a character that SASLprep prohibits. */
  | "bad-text"
  /** Acting as somebody else (RFC 4422 §3.4.1) is not offered. */
  | "other-identity";

export type Step =
  | { readonly kind: "challenge"; readonly data: Uint8Array }
  /** All three are prepared (RFC 4013); authorization equals authentication. */
  | {
      readonly kind: "credentials";
      readonly authorization: string;
      readonly authentication: string;
      readonly password: string;
    }
  | { readonly kind: "failed"; readonly cause: FailureCause };

export interface Exchange {
  readonly mechanism: MechanismName;
  /**
   * Takes the client's next response, decoded; undefined only at first, when the client sent no initial response.
   * After `credentials` or `failed` the exchange is over and another step is a bug.
   */
  step(response: Uint8Array | undefined): Step;
}

/** RFC 4616 §2 wants at least 255; longer values only feed the password hash. */
const FIELD_LIMIT = 1024;

/** Mechanism names are compared without regard to case, as deployed clients send them. */
export function startMechanism(name: string): Exchange | undefined {
  switch (name.toUpperCase()) {
    case "PLAIN":
      return exchange("PLAIN", plain());
    case "LOGIN":
      return exchange("LOGIN", login());
    default:
      return undefined;
  }
}

type Steps = Generator<Step, Step, Uint8Array | undefined>;

function exchange(mechanism: MechanismName, steps: Steps): Exchange {
  let state: "fresh" | "running" | "over" = "fresh";
  return {
    mechanism,
    step(response) {
      if (state === "over") throw new Error(`SASL ${mechanism} is over`);
      if (state === "fresh") {
        state = "running";
        const first = steps.next();
        if (response === undefined) return first.value;
      }
      const result = steps.next(response);
      if (result.done === true) state = "over";
      return result.value;
    },
  };
}

// An initial response answers the first challenge before it is sent.

function* plain(): Steps {
  const response = yield { kind: "challenge", data: new Uint8Array(0) };
  if (response === undefined) return failed("malformed");
  const first = response.indexOf(0);
  const second = first === -1 ? -1 : response.indexOf(0, first + 1);
  if (second === -1 || response.indexOf(0, second + 1) !== -1) return failed("malformed");
  return credentials(response.subarray(0, first), response.subarray(first + 1, second), response.subarray(second + 1));
}

function* login(): Steps {
  const name = yield { kind: "challenge", data: Buffer.from("Username:") };
  if (name === undefined) return failed("malformed");
  const password = yield { kind: "challenge", data: Buffer.from("Password:") };
  if (password === undefined) return failed("malformed");
  return credentials(new Uint8Array(0), name, password);
}

function credentials(authzid: Uint8Array, authcid: Uint8Array, secret: Uint8Array): Step {
  if (authcid.length === 0 || secret.length === 0) return failed("malformed");
  if (Math.max(authzid.length, authcid.length, secret.length) > FIELD_LIMIT) return failed("too-long");
  const authentication = text(authcid);
  const password = text(secret);
  if (authentication === undefined || password === undefined) return failed("bad-text");
  const authorization = authzid.length === 0 ? authentication : text(authzid);
  if (authorization === undefined) return failed("bad-text");
  if (authorization !== authentication) return failed("other-identity");
  return { kind: "credentials", authorization, authentication, password };
}

function failed(cause: FailureCause): Step {
  return { kind: "failed", cause };
}

function text(octets: Uint8Array): string | undefined {
  try {
    return prepare(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets));
  } catch {
    return undefined;
  }
}
