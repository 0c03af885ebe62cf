// Names as they may be asked for: A-labels, lower case, no trailing dot. Underscores are let through (_dmarc, DKIM).
// RFC 1035 §2.3.4: labels of 1 to 63 octets, 253 in text. The packet library checks neither.

const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** Undefined when no such name can exist. */
export function normalName(text: string): string | undefined {
  const name = (text.endsWith(".") ? text.slice(0, -1) : text).toLowerCase();
  if (name.length === 0 || name.length > 253) return undefined;
  return name.split(".").every((each) => label.test(each)) ? name : undefined;
}

/** in-addr.arpa and ip6.arpa (RFC 1035 §3.5, RFC 3596 §2.5). The address is valid and without a zone. */
export function reverseName(address: string): string {
  if (!address.includes(":")) return `${address.split(".").toReversed().join(".")}.in-addr.arpa`;
  const nibbles = expandAddress(address).join("");
  return `${Array.from(nibbles).toReversed().join(".")}.ip6.arpa`;
}

function expandAddress(address: string): readonly string[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  if (dotted !== null) {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.slice(2).map(Number);
    return expandAddress(`${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  }
  const [head = "", tail] = address.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array.from({ length: zeros }, () => "0"), ...right];
  return groups.map((group) => group.padStart(4, "0"));
}
