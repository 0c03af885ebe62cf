// Would mail of a third party arrive from here: every result of SPF with every policy of DMARC.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { judgeDomain } from "./third-party.ts";
import { answer } from "./test-zone.ts";
import type { Names, Zone } from "./test-zone.ts";

const here = "192.0.2.3";

function judge(spf: Names, dmarc: Names, addresses: readonly string[] = [here]): string {
  const zone: Zone = { "p.example": spf, "_dmarc.p.example": dmarc };
  const judgement = answer(judgeDomain("p.example", addresses, "mx.example.net"), zone).value;
  return judgement.kind === "known" ? judgement.fit : judgement.kind;
}

const spfOf = {
  pass: { txt: [`v=spf1 ip4:${here} -all`] },
  fail: { txt: ["v=spf1 -all"] },
  softfail: { txt: ["v=spf1 ~all"] },
  neutral: { txt: ["v=spf1 ?all"] },
  none: {},
  permerror: { txt: ["v=spf1 all.x"] },
  temperror: { broken: true },
} as const satisfies Record<string, Names>;

const dmarcOf = {
  absent: {},
  none: { txt: ["v=DMARC1; p=none"] },
  quarantine: { txt: ["v=DMARC1; p=quarantine"] },
  reject: { txt: ["v=DMARC1; p=reject"] },
  broken: { broken: true },
} as const satisfies Record<string, Names>;

/** By result of SPF: what follows with DMARC absent, none, quarantine, reject, and not to be looked up. */
const table: Readonly<Record<keyof typeof spfOf, readonly [string, string, string, string, string]>> = {
  pass: ["passes", "passes", "passes", "passes", "passes"],
  fail: ["fails", "fails", "fails", "fails", "fails"],
  softfail: ["tolerated", "tolerated", "fails", "fails", "unknown"],
  neutral: ["tolerated", "tolerated", "fails", "fails", "unknown"],
  none: ["tolerated", "tolerated", "fails", "fails", "unknown"],
  permerror: ["tolerated", "tolerated", "fails", "fails", "unknown"],
  temperror: ["unknown", "unknown", "unknown", "unknown", "unknown"],
};

await describe("one address", async () => {
  for (const [result, expected] of Object.entries(table) as [keyof typeof spfOf, readonly string[]][]) {
    await it(`SPF ${result}`, () => {
      assert.deepEqual(
        Object.values(dmarcOf).map((dmarc) => judge(spfOf[result], dmarc)),
        expected,
      );
    });
  }
});

await it("of several addresses the worst one counts", () => {
  const other = "198.51.100.7";
  assert.equal(judge({ txt: [`v=spf1 ip4:${here} ip4:${other} -all`] }, {}, [here, other]), "passes");
  assert.equal(judge({ txt: [`v=spf1 ip4:${here} -all`] }, {}, [here, other]), "fails");
  assert.equal(judge({ txt: [`v=spf1 ip4:${here} ~all`] }, dmarcOf.reject, [here, other]), "fails");
  assert.equal(judge({ txt: [`v=spf1 ip4:${here} ~all`] }, dmarcOf.none, [here, other]), "tolerated");
});

await it("the words say what is published, in letters of ours alone", () => {
  const zone: Zone = { "p.example": spfOf.softfail, "_dmarc.p.example": dmarcOf.reject };
  assert.deepEqual(answer(judgeDomain("p.example", [here], "mx.example.net"), zone).value, {
    kind: "known",
    fit: "fails",
    words: "SPF of p.example says softfail about 192.0.2.3, and its DMARC policy is reject",
  });
});
