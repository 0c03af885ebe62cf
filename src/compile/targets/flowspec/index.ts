// BGP FlowSpec (RFC 8955, and RFC 8956 for IPv6): rules that a BGP speaker announces and routers enforce, as texts for
// ExaBGP, BIRD 2 and GoBGP that say the same. Routers try rules in the order of the NLRI and not of a text, so what is
// printed is the policy in that order. There are no directions, no interfaces and no subscribers.

import { failure, success } from "../../../base/result.ts";
import { budgets } from "../budgets.ts";
import type { Capabilities, Target } from "../../target.ts";
import { buildRules } from "./build.ts";
import { parseFiles } from "./parse.ts";
import { printFiles } from "./print.ts";

const capabilities: Capabilities = {
  placements: ["edge", "edge-out", "edge-in"],
  families: [4, 6],
  manners: ["drop"],
  sets: "inline",
  timeouts: false,
  counters: false,
  flags: false,
  fragments: false,
  subscribers: false,
  validation: [],
  ...(budgets["flowspec"] === undefined ? {} : { budget: budgets["flowspec"] }),
};

export const flowspec: Target = {
  name: "flowspec",
  capabilities,
  hypotheses: () => ["no session that hands the rules on validates them (RFC 8955 section 6)"],
  render: (program, options) => {
    if (options.settings?.validationOff === false) {
      const message = "routers ignore such rules while they validate them (RFC 8955 section 6)";
      return failure([
        { rule: undefined, message, hint: 'switch it off for these sessions, then set "validation-off"' },
      ]);
    }
    const rules = buildRules(program, options);
    return rules.ok ? success(printFiles(rules.value, options)) : rules;
  },
  parse: parseFiles,
};
