// What the rules about several values have in common.

import type { CheckedTree } from "../check.ts";
import type { ConfigSources } from "../files.ts";
import { formatPlace } from "../problem.ts";
import type { Place } from "../problem.ts";

export interface Rules {
  readonly tree: CheckedTree;
  readonly sources: ConfigSources;
  report(place: Place, message: string, hint?: string): void;
}

/** Keys of a table that are all there, with the index of the table in its list. */
export function present<T>(
  list: readonly (T | undefined)[] | undefined,
): readonly (readonly [index: number, item: T])[] {
  return (list ?? []).flatMap((item, index) => (item === undefined ? [] : [[index, item] as const]));
}

/** Reports every item whose key came before, naming both places. */
export function checkUnique(rules: Rules, items: Iterable<readonly [key: string, place: Place, name: string]>): void {
  const seen = new Map<string, Place>();
  for (const [key, place, name] of items) {
    const first = seen.get(key);
    if (first === undefined) seen.set(key, place);
    else rules.report(place, `${name} is already at ${formatPlace(first, place)}`);
  }
}
