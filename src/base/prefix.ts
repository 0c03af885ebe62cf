// IP prefixes: "192.0.2.0/24", "2001:db8::/32", or one address. Host bits are refused, since they mean that the writer
// had another prefix in mind, and so are IPv4-mapped ones: IPv4 is written as IPv4.

import { formatIp, isMapped, parseIp, unmapIp } from "./ip.ts";
import { failure, success } from "./result.ts";
import type { Result } from "./result.ts";

export interface Prefix {
  /** Its first address, in the canonical spelling. */
  readonly address: string;
  /** Bits that count: 0 to 32 or 128. */
  readonly length: number;
}

export function parsePrefix(text: string): Result<Prefix, string> {
  const [written = "", digits, ...rest] = text.split("/");
  const octets = parseIp(written);
  if (octets === undefined || rest.length > 0) return failure("is not an IP address or prefix");
  const bits = octets.length * 8;
  if (digits !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(digits)) return failure("has no length in bits after the /");
  const length = digits === undefined ? bits : Number(digits);
  if (length > bits) return failure(`is longer than the ${bits} bits of such an address`);
  if (isMapped(octets)) return failure(`is an IPv4-mapped address: write ${formatIp(unmapIp(octets))}`);
  const network = octets.map((octet, index) => octet & maskAt(index, length));
  if (network.some((octet, index) => octet !== octets[index])) {
    return failure(`has bits beyond its length: ${formatPrefix({ address: formatIp(network), length })} is meant?`);
  }
  return success({ address: formatIp(network), length });
}

export function formatPrefix({ address, length }: Prefix): string {
  const isOne = length === (address.includes(":") ? 128 : 32);
  return isOne ? address : `${address}/${length}`;
}

/** Asks of addresses in text, IPv4-mapped ones too; what is no address is in no prefix. */
export function prefixMatcher(prefixes: readonly Prefix[]): (address: string) => boolean {
  const known = prefixes.map(({ address, length }) => ({ network: parseIp(address), length }));
  return (address) => {
    const parsed = known.length === 0 ? undefined : parseIp(address);
    if (parsed === undefined) return false;
    const octets = unmapIp(parsed);
    return known.some(
      ({ network, length }) =>
        network?.length === octets.length &&
        octets.every((octet, index) => (octet & maskAt(index, length)) === network[index]),
    );
  };
}

/** The bits of one octet that count. */
function maskAt(index: number, length: number): number {
  const bits = Math.min(Math.max(length - 8 * index, 0), 8);
  return (0xff << (8 - bits)) & 0xff;
}
