// Cisco IOS-XR: access lists of IPv4 and IPv6, changed in one commit; `commit confirmed 300` takes a mistake back.

import { accessListTarget } from "../access-list/index.ts";
import { budgets } from "../budgets.ts";

export const ciscoIosXr = accessListTarget({
  name: "cisco-ios-xr",
  head: { 4: "ipv4 access-list", 6: "ipv6 access-list" },
  numbered: { 4: "", 6: "" },
  anything: { 4: "ipv4", 6: "ipv6" },
  prefixes: "length",
  groups: { head: { 4: "object-group network ipv4", 6: "object-group network ipv6" }, use: "net-group" },
  bind: { 4: "ipv4 access-group", 6: "ipv6 access-group" },
  directions: { in: "ingress", out: "egress" },
  strict: {
    4: "ipv4 verify unicast source reachable-via rx",
    6: "ipv6 verify unicast source reachable-via rx",
  },
  budget: budgets["cisco-ios-xr"],
});
