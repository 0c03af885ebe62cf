// The folder of an account below the mailbox root: <domain>/<local part>/Maildir. Addresses with the same
// addressKey share a folder, all others have one each, and no local part can name anything outside (law 6).
// Does not touch the disk.

import { createHash } from "node:crypto";
import { addressKey, type Address } from "../address/address.ts";

/** Folder names from the root inwards. Throws for an address without a domain: no mailbox has one. */
export function mailboxPath(account: Address): readonly [domain: string, local: string, folder: string] {
  if (account.domain === undefined) throw new TypeError("a mailbox needs an address with a domain");
  const local = addressKey(account).slice(0, -1 - account.domain.length);
  return [pathComponent(account.domain), pathComponent(local), "Maildir"];
}

/** ext4, XFS, APFS and NTFS stop at 255; the rest is room for whoever adds a suffix. */
const COMPONENT_LIMIT = 200;
const KEPT = 100;

/**
 * Any string as one file name, injective: a-z, 0-9, "_", "+", and "." and "-" inside stay, every other octet of
 * the UTF-8 form becomes %XX (capitals too, so a file system that ignores case makes no difference).
 * A long one is cut and closed with "%s" and its SHA-256, the empty one is "%": neither is ever a %XX.
 */
export function pathComponent(text: string): string {
  if (!text.isWellFormed()) throw new TypeError("a path component needs well-formed Unicode");
  if (text === "") return "%";
  const encoded = text
    .replace(/[^a-z0-9_+.-]/gu, percent)
    .replace(/^[.-]/, percent)
    .replace(/\.$/, percent);
  if (encoded.length <= COMPONENT_LIMIT) return encoded;
  return `${encoded.slice(0, KEPT)}%s${createHash("sha256").update(text).digest("hex")}`;
}

function percent(character: string): string {
  let encoded = "";
  for (const octet of Buffer.from(character)) encoded += `%${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  return encoded;
}
