// The private key of a DKIM selector: read, or made at the first start (RSA-2048, RFC 8301 §3.2; every receiver
// knows RSA, not every one Ed25519). Gives the TXT record that has to stand in DNS (RFC 6376 §3.6.1, RFC 8463 §4).

import { createPrivateKey, createPublicKey, generateKeyPair } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { promisify } from "node:util";
import { writePrivateFile } from "./durable-file.ts";

export interface DkimKey {
  /** PEM, PKCS#8. */
  readonly privateKey: string;
  /** `v=DKIM1; k=rsa; p=…`, unsplit: a zone file wants strings of at most 255 octets. */
  readonly publicRecord: string;
  readonly made: boolean;
}

/** Throws when the file is there and cannot serve: it is never replaced, as its public half may be in DNS. */
export async function ensureDkimKey(file: string): Promise<DkimKey> {
  const existing = await readExisting(file);
  if (existing !== undefined) return { ...describe(file, existing), made: false };
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  const key = describe(file, privateKey);
  await writePrivateFile(file, key.privateKey);
  return { ...key, made: true };
}

/** The record of a key that is there; undefined when there is none, and none is made. */
export async function readDkimRecord(file: string): Promise<Pick<DkimKey, "publicRecord"> | undefined> {
  const key = await readExisting(file);
  return key === undefined ? undefined : describe(file, key);
}

async function readExisting(file: string): Promise<KeyObject | undefined> {
  let pem: string;
  try {
    pem = await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const { mode } = await stat(file);
  if ((mode & 0o007) !== 0) throw new Error(`${file} is open to everybody (chmod 600)`);
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    // Its own message may quote the file.
    throw new Error(`${file} holds no private key in PEM`, { cause });
  }
}

function describe(file: string, key: KeyObject): Omit<DkimKey, "made"> {
  const publicKey = createPublicKey(key).export({ type: "spki", format: "der" });
  const privateKey = key.export({ type: "pkcs8", format: "pem" }).toString();
  if (key.asymmetricKeyType === "ed25519") {
    // The record holds the 32 octets of the key alone, without the algorithm in front (RFC 8463 §4.2).
    return { privateKey, publicRecord: `v=DKIM1; k=ed25519; p=${publicKey.subarray(-32).toString("base64")}` };
  }
  if (key.asymmetricKeyType !== "rsa" || (key.asymmetricKeyDetails?.modulusLength ?? 0) < 1024) {
    throw new Error(`${file} is neither RSA of at least 1024 bits (RFC 8301 §3.2) nor Ed25519`);
  }
  return { privateKey, publicRecord: `v=DKIM1; k=rsa; p=${publicKey.toString("base64")}` };
}
