import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { Result } from "../../base/result.ts";
import { policyOf } from "../../policy/network/test-policy.ts";
import { createAssignmentReader } from "./assignments.ts";
import type { Assignments } from "./assignments.ts";
import { createFlowReader } from "./flows.ts";
import type { Flow } from "./flows.ts";
import { openViewerLog } from "./kept.ts";
import { createFlowSurvey } from "./who.ts";

function readAssignments(text: string): Assignments {
  const reader = createAssignmentReader();
  for (const line of text.split("\n")) reader.read(line);
  return reader.end();
}

function readFlows(text: string): Result<readonly Flow[], string> {
  const reader = createFlowReader();
  const flows: Flow[] = [];
  for (const line of text.split("\n")) {
    const flow = reader.read(line);
    if (!flow.ok) return flow;
    if (flow.value !== undefined) flows.push(flow.value);
  }
  const end = reader.end();
  return end.ok ? { ok: true, value: flows } : end;
}

function record(attributes: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries(attributes).map(([name, value]) =>
    typeof value === "number" ? `\t${name} = ${value}` : `\t${name} = "${value}"`,
  );
  return `Sun Nov 22 10:00:00 2026\n${lines.join("\n")}\n\n`;
}

function accounting(
  status: string,
  user: string,
  session: string,
  seconds: number,
  more: Readonly<Record<string, string | number>> = {},
): string {
  return (
    `Sun Nov 22 10:00:00 2026\n\tAcct-Status-Type = ${status}\n` +
    record({ "User-Name": user, "Acct-Session-Id": session, "Event-Timestamp": String(seconds), ...more })
      .split("\n")
      .slice(1)
      .join("\n")
  );
}

const address = { "Framed-IP-Address": "198.51.100.10", "Framed-IPv6-Prefix": "2001:db8:a:d010::/64" };

test("an address leads to who had it, to the second, in both families", () => {
  const known = readAssignments(
    accounting("Start", "alice", "s1", 1000, address) +
      accounting("Stop", "alice", "s1", 1060, address) +
      accounting("Start", "bob", "s2", 1060, address) +
      accounting("Interim-Update", "bob", "s2", 1100, address),
  );
  for (const text of ["198.51.100.10", "2001:db8:a:d010::10"]) {
    assert.equal(known.at(text, 999_999), undefined);
    assert.equal(known.at(text, 1_000_000)?.subscriber, "alice");
    assert.equal(known.at(text, 1_059_999)?.subscriber, "alice");
    assert.equal(known.at(text, 1_060_000)?.subscriber, "bob");
    assert.equal(known.at(text, 9_000_000)?.subscriber, "bob");
  }
  assert.equal(known.at("198.51.100.11", 1_000_000), undefined);
});

test("a record that was delayed is about an earlier moment", () => {
  const known = readAssignments(accounting("Start", "alice", "s1", 1030, { ...address, "Acct-Delay-Time": 30 }));
  assert.equal(known.at("198.51.100.10", 1_000_000)?.subscriber, "alice");
  assert.equal(known.at("198.51.100.10", 999_000), undefined);
});

test("a Stop alone tells its session's beginning by its length", () => {
  const known = readAssignments(accounting("Stop", "alice", "s1", 2000, { ...address, "Acct-Session-Time": 500 }));
  assert.equal(known.at("198.51.100.10", 1_499_000), undefined);
  assert.equal(known.at("198.51.100.10", 1_500_000)?.subscriber, "alice");
  assert.equal(known.at("198.51.100.10", 2_000_000), undefined);
});

test("a lost Stop ends with the next session of the address", () => {
  const known = readAssignments(
    accounting("Start", "alice", "s1", 1000, address) + accounting("Start", "bob", "s2", 1500, address),
  );
  assert.equal(known.at("198.51.100.10", 1_499_999)?.subscriber, "alice");
  assert.equal(known.at("198.51.100.10", 1_500_000)?.subscriber, "bob");
});

test("sessions one after the other: at every second exactly the one that had it", () => {
  const lengths = fc.array(
    fc.record({ wait: fc.integer({ min: 0, max: 5 }), length: fc.integer({ min: 1, max: 9 }) }),
    {
      minLength: 1,
      maxLength: 12,
    },
  );
  fc.assert(
    fc.property(lengths, (plan) => {
      let at = 100;
      let text = "";
      const truth = new Map<number, string>();
      for (const [index, { wait, length }] of plan.entries()) {
        at += wait;
        text += accounting("Start", `u${index}`, `s${index}`, at, address);
        for (let second = 0; second < length; second++) truth.set(at + second, `u${index}`);
        at += length;
        text += accounting("Stop", `u${index}`, `s${index}`, at, address);
      }
      const known = readAssignments(text);
      for (let second = 90; second < at + 10; second++) {
        assert.equal(known.at("198.51.100.10", second * 1000)?.subscriber, truth.get(second));
      }
    }),
    { numRuns: 100 },
  );
});

