// The table of events, and what log and metrics make of it (law 11: code, docs and metrics name the same ones).

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { eventNames, events } from "./events.ts";
import type { EventLevel, EventName, Observer } from "./events.ts";
import { createLog } from "./log.ts";
import { createMetrics, mergeMetrics, metricName } from "./metrics.ts";
import { observeAll } from "./observer.ts";

const source = join(import.meta.dirname, "..");
const code = globSync("**/*.ts", { cwd: source })
  .filter((file) => !/\.test\.ts$|(?:^|[/\\])test-[a-z]+\.ts$/.test(file))
  .map((file) => readFileSync(join(source, file), "utf8"))
  .join("\n");

test("every event that is emitted is registered, and every registered one is emitted", () => {
  const emitted = new Set([...code.matchAll(/\bemit\(\s*"([^"]+)"/g)].map(([, name]) => name!));
  assert.deepEqual([...emitted].toSorted(), [...eventNames].toSorted());
});

for (const [name, { level, meaning, label }] of Object.entries(events)) {
  test(`${name} is well described`, () => {
    assert.match(name, /^[a-z]+\.[a-z]+$/);
    assert.ok(["debug", "info", "warn", "error"].includes(level));
    assert.match(meaning, /^[A-Z].*\.$/);
    assert.ok(
      label === undefined ||
        ["listener", "cause", "protocol", "reason", "mechanism", "change", "layer", "step", "what", "fit"].includes(
          label,
        ),
    );
  });
}

const peer = { session: "s1", listener: "mx", client: "192.0.2.7", port: 50_000 };

function logged(emit: (log: Observer) => void, level: EventLevel = "debug"): string[] {
  const lines: string[] = [];
  emit(createLog(level, { write: (line) => lines.push(line) }));
  return lines;
}

test("a log line is one line of JSON with level, time, event and the fields as they were", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(text, fc.array(text), (reply, recipients) => {
      const fields = { message: "id1", recipients, reply };
      const [line, ...rest] = logged((log) => log.emit("bounce.dropped", fields));
      assert.deepEqual(rest, []);
      assert.equal(line!.indexOf("\n"), line!.length - 1);
      const { level, time, event, ...others } = JSON.parse(line!) as Record<string, unknown>;
      assert.deepEqual([level, event, others], ["warn", "bounce.dropped", fields]);
      assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }),
  );
});

function oneOfEachLevel(log: Observer): void {
  log.emit("session.opened", peer);
  log.emit("server.stopping", { signal: "SIGTERM" });
  log.emit("message.deleted", { message: "id1", by: "operator" });
  log.emit("spool.failed", { cause: "no space left" });
}

function namesAt(level: EventLevel): unknown[] {
  return logged(oneOfEachLevel, level).map((line) => (JSON.parse(line) as { event: unknown }).event);
}

test("what is below the level is not written", () => {
  const all = ["session.opened", "server.stopping", "message.deleted", "spool.failed"];
  assert.deepEqual(namesAt("debug"), all);
  assert.deepEqual(namesAt("info"), all.slice(1));
  assert.deepEqual(namesAt("warn"), all.slice(2));
  assert.deepEqual(namesAt("error"), all.slice(3));
});

test("the metrics have one family for every event, with its meaning, and no two share a name", async () => {
  const text = await mergeMetrics([await createMetrics().collect()]);
  assert.equal(new Set(eventNames.map(metricName)).size, eventNames.length);
  for (const name of eventNames) {
    const metric = metricName(name);
    assert.match(metric, /^sekimori_[a-z_]+_total$/);
    const lines = text.split("\n");
    assert.equal(lines.filter((line) => line === `# TYPE ${metric} counter`).length, 1, metric);
    assert.ok(lines.includes(`# HELP ${metric} ${events[name].meaning}`), metric);
  }
  const families = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, family]) => family!);
  assert.deepEqual(families.toSorted(), eventNames.map(metricName).toSorted());
});

test("events count under their label and no other field; threads are added up", async () => {
  const [one, two] = [createMetrics(), createMetrics()];
  const refused = { ...peer, reply: "550 no", sender: "x@y", recipient: "a@b" };
  one.emit("recipient.refused", { ...refused, reason: "recipient.unknown" });
  one.emit("recipient.refused", { ...refused, reason: "recipient.no-relay" });
  two.emit("recipient.refused", { ...refused, reason: "recipient.unknown", recipient: "c@d" });
  two.emit("server.ready", { milliseconds: 5 });
  for (const metrics of [one, two]) metrics.gauge("sekimori_sessions", "SMTP sessions open now.", () => 3);
  const text = await mergeMetrics([await one.collect(), await two.collect()]);
  const samples = text.split("\n").filter((line) => line.startsWith("sekimori_") && !line.endsWith(" 0"));
  assert.deepEqual(samples.toSorted(), [
    'sekimori_recipient_refused_total{reason="recipient.no-relay"} 1',
    'sekimori_recipient_refused_total{reason="recipient.unknown"} 2',
    "sekimori_server_ready_total 1",
    "sekimori_sessions 6",
  ]);
});

test("a collection can be sent between threads, and a gauge is read when it is asked for", async () => {
  const metrics = createMetrics();
  let value = 1;
  metrics.gauge("sekimori_sessions", "SMTP sessions open now.", () => value);
  value = 2;
  const cloned = structuredClone(await metrics.collect());
  assert.match(await mergeMetrics([cloned]), /^sekimori_sessions 2$/m);
});

test("an observer that throws stops no other and nobody who emits", (context) => {
  const seen: [EventName, object][] = [];
  const complaint = context.mock.method(process.stderr, "write", () => true);
  const all = observeAll([
    {
      emit: () => {
        throw new Error("a bug");
      },
    },
    { emit: (name, fields) => void seen.push([name, fields]) },
  ]);
  all.emit("server.ready", { milliseconds: 1 });
  complaint.mock.restore();
  assert.deepEqual(seen, [["server.ready", { milliseconds: 1 }]]);
  assert.equal(complaint.mock.callCount(), 1);
  assert.match(String(complaint.mock.calls[0]?.arguments[0]), /server\.ready.*a bug/);
});
