import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openLogFile } from "./log-file.ts";

function withDirectory(work: (directory: string) => void): () => void {
  return () => {
    const root = mkdtempSync(join(tmpdir(), "sekimori-log-"));
    try {
      work(join(root, "log"));
    } finally {
      rmSync(root, { recursive: true });
    }
  };
}

function clockAt(text: string): { now: number; wall(): number; monotonic(): number } {
  return {
    now: Date.parse(text),
    wall() {
      return this.now;
    },
    monotonic: () => 0,
  };
}

test(
  "one file a day (UTC), appended to, for nobody but owner and group",
  withDirectory((directory) => {
    const clock = clockAt("2026-11-22T23:59:59.999Z");
    const log = openLogFile(directory, clock);
    log.write("one\n");
    log.write("two\nthree\n");
    clock.now += 1;
    log.write("四\n");
    log.close();
    const again = openLogFile(directory, clock);
    again.write("five\n");
    again.close();
    assert.deepEqual(readdirSync(directory), ["2026-11-22.jsonl", "2026-11-23.jsonl"]);
    assert.equal(readFileSync(join(directory, "2026-11-22.jsonl"), "utf8"), "one\ntwo\nthree\n");
    assert.equal(readFileSync(join(directory, "2026-11-23.jsonl"), "utf8"), "四\nfive\n");
    assert.equal(statSync(join(directory, "2026-11-22.jsonl")).mode & 0o027, 0);
    assert.equal(log.lost(), 0);
  }),
);

test(
  "a line that a crash cut short is ended before the next one begins",
  withDirectory((directory) => {
    const clock = clockAt("2026-11-22T10:00:00Z");
    openLogFile(directory, clock).close();
    writeFileSync(join(directory, "2026-11-22.jsonl"), '{"whole":1}\n{"cut');
    const log = openLogFile(directory, clock);
    log.write('{"next":1}\n');
    log.write('{"next":2}\n');
    log.close();
    const text = readFileSync(join(directory, "2026-11-22.jsonl"), "utf8");
    assert.equal(text, '{"whole":1}\n{"cut\n{"next":1}\n{"next":2}\n');
  }),
);

test("what cannot be written is counted and told once; it never throws", (context) => {
  withDirectory((directory) => {
    const clock = clockAt("2026-11-22T10:00:00Z");
    const log = openLogFile(directory, clock);
    const complaint = context.mock.method(process.stderr, "write", () => true);
    rmSync(directory, { recursive: true });
    log.write("lost\n");
    log.write("lost\n");
    complaint.mock.restore();
    assert.equal(complaint.mock.callCount(), 1);
    assert.equal(log.lost(), 2);
    openLogFile(directory, clock).close();
    log.write("back\n");
    assert.equal(readFileSync(join(directory, "2026-11-22.jsonl"), "utf8"), "back\n");
    assert.equal(log.lost(), 2);
    log.close();
  })();
});
