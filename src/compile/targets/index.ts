// Every target there is, by name.

import type { Target } from "../target.ts";

export const targets: readonly Target[] = [];

export function targetNamed(name: string): Target | undefined {
  return targets.find((target) => target.name === name);
}
