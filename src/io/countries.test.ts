// A database written here by the published description of the format is read: prefixes of both families, and what is in none.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseIp } from "../base/ip.ts";
import { openCountries } from "./countries.ts";

/** MaxMind DB 2.0: data fields are a control octet (type and size) and a payload. */
function field(value: string | number | Readonly<Record<string, unknown>>): Buffer {
  if (typeof value === "string")
    return Buffer.concat([Buffer.from([0x40 | Buffer.byteLength(value)]), Buffer.from(value)]);
  if (typeof value === "number") {
    const octets = Buffer.alloc(4);
    octets.writeUInt32BE(value);
    return Buffer.concat([Buffer.from([0xc4]), octets]);
  }
  const entries = Object.entries(value) as [string, string | number | Readonly<Record<string, unknown>>][];
  return Buffer.concat([
    Buffer.from([0xe0 | entries.length]),
    ...entries.flatMap(([key, each]) => [field(key), field(each)]),
  ]);
}

type Node = [Node | string | undefined, Node | string | undefined];

/** IPv4 stands in the lowest 32 bits of the tree. */
function database(prefixes: Readonly<Record<string, string>>): Buffer {
  const root: Node = [undefined, undefined];
  for (const [prefix, country] of Object.entries(prefixes)) {
    const [address = "", length = ""] = prefix.split("/");
    const own = parseIp(address)!;
    const octets = own.length === 4 ? Buffer.concat([Buffer.alloc(12), own]) : own;
    const bits = Number(length) + (own.length === 4 ? 96 : 0);
    let node = root;
    for (let depth = 0; depth < bits; depth++) {
      const bit = ((octets[depth >> 3]! >> (7 - (depth & 7))) & 1) as 0 | 1;
      if (depth === bits - 1) node[bit] = country;
      else {
        const next = node[bit];
        const child: Node = Array.isArray(next) ? next : [undefined, undefined];
        node[bit] = child;
        node = child;
      }
    }
  }
  const nodes: Node[] = [];
  const number = (node: Node): void => {
    nodes.push(node);
    for (const child of node) if (Array.isArray(child)) number(child);
  };
  number(root);
  const names = [...new Set(Object.values(prefixes))];
  const records = names.map((name) => field({ country: { iso_code: name } }));
  const offsets = new Map(names.map((name, index) => [name, Buffer.concat(records.slice(0, index)).length]));
  const tree = Buffer.alloc(nodes.length * 6);
  for (const [index, node] of nodes.entries()) {
    for (const side of [0, 1] as const) {
      const child = node[side];
      const empty = nodes.length;
      const value =
        child === undefined ? empty : Array.isArray(child) ? nodes.indexOf(child) : empty + 16 + offsets.get(child)!;
      tree.writeUIntBE(value, index * 6 + side * 3, 3);
    }
  }
  const metadata = field({
    node_count: nodes.length,
    record_size: 24,
    ip_version: 6,
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1,
    database_type: "Test",
    languages: {},
    description: {},
  });
  const mark = Buffer.concat([Buffer.from([0xab, 0xcd, 0xef]), Buffer.from("MaxMind.com")]);
  return Buffer.concat([tree, Buffer.alloc(16), ...records, mark, metadata]);
}

test("addresses of both families are in their country, others in none; another file is refused by name", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sekimori-countries-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "country.mmdb");
  writeFileSync(file, database({ "192.0.2.0/24": "JP", "198.51.100.128/25": "DE", "2001:db8:7::/48": "FR" }));
  const countries = await openCountries(file);
  assert.deepEqual(
    [
      "192.0.2.0",
      "192.0.2.255",
      "192.0.3.0",
      "198.51.100.127",
      "198.51.100.200",
      "2001:db8:7:1::1",
      "2001:db8:8::",
    ].map((address) => countries.of(address)),
    ["JP", "JP", undefined, undefined, "DE", "FR", undefined],
  );
  assert.equal(countries.of("no address"), undefined);
  writeFileSync(file, "nothing of the kind");
  await assert.rejects(openCountries(file), /country\.mmdb is no database/);
});
