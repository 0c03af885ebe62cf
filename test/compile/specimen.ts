// A policy that has every kind of rule, for mutants and goldens of all targets.

import { plainTarget } from "../../src/policy/network/policy.ts";
import type { NetworkPolicy, TargetKind, TargetSettings } from "../../src/policy/network/policy.ts";
import { policyOf } from "../../src/policy/network/test-policy.ts";

export const specimenAt = Date.UTC(2026, 6, 1);
const since = Date.UTC(2026, 0, 1);
const until = Date.UTC(2027, 0, 1);

const withCarriers = policyOf({
  pools: [
    {
      kind: "dynamic",
      prefixes: ["198.51.100.0/26", "198.51.100.96/27", "2001:db8:a::/52"],
      stages: [{ at: since, stage: "full" }],
      inbound: { from: since, until: undefined },
      sav: { from: since, until: undefined },
      lines: [
        { name: "cust0", prefixes: ["198.51.100.0/27", "2001:db8:a::/56"] },
        { name: "cust1", prefixes: ["198.51.100.32/27", "2001:db8:a:100::/56"] },
      ],
    },
    {
      kind: "dynamic",
      prefixes: ["203.0.113.0/25", "2001:db8:c::/48"],
      stages: [{ at: since, stage: "mobile-only" }],
      inbound: { from: since, until: undefined },
      sav: undefined,
      lines: [],
    },
    {
      kind: "dynamic",
      prefixes: ["203.0.113.128/25", "2001:db8:d::/48"],
      stages: [{ at: since, stage: "observe" }],
      inbound: undefined,
      sav: undefined,
      lines: [],
    },
    {
      kind: "static",
      prefixes: ["198.51.100.128/25", "2001:db8:a:f000::/52"],
      stages: [],
      inbound: undefined,
      sav: undefined,
      lines: [],
    },
  ],
  servers: [
    { role: "msa25", prefixes: ["192.0.2.5", "2001:db8:25::5"] },
    { role: "mta", prefixes: ["192.0.2.6", "2001:db8:25::6"] },
  ],
  partners: [{ from: since, until, prefixes: ["192.0.2.128/28", "2001:db8:b::/64"] }],
  carriers: [{ prefixes: ["192.0.2.64/27", "2001:db8:7::/48"] }, { prefixes: ["192.0.2.32/29", "2001:db8:8::/48"] }],
  thirdParties: [{ from: since, until, prefixes: ["192.0.2.200", "2001:db8:9::25"] }],
  exemptions: [{ from: since, until, prefixes: ["198.51.100.9", "2001:db8:a::9"] }],
});

export const specimen: NetworkPolicy = {
  ...withCarriers,
  countedPorts: [465, 587],
};

/** What a device of a kind is called and how it stands, unless a test says otherwise. */
export function specimenSettings(kind: TargetKind, more: Partial<TargetSettings> = {}): TargetSettings {
  return { name: kind, kind, ...plainTarget, ...more };
}
