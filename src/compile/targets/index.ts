// Every target there is, by name.

import type { Target } from "../target.ts";
import { nftables } from "./nftables/index.ts";

export const targets: readonly Target[] = [nftables];

export function targetNamed(name: string): Target | undefined {
  return targets.find((target) => target.name === name);
}
