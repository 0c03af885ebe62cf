// Checks of who is who: pools that overlap or are empty, servers in the wrong place, lines and how they are validated.

import { formatAddress, familyOf } from "../../base/address.ts";
import type { Address } from "../../base/address.ts";
import type { Report } from "./check.ts";
import type { Line, NetworkPolicy, Pool } from "./policy.ts";
import { commonAddress, isEmpty } from "./sets.ts";

export function show(address: Address): string {
  return formatAddress(address, familyOf(address));
}

export function checkPools(policy: NetworkPolicy, report: Report): void {
  for (const [index, pool] of policy.pools.entries()) {
    const { name, kind, addresses, stages, inbound, cgn } = pool;
    const at = ["pool", index] as const;
    if (isEmpty(addresses)) report("empty-set", at, `the pool ${name} has no addresses`);
    else if (kind === "dynamic" && cgn === "none" && addresses.v4.isEmpty !== addresses.v6.isEmpty) {
      report("one-family", at, `the pool ${name} has only IPv${addresses.v4.isEmpty ? 6 : 4}`);
    }
    if (kind === "static" && (stages.length > 0 || inbound !== undefined)) {
      const what = stages.length > 0 ? "stages" : "inbound-25";
      report(
        "static-blocked",
        [...at, stages.length > 0 ? "stage" : "inbound-25"],
        `the static pool ${name} has ${what}`,
      );
    }
  }
  checkOverlaps(policy.pools, report);
  checkServers(policy, report);
  checkPorts(policy, report);
}

/** Each pair once, at the later pool. */
function checkOverlaps(pools: readonly Pool[], report: Report): void {
  for (const [index, pool] of pools.entries()) {
    for (const other of pools.slice(0, index)) {
      const shared = commonAddress(pool.addresses, other.addresses);
      if (shared === undefined) continue;
      const message = `${show(shared)} is in the ${pool.kind} pool ${pool.name} and in the ${other.kind} pool ${other.name}`;
      report("pools-overlap", ["pool", index], message, shared);
    }
  }
}

function checkServers({ servers, pools, ownMx }: NetworkPolicy, report: Report): void {
  const dynamic = pools.filter(({ kind }) => kind === "dynamic");
  for (const [index, { name, role, addresses }] of servers.entries()) {
    if (isEmpty(addresses)) report("empty-set", ["server", index], `the server ${name} has no addresses`);
    for (const pool of dynamic) {
      const shared = commonAddress(addresses, pool.addresses);
      if (shared === undefined) continue;
      const message = `the own ${role} ${name} (${show(shared)}) is in the dynamic pool ${pool.name}`;
      report("server-in-pool", ["server", index], message, shared);
    }
  }
  if (ownMx === "permitted") report("own-mx-open", ["own-mx"], "dynamic pools reach the own MX on port 25");
}

function checkPorts({ blockedPorts, countedPorts }: NetworkPolicy, report: Report): void {
  for (const [index, port] of blockedPorts.entries()) {
    if (port !== 25) report("other-port", ["block-ports", index], `port ${port} is to be blocked`);
  }
  if (!blockedPorts.includes(25))
    report("other-port", ["block-ports"], "port 25 is not among the ports that are blocked");
  for (const [index, port] of countedPorts.entries()) {
    if (port === 25)
      report("other-port", ["count-ports", index], "port 25 is counted by the stage `observe`, not here");
  }
}

export function checkLines({ pools }: NetworkPolicy, report: Report): void {
  const seen = new Map<string, Line>();
  for (const [index, pool] of pools.entries()) {
    if (pool.sav !== undefined && pool.lines.length === 0) {
      report("sav-without-line", ["pool", index, "sav"], `the pool ${pool.name} has sav and no line to validate`);
    }
    for (const [position, line] of pool.lines.entries()) {
      const at = ["pool", index, "line", position] as const;
      if (line.sav === "loose")
        report("sav-loose", [...at, "sav"], `line ${line.name} has the loose reverse path check`);
      if (line.sav === "strict" && !line.singleHomed) {
        report("sav-multihomed", [...at, "sav"], `line ${line.name} is checked strictly and is not single-homed`);
      }
      if (line.addresses !== undefined && isEmpty(line.addresses)) {
        report("empty-set", at, `line ${line.name} has no addresses`);
      }
      const other = seen.get(line.name);
      if (other === undefined) seen.set(line.name, line);
      else if (other.sav !== line.sav || other.singleHomed !== line.singleHomed) {
        report("line-contradiction", at, `line ${line.name} is told in two ways`);
      }
    }
  }
}
