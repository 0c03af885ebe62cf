// Locks by name: who has one, has it alone, in all threads. A count of at most one, so it has its owner where the other
// counts have theirs.

import type { Awaitable } from "./counters.ts";

export interface Locks {
  /** False when somebody has it. Rejects when nobody can tell: then it is not taken. */
  take(name: string): Awaitable<boolean>;
  /** By who has it. */
  give(name: string): void;
}

export interface LocalLocks extends Locks {
  take(name: string): boolean;
}

export function createLocks(): LocalLocks {
  const taken = new Set<string>();
  return {
    take: (name) => {
      if (taken.has(name)) return false;
      taken.add(name);
      return true;
    },
    give: (name) => {
      taken.delete(name);
    },
  };
}
