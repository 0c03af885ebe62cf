// Conditions on numbers, in the three ways of writing them: alternatives of ranges. What RFC 8955 §4.2.1.1 can say with
// operators, as the ranges that it comes to.

import type { PortRange } from "../../ir.ts";

export const protocolNumbers: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  gre: 47,
  icmpv6: 58,
  ospf: 89,
  pim: 103,
  sctp: 132,
};

/** What was read before is the same object again, which comparing thousands of rules counts on. */
export class NumberReader {
  readonly #known = new Map<string, readonly PortRange[] | undefined>();

  /** undefined: it is not understood. */
  read(text: string, most: number, names: Readonly<Record<string, number>> = {}): readonly PortRange[] | undefined {
    const key = `${most} ${text}`;
    if (!this.#known.has(key)) this.#known.set(key, readNumbers(text, most, names));
    return this.#known.get(key);
  }
}

function readNumbers(
  text: string,
  most: number,
  names: Readonly<Record<string, number>>,
): readonly PortRange[] | undefined {
  const alternatives = text
    .replaceAll(/^\[|\]$/g, "")
    .replaceAll(/([=<>!])\s+/g, "$1")
    .replaceAll(/\s*&{1,2}\s*/g, "&")
    .split(/\s*\|\|\s*|\s*,\s*|\s+/)
    .filter((each) => each !== "");
  const ranges: PortRange[] = [];
  for (const alternative of alternatives) {
    let inside: readonly PortRange[] = [{ first: 0, last: most }];
    for (const condition of alternative.split("&")) {
      const allowed = readCondition(condition, most, names);
      if (allowed === undefined) return undefined;
      inside = inside.flatMap((one) =>
        allowed.flatMap((other) => {
          const [first, last] = [Math.max(one.first, other.first), Math.min(one.last, other.last)];
          return first <= last ? [{ first, last }] : [];
        }),
      );
    }
    ranges.push(...inside);
  }
  return ranges.length === 0 ? undefined : ranges;
}

function readCondition(
  text: string,
  most: number,
  names: Readonly<Record<string, number>>,
): readonly PortRange[] | undefined {
  const span = /^(\d+)\.\.(\d+)$/.exec(text);
  if (span !== null) return bounded([{ first: Number(span[1]), last: Number(span[2]) }], most);
  const found = /^(==|=|!=|<=|>=|<|>|)([a-z0-9]+)$/.exec(text);
  if (found === null) return undefined;
  const [, operator, word = ""] = found;
  const value = names[word] ?? (/^\d{1,5}$/.test(word) ? Number(word) : undefined);
  if (value === undefined || value > most) return undefined;
  switch (operator) {
    case "<":
      return bounded([{ first: 0, last: value - 1 }], most);
    case "<=":
      return bounded([{ first: 0, last: value }], most);
    case ">":
      return bounded([{ first: value + 1, last: most }], most);
    case ">=":
      return bounded([{ first: value, last: most }], most);
    case "!=":
      return bounded(
        [
          { first: 0, last: value - 1 },
          { first: value + 1, last: most },
        ],
        most,
      );
    case undefined:
    default:
      return [{ first: value, last: value }];
  }
}

function bounded(ranges: readonly PortRange[], most: number): readonly PortRange[] {
  return ranges.filter(({ first, last }) => first <= last && last <= most);
}
