// Which named counters of our table stand at a rule that blocks: for samples, and for the lab's bookkeeping. The names are
// those that the nftables target makes of the policy's rules.

/** Of all pools, or of one. Permits and what is only observed are counted as well, elsewhere. */
export function standsAtBlock(counter: string, pool?: string): boolean {
  if (pool === undefined)
    return /^count_(?:sav|(?:op25b|ip25b)_.+_(?:full|carriers?(?:_|$)))/.test(counter) && !counter.includes("_observe");
  const name = pool.replaceAll(/[^A-Za-z0-9]/g, "_");
  return ["op25b", "ip25b"].some((group) =>
    ["full", "carrier"].some((rule) => {
      const start = `count_${group}_${name}_${rule}`;
      return counter === start || counter.startsWith(`${start}_`);
    }),
  );
}
