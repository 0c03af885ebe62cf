import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ContentWriter } from "./content.ts";
import { LineReader } from "./lines.ts";

function write(content: string, sizes: readonly number[], bodyLines?: number): string {
  const writer = new ContentWriter(bodyLines);
  const octets = Buffer.from(content, "latin1");
  const output: Uint8Array[] = [];
  let at = 0;
  for (const size of [...sizes, octets.length]) {
    output.push(writer.write(octets.subarray(at, at + size)));
    at += size;
  }
  output.push(writer.end());
  return Buffer.concat(output).toString("latin1");
}

/** The client's side, RFC 1939 §3: lines until the dot, one dot off lines that begin with one. */
function read(response: string): string {
  assert.ok(response.endsWith(".\r\n"));
  const body = response.slice(0, -3);
  assert.doesNotMatch(body, /(^|\r\n)\.\r\n/);
  return body.replace(/(^|\r\n)\./g, "$1");
}

const pieces = fc.array(fc.constantFrom("\r\n", ".", "..", "a", "\r\n.\r\n", "\r\n\r\n", "\0", "\xff"), {
  maxLength: 40,
});
const cuts = fc.array(fc.nat(6), { maxLength: 30 });

test("a client reads the octets that were stored, however they come", () => {
  fc.assert(
    fc.property(pieces, cuts, (parts, sizes) => {
      const content = `${parts.join("")}\r\n`;
      assert.equal(read(write(content, sizes)), content);
    }),
    { numRuns: 1000 },
  );
});

test("files with bare LF are sent with CRLF, and an unfinished last line gets its end", () => {
  assert.equal(write("a\n.\nb\n\n", []), "a\r\n..\r\nb\r\n\r\n.\r\n");
  assert.equal(write("a", []), "a\r\n.\r\n");
  assert.equal(write("a\r", []), "a\r\n.\r\n");
  assert.equal(write("", []), ".\r\n");
  assert.equal(write("a\rb\r\n", []), "a\rb\r\n.\r\n");
});

test("TOP is the header section, the empty line and so many lines, however the content comes", () => {
  const content = "A: b\r\n c\r\n\r\none\r\n\r\n.three\r\nfour\r\n";
  const header = "A: b\r\n c\r\n\r\n";
  const expected = [header, `${header}one\r\n`, `${header}one\r\n\r\n`, `${header}one\r\n\r\n..three\r\n`];
  fc.assert(
    fc.property(cuts, fc.nat(3), (sizes, count) => {
      assert.equal(write(content, sizes, count), `${expected[count]}.\r\n`);
    }),
  );
  assert.equal(write(content, [], 1000), `${header}one\r\n\r\n..three\r\nfour\r\n.\r\n`);
  assert.equal(write("A: b\r\n", [], 5), "A: b\r\n.\r\n");
  assert.equal(write("\r\nbody\r\n", [], 0), "\r\n.\r\n");
});

test("content that needs no change is not copied", () => {
  const chunk = Buffer.from("A: b\r\n\r\nbody\r\n");
  assert.equal(new ContentWriter(undefined).write(chunk).buffer, chunk.buffer);
});

test("lines are the same however they come", () => {
  const text = "CAPA\r\n\r\nUSER alice\r\nbad\nPASS a b \r\nun\rclean\r\nrest";
  const take = (sizes: readonly number[]) => {
    const reader = new LineReader(100);
    const octets = Buffer.from(text);
    const taken: string[] = [];
    let at = 0;
    for (const size of [...sizes, octets.length]) {
      reader.push(octets.subarray(at, at + size));
      at += size;
      for (let line = reader.take(); line !== undefined; line = reader.take()) {
        taken.push(line.kind === "line" ? Buffer.from(line.octets).toString() : line.kind);
      }
    }
    return taken;
  };
  const expected = ["CAPA", "", "USER alice", "bare-line-end", "PASS a b ", "bare-line-end"];
  fc.assert(fc.property(cuts, (sizes) => assert.deepEqual(take(sizes), expected)));
});

test("a line is too long before its end has come", () => {
  const reader = new LineReader(10);
  reader.push(Buffer.from("12345678\r\n12345678901"));
  assert.equal(reader.take()?.kind, "line");
  assert.deepEqual(reader.take(), { kind: "too-long" });
});
