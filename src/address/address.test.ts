import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { addressKey, formatAddress, parseAddress, type Address } from "./address.ts";

const UTF8 = { utf8: true };

function accept(text: string, options = { utf8: false }): Address {
  const address = parseAddress(text, options);
  return address.ok ? address.value : assert.fail(`${text}: ${address.error.code}`);
}

function refuse(text: string, options = { utf8: false }): { code: string; offset: number } {
  const address = parseAddress(text, options);
  return address.ok ? assert.fail(`${text} was accepted`) : { code: address.error.code, offset: address.error.offset };
}

test("a plain mailbox keeps the case of its local part", () => {
  assert.deepEqual(accept("Alice.Example@Sekimori.TEST"), {
    local: "Alice.Example",
    domain: "sekimori.test",
    literal: undefined,
  });
});

test("a quoted local part is read for its meaning", () => {
  assert.equal(accept('"alice"@sekimori.test').local, "alice");
  assert.equal(accept('"a\\lice \\"\\\\@\\ "@sekimori.test').local, 'alice "\\@ ');
  assert.equal(accept('""@sekimori.test').local, "");
});

test("errors say where", () => {
  assert.deepEqual(refuse(""), { code: "empty", offset: 0 });
  assert.deepEqual(refuse("@sekimori.test"), { code: "local-part-missing", offset: 0 });
  assert.deepEqual(refuse("alice"), { code: "domain-missing", offset: 5 });
  assert.deepEqual(refuse("alice@"), { code: "domain-missing", offset: 6 });
  assert.deepEqual(refuse(".alice@sekimori.test"), { code: "dot-misplaced", offset: 0 });
  assert.deepEqual(refuse("alice.@sekimori.test"), { code: "dot-misplaced", offset: 6 });
  assert.deepEqual(refuse("a..b@sekimori.test"), { code: "dot-misplaced", offset: 2 });
  assert.deepEqual(refuse("al ice@sekimori.test"), { code: "local-part-syntax", offset: 2 });
  assert.deepEqual(refuse(" alice@sekimori.test"), { code: "local-part-syntax", offset: 0 });
  assert.deepEqual(refuse("alice@sekimori.test "), { code: "trailing-text", offset: 19 });
  assert.deepEqual(refuse("alice@sekimori.test\r\n"), { code: "trailing-text", offset: 19 });
  assert.deepEqual(refuse("<alice@sekimori.test>"), { code: "local-part-syntax", offset: 0 });
  assert.deepEqual(refuse("alice@a_b.test"), { code: "domain-syntax", offset: 7 });
  assert.deepEqual(refuse("alice@a.-b.test"), { code: "label-hyphen", offset: 8 });
  assert.deepEqual(refuse('"alice@sekimori.test'), { code: "quoted-string-unclosed", offset: 0 });
  assert.deepEqual(refuse('"alice\\"'), { code: "quoted-string-unclosed", offset: 0 });
  assert.deepEqual(refuse('"a\tb"@sekimori.test'), { code: "control-character", offset: 2 });
  assert.deepEqual(refuse('"a\\\nb"@sekimori.test'), { code: "control-character", offset: 3 });
});

test("a local part ends at 64 octets as written", () => {
  accept(`${"a".repeat(64)}@sekimori.test`);
  assert.equal(refuse(`${"a".repeat(65)}@sekimori.test`).code, "local-part-too-long");
  accept(`"${"a".repeat(62)}"@sekimori.test`);
  assert.equal(refuse(`"${"a".repeat(63)}"@sekimori.test`).code, "local-part-too-long");
});

test("a mailbox ends at 254 octets, so that its path is 256", () => {
  accept(`alice@${"a.".repeat(123)}aa`);
  assert.equal(refuse(`alice@${"a.".repeat(123)}aaa`).code, "path-too-long");
});

test("address literals come in canonical form", () => {
  assert.deepEqual(accept("alice@[192.0.2.1]").literal, { family: 4, address: "192.0.2.1" });
  assert.deepEqual(accept("alice@[ipv6:2001:DB8:0:0:0:0:0:1]").literal, { family: 6, address: "2001:db8::1" });
  assert.deepEqual(accept("alice@[IPv6:::]").literal, { family: 6, address: "::" });
  assert.deepEqual(accept("alice@[IPv6:::ffff:192.0.2.1]").literal, { family: 6, address: "::ffff:c000:201" });
});

test("what is no IPv4 or IPv6 literal is refused", () => {
  for (const literal of [
    "",
    "192.0.2",
    "192.0.2.256",
    "192.0.02.1",
    " 192.0.2.1",
    "2001:db8::1",
    "IPv6:",
    "IPv6:192.0.2.1",
    "IPv6:fe80::1%eth0",
    "IPv6:1:2:3:4:5:6:7::",
    "IPv6:1:2:3:4:5::192.0.2.1",
    "x-tag:content",
    "[192.0.2.1",
  ]) {
    assert.equal(refuse(`alice@[${literal}]`).code, "literal-syntax", literal);
  }
  assert.equal(refuse("alice@[192.0.2.1").code, "literal-syntax");
  assert.equal(refuse("alice@[192.0.2.1]a").code, "trailing-text");
});

