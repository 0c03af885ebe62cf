// SPF: the zone and the verdicts of RFC 7208 Appendix A, the limits, laws over random records, and the library mailauth as a second
// reading of the same zones.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parsePrefix, prefixMatcher } from "../base/prefix.ts";
import { checkSpf } from "./spf.ts";
import type { SpfResult } from "./spf.ts";
import { answer } from "./test-zone.ts";
import type { Zone } from "./test-zone.ts";

function check(zone: Zone, domain: string, ip: string, local = "strong-bad"): SpfResult {
  return answer(checkSpf({ ip, local, domain, helo: "mail.example.net" }), zone).value.result;
}

/** A domain with nothing but this record. */
function ofRecord(record: string, ip = "192.0.2.3", more: Zone = {}): SpfResult {
  return check({ ...more, "d.example": { txt: [record], ...more["d.example"] } }, "d.example", ip);
}

const appendixA: Zone = {
  "example.com": {
    a: ["192.0.2.10", "192.0.2.11"],
    mx: ["mail-a.example.com", "mail-b.example.com"],
  },
  "amy.example.com": { a: ["192.0.2.65"] },
  "bob.example.com": { a: ["192.0.2.66"] },
  "mail-a.example.com": { a: ["192.0.2.129"] },
  "mail-b.example.com": { a: ["192.0.2.130"] },
  "example.org": { mx: ["mail-c.example.org"] },
  "mail-c.example.org": { a: ["192.0.2.140"] },
  "10.2.0.192.in-addr.arpa": { ptr: ["example.com"] },
  "65.2.0.192.in-addr.arpa": { ptr: ["amy.example.com"] },
  "140.2.0.192.in-addr.arpa": { ptr: ["mail-c.example.org"] },
  "4.0.0.10.in-addr.arpa": { ptr: ["bob.example.com"] },
};

await describe("RFC 7208 Appendix A.1", async () => {
  const rows: readonly (readonly [record: string, ...passing: string[]])[] = [
    ["v=spf1 +all", "192.0.2.10", "192.0.2.65", "192.0.2.129", "192.0.2.140", "10.0.0.4"],
    ["v=spf1 a -all", "192.0.2.10"],
    ["v=spf1 a:example.org -all"],
    ["v=spf1 mx -all", "192.0.2.129"],
    ["v=spf1 mx:example.org -all", "192.0.2.140"],
    ["v=spf1 mx mx:example.org -all", "192.0.2.129", "192.0.2.140"],
    ["v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.129", "192.0.2.140"],
    ["v=spf1 ptr -all", "192.0.2.10", "192.0.2.65"],
    ["v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.129", "192.0.2.140"],
  ];
  for (const [record, ...passing] of rows) {
    await it(record, () => {
      const zone = { ...appendixA, "example.com": { ...appendixA["example.com"]!, txt: [record] } };
      for (const ip of ["192.0.2.10", "192.0.2.65", "192.0.2.129", "192.0.2.140", "10.0.0.4"]) {
        assert.equal(check(zone, "example.com", ip), passing.includes(ip) ? "pass" : "fail", ip);
      }
    });
  }
});

