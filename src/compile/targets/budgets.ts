// How many entries devices of a kind hold, where somebody has written it down. Line cards differ widely: `budget` of a
// target in the configuration says what this one has; without either nothing is refused for its size.

import type { Budget } from "../target.ts";

export const budgets: Readonly<Record<string, Budget | undefined>> = {
  "cisco-ios-xe": undefined,
  "cisco-ios-xr": undefined,
  "arista-eos": undefined,
  flowspec: {
    unit: "rules",
    most: 3000,
    source: "Cisco ASR 9000, BGP FlowSpec of IOS XR 5.2: 3000 rules in a system",
  },
};
