// Words, strings and signs of an nft text. A token is a place in the text; nothing is copied until somebody asks, because
// most of a long text is elements, which are read where they stand.

import type { ParseProblem } from "../../target.ts";

export class Unreadable extends Error {
  readonly problem: ParseProblem;

  constructor(problem: ParseProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

export type TokenKind = "word" | "string" | "sign" | "newline" | "end";

const word = /[A-Za-z0-9_./:@*?\\$-]/;
const isWord = Array.from({ length: 128 }, (_, code) => word.test(String.fromCharCode(code)));
const signs = ["==", "!=", "<=", ">=", "{", "}", "(", ")", ",", ";", "=", "&", "|", "<", ">", "^", "+", "!"];

export class Lexer {
  readonly text: string;
  readonly #path: string;
  kind: TokenKind = "newline";
  start = 0;
  end = 0;
  line = 1;

  constructor(path: string, text: string) {
    this.#path = path;
    this.text = text;
    this.next();
  }

  get value(): string {
    return this.kind === "string"
      ? this.text.slice(this.start + 1, this.end - 1)
      : this.text.slice(this.start, this.end);
  }

  next(): void {
    if (this.kind === "newline" && this.end > this.start) this.line++;
    const { text } = this;
    let at = this.end;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === 32 || code === 9 || code === 13) at++;
      else if (code === 35) {
        const newline = text.indexOf("\n", at);
        at = newline === -1 ? text.length : newline;
      } else break;
    }
    this.start = at;
    const code = text.charCodeAt(at);
    if (at >= text.length) this.#is("end", at);
    else if (code === 10) this.#is("newline", at + 1);
    else if (code === 34) {
      const close = text.indexOf('"', at + 1);
      if (close === -1) this.refuse("a string without an end");
      this.#is("string", close + 1);
    } else if (isWord[code] === true) {
      while (isWord[text.charCodeAt(at)] === true) at++;
      this.#is("word", at);
    } else {
      const sign = signs.find((one) => text.startsWith(one, at));
      if (sign === undefined) this.refuse(`${JSON.stringify(text[at])} is not understood`);
      this.#is("sign", at + sign.length);
    }
  }

  #is(kind: TokenKind, end: number): void {
    this.kind = kind;
    this.end = end;
  }

  refuse(message: string): never {
    throw new Unreadable({ path: this.#path, line: this.line, message });
  }

  refuseToken(expected: string): never {
    const found = this.kind === "end" ? "the end" : this.kind === "newline" ? "the end of the line" : this.value;
    this.refuse(`${found} stands where ${expected} is expected`);
  }

  isSign(sign: string): boolean {
    return this.kind === "sign" && this.value === sign;
  }

  isWord(text: string): boolean {
    return this.kind === "word" && this.value === text;
  }

  skipNewlines(): void {
    while (this.kind === "newline") this.next();
  }

  skipSeparators(): void {
    while (this.kind === "newline" || this.isSign(";")) this.next();
  }

  takeSign(sign: string): void {
    if (!this.isSign(sign)) this.refuseToken(`"${sign}"`);
    this.next();
  }

  takeWord(text: string): void {
    if (!this.isWord(text)) this.refuseToken(`"${text}"`);
    this.next();
  }

  /** Whether it was there. */
  tookWord(text: string): boolean {
    if (!this.isWord(text)) return false;
    this.next();
    return true;
  }

  tookSign(sign: string): boolean {
    if (!this.isSign(sign)) return false;
    this.next();
    return true;
  }

  /** A word or a string, whatever it says. */
  takeName(expected: string): string {
    if (this.kind !== "word" && this.kind !== "string") this.refuseToken(expected);
    const { value } = this;
    this.next();
    return value;
  }
}
