// From a subject of the policy back to the text: `["pool", 2, "stage", 1]` is where that stage stands; with an address it
// is the prefix that holds it, in the list or in the file of prefixes. Files are read again for that, as it only happens
// when something is wrong.

import { hostMask, parseAddress, readPrefix } from "../base/address.ts";
import type { Address } from "../base/address.ts";
import type { Prefix } from "../base/prefix.ts";
import type { CheckedTree, Path } from "./check.ts";
import type { ConfigSources } from "./files.ts";
import type { NetworkTables } from "./schema/network.ts";
import type { Place } from "./problem.ts";

/** The path begins below `network`. */
export type PolicyPlaces = (path: Path, holding?: Address) => Place;

export function createPlaces(tables: NetworkTables, tree: CheckedTree, sources: ConfigSources): PolicyPlaces {
  return (path, holding) => {
    const whole = tree.placeOf("network", ...path);
    if (holding === undefined) return whole;
    const table = path.reduce<unknown>(step, tables);
    return inLists(table, path, holding) ?? inFiles(table, holding) ?? whole;
  };

  function inLists(table: unknown, path: Path, address: Address): Place | undefined {
    for (const key of ["ipv4", "ipv6", "addresses"]) {
      const list = step(table, key);
      if (!Array.isArray(list)) continue;
      const index = list.findIndex((prefix: Prefix) => isIn(prefix, address));
      if (index !== -1) return tree.placeOf("network", ...path, key, index);
    }
    return undefined;
  }

  function inFiles(table: unknown, address: Address): Place | undefined {
    for (const key of ["ipv4-files", "ipv6-files"]) {
      const list = step(table, key);
      for (const file of Array.isArray(list) ? list : []) {
        const text = sources.read(String(file));
        const line = text.ok ? lineWith(text.value, (words, length) => covers(words, length, address)) : undefined;
        if (line !== undefined) return { file: String(file), line, column: 1 };
      }
    }
    return undefined;
  }
}

/** The first line of a prefix file, from 1, that is asked for. */
export function lineWith(
  text: string,
  isWanted: (words: Address, length: number, family: 4 | 6) => boolean,
): number | undefined {
  const words = new Uint32Array(4);
  for (const [index, line] of text.split("\n").entries()) {
    const written = line.replace(/#.*$/s, "").trim();
    if (written === "") continue;
    const prefix = readPrefix(written, 0, written.length, words);
    if (!prefix.ok) continue;
    const { family, length } = prefix.value;
    if (isWanted(words.subarray(0, family === 4 ? 1 : 4), length, family)) return index + 1;
  }
  return undefined;
}

function isIn({ address: network, length }: Prefix, address: Address): boolean {
  const words = parseAddress(network);
  return words !== undefined && covers(words, length, address);
}

function covers(network: Address, length: number, address: Address): boolean {
  return (
    network.length === address.length &&
    network.every(
      (word, index) => (word | hostMask(index, length)) >>> 0 === (address[index]! | hostMask(index, length)) >>> 0,
    )
  );
}

function step(value: unknown, key: string | number): unknown {
  if (Array.isArray(value)) return typeof key === "number" ? value[key] : undefined;
  if (value instanceof Map) return value.get(key);
  return typeof value === "object" && value !== null ? new Map(Object.entries(value)).get(String(key)) : undefined;
}
