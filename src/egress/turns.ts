// Who gets the next slot, and who must give one up. Pure; the pool does what it says.
//
// Destinations that answer get theirs in the order in which they came. Of the others nobody knows which are dead. Strangers,
// of whom nothing was ever heard, are served before those that were silent: the newest in every second turn, so that
// one more site begins soon however many dead ones came before it, and else the oldest stranger and the oldest silent one
// alternately, so that none waits for ever.
//
// A site that does not answer is given up after `stalled` when a stranger waits. Many living hosts are slow to greet, and
// would be given up every time where dead hosts crowd: so half of the slots for the unproven may be kept up to `crowded`.

import type { Slots, Standing } from "./slots.ts";

/** What was heard of a destination that wants a slot. */
export type Line = "proven" | "stranger" | "silent";

const turns: readonly (readonly [from: Exclude<Line, "proven">, end: "oldest" | "newest"])[] = [
  ["stranger", "newest"],
  ["stranger", "oldest"],
  ["stranger", "newest"],
  ["silent", "oldest"],
];

export class Turns<T> {
  readonly #lines: { readonly [Each in Line]: Deque<T> } = {
    proven: new Deque(),
    stranger: new Deque(),
    silent: new Deque(),
  };
  #turn = 0;

  /** Who is waiting already keeps the place. */
  add(who: T, line: Line): void {
    if (!this.#lines[line].has(who)) this.delete(who);
    this.#lines[line].add(who);
  }

  delete(who: T): void {
    for (const line of Object.values(this.#lines)) line.delete(who);
  }

  count(line: Line): number {
    return this.#lines[line].size;
  }

  waiting(standing: Standing): number {
    return standing === "proven" ? this.count("proven") : this.count("stranger") + this.count("silent");
  }

  /** The next in turn, who waits no more. */
  take(standing: Standing): T | undefined {
    if (standing === "proven") return this.#lines.proven.take("oldest");
    for (let tried = 0; tried < turns.length; tried++) {
      const [line, end] = turns[this.#turn]!;
      this.#turn = (this.#turn + 1) % turns.length;
      const next = this.#lines[line].take(end);
      if (next !== undefined) return next;
    }
    return undefined;
  }
}

export interface Hanging<C> {
  readonly connection: C;
  readonly standing: Standing;
  /** For an answer, ms. */
  readonly waited: number;
}

export interface Patience {
  readonly stalled: number;
  readonly crowded: number;
}

/** Connections to give up now. Those given up make room that is looked at again. */
export function toGiveUp<C>(
  connections: Iterable<Hanging<C>>,
  slots: Slots,
  waiting: Pick<Turns<unknown>, "count" | "waiting">,
  { stalled, crowded }: Patience,
): readonly C[] {
  const hanging: { [Each in Standing]: Hanging<C>[] } = { proven: [], unproven: [] };
  for (const each of connections) if (each.waited >= stalled) hanging[each.standing].push(each);
  for (const each of Object.values(hanging)) each.sort((a, b) => b.waited - a.waited);
  const victims: C[] = [];
  const [longest] = hanging.proven;
  if (longest !== undefined && slots.contended(waiting) && slots.crowded(slots.unproven + hanging.proven.length)) {
    victims.push(longest.connection);
  }
  if (slots.free("unproven")) return victims;
  const late = hanging.unproven.filter(({ waited }) => waited >= crowded).slice(0, waiting.waiting("unproven"));
  const strangers = Math.max(0, waiting.count("stranger") - late.length);
  const beyond = hanging.unproven.slice(Math.max(late.length, slots.patient)).slice(0, strangers);
  for (const { connection } of [...late, ...beyond]) victims.push(connection);
  return victims;
}

/** First in, first out, or the other way round. */
class Deque<T> {
  readonly #tickets = new Map<T, number>();
  #queue: { readonly who: T; readonly ticket: number }[] = [];
  #head = 0;
  #last = 0;

  get size(): number {
    return this.#tickets.size;
  }

  has(who: T): boolean {
    return this.#tickets.has(who);
  }

  add(who: T): void {
    if (this.#tickets.has(who)) return;
    this.#tickets.set(who, ++this.#last);
    this.#queue.push({ who, ticket: this.#last });
  }

  delete(who: T): void {
    if (!this.#tickets.delete(who)) return;
    if (this.#tickets.size === 0) this.#queue = [];
    else if (this.#queue.length - this.#head < 2 * this.#tickets.size + 64) return;
    else this.#queue = this.#queue.slice(this.#head).filter((each) => this.#isThere(each));
    this.#head = 0;
  }

  take(end: "oldest" | "newest"): T | undefined {
    while (this.#head < this.#queue.length) {
      const entry = end === "oldest" ? this.#queue[this.#head++]! : this.#queue.pop()!;
      if (!this.#isThere(entry)) continue;
      this.delete(entry.who);
      return entry.who;
    }
    return undefined;
  }

  #isThere({ who, ticket }: { readonly who: T; readonly ticket: number }): boolean {
    return this.#tickets.get(who) === ticket;
  }
}
