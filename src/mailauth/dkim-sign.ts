// Signs messages with DKIM (RFC 6376, RFC 8301, RFC 8463): relaxed/relaxed, SHA-256, RSA or Ed25519 by the type of
// the key, the whole body (no l=: what is outside of it could be exchanged).
//
// A thin face over parts of the library mailauth: its canonicalization, body hash and field format. Its own signer
// is not used for two reasons. It cannot sign the absence of a field, so a second From could be added to a signed
// message (RFC 6376 §8.15). And it reads the PEM key for every message: 740 µs for 4 kB with RSA-2048, of which the
// signature is 235 µs; here it is about 280 µs. These parts are internal to the library: its version is pinned, and
// the tests verify with its public face.
//
// The signature is computed on the calling thread on purpose: on libuv's pool it would stand in line with fdatasync,
// on which every 250 waits. It does not decide who may sign, it does not make keys or DNS records.

import { createHash, createPrivateKey, sign as signWith, type KeyObject } from "node:crypto";
import { createRequire } from "node:module";
import { setImmediate as nextTurn } from "node:timers/promises";
import { failure, success, type Result } from "../base/result.ts";
import { systemClock, type Clock } from "../io/clock.ts";
import { fieldsNamed, readHeaders, sliceContent, type HeaderSection } from "../message/headers.ts";

export interface SignerOptions {
  /** Tag d=, in A-labels. */
  readonly domain: string;
  /** Tag s=: one or more labels. */
  readonly selector: string;
  /** PKCS#8 in PEM. */
  readonly privateKey: string;
  /** For tag t=. */
  readonly clock?: Pick<Clock, "wall">;
}

export interface SignerError {
  readonly code: "unreadable-key" | "unsupported-key" | "short-key" | "bad-name";
  readonly message: string;
}

/** `header`: the limits of readHeaders. `no-from`: RFC 6376 §5.4 forbids to sign a message without From. */
interface SignError {
  readonly code: "header" | "no-from";
  readonly message: string;
}

/** Makes the DKIM-Signature field of the content, with its line end, to be put before all other fields. */
export type Signer = (content: readonly Uint8Array[]) => Promise<Result<Uint8Array, SignError>>;

/** Loads the library (about 65 ms, once): whoever signs nothing does not pay for it. */
export function createSigner(options: SignerOptions): Result<Signer, SignerError> {
  const { domain, selector, clock = systemClock } = options;
  for (const name of [domain, selector]) {
    if (!labels.test(name))
      return failure({ code: "bad-name", message: `not a name for DKIM: ${JSON.stringify(name)}` });
  }
  const read = readKey(options.privateKey);
  if (!read.ok) return read;
  const key = read.value;
  const { dkimBody, generateCanonicalizedHeader, formatSignatureHeaderLine } = loadParts();
  const algorithm = key.asymmetricKeyType === "rsa" ? "rsa-sha256" : "ed25519-sha256";

  return success(async (content) => {
    const header = readHeaders(content);
    if (!header.ok) return failure({ code: "header", message: header.error.message });
    const section = header.value;
    if (fieldsNamed(section, "from").length === 0) {
      return failure({ code: "no-from", message: "a message without From cannot be signed" });
    }
    const hash = dkimBody("relaxed", "sha256");
    const body = sliceContent(content, section.bodyStart, Number.POSITIVE_INFINITY);
    let first = true;
    for (const piece of inPieces(body, longestTurn)) {
      // A large body must not hold up the other sessions of this thread: 4 to 10 ms for a MiB.
      if (!first) await nextTurn();
      first = false;
      hash.update(piece);
    }
    const { canonicalizedHeader, dkimHeaderOpts } = generateCanonicalizedHeader("DKIM", selectFields(section), {
      signingDomain: domain,
      selector,
      algorithm,
      canonicalization: "relaxed/relaxed",
      bodyHash: hash.digest("base64"),
      timestamp: Math.floor(clock.wall() / 1000),
    });
    const b = signatureOf(canonicalizedHeader, key).toString("base64");
    const line = formatSignatureHeaderLine("DKIM", { ...dkimHeaderOpts, b }, "folded");
    return success(Buffer.from(`${line}\r\n`, "latin1"));
  });
}

