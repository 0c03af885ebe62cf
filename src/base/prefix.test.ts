import assert from "node:assert/strict";
import { BlockList, isIP, isIPv6 } from "node:net";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatIp, parseIp, unmapIp } from "./ip.ts";
import { formatPrefix, parsePrefix, prefixMatcher } from "./prefix.ts";
import type { Prefix } from "./prefix.ts";

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.error);
  return parsed.value;
}

const anyIp = fc.oneof(fc.ipV4(), fc.ipV6());
const anyOctets = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  fc.array(fc.constantFrom(0, 0, 0, 255), { minLength: 16, maxLength: 16 }).map((octets) => Uint8Array.from(octets)),
);

test("any address is read, written canonically, and read back", () => {
  fc.assert(
    fc.property(anyOctets, (octets) => {
      const text = formatIp(octets);
      assert.deepEqual(parseIp(text), octets);
      if (octets.length === 16) assert.equal(`[${text}]`, new URL(`http://[${text}]/`).hostname);
    }),
  );
  fc.assert(fc.property(anyIp, (text) => assert.ok(parseIp(text) !== undefined)));
});

test("what is an address is what Node says, zones aside", () => {
  const anyText = fc.array(fc.constantFrom("1", "0", "01", "255", "256", ".", ".", ":", "::", "ffff", "g", "fffff"), {
    maxLength: 15,
  });
  fc.assert(
    fc.property(
      anyText.map((parts) => parts.join("")),
      (text) => assert.equal(parseIp(text) !== undefined, isIP(text) !== 0, text),
    ),
    { numRuns: 2000 },
  );
  for (const text of ["", "fe80::1%eth0", "1.2.3", "1.2.3.4.5", "01.2.3.4", "::1.2.3", "1::2::3", ":::", "1.2.3.4::"]) {
    assert.equal(parseIp(text), undefined, text);
  }
  assert.equal(formatIp(parseIp("::FFFF:192.0.2.1")!), "::ffff:c000:201");
  assert.equal(formatIp(unmapIp(parseIp("::ffff:192.0.2.1")!)), "192.0.2.1");
});

test("a prefix is written as it was read", () => {
  for (const text of ["192.0.2.0/24", "0.0.0.0/0", "127.0.0.1", "2001:db8::/32", "::/0", "::1", "10.0.0.0/8"]) {
    assert.equal(formatPrefix(prefix(text)), text);
  }
  assert.deepEqual(prefix("192.0.2.1/32"), { address: "192.0.2.1", length: 32 });
  assert.deepEqual(prefix("2001:DB8:0:0::/33"), { address: "2001:db8::", length: 33 });
});

test("what is no prefix is refused, with what was probably meant", () => {
  for (const [text, error] of [
    ["192.0.2.1/24", "has bits beyond its length: 192.0.2.0/24 is meant?"],
    ["2001:db8::1/64", "has bits beyond its length: 2001:db8::/64 is meant?"],
    ["192.0.2.0/33", "is longer than the 32 bits of such an address"],
    ["2001:db8::/129", "is longer than the 128 bits of such an address"],
    ["::ffff:192.0.2.0/120", "is an IPv4-mapped address: write 192.0.2.0"],
    ["192.0.2.0/", "has no length in bits after the /"],
    ["192.0.2.0/024", "has no length in bits after the /"],
    ["192.0.2.0/255.255.255.0", "has no length in bits after the /"],
    ["192.0.2.0/24/24", "is not an IP address or prefix"],
    ["192.0.2/24", "is not an IP address or prefix"],
    ["mx.example.jp", "is not an IP address or prefix"],
    ["", "is not an IP address or prefix"],
  ] as const) {
    assert.deepEqual(parsePrefix(text), { ok: false, error }, text);
  }
});

test("an address is in a prefix exactly when Node's BlockList says so", () => {
  fc.assert(
    fc.property(anyIp, anyIp, fc.nat(128), (network, other, bits) => {
      const family = isIPv6(network) ? "ipv6" : "ipv4";
      const length = family === "ipv4" ? bits % 33 : bits;
      // An address of the same beginning, so that some are inside.
      const octets = parseIp(network)!;
      const masked = octets.map(
        (octet, index) => octet & ((0xff << (8 - Math.min(Math.max(length - 8 * index, 0), 8))) & 0xff),
      );
      const parsed = parsePrefix(`${formatIp(masked)}/${length}`);
      // IPv4-mapped networks are refused.
      if (!parsed.ok) return;
      const list = new BlockList();
      list.addSubnet(formatIp(masked), length, family);
      const isInside = prefixMatcher([parsed.value]);
      for (const address of [network, other]) {
        // BlockList finds IPv4 in mapped subnets and the other way round; families are apart here.
        const same =
          isIPv6(address) === isIPv6(network) && unmapIp(parseIp(address)!).length === parseIp(address)!.length;
        if (same)
          assert.equal(isInside(address), list.check(address, family), `${address} in ${formatPrefix(parsed.value)}`);
      }
      assert.ok(isInside(network) || unmapIp(octets).length !== octets.length);
    }),
    { numRuns: 1000 },
  );
});

test("families are apart, mapped addresses count as IPv4, and nothing is in no prefix", () => {
  const isInside = prefixMatcher([prefix("0.0.0.0/0")]);
  assert.equal(isInside("192.0.2.1"), true);
  assert.equal(isInside("::ffff:192.0.2.1"), true);
  assert.equal(isInside("2001:db8::1"), false);
  assert.equal(prefixMatcher([prefix("::/0")])("192.0.2.1"), false);
  assert.equal(isInside("unknown"), false);
  assert.equal(prefixMatcher([])("192.0.2.1"), false);
  assert.equal(prefixMatcher([prefix("10.0.0.0/8"), prefix("::1")])("::1"), true);
});
