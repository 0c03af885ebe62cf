// Refreshing pins what DNS says now, tells the difference, and keeps what nobody could look up.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readLock, writeLock } from "../config/network-lock.ts";
import type { HostAddress, MxRecord } from "../io/dns.ts";
import { lookUpDomains } from "./network-refresh.ts";
import { openNetwork } from "./network.ts";

const opened = openNetwork({ config: fileURLToPath(new URL("../../etc/model-c.toml", import.meta.url)) });
assert.ok(opened.ok);
const site = opened.value;
const clock = { wall: () => Date.UTC(2027, 0, 1) };

interface Zone {
  readonly mx: readonly MxRecord[] | "failed";
  readonly addresses: Readonly<Record<string, readonly HostAddress[] | "failed">>;
}

function resolverOf({ mx, addresses }: Zone) {
  const failed = { kind: "failed", cause: "SERVFAIL" } as const;
  return {
    mx: () =>
      Promise.resolve(
        mx === "failed"
          ? failed
          : mx.length === 0
            ? ({ kind: "none", reason: "nodata" } as const)
            : ({ kind: "found", records: mx, ttl: 60 } as const),
      ),
    addresses: (host: string) => {
      const records = addresses[host] ?? [];
      if (records === "failed") return Promise.resolve(failed);
      return Promise.resolve(
        records.length === 0
          ? ({ kind: "none", reason: "nxdomain" } as const)
          : ({ kind: "found", records, ttl: 60 } as const),
      );
    },
  };
}

const exchangers: readonly MxRecord[] = [
  { preference: 10, exchange: "mx2.mobile-y.example" },
  { preference: 10, exchange: "mx1.mobile-y.example" },
];
const pinned: Zone["addresses"] = {
  "mx1.mobile-y.example": [
    { family: 6, address: "2001:db8:25:1::129" },
    { family: 4, address: "203.0.113.129" },
  ],
  "mx2.mobile-y.example": [{ family: 4, address: "203.0.113.130" }],
};

test("the same answers in another order are no change", async () => {
  const { domains } = await lookUpDomains(site, resolverOf({ mx: exchangers, addresses: pinned }), clock);
  assert.deepEqual(domains, [
    { domain: "mobile-y.example", result: "unchanged", added: [], removed: [], cause: undefined },
  ]);
});

test("a server that moved is told and pinned", async () => {
  const moved: Zone = {
    mx: exchangers,
    addresses: { ...pinned, "mx2.mobile-y.example": [{ family: 4, address: "203.0.113.140" }] },
  };
  const { domains, lock } = await lookUpDomains(site, resolverOf(moved), clock);
  assert.deepEqual(domains[0]?.added, ["mx2.mobile-y.example 203.0.113.140"]);
  assert.deepEqual(domains[0]?.removed, ["mx2.mobile-y.example 203.0.113.130"]);
  const read = readLock(writeLock(lock));
  assert.ok(read.ok);
  assert.deepEqual(read.value, lock);
});

test("what could not be looked up stays as it is pinned", async () => {
  const zones: readonly Zone[] = [
    { mx: "failed", addresses: pinned },
    { mx: exchangers, addresses: { ...pinned, "mx1.mobile-y.example": "failed" } },
  ];
  for (const zone of zones) {
    const { domains, lock } = await lookUpDomains(site, resolverOf(zone), clock);
    assert.equal(domains[0]?.result, "failed");
    assert.match(domains[0].cause ?? "", /SERVFAIL/);
    assert.deepEqual(lock.domains, site.lock?.domains);
  }
});

test("without an MX the domain itself receives, with a null MX nobody does", async () => {
  const itself: Zone = { mx: [], addresses: { "mobile-y.example": [{ family: 4, address: "203.0.113.150" }] } };
  const alone = await lookUpDomains(site, resolverOf(itself), clock);
  assert.deepEqual(alone.lock.domains["mobile-y.example"], [
    { exchanger: "mobile-y.example", addresses: ["203.0.113.150"] },
  ]);
  const nobody = await lookUpDomains(site, resolverOf({ mx: [{ preference: 0, exchange: "" }], addresses: {} }), clock);
  assert.deepEqual(nobody.lock.domains["mobile-y.example"], []);
});
