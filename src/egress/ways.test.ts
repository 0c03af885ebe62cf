import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDomain } from "../address/domain.ts";
import type { Domain } from "../address/domain.ts";
import type { DestinationRule, EgressSource } from "../config/settings.ts";
import type { HostRoute } from "./routing.ts";
import { createWays } from "./ways.ts";

function domain(text: string): Domain {
  const parsed = parseDomain(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

function routeTo(...hosts: readonly string[]): HostRoute {
  return {
    kind: "hosts",
    site: hosts.join(","),
    groups: [hosts],
    port: 25,
    protocol: "smtp",
    tls: "opportunistic",
    credentials: undefined,
    egress: undefined,
    source: "mx",
  };
}

function rule(connections: number, domains: readonly string[], exchangers: readonly string[] = []): DestinationRule {
  return {
    domains: domains.map(domain),
    exchangers: exchangers.map(domain),
    connections,
    messagesPerConnection: 10,
    rate: [],
  };
}

function source(name: string, more: Partial<EgressSource> = {}): EgressSource {
  return { name, addresses: ["192.0.2.1"], hostname: undefined, senders: [], bulk: false, connections: 9, ...more };
}

function waysFor(destinations: readonly DestinationRule[], sources: readonly EgressSource[] = []) {
  return createWays({ sources, destinations, connectionsPerDestination: 20, messagesPerConnection: 500 });
}

test("without rules, domains that share their exchangers share a destination", () => {
  const ways = waysFor([]);
  const route = routeTo("mx.example.net");
  const way = ways.of("example.jp", route);
  assert.equal(ways.of("example.org", route), way);
  assert.deepEqual(way.shape, { connections: 20, messagesPerConnection: 500, rate: [] });
});

test("a rule for a domain makes it a destination of its own, before any rule for its exchangers", () => {
  const ways = waysFor([rule(1, [], ["example.net"]), rule(2, ["example.jp", "example.com"])]);
  const route = routeTo("mx.example.net");
  assert.equal(ways.of("example.jp", route).shape.connections, 2);
  assert.equal(ways.of("EXAMPLE.jp", route), ways.of("example.jp", route));
  assert.notEqual(ways.of("example.com", route).site, ways.of("example.jp", route).site);
  assert.equal(ways.of("example.org", route).shape.connections, 1);
  assert.equal(ways.of("example.org", route).site, route.site);
});

test("a rule for exchangers wants all hosts of a site, by whole labels, and the first that fits decides", () => {
  const ways = waysFor([rule(1, [], ["a.example.net"]), rule(2, [], ["example.net"])]);
  const connections = (...hosts: readonly string[]): number => ways.of("x", routeTo(...hosts)).shape.connections;
  assert.equal(connections("mx1.a.example.net", "A.example.net"), 1);
  assert.equal(connections("mx1.a.example.net", "mx.example.net"), 2);
  assert.equal(connections("mx.notexample.net"), 20);
  assert.equal(connections("mx.example.net", "mx.example.org"), 20);
});

test("the source: by route, by sender, by class, none", () => {
  const bulk = source("bulk", { bulk: true });
  const news = source("news", { senders: [domain("news.example.jp")] });
  const named = source("named");
  const ways = waysFor([], [bulk, news, named]);
  const route = routeTo("mx.example.net");
  assert.equal(ways.source({ sender: "a@example.jp" }, route), undefined);
  assert.equal(ways.source({ sender: "a@example.jp", bulk: true }, route), bulk);
  assert.equal(ways.source({ sender: "a@NEWS.example.jp", bulk: true }, route), news);
  assert.equal(ways.source({ sender: "" }, route), undefined);
  assert.equal(ways.source({ sender: "a@news.example.jp" }, { ...route, egress: "named" }), named);
});
