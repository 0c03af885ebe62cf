// AUTH from the client's side (RFC 4954): which mechanism, and what is said in it, as a dialogue without bytes on a wire.
// Always inside TLS. SCRAM-SHA-256 (RFC 5802, RFC 7677) comes first, with -PLUS where both ends can bind to the channel
// (tls-exporter, RFC 9266): it shows nobody the password, and makes the server prove that it knows it. Then PLAIN (RFC
// 4616), then LOGIN, which was never standardised.
//
// A refusal ends the attempt, also one by a server that has no SCRAM keys of the account. RFC 5802 §9: whoever stands in between
// could make SCRAM fail, and be given the password by a client that then says PLAIN; the server's certificate is not
// looked at here, so nobody would notice. Where an account has no keys the configuration says so (`mechanism`).
//
// Key derivation costs milliseconds and randomness is not for a core: both are asked for. A server that accepts a SCRAM
// login before it has proved itself is not believed.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { crlfLine } from "../../base/crlf.ts";
import { decodeBase64 } from "../sasl/base64.ts";
import { prepare } from "../../base/saslprep.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** PLAIN or LOGIN and nothing else. Without it the strongest that is offered. */
  readonly mechanism?: "plain";
}

export interface LoginEnvironment {
  /** Printable ASCII without comma, at least 128 bits of randomness, fresh for each login. */
  readonly nonce: () => string;
  /** tls-exporter of this connection; undefined where there is none. */
  readonly binding: Uint8Array | undefined;
}

/** PBKDF2-HMAC-SHA-256 of the password, 32 octets. */
export interface Derivation {
  readonly password: string;
  readonly salt: Uint8Array;
  readonly iterations: number;
}

export type LoginStep =
  /** A line, with its end. The answer is the text of a 334. */
  | { readonly kind: "say"; readonly line: string }
  /** The answer is the derived key. */
  | ({ readonly kind: "derive" } & Derivation)
  /** The server does not know the password, or is not talking sense. */
  | { readonly kind: "distrust"; readonly why: string };

/** Ends where nothing but the server's 235 is missing. */
export type Login = Generator<LoginStep, void, string | Uint8Array>;

/** RFC 7677 §4 wants at least 4096: fewer would make guessing cheap for whoever listens. More than that hangs this process. */
const LEAST_ITERATIONS = 4096;
const MOST_ITERATIONS = 1_000_000;

/** Undefined when none of the offered mechanisms can be used. */
export function login(
  { username, password, mechanism }: Credentials,
  offered: readonly string[],
  environment: LoginEnvironment,
): Login | undefined {
  const name = prepare(username);
  const secret = prepare(password);
  if (mechanism !== "plain" && name !== undefined && secret !== undefined) {
    const { binding } = environment;
    if (binding !== undefined && offered.includes("SCRAM-SHA-256-PLUS")) {
      return scram("SCRAM-SHA-256-PLUS", "p=tls-exporter,,", binding, name, secret, environment.nonce());
    }
    if (offered.includes("SCRAM-SHA-256")) {
      // "y": we could have bound. If the server offered that, somebody in between took it out (RFC 5802 §6).
      const header = binding === undefined ? "n,," : "y,,";
      return scram("SCRAM-SHA-256", header, new Uint8Array(0), name, secret, environment.nonce());
    }
  }
  if (offered.includes("PLAIN")) return plain(`\0${username}\0${password}`);
  if (offered.includes("LOGIN")) return byName(username, password);
  return undefined;
}

function* plain(message: string): Login {
  yield* begin("PLAIN", base64(message));
}

function* byName(username: string, password: string): Login {
  yield { kind: "say", line: crlfLine("AUTH LOGIN") };
  yield { kind: "say", line: crlfLine(base64(username)) };
  yield { kind: "say", line: crlfLine(base64(password)) };
}

/** RFC 4954 §4: an initial response that makes the line longer than 512 octets waits for the 334. */
function* begin(mechanism: string, response: string): Generator<LoginStep, string, string | Uint8Array> {
  const line = crlfLine(`AUTH ${mechanism} ${response}`);
  if (line.length > 512) {
    yield { kind: "say", line: crlfLine(`AUTH ${mechanism}`) };
    return text(yield { kind: "say", line: crlfLine(response) });
  }
  return text(yield { kind: "say", line });
}

function* scram(
  mechanism: string,
  header: string,
  binding: Uint8Array,
  name: string,
  password: string,
  nonce: string,
): Login {
  const bare = `n=${name.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=${nonce}`;
  const challenge = yield* begin(mechanism, base64(header + bare));
  const serverFirst = decoded(challenge);
  // RFC 5802 §5.1: an extension that is mandatory ("m=") is none that we know.
  const fields = /^r=([\x21-\x2b\x2d-\x7e]+),s=([^,]+),i=([1-9]\d{0,8})(?:,.*)?$/.exec(serverFirst ?? "");
  const [, both = "", written = "", count = ""] = fields ?? [];
  const salt = decodeBase64(written);
  const iterations = Number(count);
  if (
    serverFirst === undefined ||
    salt === undefined ||
    salt.length === 0 ||
    !both.startsWith(nonce) ||
    both === nonce
  ) {
    return yield* distrust("its SCRAM challenge makes no sense");
  }
  if (iterations < LEAST_ITERATIONS || iterations > MOST_ITERATIONS) {
    return yield* distrust(`it wants ${iterations} SCRAM iterations`);
  }
  const salted = yield { kind: "derive", password, salt, iterations };
  if (typeof salted === "string") throw new Error("SCRAM: the derived key was asked for");

  const unproved = `c=${Buffer.concat([Buffer.from(header), binding]).toString("base64")},r=${both}`;
  const spoken = `${bare},${serverFirst},${unproved}`;
  const clientKey = hmac(salted, "Client Key");
  const signature = hmac(createHash("sha256").update(clientKey).digest(), spoken);
  const proof = clientKey.map((octet, index) => octet ^ signature[index]!);
  const shown = base64(`${unproved},p=${Buffer.from(proof).toString("base64")}`);
  const final = decoded(text(yield { kind: "say", line: crlfLine(shown) }));
  const verifier = decodeBase64(/^v=([^,]+)/.exec(final ?? "")?.[1] ?? "");
  const expected = hmac(hmac(salted, "Server Key"), spoken);
  if (verifier?.length !== expected.length || !timingSafeEqual(verifier, expected)) {
    return yield* distrust("it has not proved that it knows the password");
  }
  // SMTP has no room for data beside the success: its last message was a challenge, and this is the answer.
  yield { kind: "say", line: crlfLine("") };
}

function* distrust(why: string): Login {
  yield { kind: "distrust", why };
}

/** UTF-8 in base64; undefined when it is neither. */
function decoded(challenge: string): string | undefined {
  const octets = decodeBase64(challenge);
  if (octets === undefined) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return undefined;
  }
}

function text(answer: string | Uint8Array): string {
  if (typeof answer !== "string") throw new Error("the text of a challenge was asked for");
  return answer;
}

function hmac(key: Uint8Array, message: string): Buffer {
  return createHmac("sha256", key).update(message).digest();
}

function base64(message: string): string {
  return Buffer.from(message, "utf8").toString("base64");
}
