// The text of a RouterOS script as commands of items. Lines that end with a backslash go on; what stands in brackets, braces
// and parentheses is commands again. An item may have a group for its value: `do={ … }`, `place-before=[find …]`.

import { Unreadable } from "../statements.ts";

export interface Command {
  readonly items: readonly Item[];
  /** From 1. */
  readonly line: number;
}

export interface Item {
  /** Without quotes; of an item with a group, what stands before and after it. */
  readonly text: string;
  readonly group: Group | undefined;
}

export interface Group {
  readonly sign: "[" | "{" | "(";
  readonly commands: readonly Command[];
}

const closing = { "[": "]", "{": "}", "(": ")" } as const;

const continued = /\\\r?\n[ \t]*/y;

export function scan(text: string): readonly Command[] {
  const scanner = new Scanner(text);
  return scanner.commands(undefined);
}

class Scanner {
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  commands(end: string | undefined): readonly Command[] {
    const commands: Command[] = [];
    let items: Item[] = [];
    let line = this.#line;
    const finish = (): void => {
      if (items.length > 0) commands.push({ items, line });
      items = [];
    };
    for (;;) {
      this.#skipBlanks();
      const sign = this.#text[this.#at];
      if (sign === undefined) {
        if (end !== undefined) throw new Unreadable(this.#line, `there is no ${end}`);
        finish();
        return commands;
      }
      if (sign === end) {
        this.#at++;
        finish();
        return commands;
      }
      if (sign === "\n" || sign === ";") {
        finish();
        if (sign === "\n") this.#line++;
        this.#at++;
      } else if (sign === "#" && items.length === 0) {
        while (this.#at < this.#text.length && this.#text[this.#at] !== "\n") this.#at++;
      } else {
        if (items.length === 0) line = this.#line;
        items.push(this.#item(end));
      }
    }
  }

  #item(end: string | undefined): Item {
    let text = "";
    let group: Group | undefined;
    for (;;) {
      this.#skipContinuation();
      const sign = this.#text[this.#at];
      if (sign === undefined || /[\s;]/.test(sign) || sign === end) return { text, group };
      if (sign === "[" || sign === "{" || sign === "(") {
        if (group !== undefined) throw new Unreadable(this.#line, `a second ${sign} in a word is not understood`);
        this.#at++;
        group = { sign, commands: this.commands(closing[sign]) };
        if (sign === "{") return { text, group };
      } else if (sign === '"') {
        this.#at++;
        text += this.#quoted();
      } else if (sign === "]" || sign === "}" || sign === ")") {
        throw new Unreadable(this.#line, `a ${sign} without its beginning`);
      } else {
        text += sign;
        this.#at++;
      }
    }
  }

  #quoted(): string {
    let text = "";
    for (;;) {
      this.#skipContinuation();
      const sign = this.#text[this.#at++];
      if (sign === undefined) throw new Unreadable(this.#line, 'a " is not closed');
      if (sign === '"') return text;
      if (sign === "\n") this.#line++;
      if (sign !== "\\") text += sign;
      else {
        const escaped = this.#text[this.#at++] ?? "";
        text += escaped === "n" ? "\n" : escaped === "r" ? "\r" : escaped === "t" ? "\t" : escaped;
      }
    }
  }

  #skipBlanks(): void {
    for (;;) {
      this.#skipContinuation();
      const sign = this.#text[this.#at];
      if (sign !== " " && sign !== "\t" && sign !== "\r") return;
      this.#at++;
    }
  }

  /** A backslash at the end of a line, and the blanks that the next one begins with. */
  #skipContinuation(): void {
    while (this.#text[this.#at] === "\\") {
      continued.lastIndex = this.#at;
      const found = continued.exec(this.#text);
      if (found === null) return;
      this.#at += found[0].length;
      this.#line++;
    }
  }
}
