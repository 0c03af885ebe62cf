// The PROXY protocol's header, versions 1 and 2 (HAProxy, "The PROXY protocol", 2020/03/05): who the client of a
// connection is that comes through a load balancer. Pure: octets in, what they are out.
//
// Read strictly, and judged at the first octet that cannot belong to a header, so that nothing waits for more of what
// will never be one. TLVs of version 2 are passed over. UDP and Unix sockets are no clients of ours.

import { formatIp, parseIp, unmapIp } from "../../base/ip.ts";

export type ProxyHeader =
  /** The beginning of a header: come again with more. */
  | { readonly kind: "incomplete" }
  | {
      readonly kind: "header";
      /** Octets of the header; what follows is the client's. */
      readonly length: number;
      /** undefined: the proxy speaks for itself (LOCAL), or does not know (UNKNOWN, UNSPEC). */
      readonly client: { readonly address: string; readonly port: number } | undefined;
    }
  | { readonly kind: "bad"; readonly defect: string };

/** "PROXY TCP6" with the longest addresses and ports, and CRLF (§2.1). */
const V1_LIMIT = 107;
const V1_START = Buffer.from("PROXY ");
const V2_SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const V2_FIXED = 16;
/** Addresses and TLVs: room for the names in a client certificate and a few identifiers of clouds. */
const V2_LIMIT = 4096;

/** Takes everything received so far. */
export function readProxyHeader(octets: Uint8Array): ProxyHeader {
  const bytes = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  if (beginsLike(bytes, V1_START)) return readVersion1(bytes);
  if (beginsLike(bytes, V2_SIGNATURE)) return readVersion2(bytes);
  return bad("no PROXY header");
}

/** Equal as far as both go. */
function beginsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.subarray(0, length).equals(start.subarray(0, length));
}

function bad(defect: string): ProxyHeader {
  return { kind: "bad", defect };
}

function readVersion1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_LIMIT).indexOf("\n");
  if (end < 0) return bytes.length < V1_LIMIT ? { kind: "incomplete" } : bad("PROXY line too long");
  if (bytes[end - 1] !== 0x0d) return bad("PROXY line without CRLF");
  const line = bytes.toString("latin1", 0, end - 1);
  // The rest of an UNKNOWN line is to be ignored (§2.1).
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { kind: "header", length: end + 1, client: undefined };
  const match = /^PROXY TCP([46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) (\d{1,5}) (\d{1,5})$/.exec(line);
  if (match === null) return bad("PROXY line not understood");
  const [source, destination] = [match[2]!, match[3]!].map(parseIp);
  const size = match[1] === "4" ? 4 : 16;
  if (source?.length !== size || destination?.length !== size) return bad("PROXY line with a bad address");
  const ports = [match[4]!, match[5]!];
  if (ports.some((port) => !/^(?:0|[1-9]\d*)$/.test(port) || Number(port) > 65_535))
    return bad("PROXY line with a bad port");
  return { kind: "header", length: end + 1, client: clientOf(source, Number(ports[0])) };
}

function readVersion2(bytes: Buffer): ProxyHeader {
  const [versionAndCommand, familyAndProtocol] = [bytes[12], bytes[13]];
  if (versionAndCommand === undefined) return { kind: "incomplete" };
  if (versionAndCommand >> 4 !== 2) return bad("PROXY header of an unknown version");
  const command = versionAndCommand & 0xf;
  if (command > 1) return bad("PROXY header with an unknown command");
  if (familyAndProtocol === undefined || bytes.length < V2_FIXED) return { kind: "incomplete" };
  const rest = bytes.readUInt16BE(14);
  if (rest > V2_LIMIT) return bad("PROXY header too long");
  // LOCAL: family and addresses are to be ignored (§2.2).
  const size = command === 0 ? 0 : addressSizes.get(familyAndProtocol);
  if (size === undefined) return bad("PROXY header of a family other than TCP over IPv4 or IPv6");
  if (rest < 2 * size + (size === 0 ? 0 : 4)) return bad("PROXY header too short for its addresses");
  const length = V2_FIXED + rest;
  if (bytes.length < length) return { kind: "incomplete" };
  if (size === 0) return { kind: "header", length, client: undefined };
  const source = bytes.subarray(V2_FIXED, V2_FIXED + size);
  return { kind: "header", length, client: clientOf(source, bytes.readUInt16BE(V2_FIXED + 2 * size)) };
}

/** Octets of one address by family and protocol (§2.2): unspecified, TCP over IPv4, TCP over IPv6. */
const addressSizes: ReadonlyMap<number, number> = new Map([
  [0x00, 0],
  [0x11, 4],
  [0x21, 16],
]);

function clientOf(source: Uint8Array, port: number): { readonly address: string; readonly port: number } {
  return { address: formatIp(unmapIp(source)), port };
}