await describe("records", async () => {
  const rows: readonly (readonly [name: string, expected: SpfResult, result: () => SpfResult])[] = [
    ["none", "none", () => check({}, "d.example", "192.0.2.3")],
    ["other texts only", "none", () => ofRecord("v=spf10 +all")],
    [
      "two of them",
      "permerror",
      () => check({ "d.example": { txt: ["v=spf1 +all", "v=spf1 -all"] } }, "d.example", "192.0.2.3"),
    ],
    ["nobody answers", "temperror", () => check({ "d.example": { broken: true } }, "d.example", "192.0.2.3")],
    ["a name of one label", "none", () => check({ example: { txt: ["v=spf1 +all"] } }, "example", "192.0.2.3")],
    ["a label that is too long", "none", () => check({}, `${"a".repeat(64)}.example`, "192.0.2.3")],
    ["an empty record", "neutral", () => ofRecord("v=spf1")],
    ["upper case", "pass", () => ofRecord("V=SPF1 +IP4:192.0.2.3 -ALL")],
    ["several spaces", "softfail", () => ofRecord("v=spf1   ?ip4:192.0.2.9   ~all  ")],
    ["a mechanism nobody knows", "permerror", () => ofRecord("v=spf1 +all foo")],
    ["a mistake behind a match", "permerror", () => ofRecord("v=spf1 +all ip4:192.0.2.0/33")],
    ["a modifier nobody knows", "pass", () => ofRecord("v=spf1 moo=%{d} +all")],
    ["a modifier with a broken macro", "permerror", () => ofRecord("v=spf1 moo=%{d +all")],
    ["two redirects", "permerror", () => ofRecord("v=spf1 redirect=a.example redirect=a.example")],
    ["two explanations", "permerror", () => ofRecord("v=spf1 exp=a.example exp=a.example +all")],
    ["a length with a leading zero", "permerror", () => ofRecord("v=spf1 ip4:192.0.2.3/032 -all")],
    ["an IPv6 address as ip4", "permerror", () => ofRecord("v=spf1 ip4:2001:db8::1 -all")],
    ["a domain that is a number", "permerror", () => ofRecord("v=spf1 a:192.0.2.3 -all")],
    ["a domain of one label", "permerror", () => ofRecord("v=spf1 a:museum -all")],
    [
      "a domain with a dot at the end",
      "pass",
      () => ofRecord("v=spf1 a:m.example. -all", "192.0.2.3", { "m.example": { a: ["192.0.2.3"] } }),
    ],
    ["all with an argument", "permerror", () => ofRecord("v=spf1 all.example")],
    ["letters outside ASCII", "permerror", () => ofRecord("v=spf1 a:d\u00fc.example +all")],
    ["an explanation's macro in the domain of one", "permerror", () => ofRecord("v=spf1 exp=%{r}.example +all")],
    ["an explanation's macro in a domain", "permerror", () => ofRecord("v=spf1 exists:%{c}.example +all")],
    [
      "an include of a failure is no match",
      "softfail",
      () => ofRecord("v=spf1 include:m.example ~all", "192.0.2.3", { "m.example": { txt: ["v=spf1 -all"] } }),
    ],
    ["an include of nothing", "permerror", () => ofRecord("v=spf1 include:m.example ~all")],
    [
      "an include that nobody answers",
      "temperror",
      () => ofRecord("v=spf1 include:m.example ~all", "192.0.2.3", { "m.example": { broken: true } }),
    ],
    ["a redirect to nothing", "permerror", () => ofRecord("v=spf1 redirect=m.example")],
    [
      "a redirect",
      "fail",
      () => ofRecord("v=spf1 redirect=m.example", "192.0.2.3", { "m.example": { txt: ["v=spf1 -all"] } }),
    ],
    ["a redirect that is not needed", "softfail", () => ofRecord("v=spf1 redirect=m.example ~all")],
    ["a name that includes itself", "permerror", () => ofRecord("v=spf1 include:d.example -all")],
    [
      "an address of the other family",
      "fail",
      () => ofRecord("v=spf1 a -all", "192.0.2.3", { "d.example": { aaaa: ["2001:db8::3"], txt: ["v=spf1 a -all"] } }),
    ],
    [
      "both lengths",
      "pass",
      () => ofRecord("", "2001:db8::ffff", { "d.example": { aaaa: ["2001:db8::3"], txt: ["v=spf1 a/24//64 -all"] } }),
    ],
    ["a mapped address is IPv4", "pass", () => ofRecord("v=spf1 ip4:192.0.2.3 -all", "::ffff:192.0.2.3")],
    [
      "exists asks for A, whoever sends",
      "pass",
      () => ofRecord("v=spf1 exists:m.example -all", "2001:db8::1", { "m.example": { a: ["127.0.0.2"] } }),
    ],
    [
      "mx without records has no way round",
      "fail",
      () => ofRecord("", "192.0.2.3", { "d.example": { a: ["192.0.2.3"], txt: ["v=spf1 mx -all"] } }),
    ],
    [
      "the null MX names nobody",
      "fail",
      () => ofRecord("", "192.0.2.3", { "d.example": { mx: [""], txt: ["v=spf1 mx -all"] } }),
    ],
  ];
  for (const [name, expected, result] of rows) await it(name, () => assert.equal(result(), expected));
});

