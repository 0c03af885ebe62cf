// The lab comes out as its matrix says, and each of the rule sets that are wrong on purpose makes it fail.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { inWorld, sekimori, skipsWithoutWorld } from "./world.ts";
import { temporaryDirectory } from "../lab/temporary.ts";

test("every scenario of the lab comes out as it must, and the page says so", async (t) => {
  if (await skipsWithoutWorld(t)) return;
  const page = join(await temporaryDirectory(t), "lab.html");
  const { code, output } = await inWorld(`${sekimori} net lab --html ${page}`, 400_000);
  assert.equal(code, 0, output);
  const html = await readFile(page, "utf8");
  assert.ok(!html.includes('class="bad"') && !/(?:src|href)=/.test(html));
});

for (const [mistake, scenario] of [
  ["no-ipv6", "full"],
  ["no-inbound", "attack-ip25b"],
  ["loose-check", "attack-sav-strict"],
] as const) {
  test(`the lab fails with a rule set that is wrong: ${mistake}`, async (t) => {
    if (await skipsWithoutWorld(t)) return;
    const { code, output } = await inWorld(`${sekimori} net lab --mistake ${mistake} --scenario ${scenario}`, 200_000);
    assert.equal(code, 1, output);
    assert.match(output, /0 of 1 scenarios/);
  });
}
