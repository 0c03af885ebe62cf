// Limits of many keys over several windows at once. One owner: every count lives in exactly one Limits value, so a
// check and its reservation are one step and nobody overshoots, however many transactions are open.
//
//   reserve   takes units in all windows, or in none and says which is full
//   release   gives them back into the windows they came from (RSET, refusal, a lost connection)
//   count     takes units whether they fit or not (attempts; charges replayed after a restart)
//
// A reservation that is neither released nor forgotten is a charge: held and used are the same number.

import { SlidingWindow } from "./window.ts";

export interface WindowRule {
  readonly name: string;
  /** Milliseconds. */
  readonly length: number;
  readonly limit: number;
}

export interface Reservation {
  readonly key: string;
  readonly units: number;
  readonly at: number;
}

export interface Over {
  readonly kind: "over";
  readonly window: string;
  readonly used: number;
  readonly limit: number;
  /** Until the units would fit, ms; Infinity when they never do. */
  readonly opensIn: number;
}

export type LimitAnswer = { readonly kind: "within"; readonly reservation: Reservation } | Over;

export interface WindowUse {
  readonly window: string;
  readonly used: number;
  readonly limit: number;
}

/** Asked at every RCPT, and nearly always the answer. */
const none: readonly never[] = [];

export class Limits {
  readonly #rules: readonly WindowRule[];
  readonly #keys = new Map<string, readonly SlidingWindow[]>();

  constructor(rules: readonly WindowRule[]) {
    this.#rules = rules;
  }

  reserve(key: string, units: number, now: number): LimitAnswer {
    const windows = this.#windows(key);
    for (let index = 0; index < windows.length; index++) {
      const window = windows[index]!;
      if (!window.fits(units, now)) return this.#over(index, window, units, now);
    }
    for (const window of windows) window.take(units, now);
    return { kind: "within", reservation: { key, units, at: now } };
  }

  /** What would stand in the way of so many units, and first of all what always will. Takes nothing. */
  obstacle(key: string, units: number, now: number): Over | undefined {
    const windows = this.#keys.get(key) ?? this.#rules.map(({ length, limit }) => new SlidingWindow(length, limit));
    const never = windows.findIndex((window) => units > window.limit);
    const index = never === -1 ? windows.findIndex((window) => !window.fits(units, now)) : never;
    const window = windows[index];
    return window === undefined ? undefined : this.#over(index, window, units, now);
  }

  /** The same if there were so many times as much room. */
  obstacleAt(times: number, key: string, units: number, now: number): Over | undefined {
    const wider = new Limits(this.#rules.map((rule) => ({ ...rule, limit: rule.limit * times })));
    this.#copy(key, wider);
    return wider.obstacle(key, units, now);
  }

  release(reservation: Reservation): void {
    for (const window of this.#keys.get(reservation.key) ?? []) window.giveBack(reservation.units, reservation.at);
  }

  count(key: string, units: number, at: number): void {
    for (const window of this.#windows(key)) window.take(units, at);
  }

  /**
   * The same counts under other rules: a window begins with what the one of the same length holds, else with what the next
   * longer one holds, else the longest there was.
   */
  reshaped(rules: readonly WindowRule[]): Limits {
    const limits = new Limits(rules);
    for (const key of this.#keys.keys()) this.#copy(key, limits);
    return limits;
  }

  /** What is counted for the key goes over to other limits, as in `reshaped`, in place of what they had. */
  move(key: string, to: Limits): void {
    if (to === this) return;
    this.#copy(key, to);
    this.#keys.delete(key);
  }

  #copy(key: string, to: Limits): void {
    const windows = this.#keys.get(key);
    if (windows === undefined) return;
    to.#keys.set(
      key,
      to.#rules.map(({ length, limit }) => {
        const source = windows[this.#sourceOf(length)];
        return source?.reshaped(length, limit) ?? new SlidingWindow(length, limit);
      }),
    );
  }

  /** Index of the window whose history serves one of this length; -1 when there is none. */
  #sourceOf(length: number): number {
    let best = -1;
    for (const [index, rule] of this.#rules.entries()) {
      const held = this.#rules[best]?.length;
      if (held === undefined) best = index;
      else if (rule.length >= length ? held < length || rule.length < held : held < length && rule.length > held)
        best = index;
    }
    return best;
  }

  /** The windows in which at least this share of the limit is in use, with their lengths. */
  filled(key: string, share: number, now: number): readonly (WindowUse & { readonly length: number })[] {
    const windows = this.#keys.get(key);
    if (windows === undefined || !windows.some((window) => window.used(now) >= share * window.limit)) return none;
    return windows.flatMap((window, index) => {
      const { name, limit, length } = this.#rules[index]!;
      const used = window.used(now);
      return used >= share * limit ? [{ window: name, used, limit, length }] : [];
    });
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** Everything goes over. */
  moveAll(to: Limits): void {
    for (const key of this.#keys.keys()) this.move(key, to);
  }

  uses(key: string, now: number): readonly WindowUse[] {
    const windows = this.#keys.get(key);
    return this.#rules.map(({ name, limit }, index) => ({
      window: name,
      used: windows?.[index]?.used(now) ?? 0,
      limit,
    }));
  }

  /** Forgets keys with nothing left in any window: memory follows who is active, not who ever was. */
  sweep(now: number): void {
    for (const [key, windows] of this.#keys) {
      for (const window of windows) window.used(now);
      if (windows.every((window) => window.idle)) this.#keys.delete(key);
    }
  }

  /** So many keys at most: those that came first are forgotten first, whatever is counted for them. */
  keep(most: number): void {
    for (const key of this.#keys.keys()) {
      if (this.#keys.size <= most) return;
      this.#keys.delete(key);
    }
  }

  #over(index: number, window: SlidingWindow, units: number, now: number): Over {
    const { name, limit } = this.#rules[index]!;
    return { kind: "over", window: name, used: window.used(now), limit, opensIn: window.opensAt(units, now) - now };
  }

  #windows(key: string): readonly SlidingWindow[] {
    let windows = this.#keys.get(key);
    if (windows === undefined) {
      windows = this.#rules.map(({ length, limit }) => new SlidingWindow(length, limit));
      this.#keys.set(key, windows);
    }
    return windows;
  }
}