await describe("macros (RFC 7208 §7.4)", async () => {
  const rows = {
    "%{s}": "strong-bad@email.example.com",
    "%{o}": "email.example.com",
    "%{d}": "email.example.com",
    "%{d4}": "email.example.com",
    "%{d3}": "email.example.com",
    "%{d2}": "example.com",
    "%{d1}": "com",
    "%{dr}": "com.example.email",
    "%{d2r}": "example.email",
    "%{l}": "strong-bad",
    "%{l-}": "strong.bad",
    "%{lr}": "strong-bad",
    "%{lr-}": "bad.strong",
    "%{l1r-}": "strong",
    "%{ir}.%{v}._spf.%{d2}": "3.2.0.192.in-addr._spf.example.com",
    "%{lr-}.lp._spf.%{d2}": "bad.strong.lp._spf.example.com",
    "%{S}": "strong-bad%40email.example.com",
    "a%%b%-c.%{h}": "a%b%20c.mail.example.net",
  };
  for (const [macro, expanded] of Object.entries(rows)) {
    await it(macro, () => {
      const zone = { "email.example.com": { txt: [`v=spf1 exists:${macro} -all`] } };
      const request = { ip: "192.0.2.3", local: "strong-bad", domain: "email.example.com", helo: "mail.example.net" };
      const { asked } = answer(checkSpf(request), zone);
      assert.deepEqual(asked.at(-1), { type: "addresses", name: expanded });
    });
  }

  await it("an IPv6 address is written in nibbles, and a name that is too long loses labels on the left", () => {
    const zone = { "d.example": { txt: [`v=spf1 exists:${"%{i}.".repeat(5)}%{d} -all`] } };
    const { asked } = answer(
      checkSpf({ ip: "2001:db8::cb01", local: "l", domain: "d.example", helo: "h.example" }),
      zone,
    );
    const last = asked.at(-1);
    assert.ok(last !== undefined && last.type === "addresses");
    assert.ok(last.name.length <= 253 && last.name.endsWith("0.c.b.0.1.d.example"), last.name);
  });

  await it("p is a name that the address has and that has the address, else unknown", () => {
    const zone = {
      "d.example": { txt: ["v=spf1 exists:%{p}.x.example -all"] },
      "3.2.0.192.in-addr.arpa": { ptr: ["liar.example", "m.d.example"] },
      "m.d.example": { a: ["192.0.2.3"] },
      "liar.example": { a: ["192.0.2.4"] },
    };
    const name = (ip: string): unknown =>
      answer(checkSpf({ ip, local: "l", domain: "d.example", helo: "h.example" }), zone).asked.at(-1);
    assert.deepEqual(name("192.0.2.3"), { type: "addresses", name: "m.d.example.x.example" });
    assert.deepEqual(name("192.0.2.9"), { type: "addresses", name: "unknown.x.example" });
  });
});

