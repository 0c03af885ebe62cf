import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatAddress, parseAddress } from "./address.ts";
import { parseAddressList } from "./header.ts";

/** Each mailbox as "group|name|address", or the error. */
function read(text: string, options = { utf8: false }): string[] {
  const list = parseAddressList(text, options);
  if (!list.ok) return [`refused: ${list.error.code}`];
  return list.value.map(({ group, displayName, address }) =>
    [group ?? "", displayName ?? "", formatAddress(address)].join("|"),
  );
}

test("a list is read in order", () => {
  assert.deepEqual(read('alice@sekimori.test, Bob <bob@example.jp>,"Carol, C." <carol@example.jp>'), [
    "||alice@sekimori.test",
    "|Bob|bob@example.jp",
    "|Carol, C.|carol@example.jp",
  ]);
});

test("a display name is a phrase: words, quoted words, dots", () => {
  assert.deepEqual(read("John Q. Public <john@example.jp>"), ["|John Q. Public|john@example.jp"]);
  assert.deepEqual(read('"Al\\"ice" \t(of)\r\n Example<alice@example.jp>'), ['|Al"ice Example|alice@example.jp']);
  assert.deepEqual(read('""<alice@example.jp>'), ["||alice@example.jp"]);
  assert.deepEqual(read("<alice@example.jp>"), ["||alice@example.jp"]);
  assert.deepEqual(read("=?utf-8?B?6Zai5a6I?= <alice@example.jp>"), ["|=?utf-8?B?6Zai5a6I?=|alice@example.jp"]);
  assert.deepEqual(read(".Alice <alice@example.jp>"), ["refused: dot-misplaced"]);
  assert.deepEqual(read("alice@example.jp <alice@example.jp>"), ["refused: trailing-text"]);
});

test("8-bit display names and comments are tolerated, 8-bit addresses are not", () => {
  assert.deepEqual(read("関守 (せきもり) <alice@example.jp>"), ["|関守|alice@example.jp"]);
  assert.deepEqual(read('"\u00e9\u0081" <alice@example.jp>'), ["|\u00e9\u0081|alice@example.jp"]);
  assert.deepEqual(read("関守@example.jp"), ["refused: non-ascii"]);
  assert.deepEqual(read('"関守"@example.jp'), ["refused: non-ascii"]);
  assert.deepEqual(read("alice@例え.jp"), ["refused: non-ascii"]);
  assert.deepEqual(read("関守 <関守@例え.jp>", { utf8: true }), ["|関守|関守@xn--r8jz45g.jp"]);
  assert.deepEqual(read("a\ud800@example.jp", { utf8: true }), ["refused: non-ascii"]);
  assert.deepEqual(read("a\u0085@example.jp", { utf8: true }), ["refused: control-character"]);
});

test("groups name their members and may be empty", () => {
  assert.deepEqual(read("Keepers: alice@example.jp, Bob <bob@example.jp>; , carol@example.jp"), [
    "Keepers||alice@example.jp",
    "Keepers|Bob|bob@example.jp",
    "||carol@example.jp",
  ]);
  assert.deepEqual(read("undisclosed-recipients:;"), []);
  assert.deepEqual(read("A:,;, B: ;"), []);
});

test("broken groups are refused", () => {
  assert.deepEqual(read("Keepers: alice@example.jp"), ["refused: group-unclosed"]);
  assert.deepEqual(read("A: B: alice@example.jp;;"), ["refused: group-syntax"]);
  assert.deepEqual(read(": alice@example.jp;"), ["refused: group-syntax"]);
  assert.deepEqual(read("A: alice@example.jp; bob@example.jp"), ["refused: trailing-text"]);
  assert.deepEqual(read("alice@example.jp; bob@example.jp"), ["refused: trailing-text"]);
  assert.deepEqual(read(";"), ["refused: local-part-missing"]);
});

test("comments stand anywhere between tokens and nest", () => {
  assert.deepEqual(read("(a(b\\)c))alice(d)@(e)example(f).(g)jp(h)"), ["||alice@example.jp"]);
  assert.deepEqual(read("Alice (x) < (y) alice@example.jp (z) > (end)"), ["|Alice|alice@example.jp"]);
  assert.deepEqual(read("(alice@example.jp"), ["refused: comment-unclosed"]);
  assert.deepEqual(read("alice@example.jp (\\"), ["refused: comment-unclosed"]);
  assert.deepEqual(read("al(x)ice@example.jp"), ["refused: local-part-syntax"]);
});

const nested = (depth: number) => `${"(".repeat(depth)}${")".repeat(depth)}alice@example.jp`;

test("comments nest to a bound", () => {
  assert.deepEqual(read(nested(32)), ["||alice@example.jp"]);
  assert.deepEqual(read(nested(33)), ["refused: comment-too-deep"]);
  assert.deepEqual(read("(".repeat(1_000_000)), ["refused: comment-too-deep"]);
});

test("a fold is CR LF and white space; any other line break is refused", () => {
  assert.deepEqual(read("\r\n alice@example.jp,\r\n\tbob@example.jp \r\n "), [
    "||alice@example.jp",
    "||bob@example.jp",
  ]);
  assert.deepEqual(read('"Alice\r\n Example" <alice@example.jp>'), ["|Alice Example|alice@example.jp"]);
  for (const text of ["\r\nalice@example.jp", "alice@example.jp\r\n", "\nalice@example.jp", "alice@example.jp\r"]) {
    assert.deepEqual(read(text), ["refused: line-break"], JSON.stringify(text));
  }
  for (const inside of ["\n", "\r", "\r\n", "\\\r", "\\\n", "\\\r\n "]) {
    assert.deepEqual(read(`"${inside}" <alice@example.jp>`), ["refused: line-break"], JSON.stringify(inside));
    assert.deepEqual(read(`(${inside}) <alice@example.jp>`), ["refused: line-break"], JSON.stringify(inside));
  }
});

