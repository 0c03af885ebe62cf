// The own dynamic addresses, published so that others can tell them: a DNS list (RFC 5782) as a zone file and as data for
// rbldnsd, and, with a domain for it, the names that they have in the reverse zone. This is no packet filter: what is
// proved is that the addresses listed are the policy's, and none else.

import { AddressSetBuilder, hasAddress } from "../../../base/address-set.ts";
import type { AddressSets } from "../../../base/address-set.ts";
import { familyOf, parseAddress } from "../../../base/address.ts";
import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import { difference } from "../../../policy/network/sets.ts";
import type { Program } from "../../ir.ts";
import type { Capabilities, ParseProblem, ReadContext, Target, TextFile } from "../../target.ts";
import { listProgram, publishedBy } from "./published.ts";
import { readPtr, readTrie, readZone, Unreadable } from "./read.ts";
import { printFiles, testAddresses } from "./zone.ts";

const capabilities: Capabilities = {
  placements: ["edge"],
  families: [4, 6],
  manners: ["drop"],
  sets: "inline",
  timeouts: false,
  counters: false,
  flags: false,
  fragments: false,
  subscribers: false,
  validation: [],
};

export const dnsbl: Target = {
  name: "dnsbl",
  capabilities,
  publish: publishedBy,
  render: (program, options) => {
    const { zone, nameServers = [], ptrDomain } = options.settings ?? {};
    if (zone === undefined) {
      return failure([{ rule: undefined, message: "the list has no zone", hint: 'set "zone" of the target' }]);
    }
    const listed = program.filters[0]?.terms[0]?.match.source;
    if (listed === undefined) throw new Error("a list is a filter with one term over sources");
    return success(printFiles({ zone, listed, nameServers, ptrDomain }, options));
  },
  parse,
};

type Kind = "zone" | "trie" | "ptr";

/** Files of a kind belong together; what the first kind lists counts, and the others must list the same. */
function parse(files: readonly TextFile[], { settings }: ReadContext): Result<Program, ParseProblem> {
  let path = files[0]?.path ?? "";
  try {
    const lists = new Map<Kind, AddressSetBuilder>();
    for (const file of files) {
      path = file.path;
      const kind = kindOf(file);
      const list = lists.get(kind) ?? new AddressSetBuilder();
      lists.set(kind, list);
      list.addSets(readList(kind, file.text, settings?.zone ?? ""));
    }
    let counts: AddressSets | undefined;
    for (const [kind, list] of lists) {
      path = files.find((file) => kindOf(file) === kind)!.path;
      const listed = kind === "ptr" ? list.build() : withoutTests(list.build());
      counts ??= listed;
      if (!counts.v4.equals(listed.v4) || !counts.v6.equals(listed.v6)) {
        throw new Unreadable(1, `it has other addresses than ${files[0]!.path}`);
      }
    }
    if (counts === undefined) throw new Unreadable(1, "there is no text");
    return success(listProgram(counts));
  } catch (error) {
    if (error instanceof Unreadable) return failure({ path, line: error.line, message: error.message });
    throw error;
  }
}

function kindOf({ path, text }: TextFile): Kind {
  if (path.endsWith(".ptr") || /^\$GENERATE\b|\.arpa\.$/m.test(text)) return "ptr";
  if (/\.ip[46]trie$/.test(path)) return "trie";
  return /^[^;#]*\s(?:A|TXT|SOA)\s/m.test(text) ? "zone" : "trie";
}

function readList(kind: Kind, text: string, zone: string): AddressSets {
  switch (kind) {
    case "zone":
      return readZone(text, zone);
    case "trie":
      return readTrie(text);
    case "ptr":
      return readPtr(text);
  }
}

/** RFC 5782 §5: who uses a list looks for these first, and stops using one that lists the world. */
function withoutTests(listed: AddressSets): AddressSets {
  const isListed = (text: string): boolean => hasAddress(listed, parseAddress(text)!);
  const missing = testAddresses.listed.find((text) => !isListed(text));
  if (missing !== undefined) throw new Unreadable(1, `${missing} must be listed (RFC 5782 §5)`);
  const wrong = testAddresses.unlisted.find(isListed);
  if (wrong !== undefined) throw new Unreadable(1, `${wrong} must not be listed (RFC 5782 §5)`);
  const tests = new AddressSetBuilder();
  for (const address of testAddresses.listed.map((text) => parseAddress(text)!)) {
    tests.addPrefix(familyOf(address), address, 32 * address.length);
  }
  return difference(listed, tests.build());
}
