// The ready level with real sockets: each source has its own connections, each destination what it can bear.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { parseDomain } from "../address/domain.ts";
import type { Domain } from "../address/domain.ts";
import type { DestinationRule, EgressSource } from "../config/settings.ts";
import { startServer } from "./scripted-server.ts";
import { egressFor } from "./test-support.ts";

function domain(text: string): Domain {
  const parsed = parseDomain(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

function target(port: number) {
  return { host: "127.0.0.1", port, protocol: "smtp", tls: "never", auth: undefined } as const;
}

function rule(more: Partial<DestinationRule>): DestinationRule {
  return { domains: [], exchangers: [], connections: 20, messagesPerConnection: 500, rate: [], ...more };
}

const many = <T>(count: number, make: (index: number) => T): readonly T[] =>
  Array.from({ length: count }, (_each, index) => make(index));

test("a destination has the connections and the messages on each of them that its rule says", async (context) => {
  const server = await startServer(context);
  const egress = egressFor(context, {
    smarthost: target(server.port),
    destinations: [rule({ domains: [domain("example.jp")], connections: 2, messagesPerConnection: 3 })],
  });
  const results = await Promise.all(many(30, () => egress.deliver(["bob@example.jp"])));
  assert.ok(results.flat().every(({ kind }) => kind === "delivered"));
  const carried = new Map<number, number>();
  for (const { connection } of server.messages) carried.set(connection, (carried.get(connection) ?? 0) + 1);
  assert.ok([...carried.values()].every((count) => count <= 3));
  assert.ok(carried.size >= 10);
});

test("beyond its rate a destination's mail waits, and that of others goes on", async (context) => {
  const server = await startServer(context);
  const egress = egressFor(context, {
    smarthost: target(server.port),
    destinations: [rule({ domains: [domain("slow.example.jp")], rate: [{ name: "1s", length: 1000, recipients: 3 }] })],
  });
  const done: string[] = [];
  const begun = performance.now();
  const slow = many(5, () => egress.deliver(["bob@slow.example.jp"]).then(() => done.push("done")));
  await Promise.all(many(20, () => egress.deliver(["bob@example.jp"])));
  while (done.length < 3) await sleep(5);
  const [status] = egress.destinations().filter(({ site }) => site.endsWith("for slow.example.jp"));
  assert.equal(status?.waiting, 2);
  assert.deepEqual(status.rate, [{ length: 1000, limit: 3, used: 3 }]);
  assert.ok(status.rests > 0);
  await Promise.all(slow);
  assert.ok(performance.now() - begun >= 1000);
  assert.equal(server.messages.length, 25);
});

test("a rate outlives the destination's connections", async (context) => {
  const server = await startServer(context);
  const egress = egressFor(context, {
    smarthost: target(server.port),
    destinations: [rule({ domains: [domain("example.jp")], rate: [{ name: "1s", length: 1000, recipients: 1 }] })],
  });
  const begun = performance.now();
  await egress.deliver(["bob@example.jp"]);
  while (egress.status().destinations > 0) await sleep(5);
  await egress.deliver(["bob@example.jp"]);
  assert.ok(performance.now() - begun >= 1000);
});

test("mail leaves from the source it is meant for, with its name, and a full source holds no other up", async (context) => {
  const server = await startServer(context);
  const hanging = await startServer(context, { play: (step) => (step === "banner" ? "hang" : undefined) });
  const source = (name: string, address: string, more: Partial<EgressSource>): EgressSource => ({
    name,
    addresses: [address],
    hostname: domain(`${name}.sekimori.test`),
    senders: [],
    bulk: false,
    connections: 1,
    ...more,
  });
  const egress = egressFor(context, {
    routes: new Map([
      [domain("example.jp"), target(server.port)],
      [domain("hanging.example"), target(hanging.port)],
    ]),
    sources: [
      source("bulk", "127.0.0.3", { bulk: true }),
      source("news", "127.0.0.4", { senders: [domain("news.test")] }),
    ],
  });
  void egress.deliver(["bob@hanging.example"], { more: { bulk: true } });
  while (hanging.open() === 0) await sleep(5);
  await egress.deliver(["bob@example.jp"]);
  await egress.deliver(["bob@example.jp"], { more: { sender: "list@news.test", bulk: true } });
  assert.deepEqual(
    server.messages.map(({ client }) => client),
    ["127.0.0.1", "127.0.0.4"],
  );
  assert.ok(server.commands.includes("EHLO news.sekimori.test"));
  const bulk = egress.destinations().filter(({ egress: name }) => name === "bulk");
  assert.deepEqual(
    bulk.map(({ site, dialling, waiting, standing }) => [site, dialling, waiting, standing]),
    [[`127.0.0.1:${hanging.port} never`, 1, 1, "unproven"]],
  );
});

test("a source without an address of the family that a destination has defers its mail, and says why", async (context) => {
  const egress = egressFor(context, {
    smarthost: target(9),
    sources: [
      { name: "six", addresses: ["::1"], hostname: undefined, senders: [], bulk: true, connections: 5 },
      {
        name: "far",
        addresses: ["192.0.2.77"],
        hostname: undefined,
        senders: [domain("far.test")],
        bulk: false,
        connections: 5,
      },
    ],
  });
  const [six] = await egress.deliver(["bob@example.jp"], { more: { bulk: true } });
  assert.deepEqual([six?.kind, six?.status], ["deferred", "4.4.4"]);
  assert.match(six?.reply ?? "", /no source address of the family/);
  const [far] = await egress.deliver(["bob@example.jp"], { more: { sender: "a@far.test" } });
  assert.equal(far?.reply, "the source address is not one of this host");
  const [status] = egress.destinations().filter(({ egress: name }) => name === "far");
  assert.deepEqual([status?.deferred, status?.answers.map(({ reply }) => reply)], [1, [far?.reply]]);
});
