// The accounts of the benchmark, for whoever needs to know them: all have one password, each has an address of its own from which it was
// opened before. Guessers have addresses that no account has.

import { domain } from "../smtp/peers/peer.ts";

export const password = "correct horse battery";

export function personName(index: number): string {
  return `u${index}@${domain}`;
}

/** 127.64.0.0/10: no server of the lab is there, nor a guesser. */
export function personAddress(index: number): string {
  return `127.${64 + ((index >> 16) & 63)}.${(index >> 8) & 255}.${index & 255}`;
}

/** 127.128.0.0/9, another network (/24) for each. */
export function guesserAddress(index: number): string {
  return `127.${128 + ((index >> 8) & 127)}.${index & 255}.${1 + (index % 250)}`;
}
