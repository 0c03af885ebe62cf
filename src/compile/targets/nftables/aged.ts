// A text of ours at a later time: elements that end by themselves have less time left, and those whose time is over are
// gone. All the rest stays as it was written, names included, so that counters go on.

import { duration } from "./write.ts";

/** `elapsed`: since the text was made, ms. */
export function agedText(text: string, elapsed: number): string {
  return (
    text
      .split("\n")
      .flatMap((line) => {
        const [, element, timeout] = /^( {2}\S.*) timeout (\w+),$/.exec(line) ?? [];
        if (element === undefined || timeout === undefined) return [line];
        const left = milliseconds(timeout) - elapsed;
        return left > 0 ? [`${element} timeout ${duration(left)},`] : [];
      })
      .join("\n")
      // nft does not take a statement without elements.
      .replaceAll(/^add element [^\n{]*\{\n\}\n/gm, "")
  );
}

const units = new Map([
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
]);

function milliseconds(text: string): number {
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[dhms])/g)) sum += Number(count) * units.get(unit!)!;
  return sum;
}
