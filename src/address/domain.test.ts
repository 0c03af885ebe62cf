import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { parseDomain } from "./domain.ts";

const read = (text: string): string => {
  const domain = parseDomain(text);
  return domain.ok ? domain.value : `refused: ${domain.error.code}`;
};

const label = (length: number) => "a".repeat(length);

test("a host name is brought to lower case", () => {
  assert.equal(read("Mail.Example.JP"), "mail.example.jp");
  assert.equal(read("jp"), "jp");
  assert.equal(read("3com.example"), "3com.example");
  assert.equal(read("c--n.example"), "c--n.example");
});

test("an all-numeric name is a domain and is not turned into an address", () => {
  assert.equal(read("1.2.3"), "1.2.3");
  assert.equal(read("127.0.0.1"), "127.0.0.1");
  assert.equal(read("0x7f.1"), "0x7f.1");
});

test("what is no host name is refused", () => {
  assert.equal(read(""), "refused: domain-missing");
  assert.equal(read("."), "refused: dot-misplaced");
  assert.equal(read(".example.jp"), "refused: dot-misplaced");
  assert.equal(read("example.jp."), "refused: dot-misplaced");
  assert.equal(read("example..jp"), "refused: dot-misplaced");
  assert.equal(read("-a.example"), "refused: label-hyphen");
  assert.equal(read("a-.example"), "refused: label-hyphen");
  assert.equal(read("xn---"), "refused: label-hyphen");
  assert.equal(read("_dmarc.example.jp"), "refused: domain-syntax");
  assert.equal(read("a_b.example.jp"), "refused: domain-syntax");
  assert.equal(read("a%2eb.example"), "refused: domain-syntax");
  assert.equal(read("exa mple.jp"), "refused: domain-syntax");
  assert.equal(read("example.jp\n"), "refused: domain-syntax");
  assert.equal(read("example.jp\0"), "refused: domain-syntax");
  assert.equal(read("[192.0.2.1]"), "refused: domain-syntax");
});

test("labels end at 63 octets and names at 253", () => {
  assert.equal(read(`${label(63)}.jp`), `${label(63)}.jp`);
  assert.equal(read(`${label(64)}.jp`), "refused: label-too-long");
  const longest = [label(63), label(63), label(63), label(61)].join(".");
  assert.equal(longest.length, 253);
  assert.equal(read(longest), longest);
  assert.equal(read(`${longest}a`), "refused: domain-too-long");
});

test("other scripts become A-labels after case, width and full stop are mapped", () => {
  assert.equal(read("例え.jp"), "xn--r8jz45g.jp");
  assert.equal(read("例え。ｊｐ"), "xn--r8jz45g.jp");
  assert.equal(read("ＥＸＡＭＰＬＥ．ＪＰ"), "example.jp");
  assert.equal(read("BÜCHER.example"), "xn--bcher-kva.example");
  assert.equal(read("bu\u0308cher.example"), "xn--bcher-kva.example");
  assert.equal(read("faß.example"), "xn--fa-hia.example");
  assert.equal(read("ﾊﾞﾅﾅ.example"), read("バナナ.example"));
  assert.equal(read("コーヒー・豆.example").startsWith("xn--"), true);
});

test("an A-label may stand beside a U-label", () => {
  assert.equal(read("xn--r8jz45g.例え"), "xn--r8jz45g.xn--r8jz45g");
});

test("what the UTS 46 conversion would forgive is refused", () => {
  for (const text of [
    "henryⅣ.example",
    "①.example",
    "ﬁ.example",
    "ª.example",
    "ſ.example",
    "例.a%62c",
    "℡.example",
    "☃.example",
    "i❤.example",
    "ab--ü.example",
    "-ü.example",
    "ü-.example",
    "ü_a.example",
    "ü%.example",
    "ü a.example",
    "a\u00adü.example",
    "a\u200bü.example",
    "\u0308u.example",
    "a・ü.example",
    "例.1",
    "例.1.2.3",
    "xn--zzzzzzzz.例",
    "例\u2488com",
    "\ud800.example",
    "例え..jp",
    "例え.jp。",
  ]) {
    assert.match(read(text), /^refused: (idn|dot-misplaced)$/, JSON.stringify(text));
  }
  assert.equal(read("％.example"), "refused: domain-syntax");
  assert.equal(read("例＠.example"), "refused: idn");
  assert.equal(read("xn--.例"), "refused: label-hyphen");
});

test("an international label is measured as its A-label", () => {
  assert.match(read(`${"ü".repeat(63)}.example`), /^refused: /);
});

const anyCharacter = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));

test("whatever is accepted is a lower-case host name and reads as itself", () => {
  const texts = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 40 }),
    fc.string({ unit: anyCharacter, maxLength: 40 }),
    fc
      .array(fc.string({ unit: fc.constantFrom(..."aZ0-_ü例ー・ß．。Ⅳ%".split("")), maxLength: 8 }))
      .map((labels) => labels.join(".")),
    fc.domain(),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const domain = parseDomain(text);
      if (!domain.ok) return;
      assert.match(domain.value, /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.|$))+$/);
      assert.doesNotMatch(domain.value, /\.$/);
      assert.ok(domain.value.length <= 253);
      assert.deepEqual(parseDomain(domain.value), domain);
    }),
  );
});
