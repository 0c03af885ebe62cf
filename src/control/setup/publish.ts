// What the zone is made from that is not in the configuration: the DKIM records, the public keys that mail servers see, and whether
// DNSSEC protects the name of this host. Reads only; a key that does not exist yet is made by the first start.

import { createPrivateKey, createPublicKey, hash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Domain } from "../../address/domain.ts";
import type { TlsSettings } from "../../config/settings.ts";
import { readDkimRecord } from "../../io/dkim-key.ts";
import { protectionOf } from "../../io/dns/validated.ts";
import type { Site } from "../site.ts";
import { zonesOf } from "./zone.ts";
import type { DomainZone } from "./zone.ts";

/** Rejects when a key is there and cannot be read. */
export async function zonesOfSite({ settings }: Site): Promise<readonly DomainZone[]> {
  const dkim = new Map<Domain, string>();
  for (const { name, dkim: wanted } of settings.domains) {
    // oxlint-disable-next-line no-await-in-loop -- a file for each domain
    const record = wanted === undefined ? undefined : await readDkimRecord(wanted.keyFile);
    if (record !== undefined) dkim.set(name, record.publicRecord);
  }
  const keys = await publicKeyHashes(settings.tls);
  const dnssec = await protectionOf(settings.hostname, settings.dns);
  return zonesOf({ settings, dkim, keys, dnssec });
}

/** SHA-256 of the SubjectPublicKeyInfo of each key, the one in use first (RFC 6698 §2.1.2, selector 1). */
async function publicKeyHashes(tls: TlsSettings): Promise<readonly string[]> {
  const files =
    tls.kind === "files"
      ? [tls.key, ...(tls.nextKey === undefined ? [] : [tls.nextKey])]
      : [join(tls.directory, "self-signed.key")];
  const hashes: string[] = [];
  for (const file of files) {
    let pem: string;
    try {
      // oxlint-disable-next-line no-await-in-loop -- one or two
      pem = await readFile(file, "utf8");
    } catch (error) {
      if (tls.kind === "self-signed" && error instanceof Error && "code" in error && error.code === "ENOENT") continue;
      throw error;
    }
    const publicKey = createPublicKey(createPrivateKey(pem)).export({ type: "spki", format: "der" });
    hashes.push(hash("sha256", publicKey, "hex"));
  }
  return hashes;
}
