// Cisco IOS-XE: extended and IPv6 access lists. Change over with the interface lines; `configure terminal revert timer 5`
// before, `configure confirm` after, take a mistake back.

import { accessListTarget } from "../access-list/index.ts";
import { budgets } from "../budgets.ts";

export const ciscoIosXe = accessListTarget({
  name: "cisco-ios-xe",
  head: { 4: "ip access-list extended", 6: "ipv6 access-list" },
  numbered: { 4: "", 6: "sequence " },
  anything: { 4: "ip", 6: "ipv6" },
  prefixes: "wildcard",
  groups: { head: { 4: "object-group network", 6: "object-group v6-network" }, use: "object-group" },
  bind: { 4: "ip access-group", 6: "ipv6 traffic-filter" },
  directions: { in: "in", out: "out" },
  strict: {
    4: "ip verify unicast source reachable-via rx",
    6: "ipv6 verify unicast source reachable-via rx",
  },
  budget: budgets["cisco-ios-xe"],
});