test("other scripts need the caller's consent", () => {
  assert.equal(refuse("ありす@sekimori.test").code, "non-ascii");
  assert.equal(refuse('"ありす"@sekimori.test').code, "non-ascii");
  assert.deepEqual(refuse("alice@例え.jp"), { code: "non-ascii", offset: 6 });
  assert.deepEqual(accept("ありす@例え.jp", UTF8), { local: "ありす", domain: "xn--r8jz45g.jp", literal: undefined });
  assert.equal(accept('"あ り"@sekimori.test', UTF8).local, "あ り");
});

test("consent to UTF-8 is none to control characters, lone surrogates or bad names", () => {
  assert.equal(refuse("a\u0085b@sekimori.test", UTF8).code, "control-character");
  assert.equal(refuse('"a\u0085b"@sekimori.test', UTF8).code, "control-character");
  assert.equal(refuse("a\ud800b@sekimori.test", UTF8).code, "non-ascii");
  assert.equal(refuse("alice@henryⅣ.test", UTF8).code, "idn");
  assert.equal(refuse("alice@例え.jp/x", UTF8).code, "trailing-text");
  assert.equal(refuse(`${"あ".repeat(22)}@sekimori.test`, UTF8).code, "local-part-too-long");
  accept(`${"あ".repeat(21)}@sekimori.test`, UTF8);
});

const format = (text: string) => formatAddress(accept(text, UTF8));
const key = (text: string) => addressKey(accept(text, UTF8));

test("a local part is quoted only when it has to be", () => {
  assert.equal(format('"alice.example"@Sekimori.test'), "alice.example@sekimori.test");
  assert.equal(format('"alice example"@sekimori.test'), '"alice example"@sekimori.test');
  assert.equal(format('"a\\"\\\\\\b"@sekimori.test'), '"a\\"\\\\b"@sekimori.test');
  assert.equal(format('""@sekimori.test'), '""@sekimori.test');
  assert.equal(format('"a."@sekimori.test'), '"a."@sekimori.test');
  assert.equal(format("ありす@例え.jp"), "ありす@xn--r8jz45g.jp");
  assert.equal(format("alice@[192.0.2.1]"), "alice@[192.0.2.1]");
  assert.equal(format("alice@[IPv6:2001:db8::1]"), "alice@[IPv6:2001:db8::1]");
});

test("keys ignore notation and the case of ASCII letters, nothing else", () => {
  assert.equal(key('"Alice"@SEKIMORI.test'), key("aLICE@sekimori.TEST"));
  assert.equal(key("alice@[IPv6:2001:DB8::0:1]"), key("Alice@[ipv6:2001:db8::1]"));
  assert.notEqual(key("\u212aen@sekimori.test"), key("ken@sekimori.test"));
  assert.notEqual(key("al.ice@sekimori.test"), key("alice@sekimori.test"));
  assert.notEqual(key("alice+a@sekimori.test"), key("alice@sekimori.test"));
});

const localParts = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."abcXYZ019.!#$%&'*+-/=?^_`{|}~\"\\@<>[]() ,;:".split("")), maxLength: 31 }),
  fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 31 }),
);
const hosts = fc.oneof(
  fc.domain(),
  fc.ipV4().map((address) => `[${address}]`),
  fc.constantFrom("[IPv6:2001:db8::1]", "[IPv6:::]", "[IPv6:1:2:3:4:5:6:7:8]", "[IPv6:1:2:3:4:5:6:1.2.3.4]"),
);

test("formatting and parsing undo each other for any printable local part", () => {
  fc.assert(
    fc.property(localParts, hosts, (local, host) => {
      const address = accept(`"${local.replace(/["\\]/g, "\\$&")}"@${host}`);
      assert.equal(address.local, local);
      assert.deepEqual(accept(formatAddress(address)), address);
    }),
  );
});

const anyCharacter = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
const noise = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 60 }),
  fc.string({ unit: fc.constantFrom(...'ab.@"\\[]<> :-_é例\0\r\n\ud83d'.split("")), maxLength: 30 }),
);

test("any text is an address which survives a round trip, or an error inside the text", () => {
  fc.assert(
    fc.property(noise, fc.boolean(), (text, utf8) => {
      const address = parseAddress(text, { utf8 });
      if (address.ok) assert.deepEqual(accept(formatAddress(address.value), { utf8 }), address.value);
      else assert.ok(address.error.offset >= 0 && address.error.offset <= text.length);
    }),
  );
});
