// What the access lists of IOS-XE, IOS-XR and EOS have in common is the language: numbered permit and deny lines, first
// match, an implicit deny at the end. What differs is here.

import type { Family } from "../../../base/address.ts";
import type { Budget } from "../../target.ts";

export interface Dialect {
  readonly name: string;
  /** First line of a list. */
  readonly head: Readonly<Record<Family, string>>;
  /** How a line begins: its number, or a word and its number. */
  readonly numbered: Readonly<Record<Family, string>>;
  /** Any protocol. */
  readonly anything: Readonly<Record<Family, string>>;
  /** IPv4 prefixes as address and wildcard bits, or with their length. */
  readonly prefixes: "wildcard" | "length";
  /** Named groups of prefixes, where lists take them: how a group begins, and how a line names it. */
  readonly groups: { readonly head: Readonly<Record<Family, string>>; readonly use: string } | undefined;
  /** How an interface is given a list, up to its name, and the words for the two directions. */
  readonly bind: Readonly<Record<Family, string>>;
  readonly directions: { readonly in: string; readonly out: string };
  /** Strict reverse path check on an interface. */
  readonly strict: Readonly<Record<Family, string>>;
  readonly budget: Budget | undefined;
}
