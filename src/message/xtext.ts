// Reads the encodings of DSN parameters: xtext (RFC 3461 §4) and, in an original recipient of type utf-8, the escapes of
// RFC 6533 §3. What does not decode, or decodes to what no field may hold, is undefined: then nothing is reported of it.

const xtext = /^(?:[!-*,-<>-~\u00a0-\u{10ffff}]|\+[0-9A-F]{2})*$/u;
const printable = /^[ -~]+$/;

/** ENVID: printable ASCII. */
export function decodeXtext(text: string): string | undefined {
  if (!xtext.test(text)) return undefined;
  const decoded = text.replaceAll(/\+([0-9A-F]{2})/g, (_whole, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return printable.test(decoded) ? decoded : undefined;
}

/** ORCPT: "type;address", decoded; of type utf-8 with its own characters. */
export function decodeOriginalRecipient(text: string): string | undefined {
  const [, type, encoded] = /^([!-:<-~]+);(.+)$/su.exec(text) ?? [];
  if (type === undefined || encoded === undefined) return undefined;
  if (type.toLowerCase() !== "utf-8") {
    const address = decodeXtext(encoded);
    return address === undefined ? undefined : `${type};${address}`;
  }
  if (!/^[!-~\u00a0-\u{10ffff}]*$/u.test(encoded)) return undefined;
  const address = decodeEscapes(encoded);
  return address === undefined || !address.isWellFormed() ? undefined : `${type};${address}`;
}

// \x{HEX} is the form of RFC 6533; xtext's own escapes are read too, for clients that know no other.
function decodeEscapes(text: string): string | undefined {
  let fault = false;
  const decoded = text.replaceAll(
    /\\x\{([0-9A-F]{2,6})\}|\+([0-9A-F]{2})/g,
    (_whole, long?: string, short?: string) => {
      const code = parseInt(long ?? short ?? "", 16);
      if (code < 32 || (code >= 127 && code < 160) || code > 0x10ffff) fault = true;
      return fault ? "" : String.fromCodePoint(code);
    },
  );
  return fault || decoded === "" ? undefined : decoded;
}

/** For a report that must be ASCII (RFC 6533 §3, utf-8-addr-xtext). */
export function escapeToAscii(text: string): string {
  return text.replaceAll(/[^!-~]|[\\+=]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\x{${code.toString(16).toUpperCase().padStart(2, "0")}}`;
  });
}
