// Addresses as devices write members of their lists: an address, a prefix, or two addresses with a dash between them.

import { AddressSetBuilder } from "../../base/address-set.ts";
import type { AddressSets } from "../../base/address-set.ts";
import { compareWords, familyOf, parseAddress } from "../../base/address.ts";
import { failure, success } from "../../base/result.ts";
import type { Result } from "../../base/result.ts";

export function addressesOf(text: string): Result<AddressSets, string> {
  const builder = new AddressSetBuilder();
  const wrong = addMember(builder, text);
  return wrong === undefined ? success(builder.build()) : failure(wrong);
}

/** The answer is what is wrong, to be said after the text. */
export function addMember(builder: AddressSetBuilder, text: string): string | undefined {
  const dash = text.indexOf("-");
  if (dash < 0) return builder.addText(text);
  const [first, last] = [parseAddress(text.slice(0, dash)), parseAddress(text.slice(dash + 1))];
  if (first === undefined || last?.length !== first.length) return "is no range of addresses";
  if (compareWords(first, 0, last, 0, first.length) > 0) return "ends before it begins";
  builder.addRange(familyOf(first), first, last);
  return undefined;
}
