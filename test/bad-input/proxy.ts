// What a load balancer should not send ahead of its client, or somebody at its address, and the cause that the log keeps. The
// connection is cut without a word, for nobody knows who would read it.

export interface BadHeader {
  readonly name: string;
  readonly octets: Buffer;
  readonly cause: string;
}

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");

/** Version 2: command 0x21 is PROXY, family 0x11 is TCP over IPv4. */
function binary(command: number, family: number, length: number, body: string): Buffer {
  const fixed = Buffer.from([command, family, 0, 0]);
  fixed.writeUInt16BE(length, 2);
  return Buffer.concat([latin1("\r\n\r\n\0\r\nQUIT\n"), fixed, Buffer.from(body, "hex")]);
}

const ipv4 = "c0000209c6336401dc04024b";
const ipv6 = "20010db800000000000000000000000920010db8000000000000000000000001dc04024b";
const none = "no PROXY header";
const line = "PROXY line not understood";
const start = "PROXY TCP4 192.0.2.9 198.51.100.1";

const rows: readonly (readonly [name: string, octets: Buffer, cause: string])[] = [
  ["a client that speaks at once", latin1("EHLO client.example.org\r\n"), none],
  ["a TLS hello", latin1("\x16\x03\x01\x02\x00\x01\x00\x01"), none],
  ["HTTP", latin1("GET / HTTP/1.1\r\n"), none],
  ["small letters", latin1("proxy TCP4 192.0.2.9 198.51.100.1 1 2\r\n"), none],
  ["a space ahead", latin1(` ${start} 1 2\r\n`), none],
  ["XCLIENT", latin1("XCLIENT ADDR=192.0.2.9\r\n"), none],
  ["an empty line", latin1("\r\n"), none],
  ["half of the signature", latin1("\r\n\r\n\0\r\nQUIX"), none],
  ["nothing behind PROXY", latin1("PROXY \r\n"), line],
  ["no addresses", latin1("PROXY TCP4\r\n"), line],
  ["UDP", latin1("PROXY UDP4 192.0.2.9 198.51.100.1 1 2\r\n"), line],
  ["a family that is none", latin1("PROXY TCP5 192.0.2.9 198.51.100.1 1 2\r\n"), line],
  ["one port", latin1(`${start} 1\r\n`), line],
  ["three ports", latin1(`${start} 1 2 3\r\n`), line],
  ["two spaces", latin1(`${start} 1  2\r\n`), line],
  ["a space at the end", latin1(`${start} 1 2 \r\n`), line],
  ["a tab", latin1(`${start}\t1 2\r\n`), line],
  ["a NUL", latin1(`${start} 1 2\0\r\n`), line],
  ["a negative port", latin1(`${start} -1 2\r\n`), line],
  ["a port in hexadecimal", latin1(`${start} 0x1 2\r\n`), line],
  ["a scope", latin1("PROXY TCP6 fe80::1%eth0 2001:db8::1 1 2\r\n"), line],
  ["a name", latin1("PROXY TCP4 client.example.org 198.51.100.1 1 2\r\n"), line],
  ["LF alone", latin1(`${start} 1 2\n`), "PROXY line without CRLF"],
  ["a line that is too long", latin1(`PROXY UNKNOWN ${"x".repeat(100)}\r\n`), "PROXY line too long"],
  ["a line without an end", latin1(`PROXY ${"x".repeat(1000)}`), "PROXY line too long"],
  [
    "an octet with a nought ahead",
    latin1("PROXY TCP4 192.0.2.09 198.51.100.1 1 2\r\n"),
    "PROXY line with a bad address",
  ],
  ["an address of three octets", latin1("PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n"), "PROXY line with a bad address"],
  ["IPv6 said to be IPv4", latin1("PROXY TCP4 2001:db8::9 2001:db8::1 1 2\r\n"), "PROXY line with a bad address"],
  ["IPv4 said to be IPv6", latin1("PROXY TCP6 192.0.2.9 198.51.100.1 1 2\r\n"), "PROXY line with a bad address"],
  ["a port beyond all", latin1(`${start} 65536 2\r\n`), "PROXY line with a bad port"],
  ["a port with a nought ahead", latin1(`${start} 01 2\r\n`), "PROXY line with a bad port"],
  ["version 1 in binary", binary(0x11, 0x11, 12, ipv4), "PROXY header of an unknown version"],
  ["version 3", binary(0x31, 0x11, 12, ipv4), "PROXY header of an unknown version"],
  ["a command that is none", binary(0x2f, 0x11, 12, ipv4), "PROXY header with an unknown command"],
  ["UDP in binary", binary(0x21, 0x12, 12, ipv4), "PROXY header of a family other than TCP over IPv4 or IPv6"],
  [
    "a Unix socket",
    binary(0x21, 0x31, 216, "00".repeat(216)),
    "PROXY header of a family other than TCP over IPv4 or IPv6",
  ],
  ["no room for the addresses", binary(0x21, 0x11, 11, ipv4.slice(2)), "PROXY header too short for its addresses"],
  ["IPv6 with room for IPv4", binary(0x21, 0x21, 12, ipv4), "PROXY header too short for its addresses"],
  ["a length beyond all", binary(0x21, 0x21, 65_535, ipv6), "PROXY header too long"],
];

export const badHeaders: readonly BadHeader[] = rows.map(([name, octets, cause]) => ({ name, octets, cause }));
