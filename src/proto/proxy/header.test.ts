import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatIp, parseIp, unmapIp } from "../../base/ip.ts";
import { readProxyHeader } from "./header.ts";

const latin1 = (text: string) => Buffer.from(text, "latin1");
const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";

function version2(
  { command = 0x21, family = 0x11, length }: { command?: number; family?: number; length?: number },
  ...rest: readonly Uint8Array[]
): Buffer {
  const body = Buffer.concat(rest);
  const fixed = Buffer.from([command, family, 0, 0]);
  fixed.writeUInt16BE(length ?? body.length, 2);
  return Buffer.concat([latin1(SIGNATURE), fixed, body]);
}

const octetsOf = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });
const ports = Buffer.from([0xdc, 0x04, 0x02, 0x4b]);
const ipv4 = Buffer.concat([parseIp("192.0.2.9")!, parseIp("198.51.100.1")!, ports]);
const ipv6 = Buffer.concat([parseIp("2001:db8::9")!, parseIp("2001:db8::1")!, ports]);

const headers: readonly (readonly [name: string, octets: Buffer, client: unknown])[] = [
  ["v1 TCP4", latin1("PROXY TCP4 192.0.2.9 198.51.100.1 56324 587\r\n"), { address: "192.0.2.9", port: 56324 }],
  ["v1 TCP6", latin1("PROXY TCP6 2001:DB8:0::9 2001:db8::1 1 587\r\n"), { address: "2001:db8::9", port: 1 }],
  ["v1 TCP6, mapped", latin1("PROXY TCP6 ::ffff:192.0.2.9 ::1 1 587\r\n"), { address: "192.0.2.9", port: 1 }],
  ["v1 UNKNOWN", latin1("PROXY UNKNOWN\r\n"), undefined],
  ["v1 UNKNOWN with anything", latin1(`PROXY UNKNOWN ${"x".repeat(91)}\r\n`), undefined],
  [
    "v1, the longest",
    latin1(`PROXY TCP6 ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`),
    { address: `${"ffff:".repeat(7)}ffff`, port: 65535 },
  ],
  ["v2 TCP4", version2({}, ipv4), { address: "192.0.2.9", port: 56324 }],
  ["v2 TCP6", version2({ family: 0x21 }, ipv6), { address: "2001:db8::9", port: 56324 }],
  ["v2 TCP4 with TLVs", version2({}, ipv4, Buffer.alloc(500, 4)), { address: "192.0.2.9", port: 56324 }],
  ["v2 LOCAL", version2({ command: 0x20, family: 0 }), undefined],
  ["v2 LOCAL with addresses", version2({ command: 0x20 }, ipv4), undefined],
  ["v2 LOCAL of an unknown family", version2({ command: 0x20, family: 0x77 }), undefined],
  ["v2 UNSPEC", version2({ family: 0 }, Buffer.alloc(9)), undefined],
];

for (const [name, octets, client] of headers) {
  test(`${name}: read whole, octet by octet, and with what follows`, () => {
    const header = { kind: "header", length: octets.length, client };
    assert.deepEqual(readProxyHeader(octets), header);
    for (let length = 0; length < octets.length; length++) {
      assert.deepEqual(readProxyHeader(octets.subarray(0, length)), { kind: "incomplete" }, `${length}`);
    }
    assert.deepEqual(readProxyHeader(Buffer.concat([octets, latin1("EHLO client\r\nPROXY ")])), header);
  });
}

test("what is no header is known at the first octet that differs", () => {
  for (const text of ["E", "EHLO x\r\n", "PROXIMITY", "proxy ", "\r\n\r\nQ", "\x16\x03\x01", " PROXY TCP4"]) {
    assert.deepEqual(readProxyHeader(latin1(text)), { kind: "bad", defect: "no PROXY header" }, text);
  }
});

