// Makes a target out of a dialect of access lists.

import { success } from "../../../base/result.ts";
import type { Capabilities, Target } from "../../target.ts";
import { headerLines } from "../../target.ts";
import { buildListing } from "./build.ts";
import type { Dialect } from "./dialect.ts";
import { parseListing } from "./parse.ts";
import { writeListing } from "./write.ts";

export function accessListTarget(dialect: Dialect): Target {
  const capabilities: Capabilities = {
    placements: ["interfaces", "edge-out", "edge-in"],
    families: [4, 6],
    // What is denied is answered with ICMP where the interface sends unreachables, which is the usual setting, as fast as
    // the device limits them; otherwise nothing comes back. No line chooses.
    manners: ["admin-prohibited", "drop"],
    sets: dialect.groups === undefined ? "inline" : "prefix-lists",
    timeouts: false,
    counters: false,
    flags: false,
    fragments: false,
    subscribers: false,
    validation: ["list", "strict"],
    ...(dialect.budget === undefined ? {} : { budget: dialect.budget }),
  };
  return {
    name: dialect.name,
    capabilities,
    render: (program, options) => {
      const listing = buildListing(program, dialect, options);
      if (!listing.ok) return listing;
      return success([
        { path: `${dialect.name}.cfg`, text: writeListing(listing.value, dialect, headerLines(dialect.name, options)) },
      ]);
    },
    parse: parseListing,
  };
}
