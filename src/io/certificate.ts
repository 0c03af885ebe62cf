// A self-signed certificate for a server that has none yet (RFC 5280), so that TLS works from the first start. It
// proves nothing to clients: enough for trying out, for opportunistic TLS between servers (RFC 7435) and with a TLSA record
// for DANE-EE (RFC 7671 §5.1). For the sake of that record the key stays when the certificate is renewed.

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import type { KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { element, objectIdentifier, sequence, time, unsignedInteger } from "./der.ts";
import { writePrivateFile } from "./durable-file.ts";

const day = 86_400_000;
/** The longest that browsers have accepted since 2020 (CA/Browser Forum ballot SC31 and its precursors). */
const lifetime = 397 * day;
const renewBefore = 30 * day;
/** Clients' clocks run behind. */
const backdated = 3_600_000;

export interface SelfSigned {
  /** Paths of PEM files. */
  readonly certificate: string;
  readonly key: string;
  /** Whether a new certificate was written. */
  readonly made: boolean;
}

/**
 * Makes `self-signed.crt` and `self-signed.key` in the directory unless good ones are there: for all the names (host
 * names or IP addresses) and for loopback, of one key, with 30 days left at `now` (milliseconds of wall time).
 */
export async function ensureSelfSigned(directory: string, names: readonly string[], now: number): Promise<SelfSigned> {
  const certificate = join(directory, "self-signed.crt");
  const key = join(directory, "self-signed.key");
  const all = [...new Set([...names, "127.0.0.1", "::1"])];
  const oldKey = await readKey(key);
  if (oldKey !== undefined && isGood(await readOr(certificate), oldKey, all, now))
    return { certificate, key, made: false };
  // The key first: a certificate of another key is noticed and made anew.
  const privateKey = oldKey ?? generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  if (oldKey === undefined) {
    await writePrivateFile(key, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  }
  await writePrivateFile(certificate, makeCertificate(privateKey, all, now));
  return { certificate, key, made: true };
}

async function readOr(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function readKey(path: string): Promise<KeyObject | undefined> {
  const pem = await readOr(path);
  if (pem === undefined) return undefined;
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === "ec" ? key : undefined;
  } catch {
    // What is no key (a torn disk, an empty file) is replaced.
    return undefined;
  }
}

function isGood(pem: string | undefined, key: KeyObject, names: readonly string[], now: number): boolean {
  if (pem === undefined) return false;
  try {
    const certificate = new X509Certificate(pem);
    return (
      certificate.checkPrivateKey(key) &&
      certificate.validToDate.getTime() - now >= renewBefore &&
      certificate.validFromDate.getTime() <= now &&
      names.every((name) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined)
    );
  } catch {
    return false;
  }
}

function makeCertificate(privateKey: KeyObject, names: readonly string[], now: number): string {
  const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const algorithm = sequence(objectIdentifier("1.2.840.10045.4.3.2")); // ecdsa-with-SHA256 (RFC 5758 §3.2)
  const name = commonName(names[0] ?? "");
  const body = sequence(
    element(0xa0, unsignedInteger(Buffer.from([2]))), // v3
    unsignedInteger(randomBytes(16)),
    algorithm,
    name,
    sequence(time(now - backdated), time(now - backdated + lifetime)),
    name,
    publicKey,
    element(0xa3, extensions(names, publicKey)),
  );
  const certificate = sequence(body, algorithm, bitString(sign("sha256", body, privateKey)));
  const lines = certificate.toString("base64").replaceAll(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

/** At most 64 characters (RFC 5280 App. A.1); what counts are the alternative names. */
function commonName(name: string): Buffer {
  const text = name.length <= 64 && name !== "" ? name : "self-signed";
  return sequence(element(0x31, sequence(objectIdentifier("2.5.4.3"), element(0x0c, Buffer.from(text)))));
}

function bitString(octets: Uint8Array, unusedBits = 0): Buffer {
  return element(0x03, Buffer.from([unusedBits]), octets);
}

/** An extension's value: DER inside an OCTET STRING. */
function value(content: Buffer): Buffer {
  return element(0x04, content);
}

/** RFC 5280 §4.2.1. */
function extensions(names: readonly string[], publicKey: Buffer): Buffer {
  const critical = element(0x01, Buffer.from([0xff]));
  const serverAuth = objectIdentifier("1.3.6.1.5.5.7.3.1");
  return sequence(
    sequence(objectIdentifier("2.5.29.19"), critical, value(sequence())), // basicConstraints: no CA
    sequence(objectIdentifier("2.5.29.15"), critical, value(bitString(Buffer.from([0x80]), 7))), // digitalSignature
    sequence(objectIdentifier("2.5.29.37"), value(sequence(serverAuth))),
    sequence(objectIdentifier("2.5.29.17"), value(sequence(...names.map(alternativeName)))),
    sequence(objectIdentifier("2.5.29.14"), value(element(0x04, hash("sha1", publicKey, "buffer")))),
  );
}

/** GeneralName (RFC 5280 §4.2.1.6): dNSName or iPAddress. */
function alternativeName(name: string): Buffer {
  switch (isIP(name)) {
    case 4:
      return element(0x87, Buffer.from(name.split(".").map(Number)));
    case 6:
      return element(0x87, octetsOfIpv6(name));
    default:
      return element(0x82, Buffer.from(name, "ascii"));
  }
}

function groups(text: string): readonly string[] {
  return text === "" ? [] : text.split(":");
}

function octetsOfIpv6(address: string): Buffer {
  // URL writes it in hexadecimal groups alone, whatever form it had (RFC 5952 §4).
  const [before = "", after] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split("::");
  const [head, tail] = [groups(before), groups(after ?? "")];
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  return Buffer.from([...head, ...zeros, ...tail].map((group) => group.padStart(4, "0")).join(""), "hex");
}