test("a header with a mistake is bad", () => {
  const start = "PROXY TCP4 192.0.2.9 198.51.100.1";
  for (const octets of [
    latin1("PROXY \r\n"),
    latin1("PROXY TCP4\r\n"),
    latin1("PROXY UDP4 192.0.2.9 198.51.100.1 1 2\r\n"),
    latin1("PROXY UNKNOWNS\r\n"),
    latin1(`${start} 1 2\n`),
    latin1(`${start} 1\r\n`),
    latin1(`${start} 1 2 \r\n`),
    latin1(`${start} 1  2\r\n`),
    latin1(`${start} 1 65536\r\n`),
    latin1(`${start} 01 2\r\n`),
    latin1(`${start} -1 2\r\n`),
    latin1("PROXY TCP4 192.0.2.09 198.51.100.1 1 2\r\n"),
    latin1("PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n"),
    latin1("PROXY TCP4 2001:db8::9 2001:db8::1 1 2\r\n"),
    latin1("PROXY TCP6 192.0.2.9 198.51.100.1 1 2\r\n"),
    latin1("PROXY TCP6 2001:db8::9%eth0 2001:db8::1 1 2\r\n"),
    latin1(`PROXY UNKNOWN ${"x".repeat(92)}\r\n`),
    latin1(`PROXY UNKNOWN ${"x".repeat(93)}`),
    version2({ command: 0x11 }, ipv4),
    version2({ command: 0x31 }, ipv4),
    version2({ command: 0x22 }, ipv4),
    version2({ family: 0x12 }, ipv4),
    version2({ family: 0x22 }, ipv6),
    version2({ family: 0x31 }, Buffer.alloc(216)),
    version2({ family: 0x10 }, ipv4),
    version2({}, ipv4.subarray(0, 11)),
    version2({ family: 0x21 }, ipv4),
    version2({ length: 4097 }, ipv4),
    version2({ length: 65_535 }),
  ]) {
    assert.equal(readProxyHeader(octets).kind, "bad", JSON.stringify(octets.toString("latin1")));
  }
});

test("any client is read back, in both versions", () => {
  const anyPair = fc.oneof(fc.tuple(octetsOf(4), octetsOf(4)), fc.tuple(octetsOf(16), octetsOf(16)));
  const anyPort = fc.nat(65_535);
  fc.assert(
    fc.property(anyPair, anyPort, anyPort, ([source, destination], from, to) => {
      const client = { address: formatIp(unmapIp(source)), port: from };
      const digit = source.length === 4 ? 4 : 6;
      const line = latin1(`PROXY TCP${digit} ${formatIp(source)} ${formatIp(destination)} ${from} ${to}\r\n`);
      assert.deepEqual(readProxyHeader(line), { kind: "header", length: line.length, client });
      const numbers = Buffer.alloc(4);
      numbers.writeUInt16BE(from, 0);
      numbers.writeUInt16BE(to, 2);
      const binary = version2({ family: digit === 4 ? 0x11 : 0x21 }, source, destination, numbers);
      assert.deepEqual(readProxyHeader(binary), { kind: "header", length: binary.length, client });
    }),
  );
});

test("whatever comes, it is a header, the beginning of one, or bad, and never more than its limit is waited for", () => {
  const anyStart = fc.constantFrom("", "PROXY ", "PROXY TCP4 1.2.3.4 ", SIGNATURE, `${SIGNATURE}\x21\x11`);
  fc.assert(
    fc.property(anyStart, fc.uint8Array({ maxLength: 200 }), (start, more) => {
      const octets = Buffer.concat([latin1(start), more]);
      const header = readProxyHeader(octets);
      if (header.kind === "header") assert.ok(header.length <= octets.length);
    }),
    { numRuns: 1000 },
  );
  const endless = Buffer.concat([version2({ length: 4096 }, ipv4), Buffer.alloc(5000)]);
  assert.equal(readProxyHeader(endless).kind, "header");
  assert.equal(readProxyHeader(latin1(`PROXY ${"A".repeat(5000)}`)).kind, "bad");
});
