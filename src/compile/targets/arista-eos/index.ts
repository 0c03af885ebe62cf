// Arista EOS: access lists of IPv4 and IPv6 without groups. A configuration session (`configure session`, `commit timer
// 00:05:00`) takes a mistake back.

import { accessListTarget } from "../access-list/index.ts";
import { budgets } from "../budgets.ts";

export const aristaEos = accessListTarget({
  name: "arista-eos",
  head: { 4: "ip access-list", 6: "ipv6 access-list" },
  numbered: { 4: "", 6: "" },
  anything: { 4: "ip", 6: "ipv6" },
  prefixes: "length",
  groups: undefined,
  bind: { 4: "ip access-group", 6: "ipv6 access-group" },
  directions: { in: "in", out: "out" },
  strict: {
    4: "ip verify unicast source reachable-via rx",
    6: "ipv6 verify unicast source reachable-via rx",
  },
  budget: budgets["arista-eos"],
});
