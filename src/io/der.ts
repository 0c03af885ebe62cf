// The few pieces of DER (X.690 §8–§11) that a certificate is made of. Writes only; reading is node:crypto's.

/** Tag, length in its shortest form, content. */
export function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length: number[] = [];
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  return Buffer.concat([Buffer.from([tag, 0x80 + length.length, ...length]), body]);
}

export function sequence(...items: readonly Uint8Array[]): Buffer {
  return element(0x30, ...items);
}

/** A number that is not negative, given as its octets. */
export function unsignedInteger(octets: Uint8Array): Buffer {
  const start = octets.findIndex((octet) => octet !== 0);
  const digits = start === -1 ? Buffer.from([0]) : octets.subarray(start);
  const sign = (digits[0] ?? 0) >= 0x80 ? Buffer.from([0]) : Buffer.alloc(0);
  return element(0x02, sign, digits);
}

/** `1.2.840.…` (X.690 §8.19). */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...others] = dotted.split(".").map(Number);
  const octets = [40 * first + second, ...others].flatMap((part) => {
    const groups = [part % 128];
    for (let rest = Math.floor(part / 128); rest > 0; rest = Math.floor(rest / 128))
      groups.unshift(0x80 + (rest % 128));
    return groups;
  });
  return element(0x06, Buffer.from(octets));
}

/** RFC 5280 §4.1.2.5: two-digit years to 2049, four digits from 2050. */
export function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return digits < "2050" ? element(0x17, Buffer.from(digits.slice(2))) : element(0x18, Buffer.from(digits));
}
