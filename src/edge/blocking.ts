// Which named counters of our table stand at a rule that blocks, for the lab's bookkeeping. The names are those that the
// nftables target makes of the policy's rules.

/** Permits and what is only observed are counted as well, elsewhere. */
export function standsAtBlock(counter: string): boolean {
  return /^count_(?:sav|(?:op25b|ip25b)_.+_(?:full|carriers?(?:_|$)))/.test(counter) && !counter.includes("_observe");
}
