// The policy that is compiled in the benchmark: one dynamic pool of many prefixes, all stages and permits beside it. The
// prefixes are made up so that none merges with another, one in eight of IPv6, or those of a real routing table where
// the material lies beside the checkout.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { NetworkPolicy } from "../../src/policy/network/policy.ts";
import type { AddressSets } from "../../src/base/address-set.ts";
import { specimen } from "../../test/compile/specimen.ts";
import { findVectors } from "../../test/lab/skip.ts";

export function madeUpPrefixes(count: number): string {
  const lines: string[] = [];
  for (let index = 0; index < count; index++) {
    const place = index * 2;
    if (index % 8 === 7) lines.push(`2a00:${(place >>> 16).toString(16)}:${(place & 0xffff).toString(16)}::/48`);
    else lines.push(`${ipv4((0x1400_0000 + place * 8) >>> 0)}/29`);
  }
  return lines.join("\n");
}

function ipv4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** Prefixes of a routing table of 2014 as lines; undefined: not here. */
export function realPrefixes(): string | undefined {
  const vectors = findVectors("bgp-prefixes-pyasn");
  if (vectors.kind === "absent") return undefined;
  const text = gunzipSync(readFileSync(`${vectors.path}/data/ipasn_20140513.dat.gz`)).toString("latin1");
  return text
    .split("\n")
    .filter((line) => /^\d/.test(line))
    .map((line) => line.split("\t")[0])
    .join("\n");
}

/** Without lines: source validation is for customers' prefixes, of which there are few. */
export function samplePolicy(addresses: AddressSets): NetworkPolicy {
  const [first, ...others] = specimen.pools;
  return { ...specimen, pools: [{ ...first!, addresses, lines: [] }, ...others] };
}
