// Attributes for sessions of one pool, as files for FreeRADIUS 3: NAS-Filter-Rule (RFC 4849) or Filter-Id (RFC 2865 §5.11),
// never both (RFC 4849 §2). The only packet filters that know subscribers. What an access server does with what it does
// not support is its own: some ignore it in silence (RFC 4849 §6), so ask a session what it has.

import { failure, success } from "../../../base/result.ts";
import type { Capabilities, CompileError, Target } from "../../target.ts";
import { buildLists } from "./build.ts";
import { parseFiles } from "./parse.ts";
import { plainName, plainProfile, printFiles } from "./print.ts";

const capabilities: Capabilities = {
  placements: ["line", "line-out"],
  families: [4, 6],
  manners: ["drop"],
  sets: "inline",
  timeouts: false,
  counters: false,
  flags: false,
  fragments: false,
  subscribers: true,
  validation: [],
};

export const radius: Target = {
  name: "radius",
  capabilities,
  hypotheses: ({ nas }) =>
    nas.apply === "filter-id" ? ["the access server has the filters named by Filter-Id, as the text defines them"] : [],
  render: (program, options) => {
    const lists = buildLists(program, options);
    if (!lists.ok) return lists;
    const profile = options.profile ?? "op25b";
    const errors: CompileError[] = [];
    if (!plainProfile.test(profile)) {
      const hint = 'set "radius-profile" of the pool to letters, digits, "-" and "_"';
      errors.push({ rule: undefined, message: `the profile ${profile} cannot be part of a file's name`, hint });
    }
    for (const { subscriber } of lists.value) {
      if (subscriber === undefined || plainName.test(subscriber)) continue;
      const { id } = program.filters
        .flatMap(({ terms }) => terms)
        .find(({ match }) => match.subscriber === subscriber)!;
      errors.push({ rule: id, message: `the subscriber ${subscriber} cannot be named in a users file` });
    }
    return errors.length > 0 ? failure(errors) : success(printFiles(lists.value, profile, options));
  },
  parse: parseFiles,
};
