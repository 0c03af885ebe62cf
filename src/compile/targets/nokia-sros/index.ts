// Nokia SR OS with the MD-CLI: filters of IPv4 and IPv6 on interfaces of the base router and access points of services.
// `commit confirmed 5` takes a mistake back.

import { success } from "../../../base/result.ts";
import { headerLines } from "../../target.ts";
import type { Target } from "../../target.ts";
import { buildConfiguration } from "./build.ts";
import { parseConfiguration } from "./parse.ts";
import { writeConfiguration } from "./write.ts";

export const nokiaSros: Target = {
  name: "nokia-sros",
  capabilities: {
    placements: ["interfaces", "edge-out", "edge-in"],
    families: [4, 6],
    // No answer is sent for what a filter drops.
    manners: ["drop"],
    sets: "prefix-lists",
    timeouts: false,
    counters: true,
    flags: false,
    fragments: false,
    subscribers: false,
    validation: ["list", "strict"],
  },
  render: (program, options) => {
    const configuration = buildConfiguration(program, options);
    if (!configuration.ok) return configuration;
    const text = writeConfiguration(configuration.value, headerLines("nokia-sros", options));
    return success([{ path: "nokia-sros.cfg", text }]);
  },
  parse: parseConfiguration,
};