/** Nothing that could end a tag or a line (RFC 6376 §3.5, d= and s=). */
const labels = /^[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*$/i;

/** RFC 8463 §3: Ed25519 signs the SHA-256 of the data. */
function signatureOf(data: Buffer, key: KeyObject): Buffer {
  return key.asymmetricKeyType === "rsa"
    ? signWith("sha256", data, key)
    : signWith(null, createHash("sha256").update(data).digest(), key);
}

/** Listed once more than they are there: nobody can add another one (RFC 6376 §5.4.2, §8.15). */
const sealed = ["From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "In-Reply-To", "References"] as const;

/** The same, but only where there is one: relays add these to old plain messages. */
const sealedWhenPresent = ["Sender", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"] as const;

/** Listed as often as they are there: mailing lists add their own. The choice is RFC 6376 §5.4.1. */
const signedWhenPresent = [
  "Resent-Date",
  "Resent-From",
  "Resent-Sender",
  "Resent-To",
  "Resent-Cc",
  "Resent-Message-ID",
  "List-Id",
  "List-Help",
  "List-Unsubscribe",
  "List-Unsubscribe-Post",
  "List-Subscribe",
  "List-Post",
  "List-Owner",
  "List-Archive",
] as const;

/** Fields of one name are signed from the bottom up (RFC 6376 §5.4.2). */
function selectFields(section: HeaderSection): SigningLines {
  const names: string[] = [];
  const lines: SigningLine[] = [];
  const take = (name: string): number => {
    const fields = fieldsNamed(section, name.toLowerCase());
    for (const field of fields.toReversed()) {
      names.push(name);
      lines.push({ line: Buffer.from(section.text.slice(field.start, field.end).replace(/\r\n$/, ""), "latin1") });
    }
    return fields.length;
  };
  for (const name of sealed) {
    take(name);
    names.push(name);
  }
  for (const name of sealedWhenPresent) if (take(name) > 0) names.push(name);
  for (const name of signedWhenPresent) take(name);
  return { keys: names.join(": "), headers: lines };
}

const longestTurn = 1024 * 1024;

/** Pieces of about that size, whatever the chunks are: the body hash copies an unfinished line once per piece. */
function* inPieces(chunks: readonly Uint8Array[], size: number): Generator<Buffer> {
  let gathered: Uint8Array[] = [];
  let octets = 0;
  for (const chunk of chunks) {
    for (let from = 0; from < chunk.length; from += size) {
      const part = chunk.subarray(from, from + size);
      gathered.push(part);
      octets += part.length;
      if (octets >= size) {
        yield joined(gathered);
        gathered = [];
        octets = 0;
      }
    }
  }
  if (octets > 0) yield joined(gathered);
}

function joined(parts: readonly Uint8Array[]): Buffer {
  const [only, second] = parts;
  if (only === undefined || second !== undefined) return Buffer.concat(parts);
  return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
}

/** RFC 8301 §3.2: verifiers must not accept less. */
const shortestRsa = 1024;

function readKey(pem: string): Result<KeyObject, SignerError> {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The cause of OpenSSL says nothing useful, and nothing of a key should reach a log.
    return failure({ code: "unreadable-key", message: "the DKIM key is not a private key in PEM" });
  }
  const type = key.asymmetricKeyType ?? "unknown";
  if (type !== "rsa" && type !== "ed25519") {
    return failure({ code: "unsupported-key", message: `DKIM has no signatures by keys of type ${type}` });
  }
  if (type === "rsa" && (key.asymmetricKeyDetails?.modulusLength ?? 0) < shortestRsa) {
    return failure({ code: "short-key", message: `the DKIM key has less than ${shortestRsa} bits` });
  }
  return success(key);
}

// What is used of the library; it describes only its public face with types.

interface SigningLine {
  /** The whole field without its last line end. */
  readonly line: Buffer;
}

interface SigningLines {
  /** Tag h=. */
  readonly keys: string;
  readonly headers: readonly SigningLine[];
}

interface BodyHash {
  update(chunk: Buffer): void;
  digest(encoding: "base64"): string;
}

interface CanonicalizedHeader {
  readonly canonicalizedHeader: Buffer;
  /** Tags by name, without b=. */
  readonly dkimHeaderOpts: Tags;
}

type Tags = Readonly<Record<string, string | number>>;

interface Parts {
  readonly dkimBody: (canonicalization: "relaxed", algorithm: "sha256") => BodyHash;
  readonly generateCanonicalizedHeader: (type: "DKIM", lines: SigningLines, options: Tags) => CanonicalizedHeader;
  readonly formatSignatureHeaderLine: (type: "DKIM", tags: Tags, fold: "folded") => string;
}

let loaded: Parts | undefined;

function loadParts(): Parts {
  if (loaded === undefined) {
    const require = createRequire(import.meta.url);
    const body: Pick<Parts, "dkimBody"> = require("mailauth/lib/dkim/body/index.js");
    const header: Pick<Parts, "generateCanonicalizedHeader"> = require("mailauth/lib/dkim/header/index.js");
    const tools: Pick<Parts, "formatSignatureHeaderLine"> = require("mailauth/lib/tools.js");
    loaded = {
      dkimBody: body.dkimBody,
      generateCanonicalizedHeader: header.generateCanonicalizedHeader,
      formatSignatureHeaderLine: tools.formatSignatureHeaderLine,
    };
  }
  return loaded;
}
