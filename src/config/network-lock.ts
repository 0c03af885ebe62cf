// The lock file of the network side: what names stood for in DNS when `net refresh` was last run. Written by that command
// alone and read with the policy, so that a filter never changes because a zone did. JSON; addresses in canonical form.

import { z } from "zod";
import { AddressSetBuilder } from "../base/address-set.ts";
import type { AddressSets } from "../base/address-set.ts";
import { parseAddress } from "../base/address.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";

const address = z.string().refine((text) => parseAddress(text) !== undefined, "not an IP address");

const lock = z.strictObject({
  version: z.literal(1),
  /** ISO 8601. */
  refreshed: z.iso.datetime(),
  /** Domain → its mail exchangers, by name; a domain that takes no mail has none. */
  domains: z.record(z.string(), z.array(z.strictObject({ exchanger: z.string(), addresses: z.array(address) }))),
});

export type NetworkLock = z.infer<typeof lock>;

export function readLock(text: string): Result<NetworkLock, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return failure("is not JSON");
  }
  const read = lock.safeParse(value);
  if (read.success) return success(read.data);
  const [issue] = read.error.issues;
  return failure(`does not have the form of a lock file: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`);
}

export function writeLock(value: NetworkLock): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** Addresses of a domain's exchangers; undefined when the lock does not know the domain. */
export function exchangersOf(known: NetworkLock | undefined, domain: string): AddressSets | undefined {
  const exchangers = known?.domains[domain];
  if (exchangers === undefined) return undefined;
  const builder = new AddressSetBuilder();
  for (const { addresses } of exchangers) for (const text of addresses) builder.addText(text);
  return builder.build();
}
