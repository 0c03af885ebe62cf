import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { DataReader } from "./data.ts";
import type { ContentDefect } from "./content.ts";

interface Outcome {
  readonly content: string;
  readonly size: number;
  readonly eightBit: boolean;
  readonly defect: ContentDefect | undefined;
  readonly ended: boolean;
  /** Octets taken from the input. */
  readonly taken: number;
}

const NO_LIMIT = 1_000_000;

/** Reads a copy of the input in pieces; a reader compacts in place, so every piece is a buffer of its own. */
function readIn(input: Buffer, cuts: readonly number[], limit = NO_LIMIT): Outcome {
  const reader = new DataReader(limit);
  const edges = [...new Set(cuts.map((cut) => Math.min(cut, input.length)))].toSorted((a, b) => a - b);
  let start = 0;
  let taken = 0;
  for (const end of [...edges, input.length]) {
    if (reader.ended) break;
    const piece = Buffer.from(input.subarray(start, end));
    const index = reader.read(piece, 0);
    assert.deepEqual(piece.subarray(index), input.subarray(start + index, end), "octets after the end were touched");
    if (!reader.ended) assert.equal(index, piece.length);
    taken = start + index;
    start = end;
  }
  const { size, eightBit, defect, ended } = reader;
  return { content: Buffer.concat(reader.chunks).toString("latin1"), size, eightBit, defect, ended, taken };
}

const whole = (input: Buffer, limit?: number) => readIn(input, [], limit);
const octetByOctet = (input: Buffer, limit?: number) =>
  readIn(
    input,
    Array.from({ length: input.length }, (_, index) => index),
    limit,
  );

/** The same by searching the whole input: RFC 5321 §4.1.1.4 and §4.5.2 word by word. */
function reference(text: string, limit: number): Omit<Outcome, "size" | "eightBit"> {
  // What went before is the CRLF of the DATA command.
  const end = `\r\n${text}`.indexOf("\r\n.\r\n");
  const ended = end >= 0;
  const raw = ended ? text.slice(0, end) : text;
  // Without the end a last CR may still get its LF.
  const known = ended || !raw.endsWith("\r") ? raw : raw.slice(0, -1);
  const first = [...known.matchAll(/\r\n|\r|\n|\0/g)].map(([found]) => found).find((found) => found !== "\r\n");
  const lines = raw.split("\r\n").map((line) => (line.startsWith(".") ? line.slice(1) : line));
  const content = lines.join("\r\n");
  const defect =
    first === undefined
      ? content.length > limit
        ? ("too-large" as const)
        : undefined
      : first === "\0"
        ? ("nul" as const)
        : ("bare-line-end" as const);
  return { content: defect === undefined ? content : "", defect, ended, taken: ended ? end + 3 : text.length };
}

const piece = fc.constantFrom(
  "\r",
  "\n",
  ".",
  "\r\n",
  "\r\n.",
  "\r\n..",
  ".\r\n",
  "\r\n.\r\n",
  "\0",
  "a",
  "Å",
  "ÿ\x80",
);
const rich = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(""));
/** Nothing but good lines, so that the property says something about content as well. */
const good = fc
  .array(fc.constantFrom("", ".", "..", "...", ".a", "text", "Å.", ". x"), { maxLength: 20 })
  .map((lines) => `${lines.map((line) => (line.startsWith(".") ? `.${line}` : line)).join("\r\n")}\r\n.\r\nQUIT\r\n`);
const cuts = fc.array(fc.nat({ max: 120 }), { maxLength: 12 });

