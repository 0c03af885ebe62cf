// The chains of one family on a device where chains can jump to chains: sets, regular chains, and the one that the device's
// own chain for forwarded packets is to jump to. What build.ts makes of a program; VyOS and RouterOS write it.

import type { Family } from "../../../base/address.ts";
import type { UsedSet } from "../terms.ts";
import type { Rule, RuleVerdict } from "./rule.ts";

export interface Ruleset {
  readonly family: Family;
  readonly sets: readonly UsedSet[];
  /** Each after those that it jumps to. */
  readonly chains: readonly RegularChain[];
  /** One of the chains; it jumps to the others. */
  readonly entry: string;
}

export interface RegularChain {
  readonly name: string;
  readonly rules: readonly Rule[];
  /** What becomes of packets that no rule decides. */
  readonly otherwise: Exclude<RuleVerdict, { readonly kind: "jump" }>;
}
