// What conversion must know of a Content-Type field (RFC 2045 §5.1): type, subtype, boundary. Comments are skipped.
// A value that two readers could understand differently is no value: undefined, and the caller does not convert.
// Not read: other parameters, RFC 2231 continuations (a boundary in that form makes the answer undefined).

export interface ContentType {
  /** Lower case. */
  readonly type: string;
  readonly subtype: string;
  readonly boundary: string | undefined;
}

/** `value` is unfolded. Linear in its length. */
export function parseContentType(value: string): ContentType | undefined {
  const scanner = new Scanner(value);
  const type = scanner.token();
  if (type === undefined || !scanner.take("/")) return undefined;
  const subtype = scanner.token();
  if (subtype === undefined) return undefined;
  let boundary: string | undefined;
  while (scanner.take(";")) {
    // A last semicolon without a parameter is common and harmless.
    if (scanner.atEnd()) break;
    const name = scanner.token()?.toLowerCase();
    if (name === undefined || !scanner.take("=")) return undefined;
    const parameter = scanner.quotedString() ?? scanner.token();
    if (parameter === undefined) return undefined;
    if (name.startsWith("boundary*") || (name === "boundary" && boundary !== undefined)) return undefined;
    if (name === "boundary") boundary = parameter;
  }
  if (!scanner.atEnd()) return undefined;
  return { type: type.toLowerCase(), subtype: subtype.toLowerCase(), boundary };
}

/** The one token of a field such as Content-Transfer-Encoding, lower case. */
export function parseToken(value: string): string | undefined {
  const scanner = new Scanner(value);
  const token = scanner.token();
  return token !== undefined && scanner.atEnd() ? token.toLowerCase() : undefined;
}

/** RFC 2045 §5.1. */
const tokenPattern = /[!#-'*+\-.0-9A-Z^-~]+/y;
const quotedPattern = /"((?:[^"\\]|\\.)*)"/y;

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  atEnd(): boolean {
    this.#skip();
    return this.#at === this.#text.length;
  }

  take(character: string): boolean {
    this.#skip();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  token(): string | undefined {
    return this.#match(tokenPattern)?.[0];
  }

  quotedString(): string | undefined {
    return this.#match(quotedPattern)?.[1]?.replace(/\\(.)/g, "$1");
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    this.#skip();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found;
  }

  /** White space and comments, nested ones too; one that is not closed stays and is an error for what follows. */
  #skip(): void {
    let depth = 0;
    let at = this.#at;
    for (; at < this.#text.length; at++) {
      const character = this.#text[at];
      if (depth > 0 && character === "\\") at++;
      else if (character === "(") depth++;
      else if (depth > 0 && character === ")") depth--;
      else if (depth === 0 && character !== " " && character !== "\t") break;
    }
    if (depth === 0) this.#at = at;
  }
}
