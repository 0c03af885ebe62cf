// DNS as a table, for rules that are steps (dns-steps.ts): what a name has, what cannot be looked up, and what was asked.

import { reverseName } from "../io/dns/name.ts";
import type { DnsQuestion, DnsReply, DnsSteps } from "./dns-steps.ts";

export interface Names {
  readonly txt?: readonly string[];
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  readonly mx?: readonly string[];
  readonly ptr?: readonly string[];
  /** Nobody answers. */
  readonly broken?: true;
}

/** Reverse names stand in the zone as such. */
export type Zone = Readonly<Record<string, Names>>;

export function answer<T>(
  steps: DnsSteps<T>,
  zone: Zone,
): { readonly value: T; readonly asked: readonly DnsQuestion[] } {
  const asked: DnsQuestion[] = [];
  for (let step = steps.next(); ;) {
    if (step.done === true) return { value: step.value, asked };
    asked.push(step.value);
    step = steps.next(replyOf(step.value, zone));
  }
}

function replyOf(question: DnsQuestion, zone: Zone): DnsReply {
  const name = question.type === "ptr" ? reverseName(question.address) : question.name.toLowerCase();
  const found = Object.hasOwn(zone, name) ? zone[name]! : {};
  if (found.broken === true) return { kind: "failed", cause: `${name}: timeout` };
  const records = recordsOf(question.type, found);
  return records.length === 0 ? { kind: "none" } : { kind: "found", records };
}

function recordsOf(
  type: DnsQuestion["type"],
  { txt = [], a = [], aaaa = [], mx = [], ptr = [] }: Names,
): readonly string[] {
  switch (type) {
    case "txt":
      return txt;
    case "mx":
      return mx;
    case "ptr":
      return ptr;
    case "addresses":
      return [...aaaa, ...a];
  }
}
