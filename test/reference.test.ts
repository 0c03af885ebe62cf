// What is made from tables and kept in the repository agrees with the tables (law 11).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createMetrics, metricName } from "../src/observe/metrics.ts";
import { eventNames } from "../src/observe/events.ts";
import { citations, gauges, referencePages } from "../scripts/reference.ts";
import { rfcs } from "../scripts/rfcs.ts";

const root = join(import.meta.dirname, "..");

for (const [path, text] of referencePages()) {
  test(`${path} is current`, () => {
    let kept = "";
    try {
      kept = readFileSync(join(root, path), "utf8");
    } catch {
      // Missing is as stale as it gets.
    }
    assert.ok(kept === text, "stale: run `node_modules/.bin/node scripts/reference.ts`");
  });
}

test("registry, reference page and metrics name the same events", async () => {
  const page = readFileSync(join(root, "docs/reference/events.md"), "utf8");
  const sections = [...page.matchAll(/^## `([^`]+)`\n\nlevel (\w+) · metric `(\w+)/gm)];
  assert.deepEqual(
    sections.map(([, name]) => name),
    eventNames,
  );
  assert.deepEqual(
    sections.map(([, , , metric]) => metric),
    eventNames.map(metricName),
  );
  const collected = (await createMetrics().collect()) as readonly { readonly name: string }[];
  assert.deepEqual(collected.map(({ name }) => name).toSorted(), eventNames.map(metricName).toSorted());
});

test("every metric that a guide names exists", () => {
  const known = new Set([...eventNames.map(metricName), ...gauges().keys()]);
  for (const guide of ["docs/guide/operating.md", "docs/guide/installing.md", "docs/guide/api.md", "README.md"]) {
    const named = readFileSync(join(root, guide), "utf8").match(/\bsekimori_[a-z_]+/g) ?? [];
    assert.deepEqual(
      named.filter((name) => !known.has(name)),
      [],
      guide,
    );
  }
});

test("every RFC that the source cites has a status, and what is said to be done is cited somewhere", () => {
  const cited = citations();
  assert.deepEqual(
    [...cited.keys()].filter((number) => !(number in rfcs)),
    [],
  );
  for (const [number, { status, note }] of Object.entries(rfcs)) {
    if (status !== "not") assert.ok(cited.has(Number(number)), `RFC ${number} is ${status} nowhere`);
    if (status === "partly") assert.notEqual(note, "", `RFC ${number}: what is missing?`);
  }
});
