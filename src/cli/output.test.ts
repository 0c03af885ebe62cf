import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import fc from "fast-check";
import { printable, printJson, printTable } from "./output.ts";

// oxlint-disable-next-line no-control-regex -- what must not come out
const control = /[\x00-\x1f\x7f-\x9f]/;

/** What `work` writes to standard output. */
function written(context: TestContext, work: () => void): string {
  const write = context.mock.method(process.stdout, "write", () => true);
  try {
    work();
    return write.mock.calls.map((call) => String(call.arguments[0])).join("");
  } finally {
    write.mock.restore();
  }
}

test("printable text has no control characters and is otherwise as it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const shown = printable(text);
      assert.doesNotMatch(shown, control);
      assert.equal(shown.length, text.length);
      for (let index = 0; index < text.length; index++) {
        if (shown[index] !== "?") assert.equal(shown[index], text[index]);
      }
    }),
  );
  assert.equal(printable("\u001b[31m関守\u009b2J\r\n"), "?[31m関守?2J??");
});

test("JSON output is JSON of the value and holds no control characters but its own line ends", (context) => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" })), (value) => {
      const text = written(context, () => printJson(value));
      assert.doesNotMatch(text.replaceAll("\n", ""), control);
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("a table has columns as wide as their widest cell, and no cell can break its line", (context) => {
  const rows = [
    ["1", "alice@sekimori.test", "waiting"],
    ["22", "b\r\n\u001b[2J", ""],
  ];
  const text = written(context, () => printTable(["ID", "SENDER", "STATE"], rows));
  assert.equal(text, "ID  SENDER               STATE\n1   alice@sekimori.test  waiting\n22  b???[2J\n");
});

test("a table without rows is its header", (context) => {
  assert.equal(
    written(context, () => printTable(["ID", "STATE"], [])),
    "ID  STATE\n",
  );
});
