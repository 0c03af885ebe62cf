// Juniper Junos: stateless firewall filters of families inet and inet6.

import { success } from "../../../base/result.ts";
import { headerLines } from "../../target.ts";
import type { Target } from "../../target.ts";
import { buildConfiguration } from "./build.ts";
import { parseConfiguration } from "./parse.ts";
import { writeConfiguration } from "./write.ts";

export const junos: Target = {
  name: "junos",
  capabilities: {
    placements: ["interfaces", "edge-out", "edge-in"],
    families: [4, 6],
    manners: ["reset", "admin-prohibited", "drop"],
    sets: "prefix-lists",
    timeouts: false,
    counters: true,
    flags: true,
    fragments: false,
    subscribers: false,
    validation: ["list", "strict"],
  },
  render: (program, options) => {
    const configuration = buildConfiguration(program, options);
    if (!configuration.ok) return configuration;
    return success([
      { path: "junos.conf", text: writeConfiguration(configuration.value, headerLines("junos", options)) },
    ]);
  },
  parse: parseConfiguration,
};
