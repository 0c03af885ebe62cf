// VyOS 1.4 and later: chains of the forward filter, network groups. A commit is one transaction of the kernel's filter.

import { failure, success } from "../../../base/result.ts";
import { headerLines } from "../../target.ts";
import type { CompileError, Target } from "../../target.ts";
import type { Program } from "../../ir.ts";
import { buildRulesets } from "../chains/build.ts";
import type { ChainDevice } from "../chains/build.ts";
import { parseCommands } from "./parse.ts";
import { writeCommands } from "./write.ts";

export const vyos: Target = {
  name: "vyos",
  capabilities: {
    placements: ["edge", "interfaces"],
    families: [4, 6],
    // `reject` is answered with ICMP; there is no word for a reset.
    manners: ["admin-prohibited", "drop"],
    sets: "prefix-lists",
    timeouts: false,
    counters: true,
    flags: false,
    fragments: false,
    subscribers: false,
    validation: ["list"],
  },
  render: (program, options) => {
    const device: ChainDevice = {
      kind: "vyos",
      manners: () => ["admin-prohibited", "drop"],
      interfaces: /^[A-Za-z0-9_.-]{1,15}$/,
    };
    const rulesets = buildRulesets(program, device, options);
    const ports = portZero(program);
    if (ports.length > 0) return failure([...(rulesets.ok ? [] : rulesets.error), ...ports]);
    if (!rulesets.ok) return rulesets;
    return success([{ path: "vyos.conf", text: writeCommands(rulesets.value, headerLines("vyos", options)) }]);
  },
  parse: parseCommands,
};

/** VyOS counts ports from 1. */
function portZero({ filters }: Program): readonly CompileError[] {
  return filters
    .flatMap(({ terms }) => terms)
    .filter(({ match }) =>
      [...(match.sourcePorts ?? []), ...(match.destinationPorts ?? [])].some(({ first }) => first === 0),
    )
    .map(({ id }) => ({ rule: id, message: "this target has no port 0" }));
}
