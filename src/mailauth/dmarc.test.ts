// DMARC: whose record is found (RFC 9989 §4.10), and what it asks for.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { findDmarc } from "./dmarc.ts";
import type { DmarcAnswer } from "./dmarc.ts";
import { answer } from "./test-zone.ts";
import type { Zone } from "./test-zone.ts";

function find(domain: string, records: Readonly<Record<string, string | readonly string[]>>): DmarcAnswer {
  const zone: Zone = Object.fromEntries(
    Object.entries(records).map(([name, txt]) => [`_dmarc.${name}`, { txt: typeof txt === "string" ? [txt] : txt }]),
  );
  return answer(findDmarc(domain), zone).value;
}

await describe("the policy", async () => {
  const rows: readonly (readonly [
    name: string,
    domain: string,
    records: Parameters<typeof find>[1],
    expected: DmarcAnswer,
  ])[] = [
    ["there is none", "a.example", {}, { kind: "none" }],
    [
      "its own",
      "a.example",
      { "a.example": "v=DMARC1; p=reject" },
      { kind: "found", domain: "a.example", policy: "reject" },
    ],
    [
      "its own comes first",
      "m.a.example",
      { "m.a.example": "v=DMARC1; p=none", "a.example": "v=DMARC1; p=reject" },
      { kind: "found", domain: "m.a.example", policy: "none" },
    ],
    [
      "from above",
      "m.a.example",
      { "a.example": "v=DMARC1; p=quarantine" },
      { kind: "found", domain: "a.example", policy: "quarantine" },
    ],
    [
      "from above, for those below",
      "m.a.example",
      { "a.example": "v=DMARC1;p=reject;sp=none" },
      { kind: "found", domain: "a.example", policy: "none" },
    ],
    [
      "sp is not for itself",
      "a.example",
      { "a.example": "v=DMARC1; p=none; sp=reject" },
      { kind: "found", domain: "a.example", policy: "none" },
    ],
    [
      "the highest one",
      "x.m.a.example",
      { "m.a.example": "v=DMARC1; p=none", "a.example": "v=DMARC1; p=reject" },
      { kind: "found", domain: "a.example", policy: "reject" },
    ],
    [
      "psd=n ends the search",
      "x.m.a.example",
      { "m.a.example": "v=DMARC1; p=none; psd=n", "a.example": "v=DMARC1; p=reject" },
      { kind: "found", domain: "m.a.example", policy: "none" },
    ],
    [
      "below a public suffix",
      "x.a.gov.example",
      { "a.gov.example": "v=DMARC1; p=none", "gov.example": "v=DMARC1; p=reject; psd=y" },
      { kind: "found", domain: "a.gov.example", policy: "none" },
    ],
    [
      "a public suffix speaks where nobody else does",
      "x.a.gov.example",
      { "gov.example": "v=DMARC1; p=none; sp=reject; psd=y" },
      { kind: "found", domain: "gov.example", policy: "reject" },
    ],
    [
      "two are as good as none",
      "a.example",
      { "a.example": ["v=DMARC1; p=reject", "v=DMARC1; p=none"] },
      { kind: "none" },
    ],
    [
      "other texts do not count",
      "a.example",
      { "a.example": ["hello", "v=DMARC1; p=Reject ; rua=mailto:d@a.example"] },
      { kind: "found", domain: "a.example", policy: "reject" },
    ],
    [
      "no policy asks for nothing",
      "a.example",
      { "a.example": "v=DMARC1; rua=mailto:d@a.example" },
      { kind: "found", domain: "a.example", policy: "none" },
    ],
    ["another version", "a.example", { "a.example": "v=DMARC10; p=reject" }, { kind: "none" }],
    ["v is not the first", "a.example", { "a.example": "p=reject; v=DMARC1" }, { kind: "none" }],
  ];
  for (const [name, domain, records, expected] of rows) {
    await it(name, () => assert.deepEqual(find(domain, records), expected));
  }
});

await it("a name that nobody answers for is no policy, and no lack of one", () => {
  const zone: Zone = { "_dmarc.example": { broken: true } };
  assert.equal(answer(findDmarc("m.a.example"), zone).value.kind, "failed");
});

await it("a long name is asked for at most eight times, its last seven labels among them", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), (count) => {
      const labels = Array.from({ length: count }, (_, index) => `l${index}`);
      const { asked } = answer(findDmarc(labels.join(".")), {});
      assert.equal(asked.length, Math.min(count, 8));
      const names = asked.map((question) => (question.type === "txt" ? question.name : ""));
      assert.equal(names[0], `_dmarc.${labels.join(".")}`);
      assert.equal(names.at(-1), `_dmarc.${labels.at(-1)}`);
    }),
  );
});
