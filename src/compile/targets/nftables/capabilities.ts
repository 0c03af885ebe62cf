// What nftables can say, as far as this target says it.

import type { Capabilities } from "../../target.ts";

export const capabilities: Capabilities = {
  placements: ["edge", "interfaces"],
  families: [4, 6],
  manners: ["reset", "admin-prohibited", "drop"],
  sets: "prefix-lists",
  timeouts: true,
  counters: true,
  flags: true,
  // The kernel can; no rule of the policy asks for it.
  fragments: false,
  subscribers: false,
  validation: ["list", "strict"],
};