await describe("limits (RFC 7208 §4.6.4)", async () => {
  const term = "a:m.example ";

  await it("ten terms may ask, wherever they stand, and no eleventh", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 14 }), fc.integer({ min: 0, max: 14 }), (here, there) => {
        const zone: Zone = {
          "m.example": { a: ["198.51.100.1"] },
          "i.example": { txt: [`v=spf1 ${term.repeat(there)}-all`] },
          "d.example": { txt: [`v=spf1 ${term.repeat(here)}include:i.example ip4:192.0.2.3 -all`] },
        };
        assert.equal(check(zone, "d.example", "192.0.2.3"), here + 1 + there <= 10 ? "pass" : "permerror");
      }),
    );
  });

  await it("two terms may find nothing, and no third", () => {
    for (const [count, expected] of [
      [0, "pass"],
      [2, "pass"],
      [3, "permerror"],
    ] as const) {
      const nothing = Array.from({ length: count }, (_, index) => `a:no${index}.example`).join(" ");
      assert.equal(ofRecord(`v=spf1 ${nothing} ip4:192.0.2.3 -all`), expected);
    }
  });

  await it("ten exchanges are looked up, and with eleven none", () => {
    for (const [count, expected] of [
      [10, "pass"],
      [11, "permerror"],
    ] as const) {
      const mx = Array.from({ length: count }, (_, index) => `m${index}.example`);
      const hosts = Object.fromEntries(mx.map((name) => [name, { a: ["198.51.100.1"] }]));
      const zone: Zone = { ...hosts, "m9.example": { a: ["192.0.2.3"] }, "d.example": { mx, txt: ["v=spf1 mx -all"] } };
      assert.equal(check(zone, "d.example", "192.0.2.3"), expected);
    }
  });
});

const anyIp = fc.oneof(
  fc.constantFrom("192.0.2.3", "198.51.100.7", "2001:db8::3", "::ffff:192.0.2.3"),
  fc.ipV4(),
  fc.ipV6(),
);

await describe("laws", async () => {
  await it("a network matches as a prefix does", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), fc.ipV4(), (network, length, ip) => {
        const bits = network.split(".").reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
        const first = (bits >> BigInt(32 - length)) << BigInt(32 - length);
        const octets = [24n, 16n, 8n, 0n].map((shift) => String((first >> shift) & 255n));
        const prefix = parsePrefix(`${octets.join(".")}/${length}`);
        assert.ok(prefix.ok);
        const expected = prefixMatcher([prefix.value])(ip) ? "pass" : "fail";
        assert.equal(ofRecord(`v=spf1 ip4:${network}/${length} -all`, ip), expected);
      }),
    );
  });

  const anyTerm = fc.oneof(
    fc.constantFrom(
      "-all",
      "~all",
      "?all",
      "a",
      "mx",
      "ptr",
      "redirect=b.test",
      "include:c.test",
      "exists:%{ir}.%{d}",
      "%",
    ),
    fc.string({ maxLength: 20 }),
    fc.stringMatching(/^[+?~-]?(?:a|mx|ip4|ip6|include|exists|ptr)[:/=][a-z0-9.%{}/:_-]{0,20}$/),
  );
  const anyRecord = fc.array(anyTerm, { maxLength: 14 }).map((terms) => `v=spf1 ${terms.join(" ")}`);

  await it("whatever stands in a zone, there is an answer, and not too many questions", () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, anyRecord, anyIp, (a, b, c, ip) => {
        const zone: Zone = {
          "a.test": { txt: [a], a: ["192.0.2.3"], mx: ["a.test", "b.test"] },
          "b.test": { txt: [b], aaaa: ["2001:db8::3"] },
          "c.test": { txt: [c] },
        };
        const { asked } = answer(checkSpf({ ip, local: "l", domain: "a.test", helo: "h.test" }), zone);
        assert.ok(asked.length <= 1 + 10 * 12, `${asked.length} questions`);
      }),
      { numRuns: 500 },
    );
  });

  await it("a zone that nobody answers for never makes a pass", () => {
    const broken: Zone = { "b.test": { broken: true }, "c.test": { broken: true } };
    fc.assert(
      fc.property(
        fc.constantFrom("a:b.test", "mx:b.test", "include:c.test", "exists:b.test", "redirect=c.test"),
        anyIp,
        (term, ip) => {
          assert.equal(check({ ...broken, "a.test": { txt: [`v=spf1 ${term}`] } }, "a.test", ip), "temperror");
        },
      ),
    );
  });
});

