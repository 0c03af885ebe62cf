// The registry by itself. That every stage fills the placeholders of its reasons is shown in stages.test.ts.

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { reasons } from "./reasons.ts";

const source = join(import.meta.dirname, "..");

for (const [id, { code, enhanced, text, meaning }] of Object.entries(reasons)) {
  test(`${id} is well formed`, () => {
    assert.match(id, /^[a-z]+\.[a-z]+(?:-[a-z]+)*$/);
    assert.ok(Number.isInteger(code) && code >= 200 && code <= 599, "a reply code of RFC 5321 section 4.2");
    if (enhanced === "") assert.ok(code < 400, "every refusal has an enhanced status code (RFC 2034)");
    else {
      assert.match(enhanced, /^[245]\.\d{1,3}\.\d{1,3}$/);
      assert.equal(enhanced[0], String(code)[0], "the class agrees with the code (RFC 2034 section 4)");
    }
    assert.match(text, /^[\x20-\x7e]+$/);
    assert.ok(text.length <= 400, "room for what fills the placeholders (RFC 5321 section 4.5.3.1.5)");
    assert.match(text.replaceAll(/\{[a-z]+\}/g, ""), /^[^{}]*$/, "no other braces");
    assert.match(meaning, /^[A-Za-z[].*\.$/s, "whole sentences");
  });
}

test("every reason is used by the code", () => {
  const code = globSync("**/*.ts", { cwd: source })
    .filter((file) => !file.endsWith(".test.ts") && !file.endsWith(join("verdict", "reasons.ts")))
    .map((file) => readFileSync(join(source, file), "utf8"))
    .join("\n");
  const unused = Object.keys(reasons).filter((id) => !code.includes(`"${id}"`));
  assert.deepEqual(unused, []);
});
