import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ChunkReader, SkippedChunk } from "./chunks.ts";
import { DataReader } from "./data.ts";

interface Outcome {
  readonly content: string;
  readonly size: number;
  readonly eightBit: boolean;
  readonly defect: string | undefined;
}

/** The content as chunks of these sizes, the last one with what is left; each comes in pieces of `piece` octets. */
function readAs(kind: "text" | "binary", content: Buffer, sizes: readonly number[], piece = 7, limit = 1000): Outcome {
  const reader = new ChunkReader(limit, kind);
  let at = 0;
  for (const size of [...sizes, content.length]) {
    const chunk = content.subarray(at, at + size);
    at += chunk.length;
    reader.begin(chunk.length);
    for (let start = 0; start < chunk.length; start += piece) {
      assert.equal(reader.ended, false);
      const part = Buffer.concat([chunk.subarray(start, start + piece), Buffer.from("\nNEXT")]);
      const own = Math.min(piece, chunk.length - start);
      assert.equal(reader.read(part.subarray(0, start + piece >= chunk.length ? undefined : own), 0), own);
    }
    assert.equal(reader.ended, true);
  }
  reader.finish();
  const { size, eightBit, defect } = reader;
  return { content: Buffer.concat(reader.chunks).toString("latin1"), size, eightBit, defect };
}

const parts = fc.constantFrom("\r\n", "\r", "\n", ".", "\0", "a", "\xff", "line\r\n", "\r\n.\r\n");
const contents = fc.array(parts, { maxLength: 30 }).map((all) => Buffer.from(all.join(""), "latin1"));
const lines = fc
  .array(fc.constantFrom("", ".", "..", "text", "\xe9"), { maxLength: 20 })
  .map((all) => Buffer.from(all.map((line) => `${line}\r\n`).join(""), "latin1"));
const sizes = fc.array(fc.nat({ max: 12 }), { maxLength: 10 });
const pieces = fc.integer({ min: 1, max: 20 });

test("binary content comes out octet for octet, however it is cut", () => {
  fc.assert(
    fc.property(contents, sizes, pieces, (content, cuts, piece) => {
      const text = content.toString("latin1");
      const outcome = readAs("binary", content, cuts, piece);
      assert.deepEqual(outcome, {
        content: text,
        size: text.length,
        eightBit: text.includes("\xff"),
        defect: undefined,
      });
    }),
  );
});

test("text is what DATA would have taken, and nothing else", () => {
  fc.assert(
    fc.property(fc.oneof(contents, lines), sizes, pieces, (content, cuts, piece) => {
      const outcome = readAs("text", content, cuts, piece);
      assert.deepEqual(outcome, readAs("text", content, [], 1000), "cuts matter");
      const text = content.toString("latin1");
      const whole = text === "" || text.endsWith("\r\n") ? text : `${text}\r\n`;
      const data = new DataReader(1000);
      // Stuffed where a client would: after CRLF only.
      data.read(Buffer.from(`${whole.replaceAll(/(^|\r\n)\./g, "$1..")}.\r\n`, "latin1"), 0);
      const isCarriable = !/\0|\r(?!\n)|(?<!\r)\n/.test(text);
      assert.equal(outcome.defect === undefined, isCarriable);
      if (!isCarriable) return;
      assert.equal(data.ended, true);
      assert.equal(outcome.content, Buffer.concat(data.chunks).toString("latin1"));
      assert.equal(outcome.eightBit, data.eightBit);
      assert.equal(outcome.content, whole);
    }),
    { numRuns: 500 },
  );
});

test("a limit counts what is added to the last line", () => {
  assert.equal(readAs("text", Buffer.from("12345678"), [3], 7, 10).defect, undefined);
  assert.equal(readAs("text", Buffer.from("123456789"), [3], 7, 10).defect, "too-large");
  assert.equal(readAs("binary", Buffer.from("1234567890"), [3], 7, 10).defect, undefined);
  assert.equal(readAs("binary", Buffer.from("12345678901"), [3], 7, 10).defect, "too-large");
});

test("small chunks among other commands do not hold on to the memory those came in", () => {
  const reader = new ChunkReader(1_000_000, "text");
  for (let index = 0; index < 100; index++) {
    const received = Buffer.alloc(65_536, "x");
    reader.begin(2000);
    assert.equal(reader.read(received, 1000), 3000);
  }
  const held = new Set(reader.chunks.map(({ buffer }) => buffer));
  const octets = [...held].reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert.equal(reader.size, 200_000);
  assert.ok(octets <= 3 * reader.size, `${octets} octets held`);
});

test("a chunk that nobody wants is read to its last octet", () => {
  const chunk = new SkippedChunk(10);
  assert.equal(chunk.read(Buffer.from("abcdef"), 2), 6);
  assert.equal(chunk.ended, false);
  assert.equal(chunk.read(Buffer.from("abcdefgh"), 0), 6);
  assert.equal(chunk.ended, true);
  assert.equal(new SkippedChunk(0).ended, true);
});