test("NUL is refused everywhere, other controls only in a local part", () => {
  assert.deepEqual(read('"a\0" <alice@example.jp>'), ["refused: control-character"]);
  assert.deepEqual(read("(\\\0) <alice@example.jp>"), ["refused: control-character"]);
  assert.deepEqual(read('"\x1b$B" (\x07) <alice@example.jp>'), ["|\x1b$B|alice@example.jp"]);
  assert.deepEqual(read('"a\tb"@example.jp'), ["refused: control-character"]);
});

test("the obsolete forms of a local part and a domain are read for their meaning", () => {
  assert.deepEqual(read(' alice . "b c" . d @ example . jp '), ['||"alice.b c.d"@example.jp']);
  assert.deepEqual(read('"alice"."example"@example.jp'), ["||alice.example@example.jp"]);
  assert.deepEqual(read("alice..b@example.jp"), ["refused: dot-misplaced"]);
  assert.deepEqual(read("alice.@example.jp"), ["refused: dot-misplaced"]);
  assert.deepEqual(read("alice b@example.jp"), ["refused: local-part-syntax"]);
  assert.deepEqual(read("alice@example..jp"), ["refused: dot-misplaced"]);
  assert.deepEqual(read("alice@example.jp."), ["refused: dot-misplaced"]);
  assert.deepEqual(read("alice@"), ["refused: domain-missing"]);
  assert.deepEqual(read("alice@a_b.jp"), ["refused: domain-syntax"]);
});

test("an old route is read and forgotten", () => {
  assert.deepEqual(read("<@a.example:alice@example.jp>"), ["||alice@example.jp"]);
  assert.deepEqual(read("A <, @a.example (x),,@b . example : alice@example.jp>"), ["|A|alice@example.jp"]);
  assert.deepEqual(read("<@a.example alice@example.jp>"), ["refused: route-syntax"]);
  assert.deepEqual(read("<@a.example@b.example:alice@example.jp>"), ["refused: route-syntax"]);
  assert.deepEqual(read("<,:alice@example.jp>"), ["refused: route-syntax"]);
});

test("literals may have white space at their edges, not comments", () => {
  assert.deepEqual(read("alice@[ 192.0.2.1\r\n ]"), ["||alice@[192.0.2.1]"]);
  assert.deepEqual(read("alice@[IPv6:1:2:3::5:6:7:8]"), ["||alice@[IPv6:1:2:3:0:5:6:7:8]"]);
  assert.deepEqual(read("alice@[(x)192.0.2.1]"), ["refused: literal-syntax"]);
  assert.deepEqual(read("alice@[192.0 .2.1]"), ["refused: literal-syntax"]);
  assert.deepEqual(read("alice@[example]"), ["refused: literal-syntax"]);
});

test("empty list elements are passed over, an empty list is an error", () => {
  assert.deepEqual(read(",alice@example.jp,,(x), bob@example.jp,"), ["||alice@example.jp", "||bob@example.jp"]);
  for (const text of ["", " ", ",", "(only a comment)"]) assert.deepEqual(read(text), ["refused: empty"]);
});

test("one bad address spoils the list", () => {
  assert.deepEqual(read("alice@example.jp, bob"), ["refused: domain-missing"]);
  assert.deepEqual(read("alice@example.jp bob@example.jp"), ["refused: trailing-text"]);
  assert.deepEqual(read("Alice <alice@example.jp"), ["refused: angle-bracket-missing"]);
  assert.deepEqual(read("Alice <>"), ["refused: local-part-missing"]);
  assert.deepEqual(read("Alice <alice@example.jp> <bob@example.jp>"), ["refused: trailing-text"]);
});

test("limits of the envelope hold, comments not counted", () => {
  const long = "a".repeat(64);
  assert.deepEqual(read(`(${long})${long}(${long})@example.jp`), [`||${long}@example.jp`]);
  assert.deepEqual(read(`${long}a@example.jp`), ["refused: local-part-too-long"]);
  const domain = `${"a.".repeat(94)}ab`;
  assert.equal(domain.length, 190);
  assert.deepEqual(read(`${long}@${domain}`), ["refused: path-too-long"]);
  assert.deepEqual(read(`${long.slice(1)}@${domain}`), [`||${long.slice(1)}@${domain}`]);
});

const anyCharacter = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));

test("every address from any text goes into an envelope unchanged; other texts are errors", () => {
  const pieces = fc.array(
    fc.constantFrom(
      ...'ab.@"\\[]<>():;, \t\r\né例\0\x07'.split(""),
      "\r\n ",
      "alice@example.jp",
      "[192.0.2.1]",
      "[IPv6:1::2:3:4:5:6:7]",
    ),
    { maxLength: 14 },
  );
  const texts = fc.oneof(
    fc.string({ unit: anyCharacter, maxLength: 60 }),
    pieces.map((parts) => parts.join("")),
    pieces.map((parts) => `${parts.join("")}@example.jp`),
  );
  fc.assert(
    fc.property(texts, fc.boolean(), (text, utf8) => {
      const list = parseAddressList(text, { utf8 });
      if (!list.ok) {
        assert.ok(list.error.offset >= 0 && list.error.offset <= text.length);
        return;
      }
      for (const { address } of list.value) {
        assert.deepEqual(parseAddress(formatAddress(address), { utf8 }), { ok: true, value: address });
      }
    }),
    { numRuns: 500 },
  );
});
