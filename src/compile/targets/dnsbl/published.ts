// What the list says: the addresses of dynamic pools, whatever stage a pool is in, without the own servers, without those
// that somebody may send from by an exemption, and without those that only show before a carrier-grade NAT. As a program:
// who trusts the list takes no mail straight from there. Subscribers with an exemption of their own have no address.

import type { AddressSets } from "../../../base/address-set.ts";
import { instantsOf, isInForce } from "../../../policy/network/in-force.ts";
import type { NetworkPolicy } from "../../../policy/network/policy.ts";
import { difference, unionOf } from "../../../policy/network/sets.ts";
import { namedSet, pass } from "../../ir.ts";
import type { Program } from "../../ir.ts";
import type { Published } from "../../target.ts";

export function publishedBy(policy: NetworkPolicy, at: number): Published {
  const listed = listedAt(policy, at);
  const validUntil = instantsOf(policy).find((instant) => {
    if (instant <= at) return false;
    const later = listedAt(policy, instant);
    return !later.v4.equals(listed.v4) || !later.v6.equals(listed.v6);
  });
  return { program: listProgram(listed), validUntil };
}

export function listProgram(listed: AddressSets): Program {
  const source = namedSet("listed", listed);
  return {
    filters: [
      {
        name: "list",
        terms: [{ id: "list", match: { source }, action: { kind: "block", manners: ["drop"] } }],
        otherwise: pass,
      },
    ],
    bindings: [{ filter: "list", place: { kind: "everywhere" }, direction: "both", family: "both" }],
    validations: [],
  };
}

function listedAt({ pools, servers, exemptions }: NetworkPolicy, at: number): AddressSets {
  const dynamic = pools.filter(({ kind, cgn }) => kind === "dynamic" && cgn !== "internal");
  const others = [
    ...pools.filter(({ kind }) => kind === "static").map(({ addresses }) => addresses),
    ...servers.map(({ addresses }) => addresses),
    ...exemptions.flatMap(({ subject, period }) =>
      subject.kind === "addresses" && isInForce(period, at) ? [subject.addresses] : [],
    ),
  ];
  return difference(unionOf(dynamic.map(({ addresses }) => addresses)), unionOf(others));
}
