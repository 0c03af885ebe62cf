// The five commands of the README for the recommendations of JEAG do what it says, on the example files.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { scenarioNames } from "../control/net-lab.ts";
import { run } from "./test-run.ts";

const root = join(import.meta.dirname, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const rows = readme
  .split("## The five JEAG recommendations\n", 2)[1]!
  .split("\n")
  .filter((line) => /^\| \d/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()));

/** Exit code 1 is the answer there: the packet is blocked. */
const answers = new Map([["1", 1]]);

test("there are five, each with its command and its scenario of the lab", () => {
  assert.deepEqual(
    rows.map(([, number]) => number),
    ["1", "2", "3", "4", "5"],
  );
  for (const [, number, , , lab = ""] of rows) {
    const scenario = /^`sekimori net lab --scenario ([a-z-]+)`$/.exec(lab)?.[1];
    assert.ok(scenario !== undefined && scenarioNames.includes(scenario), `${number}: ${lab}`);
  }
});

for (const [, number = "", , command = ""] of rows) {
  test(`recommendation ${number}: ${command}`, async () => {
    for (const each of command.replaceAll("`", "").split(" && ")) {
      const [program, ...words] = each.split(" ");
      assert.equal(program, "sekimori");
      const whole = words.map((word) => (word.startsWith("etc/") ? join(root, word) : word));
      // oxlint-disable-next-line no-await-in-loop -- as a shell would
      const { code, out, err } = await run(...whole);
      assert.equal(code, answers.get(number) ?? 0, err);
      assert.notEqual(out, "");
    }
  });
}