test("any input in any pieces is read as RFC 5321 says", () => {
  fc.assert(
    fc.property(fc.oneof(rich, good), cuts, fc.constantFrom(NO_LIMIT, 5, 20), (text, at, limit) => {
      const input = Buffer.from(text, "latin1");
      const { size, eightBit, ...outcome } = whole(input, limit);
      const expected = reference(text, limit);
      // What an unfinished line will be is only known later.
      if (expected.ended) assert.deepEqual(outcome, expected);
      else {
        assert.equal(outcome.ended, false);
        assert.equal(outcome.taken, text.length);
      }
      if (expected.ended && expected.defect === undefined) {
        assert.equal(size, expected.content.length);
        // oxlint-disable-next-line no-control-regex -- octets, not characters
        assert.equal(eightBit, /[^\0-\x7f]/.test(expected.content));
      }
      assert.deepEqual(readIn(input, at, limit), { size, eightBit, ...outcome });
      assert.deepEqual(octetByOctet(input, limit), { size, eightBit, ...outcome });
    }),
    { numRuns: 2000 },
  );
});

test("long text is read in words as it is octet by octet, wherever it lies and whatever stands in it", () => {
  const place = fc.record({ at: fc.nat(1500), octets: fc.uint8Array({ minLength: 1, maxLength: 4 }) });
  const special = fc.constantFrom("\r\n", "\r\n.", "\r\n.\r\n", "\n", "\r", "\0", "\x0e", "\x80", "\xff");
  const marked = fc.record({ at: fc.nat(1500), octets: special.map((text) => Buffer.from(text, "latin1")) });
  fc.assert(
    fc.property(fc.nat(7), fc.array(fc.oneof(place, marked), { maxLength: 6 }), (offset, changes) => {
      const input = Buffer.alloc(1600, "x");
      for (const { at, octets } of changes) input.set(octets, at);
      const reader = new DataReader(NO_LIMIT);
      const lying = Buffer.concat([Buffer.alloc(offset), input]).subarray(offset);
      const taken = reader.read(lying, 0);
      const { size, eightBit, defect, ended } = reader;
      const content = Buffer.concat(reader.chunks).toString("latin1");
      assert.deepEqual({ content, size, eightBit, defect, ended, taken }, octetByOctet(input));
    }),
    { numRuns: 300 },
  );
});

test("a sender that stuffs its dots gets its own content back", () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[ -~]{0,20}$/), { minLength: 1 }), cuts, (lines, at) => {
      const content = lines.map((line) => `${line}\r\n`).join("");
      const wire = lines.map((line) => `${line.startsWith(".") ? "." : ""}${line}\r\n`).join("");
      const outcome = readIn(Buffer.from(`${wire}.\r\n`), at);
      assert.equal(outcome.content, content);
      assert.equal(outcome.size, content.length);
      assert.equal(outcome.taken, wire.length + 3);
    }),
  );
});

/** Ends that some server somewhere has believed (CVE-2023-51764, CVE-2023-51765, CVE-2023-51766 and their siblings). */
const falseEnds = [
  "\n.\n",
  "\n.\r\n",
  "\r.\r",
  "\r.\n",
  "\r.\r\n",
  "\r\n.\n",
  "\r\n.\r",
  "\n.\r",
  "\n\n.\r\n",
  "\n\r.\r\n",
  "\r\r\n.\r\r\n",
  "\r\n\0.\r\n",
  "\r\n.\0\r\n",
  "\r\n.\r\0\n",
  "\r\n.\r\r\n",
  "\0\r\n.\n",
];

for (const end of falseEnds) {
  test(`${JSON.stringify(end)} does not end the data and is reported`, () => {
    const text = `Subject: one\r\n\r\nbody${end}MAIL FROM:<admin@sekimori.test>\r\nDATA\r\nsmuggled`;
    for (const outcome of [whole(Buffer.from(text)), octetByOctet(Buffer.from(text))]) {
      assert.equal(outcome.ended, false);
      assert.equal(outcome.taken, text.length);
      assert.equal(outcome.content, "");
    }
    const finished = `${text}\r\n.\r\nQUIT\r\n`;
    for (const outcome of [whole(Buffer.from(finished)), octetByOctet(Buffer.from(finished))]) {
      assert.equal(outcome.ended, true);
      assert.equal(outcome.taken, finished.length - "QUIT\r\n".length);
      assert.ok(outcome.defect === "bare-line-end" || outcome.defect === "nul", outcome.defect);
    }
  });
}

