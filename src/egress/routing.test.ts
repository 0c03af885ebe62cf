import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeliverySettings, RouteTarget } from "../config/settings.ts";
import { createRouter, orderHosts, type HostRoute, type Route, type Router } from "./routing.ts";
import { fakeResolver, mxRecords, settingsFor, type Names } from "./test-support.ts";

function router(settings: Partial<DeliverySettings>, names: Names = {}, now: () => number = () => 0): Router {
  return createRouter({
    settings: settingsFor(settings),
    hostname: "mx1.sekimori.test",
    resolver: fakeResolver(names),
    clock: { monotonic: now },
  });
}

function words(route: Route): string {
  if (route.kind === "none") return `${route.outcome} ${route.status}`;
  return `${route.groups.map((group) => group.join("+")).join(" ")} :${route.port} ${route.tls}`;
}

async function routed(domain: string, names: Names): Promise<string> {
  return words(await router({}, names).route(domain));
}

const target = (host: string): RouteTarget => ({
  host,
  port: 2525,
  protocol: "smtp",
  tls: "never",
  auth: undefined,
});

test("configured routes win over the smarthost, and need no look-up", () => {
  const routes = new Map([
    ["example.jp", target("exact.sekimori.test")],
    ["*.example.jp", target("wild.sekimori.test")],
    ["*.deep.example.jp", target("deep.sekimori.test")],
  ]) as unknown as DeliverySettings["routes"];
  const routing = router({ routes, smarthost: target("relay.sekimori.test") });
  const host = (domain: string) => words(routing.route(domain) as Route).split(" ")[0];
  assert.equal(host("Example.JP"), "exact.sekimori.test");
  assert.equal(host("a.example.jp"), "wild.sekimori.test");
  assert.equal(host("a.b.example.jp"), "wild.sekimori.test");
  assert.equal(host("a.deep.example.jp"), "deep.sekimori.test");
  assert.equal(host("deep.example.jp"), "wild.sekimori.test");
  assert.equal(host("notexample.jp"), "relay.sekimori.test");
  assert.equal(host("[192.0.2.1]"), "relay.sekimori.test");
});

test("what has to go by a third party's server goes nowhere else, and to a mailbox store of ours all the same", () => {
  const routes = new Map([
    ["example.jp", target("exact.sekimori.test")],
    ["local.test", { ...target("/run/lmtp"), protocol: "lmtp" }],
  ]) as unknown as DeliverySettings["routes"];
  const relays = new Map([["third.example", target("relay.third.example")]]) as unknown as DeliverySettings["routes"];
  const routing = router({ routes, relays, smarthost: target("relay.sekimori.test") });
  const where = (domain: string, relay: string) =>
    words(routing.route(domain, relay) as Route)
      .split(":")[0]
      ?.trim();
  assert.equal(where("example.jp", "third.example"), "relay.third.example");
  assert.equal(where("example.org", "third.example"), "relay.third.example");
  assert.equal(where("local.test", "third.example"), "/run/lmtp");
  // Taken out of the configuration since: it waits until that is right again.
  assert.equal(where("example.org", "gone.example"), "deferred 4.4.4");
});

test("mail exchangers in the order of preference, equal ones together and shuffled", async () => {
  const mx = {
    "example.jp": {
      kind: "found" as const,
      ttl: 60,
      records: [
        { preference: 20, exchange: "c.example.jp" },
        { preference: 10, exchange: "a.example.jp" },
        { preference: 10, exchange: "b.example.jp" },
        { preference: 30, exchange: "a.example.jp" },
      ],
    },
  };
  const route = await router({}, { mx }).route("example.jp");
  assert.equal(words(route), "a.example.jp+b.example.jp c.example.jp :25 opportunistic");
  const order = (random: number) => orderHosts(route as HostRoute, () => random).join(" ");
  assert.equal(order(0), "b.example.jp a.example.jp c.example.jp");
  assert.equal(order(0.9), "a.example.jp b.example.jp c.example.jp");
});

test("what DNS says decides between the domain itself, failure and delay", async () => {
  const mx = {
    "nodata.example.jp": { kind: "none", reason: "nodata" },
    "servfail.example.jp": { kind: "failed", cause: "SERVFAIL" },
    "null.example.jp": mxRecords(""),
    "odd.example.jp": mxRecords("", "mx.example.jp"),
    "address.example.jp": mxRecords("192.0.2.1"),
  } as const;
  assert.equal(await routed("gone.example.jp", {}), "failed 5.1.2");
  assert.equal(await routed("nodata.example.jp", { mx }), "nodata.example.jp :25 opportunistic");
  assert.equal(await routed("servfail.example.jp", { mx }), "deferred 4.4.3");
  assert.equal(await routed("null.example.jp", { mx }), "failed 5.1.10");
  assert.equal(await routed("odd.example.jp", { mx }), "mx.example.jp :25 opportunistic");
  assert.equal(await routed("address.example.jp", { mx }), "failed 5.4.4");
});

test("this host among the mail exchangers: only better ones are tried (RFC 5321 §5.1)", async () => {
  const mx = {
    "second.example.jp": mxRecords("best.example.jp", "mx1.sekimori.test", "worse.example.jp"),
    "first.example.jp": mxRecords("mx1.sekimori.test", "worse.example.jp"),
  };
  assert.equal(await routed("second.example.jp", { mx }), "best.example.jp :25 opportunistic");
  assert.equal(await routed("first.example.jp", { mx }), "failed 5.4.6");
});

test("address literals need no look-up", async () => {
  assert.equal(await routed("[192.0.2.1]", {}), "192.0.2.1 :25 opportunistic");
  assert.equal(await routed("[IPv6:2001:db8::1]", {}), "2001:db8::1 :25 opportunistic");
  assert.equal(await routed("[300.0.2.1]", {}), "failed 5.1.2");
  assert.equal(await routed("[x]", {}), "failed 5.1.2");
});

test("domains with the same exchangers are one site; routes are kept for their time", async () => {
  let now = 0;
  const mx = { "a.example.jp": mxRecords("mx.example.jp"), "b.example.jp": mxRecords("mx.example.jp") };
  const routing = router({}, { mx }, () => now);
  const [a, b] = [await routing.route("a.example.jp"), await routing.route("b.example.jp")];
  assert.ok(a.kind === "hosts" && b.kind === "hosts");
  assert.equal(a.site, b.site);
  assert.equal(routing.route("a.example.jp"), a);
  now = 60_001;
  assert.ok(routing.route("a.example.jp") instanceof Promise);
});
