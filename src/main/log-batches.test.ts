import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogBatches } from "./log-batches.ts";

test("lines are sent together after a moment, in order, and nothing when there is nothing", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const sent: string[] = [];
  const batches = createLogBatches((lines) => sent.push(lines));
  batches.write("one\n");
  batches.write("two\n");
  assert.deepEqual(sent, []);
  context.mock.timers.tick(20);
  assert.deepEqual(sent, ["one\ntwo\n"]);
  context.mock.timers.tick(1000);
  batches.flush();
  assert.deepEqual(sent, ["one\ntwo\n"]);
  batches.write("three\n");
  context.mock.timers.tick(20);
  assert.deepEqual(sent, ["one\ntwo\n", "three\n"]);
});

test("flush sends at once and not again; much at once does not wait", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const sent: string[] = [];
  const batches = createLogBatches((lines) => sent.push(lines));
  batches.write("one\n");
  batches.flush();
  context.mock.timers.tick(1000);
  assert.deepEqual(sent, ["one\n"]);
  const long = `${"x".repeat(70_000)}\n`;
  batches.write(long);
  assert.deepEqual(sent, ["one\n", long]);
  context.mock.timers.tick(1000);
  assert.equal(sent.length, 2);
});
