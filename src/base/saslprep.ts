// SASLprep (RFC 4013) for login names and passwords: the form in which they are compared and hashed, so that a
// password typed on a phone equals the one typed on a desk. Whoever stores a password must prepare it as well; other programs did not,
// so hashes of theirs may be of what was typed.
//
// Departures: Unicode of the running ICU instead of 3.2, and the bidirectional check (RFC 3454 §6) is left out;
// it guards against look-alikes on a screen, and neither value is shown. NFKC also turns the full-width letters
// of a Japanese input method into ASCII.

/** RFC 3454 B.1: commonly mapped to nothing. */
const IGNORED = /\u034f|\p{Variation_Selector}|[\u00ad\u1806\u200b-\u200d\u2060\ufeff]/gu;

/** RFC 3454 C.1.2: spaces other than U+0020. U+200B is in B.1 already. */
const SPACES = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/gu;

/**
 * RFC 3454 C.2 to C.9: controls, formats, private use, surrogates, unassigned and non-characters (Cc, Cf, Co, Cs,
 * Cn), line and paragraph separators, U+FFFC, U+FFFD and ideographic description characters.
 */
const PROHIBITED = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\u2028\u2029\ufffc\ufffd\u2ff0-\u2ffb]/u;

/** Of no password, prepared or not: what ends it for programs in C, and what ends a line. */
// oxlint-disable-next-line no-control-regex
const UNTYPED = /[\0\r\n]/;

export function canBeTyped(password: string): boolean {
  return password !== "" && !UNTYPED.test(password);
}

/** The prepared string, or undefined when it holds something prohibited or nothing at all. */
export function prepare(text: string): string | undefined {
  const mapped = text.replace(IGNORED, "").replace(SPACES, " ").normalize("NFKC");
  return mapped === "" || PROHIBITED.test(mapped) ? undefined : mapped;
}
