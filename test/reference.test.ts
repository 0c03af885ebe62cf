// What is made from tables and kept in the repository agrees with the tables (law 11).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { referencePages } from "../scripts/reference.ts";

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
