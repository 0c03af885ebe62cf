// Real packets through the kernel: connections and datagrams between customers and the rest, on a router that has loaded
// our text, end as the oracle says of each packet and of its reply. Two customer lines, one with source validation and
// spoofing hosts behind it; both families; every kind of rule.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseAddress } from "../../src/base/address.ts";
import { compileTarget } from "../../src/compile/compile.ts";
import { nftables } from "../../src/compile/targets/nftables/index.ts";
import { prepareOracle } from "../../src/policy/network/evaluate.ts";
import type { Decision, Packet } from "../../src/policy/network/packet.ts";
import { runProgram } from "../lab/child.ts";
import { requires } from "../lab/skip.ts";
import type { Outcome, Task } from "./packets/agent.ts";
import type { Host, Plan, Step } from "./packets/world.ts";
import { specimen, specimenAt, specimenSettings } from "./specimen.ts";

const hosts: readonly Host[] = [
  {
    name: "validated",
    interface: "cust0",
    addresses: ["198.51.100.1", "198.51.100.9", "2001:db8:a::1", "2001:db8:a::9"],
    spoofed: ["198.51.100.40", "192.0.2.99", "2001:db8:a:200::1", "2001:db8:ffff::1"],
  },
  {
    name: "open",
    interface: "cust2",
    addresses: words(
      "198.51.100.100 203.0.113.10 203.0.113.200 198.51.100.130",
      "2001:db8:a:300::1 2001:db8:c::1 2001:db8:d::1 2001:db8:a:f000::1",
    ),
    spoofed: [],
  },
  {
    name: "rest",
    interface: "up0",
    addresses: words(
      "192.0.2.5 192.0.2.6 192.0.2.130 192.0.2.70 192.0.2.33 192.0.2.200 192.0.2.77",
      "2001:db8:25::5 2001:db8:25::6 2001:db8:b::1 2001:db8:7::1 2001:db8:8::1 2001:db8:9::25 2001:db8:77::1",
    ),
    spoofed: [],
  },
];

function words(...lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => line.split(" "));
}

const customers = hosts.filter(({ name }) => name !== "rest");
const rest = hosts.find(({ name }) => name === "rest")!;

interface Trial extends Task {
  readonly host: string;
  readonly there: Decision;
  readonly back: Decision;
}

const oracle = prepareOracle(specimen);

function decisionOf(
  { protocol, source, sourcePort, destination, destinationPort }: Omit<Task, "id" | "milliseconds">,
  flags: Packet["flags"],
): Decision {
  const line = customers.find(({ addresses, spoofed }) => [...addresses, ...spoofed].includes(source))?.interface;
  const packet: Packet = {
    family: source.includes(":") ? 6 : 4,
    source: parseAddress(source)!,
    destination: parseAddress(destination)!,
    protocol: protocol === "tcp" ? 6 : 17,
    // The system's choice is above 1024.
    sourcePort: sourcePort === 0 ? 40_000 : sourcePort,
    destinationPort: destinationPort === 0 ? 40_000 : destinationPort,
    flags: protocol === "tcp" ? flags : "other",
    fragment: "whole",
    direction: line === undefined ? "down" : "up",
    line,
    subscriber: undefined,
  };
  return oracle(packet, specimenAt, { kind: "edge" });
}

let nextId = 0;

function trial(host: string, task: Omit<Task, "id" | "milliseconds">): Trial {
  const there = decisionOf(task, "syn");
  const back = decisionOf(
    {
      protocol: task.protocol,
      source: task.destination,
      sourcePort: task.destinationPort,
      destination: task.source,
      destinationPort: task.sourcePort,
    },
    "other",
  );
  const passes = there.decision === "pass" && back.decision === "pass";
  // What must be answered has time on a busy machine; silence is long enough to tell.
  return { ...task, id: nextId++, host, there, back, milliseconds: passes ? 20_000 : 1000 };
}

function* pairs(from: readonly Host[], to: readonly Host[], withSpoofed: boolean): Generator<[string, string, string]> {
  for (const host of from) {
    for (const source of withSpoofed ? [...host.addresses, ...host.spoofed] : host.addresses) {
      for (const destination of to.flatMap(({ addresses }) => addresses)) {
        if (source.includes(":") === destination.includes(":")) yield [host.name, source, destination];
      }
    }
  }
}

function trials(): readonly { readonly listen: Step["listen"]; readonly trials: readonly Trial[] }[] {
  const up: Trial[] = [];
  for (const [host, source, destination] of pairs(customers, [rest], true)) {
    for (const destinationPort of [24, 25, 80, 587]) {
      up.push(trial(host, { protocol: "tcp", source, sourcePort: 0, destination, destinationPort }));
    }
    up.push(trial(host, { protocol: "udp", source, sourcePort: 0, destination, destinationPort: 25 }));
  }
  const down: Trial[] = [];
  for (const [host, source, destination] of pairs([rest], customers, false)) {
    // Nobody listens on 25 there, so the port is free to be a source.
    down.push(trial(host, { protocol: "tcp", source, sourcePort: 0, destination, destinationPort: 80 }));
    down.push(trial(host, { protocol: "tcp", source, sourcePort: 25, destination, destinationPort: 80 }));
  }
  return [
    { listen: { rest: [24, 25, 80, 587] }, trials: up },
    { listen: { validated: [80], open: [80] }, trials: down },
  ];
}

test("connections and datagrams end as the oracle says", async (t) => {
  const [nft, ip] = [await requires(t, "nft"), await requires(t, "ip")];
  if (nft === undefined || ip === undefined) return;
  const options = ["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child"];
  const probe = await runProgram({ program: "unshare", parameters: [...options, "true"], milliseconds: 10_000 });
  if (probe.code !== 0) return t.skip(`no network namespaces here: ${probe.stderr.trim()}`);
  const compiled = compileTarget(specimen, specimenSettings("nftables"), nftables, specimenAt);
  assert.ok(compiled.ok);
  const folder = await mkdtemp(join(tmpdir(), "sekimori-packets-"));
  try {
    const steps = trials();
    const plan: Plan = {
      nft: nft.path,
      ruleset: join(folder, "ruleset"),
      hosts,
      steps: steps.map((step) => ({ listen: step.listen, tasks: step.trials })),
    };
    await writeFile(plan.ruleset, compiled.value.files[0]!.text);
    await writeFile(join(folder, "plan"), JSON.stringify(plan));
    const world = await runProgram({
      program: "unshare",
      parameters: [...options, process.execPath, join(import.meta.dirname, "packets/world.ts"), join(folder, "plan")],
      environment: { ...nft.environment, ...ip.environment, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` },
      milliseconds: 150_000,
    });
    assert.equal(world.code, 0, world.stderr);
    const outcomes = new Map((JSON.parse(world.stdout) as Outcome[]).map(({ id, outcome }) => [id, outcome]));
    const all = steps.flatMap((step) => step.trials);
    const seen = { passed: 0, blocked: 0 };
    for (const one of all) {
      const { there, back } = one;
      const outcome = outcomes.get(one.id);
      const expected =
        there.decision === "block"
          ? there.manner === "reset"
            ? "ECONNREFUSED"
            : "silent"
          : back.decision === "block"
            ? "silent"
            : "answered";
      assert.equal(outcome, expected, JSON.stringify(one));
      seen[expected === "answered" ? "passed" : "blocked"]++;
    }
    assert.ok(seen.passed >= 300 && seen.blocked >= 150, JSON.stringify(seen));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
