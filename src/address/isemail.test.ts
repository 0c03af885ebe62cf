// The is_email test sets (Dominic Sayers, BSD licence) against our two verdicts. They are read where they lie and never
// copied; without the folder the tests are skipped. In the files a control character n is written as U+2400 + n.
//
// is_email sorts addresses by how far they stray. An envelope ought to take what is valid under RFC 5321, whatever the
// DNS says about the domain; a header also comments, folding and the deprecated forms of RFC 5322.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { parseAddress } from "./address.ts";
import { parseAddressList } from "./header.ts";

const FOLDER = new URL("../../../shared/vectors/addr-isemail/test/", import.meta.url);
const skip = existsSync(FOLDER) ? false : "absent: ../shared/vectors/addr-isemail";

const ENVELOPE_CATEGORIES = ["ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN", "ISEMAIL_RFC5321"];
const HEADER_CATEGORIES = [...ENVELOPE_CATEGORIES, "ISEMAIL_CFWS", "ISEMAIL_DEPREC"];

type Verdict = "accept" | "refuse";

interface Difference {
  readonly place: "envelope" | "header";
  readonly address: string;
  readonly ours: Verdict;
  readonly theirs: Verdict;
  readonly reason: string;
}

const LINE_BREAK =
  "a quoted line break would be carried into commands and header fields (RFC 5322 §4.1 lets old mail quote it)";
const CONTROL =
  "a quoted control character does not fit into an envelope (qtextSMTP and quoted-pairSMTP are printable ASCII)";
const ONE_GROUP =
  "a double colon for one group: RFC 5321 §4.1.3 allows at most six other groups, and their newer set agrees";

const refused = (place: Difference["place"], address: string, reason: string): Difference => ({
  place,
  address,
  ours: "refuse",
  theirs: "accept",
  reason,
});

// The same table for people: docs/reference/addresses.md.
const DIFFERENCES: readonly Difference[] = [
  refused("header", '"test\\\0"@iana.org', CONTROL),
  refused("header", '"Unicode NULL \\\0"@char.com', CONTROL),
  refused("header", '"\x07"@iana.org', CONTROL),
  refused("header", '"\\\x07"@iana.org', CONTROL),
  refused("header", '"\x7f"@iana.org', CONTROL),
  refused("header", '"\\\x7f"@iana.org', CONTROL),
  refused("header", '"\\\n"@iana.org', LINE_BREAK),
  refused("header", '"test\\\rblah"@iana.org', LINE_BREAK),
  refused("envelope", "first.last@[IPv6:1111:2222:3333::4444:5555:12.34.56.78]", ONE_GROUP),
  refused("envelope", "first.last@[IPv6:1111:2222:3333::4444:5555:6666:7777]", ONE_GROUP),
  refused("envelope", "first.last@[IPv6:::a2:a3:a4:b1:b2:b3:b4]", ONE_GROUP),
  refused("envelope", "first.last@[IPv6:a1:a2:a3:a4:b1:b2:b3::]", ONE_GROUP),
  refused("envelope", "first.last@[IPv6:::a2:a3:a4:b1:ffff:11.22.33.44]", ONE_GROUP),
  refused("envelope", "first.last@[IPv6:a1:a2:a3:a4:b1::11.22.33.44]", ONE_GROUP),
];

interface Vector {
  readonly address: string;
  readonly category: string;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function decodeEntity(entity: string): string {
  if (!entity.startsWith("#")) return ENTITIES[entity] ?? assert.fail(`unknown entity ${entity}`);
  return String.fromCodePoint(Number(entity.startsWith("#x") ? `0${entity.slice(1)}` : entity.slice(1)));
}

function readVectors(file: string): readonly Vector[] {
  const xml = readFileSync(new URL(file, FOLDER), "utf8");
  return Array.from(xml.matchAll(/<test id="\d+">.*?<\/test>/gs), ([element]) => {
    const text = /<address>([^<]*)<\/address>/.exec(element)?.[1] ?? "";
    const address = text
      .replace(/&([#\w]+);/g, (_, entity: string) => decodeEntity(entity))
      .replace(/[\u2400-\u241f]/g, (symbol) => String.fromCharCode(symbol.charCodeAt(0) - 0x2400));
    return { address, category: /<category>(\w+)<\/category>/.exec(element)?.[1] ?? assert.fail(element) };
  });
}

const verdict = (accepted: boolean): Verdict => (accepted ? "accept" : "refuse");

function compare(vector: Vector): Difference[] {
  const list = parseAddressList(vector.address);
  const pairs = [
    { place: "envelope", ours: parseAddress(vector.address).ok, categories: ENVELOPE_CATEGORIES },
    { place: "header", ours: list.ok && list.value.length === 1, categories: HEADER_CATEGORIES },
  ] as const;
  return pairs
    .map(({ place, ours, categories }) => ({
      place,
      address: vector.address,
      ours: verdict(ours),
      theirs: verdict(categories.includes(vector.category)),
      reason: "",
    }))
    .filter(({ ours, theirs }) => ours !== theirs);
}

const key = (row: Difference) => JSON.stringify([row.place, row.address, row.ours, row.theirs]);

test("both is_email sets are read whole", { skip }, () => {
  assert.equal(readVectors("tests.xml").length, 164);
  assert.equal(readVectors("tests-original.xml").length, 279);
});

test("our verdicts differ from is_email exactly where the table says", { skip }, () => {
  const found = [...readVectors("tests.xml"), ...readVectors("tests-original.xml")].flatMap(compare);
  assert.deepEqual(found.map(key).toSorted(), DIFFERENCES.map(key).toSorted());
});

test("where both verdicts are positive, envelope and header read the same address", { skip }, () => {
  for (const { address } of [...readVectors("tests.xml"), ...readVectors("tests-original.xml")]) {
    const envelope = parseAddress(address);
    const header = parseAddressList(address);
    if (!envelope.ok) continue;
    assert.ok(header.ok, address);
    assert.deepEqual(header.value, [{ displayName: undefined, address: envelope.value, group: undefined }]);
  }
});
