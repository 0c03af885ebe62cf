// The one writer of line ends (law 5). Every line that this house makes, for a protocol or for a message, gets
// its CRLF here and nowhere else, and a line that would carry a line end of its own is a bug that throws: it would
// be an injection otherwise. Reading of lines is not done here.

/** CR and LF end lines; NUL is read as an end by too many programs in C. */
// oxlint-disable-next-line no-control-regex
const forbidden = /[\r\n\0]/;

/** The line with its end. Throws when the text holds CR, LF or NUL. */
export function crlfLine(text: string): string {
  if (forbidden.test(text)) throw new TypeError(`line end inside a line: ${JSON.stringify(text.slice(0, 200))}`);
  return `${text}\r\n`;
}

/** Several lines, each with its end. */
export function crlfLines(texts: readonly string[]): string {
  let result = "";
  for (const text of texts) result += crlfLine(text);
  return result;
}