test("records without what they need are counted by reason, and the rest is read", () => {
  const known = readAssignments(record({ "User-Name": "x" }) + accounting("Start", "alice", "s1", 1000, address));
  assert.equal(known.records, 2);
  assert.deepEqual([...known.skipped.values()], [1]);
  assert.equal(known.at("198.51.100.10", 1_000_000)?.subscriber, "alice");
});

const generations = {
  old: [
    "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt",
    "2026-11-22 10:00:00,2026-11-22 10:00:01,1.0,198.51.100.10,203.0.113.25,51000,25,TCP,....S.,0,0,3,180",
    "2026-11-22 10:00:02,2026-11-22 10:00:02,0.0,198.51.100.10,203.0.113.53,51001,53,UDP,......,0,0,1,60",
    "Summary",
    "flows,bytes,packets,avg_bps,avg_pps,avg_bpp",
    "2,240,4,0,0,0",
  ],
  new: [
    "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes",
    "2026-11-22 10:00:00,1.000,TCP,198.51.100.10,51000,203.0.113.25,25,3,180",
  ],
} as const;

for (const [generation, lines] of Object.entries(generations)) {
  test(`flows of nfdump, ${generation} columns`, () => {
    const flows = readFlows(lines.join("\n"));
    assert.deepEqual(flows, {
      ok: true,
      value: [
        {
          at: Date.UTC(2026, 10, 22, 10),
          source: "198.51.100.10",
          destination: "203.0.113.25",
          sourcePort: 51000,
          destinationPort: 25,
          packets: 3,
        },
      ],
    });
  });
}

test("what is no flow export is refused with the place", () => {
  assert.deepEqual(readFlows("a,b\n1,2\n"), {
    ok: false,
    error: "has no header line of nfdump -o csv (ts,te,td,sa,da,…)",
  });
  const broken = readFlows(`${generations.new[0]}\nyesterday,1,TCP,198.51.100.10,x,203.0.113.25,25,3,180`);
  assert.ok(!broken.ok && broken.error.startsWith("line 2 is no flow"));
});

const aPolicy = policyOf({
  pools: [
    {
      kind: "dynamic",
      prefixes: ["198.51.100.0/25", "2001:db8:a:d000::/52"],
      stages: [],
      inbound: undefined,
      sav: undefined,
      lines: [],
    },
  ],
});

const aFlow = fc.record({
  at: fc.integer({ min: 0, max: 5 }).map((minute) => minute * 60_000 + 17),
  source: fc.constantFrom("198.51.100.10", "198.51.100.11", "2001:db8:a:d010::10", "203.0.113.1"),
  destination: fc.constantFrom("203.0.113.25", "203.0.113.26"),
  sourcePort: fc.constant(50_000),
  destinationPort: fc.constantFrom(25, 587, 80),
  packets: fc.constant(1),
});

/** Conversations counted, and left out. */
function total(some: readonly Flow[], most?: number): readonly [number, number] {
  const survey = createFlowSurvey(aPolicy, undefined, most);
  for (const flow of some) survey.add(flow);
  const counts = survey.rows().flatMap(({ conversations }) => Object.values(conversations));
  return [counts.reduce((sum, count) => sum + count, 0), survey.notCounted];
}

test("a survey of flows counts each source, destination, port and minute once, in whatever order they come", () => {
  fc.assert(
    fc.property(fc.array(aFlow, { maxLength: 60 }), fc.array(fc.nat(), { maxLength: 60 }), (flows, order) => {
      const wanted = new Set(
        flows
          .filter(({ source, destinationPort }) => source !== "203.0.113.1" && destinationPort !== 80)
          .map(({ at, source, destination, destinationPort }) => [at, source, destination, destinationPort].join(" ")),
      ).size;
      assert.deepEqual(total(flows), [wanted, 0]);
      const shuffled = flows.toSorted((a, b) => (order[flows.indexOf(a)] ?? 0) - (order[flows.indexOf(b)] ?? 0));
      assert.deepEqual(total(shuffled), [wanted, 0]);
      const [counted, left] = total(flows, 3);
      assert.ok(counted === Math.min(3, wanted) && left > 0 === wanted > 3);
    }),
  );
});

test("lines of the viewer log end with their time", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "viewers-"));
  t.after(() => rm(directory, { recursive: true }));
  const file = join(directory, "audit.jsonl");
  const viewers = openViewerLog(file);
  for (const at of [1000, 2000, 3000]) await viewers.note({ at, by: "operator", did: "survey" });
  await viewers.purge(2000);
  const lines = (await readFile(file, "utf8")).trim().split("\n");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    [2000, 3000].map((at) => ({ at: new Date(at).toISOString(), by: "operator", did: "survey" })),
  );
});