test("text around dots that is no end is content", () => {
  for (const [wire, content] of [
    ["body\r\n. \r\n.\r\n", "body\r\n \r\n"],
    ["body\r\n .\r\n.\r\n", "body\r\n .\r\n"],
    ["body\r\n..\r\n.\r\n", "body\r\n.\r\n"],
    ["body\r\n.x\r\n.\r\n", "body\r\nx\r\n"],
    [".\r\n", ""],
    ["\r\n.\r\n", "\r\n"],
    ["body.\r\n.\r\n", "body.\r\n"],
  ] as const) {
    const outcome = octetByOctet(Buffer.from(wire));
    assert.deepEqual(
      [outcome.ended, outcome.defect, outcome.content],
      [true, undefined, content],
      JSON.stringify(wire),
    );
  }
});

test("content at the limit is kept, one octet more is thrown away and counted", () => {
  const content = "12345678\r\n";
  const fits = whole(Buffer.from(`${content}.\r\n`), 10);
  assert.deepEqual([fits.defect, fits.content], [undefined, content]);
  const over = whole(Buffer.from(`9${content}.\r\n`), 10);
  assert.deepEqual([over.defect, over.content, over.size, over.ended], ["too-large", "", 11, true]);
});

test("a bare line end after the limit is still told, whatever the pieces", () => {
  const input = Buffer.from("12345678901\r\na\nb\r\n.\r\n");
  assert.equal(whole(input, 10).defect, "bare-line-end");
  assert.equal(octetByOctet(input, 10).defect, "bare-line-end");
});

test("discarded content is read to its true end", () => {
  const reader = new DataReader(NO_LIMIT);
  reader.read(Buffer.from("Subject: one\r\n"), 0);
  reader.discard();
  assert.deepEqual(reader.chunks, []);
  const rest = Buffer.from("body\n.\nbody\r\n.\r\nQUIT\r\n");
  assert.equal(reader.read(rest, 0), rest.indexOf("QUIT"));
  assert.deepEqual([reader.ended, reader.defect, reader.chunks], [true, "unwanted", []]);
});

test("reading begins where it is told", () => {
  const reader = new DataReader(NO_LIMIT);
  const bytes = Buffer.from("DATA\r\n..x\r\n.\r\nQUIT\r\n");
  assert.equal(reader.read(bytes, 6), bytes.indexOf("QUIT"));
  assert.equal(Buffer.concat(reader.chunks).toString(), ".x\r\n");
  assert.equal(bytes.toString("latin1", 0, 6), "DATA\r\n");
});

test("single octets are gathered into few chunks", () => {
  const reader = new DataReader(NO_LIMIT);
  for (let index = 0; index < 200_000; index++) reader.read(Buffer.from("x"), 0);
  assert.ok(reader.chunks.length < 50, `${reader.chunks.length} chunks`);
  assert.equal(Buffer.concat(reader.chunks).toString(), "x".repeat(200_000));
});

test("octets between larger pieces do not cost a block of memory each", () => {
  const reader = new DataReader(NO_LIMIT);
  for (let index = 0; index < 500; index++) {
    reader.read(Buffer.alloc(1024, "x"), 0);
    reader.read(Buffer.from("y"), 0);
  }
  assert.equal(Buffer.concat(reader.chunks).toString(), `${"x".repeat(1024)}y`.repeat(500));
  const blocks = new Set(reader.chunks.filter((chunk) => chunk.length < 1024).map((chunk) => chunk.buffer));
  const held = [...blocks].reduce((sum, block) => sum + block.byteLength, 0);
  assert.ok(held < 2 * 65_536, `${held} octets for 500`);
});
