import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatAddress } from "./address.ts";
import { parsePath } from "./path.ts";

/** The address as text, then what is left; or the error. */
function read(text: string, options = { utf8: false }): string[] {
  const path = parsePath(text, options);
  if (!path.ok) return [`refused: ${path.error.code}`];
  return [path.value.address === undefined ? "null" : formatAddress(path.value.address), path.value.rest];
}

test("a path is read and the rest handed back untouched", () => {
  assert.deepEqual(read("<alice@sekimori.test>"), ["alice@sekimori.test", ""]);
  assert.deepEqual(read("<alice@sekimori.test> SIZE=1000  BODY=8BITMIME"), [
    "alice@sekimori.test",
    " SIZE=1000  BODY=8BITMIME",
  ]);
  assert.deepEqual(read("<alice@sekimori.test>SIZE=1"), ["alice@sekimori.test", "SIZE=1"]);
  assert.deepEqual(read('<"> @"@[192.0.2.1]>>'), ['"> @"@[192.0.2.1]', ">"]);
});

test("spaces before the path are taken, other white space is not", () => {
  assert.deepEqual(read("  <alice@sekimori.test>"), ["alice@sekimori.test", ""]);
  assert.deepEqual(read("\t<alice@sekimori.test>"), ["refused: angle-bracket-missing"]);
  assert.deepEqual(read("< alice@sekimori.test>"), ["refused: local-part-syntax"]);
  assert.deepEqual(read("<alice@sekimori.test >"), ["refused: angle-bracket-missing"]);
});

test("the null reverse-path has no address", () => {
  assert.deepEqual(read("<> ENVID=1"), ["null", " ENVID=1"]);
  assert.deepEqual(read(" <>"), ["null", ""]);
  assert.deepEqual(read("< >"), ["refused: local-part-syntax"]);
});

test("postmaster needs no domain, in any case of letters, and nobody else goes without", () => {
  assert.deepEqual(read("<postmaster>"), ["postmaster", ""]);
  assert.deepEqual(read(" <PostMaster> NOTIFY=NEVER"), ["postmaster", " NOTIFY=NEVER"]);
  assert.deepEqual(read("<alice>"), ["refused: domain-missing"]);
  assert.deepEqual(read("<postmaster2>"), ["refused: domain-missing"]);
  assert.deepEqual(read("<postmaster@>"), ["refused: domain-missing"]);
  assert.deepEqual(read("<postmaster"), ["refused: domain-missing"]);
});

test("a source route is checked and forgotten", () => {
  assert.deepEqual(read("<@a.example:alice@sekimori.test>"), ["alice@sekimori.test", ""]);
  assert.deepEqual(read("<@a.example,@b.example:alice@sekimori.test> X"), ["alice@sekimori.test", " X"]);
  for (const route of [
    "@",
    "@a.example",
    "@a.example,",
    "@a.example,b.example:",
    "@a_b:",
    "@[192.0.2.1]:",
    "@a, @b:",
  ]) {
    assert.deepEqual(read(`<${route}alice@sekimori.test>`), ["refused: route-syntax"], route);
  }
  assert.deepEqual(read("<@a.example:>"), ["refused: local-part-syntax"]);
  assert.deepEqual(read("<@a.example:postmaster>"), ["refused: domain-missing"]);
});

test("a path ends at 256 octets, its route included", () => {
  const route = "a.".repeat(115);
  assert.equal(`<@${route}aaa:alice@sekimori.test>`.length, 256);
  assert.deepEqual(read(`<@${route}aaa:alice@sekimori.test>`), ["alice@sekimori.test", ""]);
  assert.deepEqual(read(`<@${route}aaaa:alice@sekimori.test>`), ["refused: path-too-long"]);
});

test("what has no angle brackets is no path", () => {
  assert.deepEqual(read(""), ["refused: empty"]);
  assert.deepEqual(read("   "), ["refused: empty"]);
  assert.deepEqual(read("alice@sekimori.test"), ["refused: angle-bracket-missing"]);
  assert.deepEqual(read("<alice@sekimori.test"), ["refused: angle-bracket-missing"]);
  assert.deepEqual(read("Alice <alice@sekimori.test>"), ["refused: angle-bracket-missing"]);
  assert.deepEqual(read("<alice@sekimori.test\0>"), ["refused: angle-bracket-missing"]);
});

test("other scripts need the caller's consent", () => {
  assert.deepEqual(read("<ありす@例え.jp>"), ["refused: non-ascii"]);
  assert.deepEqual(read("<ありす@例え.jp> SMTPUTF8", { utf8: true }), ["ありす@xn--r8jz45g.jp", " SMTPUTF8"]);
});

const anyCharacter = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));

test("any text is a path whose address and rest are in it, or an error inside the text", () => {
  const texts = fc.oneof(
    fc.string({ unit: anyCharacter, maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...'<>@:,ab.[]" \\\0\r\né'.split("")), maxLength: 30 }).map((text) => `<${text}`),
    fc.tuple(fc.emailAddress(), fc.string()).map(([address, rest]) => `<${address}>${rest}`),
  );
  fc.assert(
    fc.property(texts, fc.boolean(), (text, utf8) => {
      const path = parsePath(text, { utf8 });
      if (!path.ok) assert.ok(path.error.offset >= 0 && path.error.offset <= text.length);
      else assert.ok(text.endsWith(`>${path.value.rest}`));
    }),
  );
});
