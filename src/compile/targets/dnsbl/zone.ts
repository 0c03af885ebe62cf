// The list as a zone file (RFC 1035 §5) and as data for rbldnsd, and the names of the addresses for a reverse zone.

import { nowhere } from "../../../base/address-set.ts";
import { formatAddress } from "../../../base/address.ts";
import type { AddressSets } from "../../../base/address-set.ts";
import { headerLines } from "../../target.ts";
import type { RenderOptions, TextFile } from "../../target.ts";
import { namesOf, writeName } from "./names.ts";
import type { Labels } from "./names.ts";

/** RFC 5782 §5: what a list has so that one sees that it works; the neighbor of it must not be there. */
export const testAddresses = {
  listed: ["127.0.0.2", "::ffff:7f00:2"],
  unlisted: ["127.0.0.1", "::ffff:7f00:1"],
} as const;

const testNames: readonly Labels[] = [["127", "0", "0", "2"], "00000000000000000000ffff7f000002".split("")];

const answer = "127.0.0.2";
const reason = "Dynamic address: no mail server. Its users submit mail on port 587 or 465.";
/** Seconds. A change has to be seen within an hour. */
const timeToLive = 3600;

export interface List {
  readonly zone: string;
  readonly listed: AddressSets;
  /** Without any the zone file has no SOA, for one that includes it. */
  readonly nameServers: readonly string[];
  readonly ptrDomain: string | undefined;
}

export function printFiles(list: List, options: RenderOptions): readonly TextFile[] {
  const head = headerLines("dnsbl", options);
  const commented = (sign: string): string => head.map((line) => `${sign} ${line}\n`).join("");
  const serial = Math.floor(options.at / 1000) % 2 ** 32;
  return [
    { path: `${list.zone}.zone`, text: `${commented(";")}${zoneText(list, serial)}` },
    { path: `${list.zone}.ip4trie`, text: `${commented("#")}${trieText(list, 4, serial)}` },
    { path: `${list.zone}.ip6trie`, text: `${commented("#")}${trieText(list, 6, serial)}` },
    ...(list.ptrDomain === undefined
      ? []
      : [{ path: `${list.ptrDomain}.ptr`, text: `${commented(";")}${ptrText(list.listed, list.ptrDomain)}` }]),
  ];
}

function zoneText({ zone, listed, nameServers }: List, serial: number): string {
  const [first] = nameServers;
  const lines = [`$ORIGIN ${zone}.\n$TTL ${timeToLive}\n`];
  if (first !== undefined) lines.push(`@ SOA ${first}. hostmaster.${zone}. ${serial} 3600 900 604800 ${timeToLive}\n`);
  for (const server of nameServers) lines.push(`@ NS ${server}.\n`);
  for (const labels of testNames) lines.push(...records(labels));
  for (const labels of namesOf(listed)) lines.push(...records(labels));
  return lines.join("");
}

function records(labels: Labels): readonly string[] {
  const name = writeName(labels);
  return [`${name} A ${answer}\n`, `${name} TXT "${reason}"\n`];
}

/** One data set for a family: rbldnsd knows prefixes of any length. */
function trieText({ zone, listed, nameServers }: List, family: 4 | 6, serial: number): string {
  const [first] = nameServers;
  const lines = [`$TTL ${timeToLive}\n`];
  if (first !== undefined && family === 4) {
    lines.push(`$SOA ${timeToLive} ${first} hostmaster.${zone} ${serial} 3600 900 604800 ${timeToLive}\n`);
    lines.push(`$NS ${timeToLive} ${nameServers.join(" ")}\n`);
  }
  const set = family === 4 ? listed.v4 : listed.v6;
  lines.push(`:${answer}:${reason}\n`);
  // A colon at the beginning is an answer.
  for (const prefix of [testAddresses.listed[family === 4 ? 0 : 1], ...set.prefixes()]) {
    lines.push(`${prefix.startsWith(":") ? "0" : ""}${prefix}\n`);
  }
  return lines.join("");
}

/**
 * Names that tell what they are (with the address in them, in a domain of dynamic addresses alone), both ways: PTR, and
 * A for it. IPv6 has too many addresses; one wildcard for a prefix gives all the same name (RFC 8501 §2.2).
 */
function ptrText(listed: AddressSets, domain: string): string {
  const lines: string[] = [];
  const [three, last] = [new Uint32Array(1), new Uint32Array(1)];
  listed.v4.forEachPrefix((address, length) => {
    const count = 2 ** (32 - length);
    for (let at = address[0]!; at < address[0]! + count; at += 256) {
      three[0] = at;
      last[0] = Math.min(count, 256) - 1;
      const [a, b, c, d] = formatAddress(three, 4).split(".");
      const range = `${d}-${Number(d) + last[0]}`;
      lines.push(`$ORIGIN ${c}.${b}.${a}.in-addr.arpa.\n$GENERATE ${range} $ PTR ${a}-${b}-${c}-$.${domain}.\n`);
      lines.push(`$ORIGIN ${domain}.\n$GENERATE ${range} ${a}-${b}-${c}-$ A ${a}.${b}.${c}.$\n`);
    }
  });
  lines.push("$ORIGIN ip6.arpa.\n");
  for (const labels of namesOf({ ...nowhere, v6: listed.v6 })) lines.push(`${writeName(labels)} PTR ipv6.${domain}.\n`);
  return lines.join("");
}
