// The filters of the lab: the policy of the edge at the instant of a scenario, made into a text as it is made for any
// edge; and what other providers may do on the line by which the attack goes out.

import { pass } from "../../compile/ir.ts";
import type { Program, SourceValidation } from "../../compile/ir.ts";
import { project } from "../../compile/project.ts";
import { nftables } from "../../compile/targets/nftables/index.ts";
import { AddressSetBuilder, none, setOf } from "../../base/address-set.ts";
import type { AddressSets } from "../../base/address-set.ts";
import type { NetworkPolicy } from "../../policy/network/policy.ts";
import { unionOf } from "../../policy/network/sets.ts";
import { standsAtBlock } from "../blocking.ts";
import { createNftTarget } from "../nft-target.ts";
import type { LabFilters } from "./run.ts";
import { labLinks } from "./topology.ts";

/** Rule sets that are wrong on purpose: with any of them the lab must fail. */
export const mistakes = ["no-ipv6", "no-inbound", "loose-check"] as const;
export type Mistake = (typeof mistakes)[number];

const nothing: Program = { filters: [], bindings: [], validations: [] };

export function labFilters(policy: NetworkPolicy, mistake?: Mistake): LabFilters {
  const target = createNftTarget({ customerInterfaces: [], upstreamInterfaces: [] });
  const print = (program: Program, at: number): string => {
    const text = target.print(program, { revision: "lab", at, validUntil: undefined });
    if (!text.ok) throw new Error(text.error);
    return text.value;
  };
  return {
    table: target.table,
    nothing: print(nothing, 0),
    large: (instant, prefixes) => {
      const at = Date.parse(instant);
      const text = (variant: 0 | 1): string => {
        const extra = scattered(prefixes, variant);
        const pools = policy.pools.map((pool, index) =>
          index === 0 ? { ...pool, addresses: unionOf([pool.addresses, extra]) } : pool,
        );
        return print(projected({ ...policy, pools }, at), at);
      };
      return [text(0), text(1)];
    },
    edge: (instant, manner) => {
      const at = Date.parse(instant);
      const verdict =
        manner === undefined ? policy.verdict : { ...policy.verdict, outbound: [manner], inbound: [manner] };
      return print(spoilt(projected({ ...policy, verdict }, at), mistake), at);
    },
    other: (kind) => (kind === "loose" || mistake === "loose-check" ? looseCheck : print(validating(kind), 0)),
    blocked: (counters) => {
      let packets = 0;
      for (const [name, counted] of counters) if (standsAtBlock(name)) packets += counted.packets;
      return packets;
    },
  };
}

function projected(policy: NetworkPolicy, at: number): Program {
  const nowhere = { customers: [], upstreams: [] };
  return project(policy, at, { kind: "edge" }, nowhere, nftables.capabilities).program;
}

/** Single addresses of 10.128.0.0/9 that cannot be merged; every second one depends on the variant. */
function scattered(count: number, variant: 0 | 1): AddressSets {
  const builder = new AddressSetBuilder();
  for (let index = 0; index < count; index++) {
    const step = index % 2 === 0 ? 0 : variant * 2;
    builder.addPrefix(4, Uint32Array.of(0x0a80_0000 + index * 8 + step), 32);
  }
  return builder.build();
}

/** Source address validation at the other provider: its static line, and nothing else. */
function validating(kind: "strict" | "list"): Program {
  const line = labLinks.find(({ router }) => router === "edgec")!;
  const own = setOf(line.ipv4, line.ipv6);
  const validations = ([4, 6] as const).map((family): SourceValidation => {
    const routes = family === 4 ? own.v4 : own.v6;
    const besides = family === 4 ? none(4) : setOf("fe80::/10", "::").v6;
    return {
      id: `sav:${line.line}`,
      line: line.line,
      family,
      check: kind === "strict" ? { kind: "strict", routes, besides } : { kind: "list", allowed: routes.union(besides) },
      manners: ["drop"],
      counter: `sav-${line.line}`,
    };
  });
  return { filters: [], bindings: [], validations };
}

/** What no target prints, since it is no defence: any route back will do, and there is a default route. */
const looseCheck = `table inet sekimori {
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
  }
}
flush chain inet sekimori prerouting
table inet sekimori {
  chain prerouting {
    ip6 saddr fe80::/10 accept
    fib saddr oif missing drop
  }
}
`;

function spoilt(program: Program, mistake: Mistake | undefined): Program {
  switch (mistake) {
    case "no-ipv6":
      return {
        ...program,
        filters: program.filters.map((filter) => ({
          ...filter,
          terms: filter.terms.map((term) => ({ ...term, match: { ...term.match, family: 4 as const } })),
        })),
        validations: program.validations.filter(({ family }) => family === 4),
      };
    case "no-inbound":
      return {
        ...program,
        filters: program.filters.map((filter) =>
          filter.name === "ip25b" ? { ...filter, terms: [], otherwise: pass } : filter,
        ),
      };
    case "loose-check":
    case undefined:
      return program;
  }
}
