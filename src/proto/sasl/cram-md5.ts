// CRAM-MD5 (RFC 2195), the server's side. Pure: the nonce comes from outside, and so do the account's keys, which are asked for by
// name. For old programs that know nothing better: it proves the password and protects nothing else, and its keys are
// worth as much as the password (io/cram-keys.ts). Offered only where it is switched on, and inside TLS like all others.
//
// Promised as for SCRAM: who has no keys takes the same course and fails at its end; proofs are compared in constant time.

import { timingSafeEqual } from "node:crypto";
import { md5End } from "../../base/md5.ts";
import type { SaslEnvironment, Step, Steps } from "./mechanism.ts";
import { prepare } from "../../base/saslprep.ts";

/** The states of MD5 after HMAC's keyed blocks (RFC 2104). */
export interface CramKeys {
  readonly outer: Uint8Array;
  readonly inner: Uint8Array;
}

/** A name and a digest; far above any honest message. */
const MESSAGE_LIMIT = 1100;
/** Names may have spaces, the digest has none. */
const RESPONSE = /^(.*) ([0-9A-Fa-f]{32})$/s;

export function* cramMd5({ nonce, hostname }: Pick<SaslEnvironment, "nonce" | "hostname">): Steps {
  // RFC 2195 §2 wants a time stamp, so that no challenge comes twice; 144 random bits see to that.
  const challenge = Buffer.from(`<${nonce()}@${hostname}>`);
  const [, written = "", digest = ""] = read(yield { kind: "challenge", data: challenge }) ?? [];
  if (digest === "") return failed("malformed");
  const name = prepare(written);
  if (name === undefined) return failed("bad-text");

  const keys = yield { kind: "keys", authentication: name, of: "cram-md5" };
  if (keys === undefined || !("inner" in keys)) throw new Error("CRAM-MD5: the keys were asked for");
  const expected = md5End(keys.outer, md5End(keys.inner, challenge));
  return timingSafeEqual(expected, Buffer.from(digest, "hex"))
    ? { kind: "proved", authentication: name, keys }
    : failed("proof", name);
}

function read(answer: unknown): RegExpExecArray | undefined {
  if (!(answer instanceof Uint8Array) || answer.length > MESSAGE_LIMIT || answer.includes(0)) return undefined;
  try {
    return RESPONSE.exec(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(answer)) ?? undefined;
  } catch {
    return undefined;
  }
}

function failed(cause: Extract<Step, { kind: "failed" }>["cause"], authentication?: string): Step {
  return authentication === undefined ? { kind: "failed", cause } : { kind: "failed", cause, authentication };
}
