// IP addresses: text to octets and back. IPv4 as dotted quad without leading zeros, IPv6 in the forms of RFC 4291 §2.2
// without zones, written as RFC 5952 says. Pure, so that cores may use it.

/** 4 or 16 octets. */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Takes 4 or 16 octets. */
export function formatIp(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join(".");
  const groups = Array.from({ length: 8 }, (_, index) => (octets[2 * index]! << 8) | octets[2 * index + 1]!);
  const run = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (run.length < 2) return hex.join(":");
  return `${hex.slice(0, run.start).join(":")}::${hex.slice(run.start + run.length).join(":")}`;
}

/** IPv4 addresses that came as ::ffff:192.0.2.1 (RFC 4291 §2.5.5.2) as what they are. */
export function unmapIp(octets: Uint8Array): Uint8Array {
  return isMapped(octets) ? octets.slice(12) : octets;
}

/** One spelling of an address: IPv4 as what it is, also where a dual-stack socket shows ::ffff:192.0.2.1. undefined: it is none. */
export function plainIp(text: string): string | undefined {
  const octets = parseIp(text);
  return octets === undefined ? undefined : formatIp(unmapIp(octets));
}

export function isMapped(octets: Uint8Array): boolean {
  return (
    octets.length === 16 &&
    octets.subarray(0, 10).every((octet) => octet === 0) &&
    octets[10] === 255 &&
    octets[11] === 255
  );
}

function parseIpv4(text: string): Uint8Array | undefined {
  const octets = new Uint8Array(4);
  let index = 0;
  /** Of the part being read; undefined before its first digit. */
  let value: number | undefined;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit >= 0 && digit <= 9) {
      // A leading zero could mean octal.
      if (value === 0) return undefined;
      value = (value ?? 0) * 10 + digit;
      if (value > 255) return undefined;
    } else {
      if (text[at] !== "." || value === undefined || index === 3) return undefined;
      octets[index++] = value;
      value = undefined;
    }
  }
  if (value === undefined || index !== 3) return undefined;
  octets[3] = value;
  return octets;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0]!, halves.length === 1);
  const tail = halves.length === 1 ? [] : groupsOf(halves[1]!, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  // "::" stands for at least one group.
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function groupsOf(text: string, mayEndInIpv4: boolean): readonly number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    const embedded = mayEndInIpv4 && index === parts.length - 1 && part.includes(".") ? parseIpv4(part) : undefined;
    if (embedded !== undefined) groups.push((embedded[0]! << 8) | embedded[1]!, (embedded[2]! << 8) | embedded[3]!);
    else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
