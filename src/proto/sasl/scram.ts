// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), the server's side. Pure: messages in, steps out; the nonce
// comes from outside, and so do the account's keys, which are asked for by name. The password is never seen here.
//
// Promised: who has no keys takes the same course as who has them and fails at its end; proofs are compared in constant
// time; a channel binding that does not fit this very connection fails (RFC 5802 §6), and so does a client that was
// made to believe that we offer none. Of binding types only tls-exporter is known (RFC 9266).

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { decodeBase64 } from "./base64.ts";
import type { LoginKeys, Step, Steps } from "./mechanism.ts";
import { prepare } from "../../base/saslprep.ts";

/** What a server keeps of a password (RFC 5802 §3): it can check one, and cannot log in with it elsewhere. */
export interface ScramKeys {
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export interface ScramEnvironment {
  /** Fresh for each exchange: printable ASCII without comma, at least 128 bits of randomness. */
  readonly nonce: () => string;
  /** tls-exporter of this connection (RFC 9266); undefined where there is none, and -PLUS was not offered. */
  readonly binding: Uint8Array | undefined;
}

/** Far above any honest message, far below what would cost something. */
const MESSAGE_LIMIT = 4096;
const BINDING_TYPE = "tls-exporter";

/** RFC 5802 §7: gs2-header, then username and nonce; extensions that are not mandatory may follow. */
const CLIENT_FIRST =
  /^((n|y|p=([A-Za-z0-9.-]{1,64})),(?:a=([^,]*))?,)(n=([^,]*),r=([\x21-\x2b\x2d-\x7e]{1,512})(?:,[A-Za-z]=[^,]*)*)$/;
/** What is signed, the header that was sent before, the nonce and the proof, which is last. */
const CLIENT_FINAL = /^(c=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]*)*),p=([^,]*)$/;

export function* scram(variant: "plain" | "plus", environment: ScramEnvironment): Steps {
  const first = read(CLIENT_FIRST, octetsOf(yield { kind: "challenge", data: new Uint8Array(0) }));
  if (first === undefined) return failed("malformed");
  const [, header = "", flag = "", bindingType, authzid, bare = "", saslname = "", clientNonce = ""] = first;
  const name = nameOf(saslname);
  // GNU SASL writes an empty one for none.
  const acting = authzid === undefined || authzid === "" ? name : nameOf(authzid);
  if (name === undefined || acting === undefined) return failed("bad-text");
  if (acting !== name) return failed("other-identity");
  if (!isBindingRight(variant, flag, bindingType, environment.binding)) return failed("channel-binding", name);

  const keys = yield { kind: "keys", authentication: name, of: "scram" };
  if (keys === undefined || !("storedKey" in keys)) throw new Error("SCRAM: the keys were asked for");
  const nonce = clientNonce + environment.nonce();
  const serverFirst = `r=${nonce},s=${base64(keys.salt)},i=${keys.iterations}`;

  const final = read(CLIENT_FINAL, octetsOf(yield { kind: "challenge", data: Buffer.from(serverFirst) }));
  if (final === undefined) return failed("malformed");
  const [, unproved = "", channel = "", echoed = "", proof = ""] = final;
  const clientProof = decodeBase64(proof);
  if (clientProof?.length !== keys.storedKey.length) return failed("malformed");
  const expected = Buffer.concat([Buffer.from(header), variant === "plus" ? environment.binding! : Buffer.alloc(0)]);
  if (channel !== base64(expected)) return failed("channel-binding", name);
  if (echoed !== nonce) return failed("proof", name);

  const spoken = `${bare},${serverFirst},${unproved}`;
  const clientKey = hmac(keys.storedKey, spoken);
  for (let index = 0; index < clientKey.length; index++) clientKey[index]! ^= clientProof[index]!;
  const shown = createHash("sha256").update(clientKey).digest();
  if (!timingSafeEqual(shown, keys.storedKey)) return failed("proof", name);

  // Neither SMTP nor POP3 has room for data beside the success: one challenge more, and an empty answer to it.
  const end = yield { kind: "challenge", data: Buffer.from(`v=${base64(hmac(keys.serverKey, spoken))}`) };
  return octetsOf(end)?.length === 0 ? { kind: "proved", authentication: name, keys } : failed("malformed");
}

function isBindingRight(
  variant: "plain" | "plus",
  flag: string,
  type: string | undefined,
  binding: Uint8Array | undefined,
): boolean {
  if (variant === "plus") return type === BINDING_TYPE && binding !== undefined;
  // "y": the client could bind and believes that we cannot. If we offered it, somebody in between took that out.
  return flag === "n" || (flag === "y" && binding === undefined);
}

/** RFC 5802 §5.1: "," and "=" are written =2C and =3D, and no other "=" is left. */
function nameOf(saslname: string): string | undefined {
  if (/=(?!2C|3D)/.test(saslname)) return undefined;
  return prepare(saslname.replaceAll("=2C", ",").replaceAll("=3D", "="));
}

function read(pattern: RegExp, octets: Uint8Array | undefined): RegExpExecArray | undefined {
  if (octets === undefined || octets.length > MESSAGE_LIMIT || octets.includes(0)) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
    return pattern.exec(text) ?? undefined;
  } catch {
    return undefined;
  }
}

function octetsOf(answer: Uint8Array | LoginKeys | undefined): Uint8Array | undefined {
  return answer instanceof Uint8Array ? answer : undefined;
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function base64(octets: Uint8Array): string {
  return Buffer.from(octets).toString("base64");
}

function failed(cause: Extract<Step, { kind: "failed" }>["cause"], authentication?: string): Step {
  return authentication === undefined ? { kind: "failed", cause } : { kind: "failed", cause, authentication };
}
