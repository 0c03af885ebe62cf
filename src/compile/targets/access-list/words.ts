// The words of a text line by line, where they stand: a list has a line for each prefix, so nothing is copied or put into
// an object until somebody asks.

const blank = 32;

export class Words {
  readonly text: string;
  /** The current word; at the end of the line both are the same. */
  start = 0;
  end = 0;
  /** From 1. */
  line = 0;
  /** Where the line begins, and where what counts of it does and ends. */
  #begin = 0;
  #first = 0;
  #last = 0;
  #next = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** Goes to the next line that says something: not empty, no comment ("!" or "#"). False: there is none. */
  nextLine(): boolean {
    const { text } = this;
    while (this.#next < text.length) {
      this.#begin = this.#next;
      this.line++;
      const found = text.indexOf("\n", this.#begin);
      let last = found === -1 ? text.length : found;
      this.#next = last + 1;
      let first = this.#begin;
      while (first < last && text.charCodeAt(first) <= blank) first++;
      if (first === last || text.charCodeAt(first) === 33 || text.charCodeAt(first) === 35) continue;
      while (text.charCodeAt(last - 1) <= blank) last--;
      this.#first = first;
      this.#last = last;
      this.end = first;
      this.next();
      return true;
    }
    return false;
  }

  get isIndented(): boolean {
    return this.#first > this.#begin;
  }

  /** The whole line, without blanks around it. */
  get content(): string {
    return this.text.slice(this.#first, this.#last);
  }

  /** What follows a "(" or "[" is a remark of `show`: how many packets matched. */
  next(): void {
    const { text } = this;
    let at = this.end;
    while (at < this.#last && text.charCodeAt(at) <= blank) at++;
    if (isRemark(text.charCodeAt(at))) this.#last = at;
    this.start = at;
    while (at < this.#last) {
      const code = text.charCodeAt(at);
      if (code <= blank || isRemark(code)) break;
      at++;
    }
    this.end = at;
  }

  get isOver(): boolean {
    return this.start >= this.#last;
  }

  get value(): string {
    return this.text.slice(this.start, this.end);
  }

  is(word: string): boolean {
    return this.end - this.start === word.length && this.text.startsWith(word, this.start);
  }

  /** Whether it was there. */
  took(word: string): boolean {
    if (!this.is(word)) return false;
    this.next();
    return true;
  }

  has(sign: number): boolean {
    for (let at = this.start; at < this.end; at++) if (this.text.charCodeAt(at) === sign) return true;
    return false;
  }

  /** The word as a whole number of at most ten digits. */
  get number(): number | undefined {
    if (this.isOver || this.end - this.start > 10) return undefined;
    let value = 0;
    for (let at = this.start; at < this.end; at++) {
      const digit = this.text.charCodeAt(at) - 48;
      if (digit < 0 || digit > 9) return undefined;
      value = value * 10 + digit;
    }
    return value;
  }
}

function isRemark(code: number): boolean {
  return code === 40 || code === 91;
}