// --- a second reading ------------------------------------------------------------------------------------------

type Library = (options: {
  readonly sender: string;
  readonly ip: string;
  readonly helo: string;
  readonly strict: true;
  readonly resolver: (name: string, type: string) => Promise<unknown>;
}) => Promise<{ readonly status: { readonly result: string } }>;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the library's own documentation
const { spf } = createRequire(import.meta.url)("mailauth/lib/spf") as { readonly spf: Library };

function some<T>(records: readonly T[] | undefined): readonly T[] {
  if (records === undefined || records.length === 0) {
    throw Object.assign(new Error("no data"), { code: "ENODATA" });
  }
  return records;
}

async function asLibrary(zone: Zone, domain: string, ip: string): Promise<string> {
  const resolver = (name: string, type: string): Promise<unknown> => {
    const found = zone[name.toLowerCase()] ?? {};
    return Promise.resolve().then(() => {
      if (type === "TXT") return some(found.txt).map((text) => [text]);
      if (type === "MX") return some(found.mx).map((exchange, index) => ({ exchange, priority: index }));
      if (type === "A") return some(found.a);
      return some(type === "AAAA" ? found.aaaa : undefined);
    });
  };
  const { status } = await spf({ sender: `l@${domain}`, ip, helo: "h.test", strict: true, resolver });
  return status.result;
}

await it("mailauth, in its strict mode, says the same of zones in which every name exists", async () => {
  const names = ["a.test", "b.test", "c.test", "d.test", "e.test"];
  const anyName = fc.constantFrom(...names, "%{d}", "%{o}");
  const anyAddress = fc.constantFrom("192.0.2.3", "192.0.2.200", "198.51.100.7");
  const anySix = fc.constantFrom("2001:db8::3", "2001:db8:1::3");
  const anySign = fc.constantFrom("", "+", "-", "~", "?");
  const anyMechanism = fc.oneof(
    fc.constantFrom(
      "all",
      "a",
      "mx",
      "a/24",
      "mx/24//48",
      "a//32",
      "ip6:2001:db8::/32",
      "ip4:192.0.2.0/25",
      "ip4:192.0.2.3/33",
    ),
    fc.tuple(fc.constantFrom("include", "a", "mx", "exists"), anyName).map(([kind, name]) => `${kind}:${name}`),
    anyAddress.map((address) => `ip4:${address}`),
  );
  const anyText = fc
    .tuple(fc.array(fc.tuple(anySign, anyMechanism), { maxLength: 5 }), fc.option(anyName, { nil: undefined }))
    .map(([mechanisms, target]) =>
      [
        "v=spf1",
        ...mechanisms.map((parts) => parts.join("")),
        ...(target === undefined ? [] : [`redirect=${target}`]),
      ].join(" "),
    );
  const anyHost = fc.record({
    txt: fc.oneof(
      { weight: 6, arbitrary: anyText.map((text) => [text]) },
      { weight: 1, arbitrary: fc.constantFrom(["hello"], ["v=spf1 -all", "v=spf1 +all"]) },
    ),
    a: fc.array(anyAddress, { minLength: 1, maxLength: 2 }),
    aaaa: fc.array(anySix, { minLength: 1, maxLength: 2 }),
    mx: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(anyHost, anyHost, anyHost, anyHost, anyHost),
      fc.oneof(anyAddress, anySix),
      async (hosts, ip) => {
        const zone: Zone = Object.fromEntries(hosts.map((host, index) => [names[index]!, host]));
        assert.equal(check(zone, "a.test", ip, "l"), await asLibrary(zone, "a.test", ip));
      },
    ),
    { numRuns: 300 },
  );
});
