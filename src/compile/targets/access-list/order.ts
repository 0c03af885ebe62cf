// The lines of access lists as a device keeps them: by number, wherever they stand in the text. Only a text whose numbers are
// not in order comes here; what is printed, and what `show` prints, is in order.

import { sectionOf } from "./vocabulary.ts";
import type { Begun } from "./vocabulary.ts";

/** Between a line and the next that has no number of its own. */
export const step = 10;

interface Entry {
  readonly number: number | undefined;
  /** Without its number. */
  readonly rest: string;
  /** In the text, from 0. */
  readonly line: number;
}

export interface Ordered {
  readonly text: string;
  /** For each line of `text`: which it was, from 1. */
  readonly lines: readonly number[];
}

/**
 * All lines of a list stand where it is written about last, so that groups are above their use. A line without a number goes
 * behind those before it. The same line twice with one number is one line; the failure is the line (from 1) that gives a
 * number to another line again, which some devices refuse and others take.
 */
export function inOrder(text: string): Ordered | { readonly again: number } {
  const written = text.split("\n");
  const lists = new Map<string, { readonly entries: Map<number, Entry>; highest: number }>();
  const lastPlace = new Map<string, number>();
  const kept: { readonly line: number; readonly list?: string }[] = [];
  let current: string | undefined;
  let isOpen = false;
  for (const [line, raw] of written.entries()) {
    const content = raw.trim();
    const saysNothing = content === "" || content.startsWith("!") || content.startsWith("#");
    const begun: Begun | undefined = saysNothing || (isOpen && /^\s/.test(raw)) ? undefined : sectionOf(content);
    if (begun !== undefined) {
      isOpen = begun.kind !== "other" && begun.kind !== "no-list";
      current = begun.kind === "list" ? `${begun.family} ${begun.name}` : undefined;
      if (begun.kind === "no-list") lists.delete(`${begun.family} ${begun.name}`);
      if (current !== undefined) lastPlace.set(current, line);
      kept.push(current === undefined ? { line } : { line, list: current });
      continue;
    }
    const entry = current === undefined ? undefined : entryOf(content, line);
    if (entry === undefined) {
      kept.push({ line });
      continue;
    }
    const list = lists.get(current!) ?? { entries: new Map<number, Entry>(), highest: 0 };
    lists.set(current!, list);
    const number = entry.number ?? list.highest + step;
    list.highest = Math.max(list.highest, number);
    const known = list.entries.get(number);
    if (known !== undefined && known.rest !== entry.rest) return { again: line + 1 };
    if (known === undefined) list.entries.set(number, { ...entry, number });
  }
  const ordered: { readonly text: string; readonly line: number }[] = [];
  for (const { line, list } of kept) {
    ordered.push({ text: written[line]!, line });
    if (list === undefined || lastPlace.get(list) !== line) continue;
    const entries = [...(lists.get(list)?.entries ?? [])].toSorted(([one], [other]) => one - other);
    for (const [number, { rest, line: from }] of entries) ordered.push({ text: ` ${number} ${rest}`, line: from });
  }
  return { text: ordered.map((line) => line.text).join("\n"), lines: ordered.map(({ line }) => line + 1) };
}

/** Of a line that permits or denies. */
function entryOf(content: string, line: number): Entry | undefined {
  const parts = /^(?:(?:sequence )?(\d+) +)?((?:permit|deny)\b.*?)(?: sequence (\d+)(.*))?$/.exec(content);
  if (parts === null) return undefined;
  const number = parts[1] ?? parts[3];
  const rest = `${parts[2]!}${parts[4] ?? ""}`.replaceAll(/\s+/g, " ");
  return { number: number === undefined ? undefined : Number(number), rest, line };
}
