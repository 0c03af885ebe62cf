// MikroTik RouterOS 7: chains behind the forward chain of both firewalls, and address lists.

import { success } from "../../../base/result.ts";
import type { Manner } from "../../../policy/network/policy.ts";
import { tcp } from "../../packet.ts";
import { headerLines } from "../../target.ts";
import type { Target } from "../../target.ts";
import { buildRulesets } from "../chains/build.ts";
import type { ChainDevice } from "../chains/build.ts";
import { parseScript } from "./parse.ts";
import { writeScript } from "./write.ts";

const manners: readonly Manner[] = ["reset", "admin-prohibited", "drop"];

const device: ChainDevice = {
  kind: "mikrotik-routeros",
  manners: (protocol) => manners.filter((manner) => manner !== "reset" || protocol === tcp),
  interfaces: /^[A-Za-z0-9 _.:+/<>-]{1,63}$/,
};

export const mikrotikRouteros: Target = {
  name: "mikrotik-routeros",
  capabilities: {
    placements: ["edge", "interfaces"],
    families: [4, 6],
    manners,
    sets: "prefix-lists",
    // Members of address lists can end by themselves, but those do not outlive a restart.
    timeouts: false,
    counters: true,
    flags: false,
    fragments: false,
    subscribers: false,
    // A reverse path check is for all interfaces or none.
    validation: ["list"],
  },
  render: (program, options) => {
    const rulesets = buildRulesets(program, device, options);
    if (!rulesets.ok) return rulesets;
    const text = writeScript(rulesets.value, headerLines("mikrotik-routeros", options));
    return success([{ path: "mikrotik-routeros.rsc", text }]);
  },
  parse: parseScript,
};
