// A verdict is a value (law 2): what a rule decided, under which reason of the registry, on what evidence.
// Rules return verdicts, combine.ts picks one, ingress turns it into bytes.

import type { ReasonId } from "./reasons.ts";

/** What the rule saw; fills the placeholders of the reply text and stands in the log. */
export type Evidence = Readonly<Record<string, string | number>>;

export type Verdict =
  | { readonly kind: "accept"; readonly reason: ReasonId; readonly evidence?: Evidence }
  /** Yes, and what was asked for waits until an operator has looked at it. */
  | { readonly kind: "hold"; readonly reason: ReasonId; readonly evidence?: Evidence }
  | { readonly kind: "reject"; readonly reason: ReasonId; readonly evidence?: Evidence }
  | { readonly kind: "defer"; readonly reason: ReasonId; readonly evidence?: Evidence }
  | { readonly kind: "disconnect"; readonly reason: ReasonId; readonly evidence?: Evidence }
  /** Answer later by this much; the decision itself stands beside it. */
  | { readonly kind: "slow"; readonly milliseconds: number; readonly reason: ReasonId; readonly evidence?: Evidence }
  /** A look-up failed or a rule threw: never a yes (law 3). */
  | { readonly kind: "unknown"; readonly cause: string };

export type Final = Extract<Verdict, { kind: "accept" | "hold" | "reject" | "defer" | "disconnect" }>;
