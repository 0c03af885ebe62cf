// Files of prefixes: one a line, "#" begins a comment, empty lines do not count. Made for a million lines: nothing is
// kept per line but the two ends of the range. What is wrong is told with its line; reading goes on, up to a limit.

import { AddressSetBuilder } from "./address-set.ts";
import type { AddressSets } from "./address-set.ts";

export interface LineProblem {
  /** From 1. */
  readonly line: number;
  readonly text: string;
  /** Continues a sentence that begins with the text. */
  readonly message: string;
}

export interface PrefixLines {
  readonly addresses: AddressSets;
  /** Prefixes read, before they were merged. */
  readonly count: number;
  /** At most a hundred. */
  readonly problems: readonly LineProblem[];
}

const maxProblems = 100;

export function parsePrefixLines(text: string): PrefixLines {
  const builder = new AddressSetBuilder();
  const problems: LineProblem[] = [];
  let count = 0;
  let line = 0;
  for (let at = 0; at < text.length && problems.length < maxProblems;) {
    line++;
    const newline = text.indexOf("\n", at);
    const lineEnd = newline === -1 ? text.length : newline;
    let [start, end] = [at, lineEnd];
    at = lineEnd + 1;
    while (start < end && isSpace(text.charCodeAt(start))) start++;
    if (text.charCodeAt(start) === 35 || start === end) continue;
    for (let place = start; place < end; place++) if (text.charCodeAt(place) === 35) end = place;
    while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
    const message = builder.addText(text, start, end);
    if (message === undefined) count++;
    else problems.push({ line, text: text.slice(start, Math.min(end, start + 80)), message });
  }
  return { addresses: builder.build(), count, problems };
}

/** Space, tab, carriage return, and the byte order mark. */
function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 13 || code === 0xfeff;
}
