// Has this message been here before, for the same recipient? Read from the trace it carries (RFC 5321 §6.3 leaves the
// means to us, RFC 9228 §4 names Delivered-To for it).
//
// A pass for a recipient is a Received field with `by` our name and `for` that recipient, or a Delivered-To field with it.
// Both may be there for one pass, so the larger of the two counts is taken. Our Received names a recipient only when
// there is just one (trace.ts), and neither field can name one outside ASCII: such a loop ends at the number of hops.
// It decides nothing. Whoever forges these fields can only have their own message refused.

import { addressKey, type Address } from "../address/address.ts";
import { parsePath } from "../address/path.ts";
import { unfoldedValue, type HeaderField, type HeaderSection } from "./headers.ts";

export interface Passes {
  readonly recipient: Address;
  readonly count: number;
}

/** The recipient that it passed for most often; undefined when it was never here for any of them. */
export function earlierPasses(
  section: HeaderSection,
  hostname: string,
  recipients: readonly Address[],
): Passes | undefined {
  const received = new Map<string, number>();
  const delivered = new Map<string, number>();
  for (const field of section.fields) {
    if (field.key === "received") count(received, receivedFor(section, field, hostname));
    else if (field.key === "delivered-to") count(delivered, addressIn(`<${unfoldedValue(section, field)}>`));
  }
  if (received.size === 0 && delivered.size === 0) return undefined;
  let most: Passes | undefined;
  for (const recipient of recipients) {
    const key = addressKey(recipient);
    const passes = Math.max(received.get(key) ?? 0, delivered.get(key) ?? 0);
    if (passes > (most?.count ?? 0)) most = { recipient, count: passes };
  }
  return most;
}

function count(counts: Map<string, number>, address: Address | undefined): void {
  if (address === undefined) return;
  const key = addressKey(address);
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Found by place, not by an expression: fields are a stranger's and long ones must cost no more than their length. */
function receivedFor(section: HeaderSection, field: HeaderField, hostname: string): Address | undefined {
  const value = ` ${unfoldedValue(section, field).replaceAll("\t", " ")}`;
  const by = value.toLowerCase().indexOf(` by ${hostname.toLowerCase()} `);
  if (by < 0) return undefined;
  const start = value.indexOf(" for <", by);
  return start < 0 ? undefined : addressIn(value.slice(start + 5, start + 5 + LONGEST));
}

/** A path and something behind it. */
const LONGEST = 600;

function addressIn(text: string): Address | undefined {
  const path = text.length > LONGEST + 2 ? undefined : parsePath(text);
  return path?.ok === true ? path.value.address : undefined;
}
