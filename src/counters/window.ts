// A sliding window over one key: in any interval of `length` at most `limit` units are taken.
//
// Kept as granules of length/GRANULES: each says how many units were taken in it. A granule counts until its *last*
// moment has left the window, so the promise holds exactly and the price is that a unit is held up to 1/500 of the
// window longer than needed. At most GRANULES + 1 numbers a key and window, however high the limit.
// Time is an argument (monotonic milliseconds); nothing here reads a clock.

const GRANULES = 500;

interface Granule {
  /** Index on the time axis: floor(time / granule length). */
  readonly index: number;
  units: number;
}

export class SlidingWindow {
  readonly length: number;
  readonly limit: number;
  readonly #granule: number;
  #granules: Granule[] = [];
  #used = 0;

  constructor(length: number, limit: number) {
    this.length = length;
    this.limit = limit;
    this.#granule = length / GRANULES;
  }

  used(now: number): number {
    this.#expire(now);
    return this.#used;
  }

  fits(units: number, now: number): boolean {
    return this.used(now) + units <= this.limit;
  }

  /** Takes units whether they fit or not: the caller has asked, or only counts. */
  take(units: number, at: number): void {
    const index = Math.floor(at / this.#granule);
    const last = this.#granules.at(-1);
    this.#used += units;
    if (last === undefined || last.index < index) {
      this.#granules.push({ index, units });
      return;
    }
    const place = this.#find(index);
    const found = this.#granules[place];
    if (found?.index === index) found.units += units;
    else this.#granules.splice(place, 0, { index, units });
  }

  /** Gives back units that were taken at `at`; what has left the window since is gone by itself. */
  giveBack(units: number, at: number): void {
    const granule = this.#granules[this.#find(Math.floor(at / this.#granule))];
    if (granule === undefined || granule.index !== Math.floor(at / this.#granule)) return;
    const back = Math.min(units, granule.units);
    granule.units -= back;
    this.#used -= back;
  }

  /** The first moment at which `units` fit again, if nothing else happens; Infinity when they never can. */
  opensAt(units: number, now: number): number {
    this.#expire(now);
    if (units > this.limit) return Number.POSITIVE_INFINITY;
    let used = this.#used;
    for (const granule of this.#granules) {
      if (used + units <= this.limit) break;
      used -= granule.units;
      if (used + units <= this.limit) return this.#leaves(granule.index);
    }
    return now;
  }

  /**
   * The same history under another rule. In a window of another length each unit counts as taken at the end of its granule:
   * held a little longer than needed, never given free too early. What has left this window is not known any more.
   */
  reshaped(length: number, limit: number): SlidingWindow {
    const window = new SlidingWindow(length, limit);
    for (const { index, units } of this.#granules) {
      window.take(units, length === this.length ? index * this.#granule : (index + 1) * this.#granule);
    }
    return window;
  }

  get idle(): boolean {
    return this.#used === 0;
  }

  #leaves(index: number): number {
    return (index + 1) * this.#granule + this.length;
  }

  #expire(now: number): void {
    let gone = 0;
    while (gone < this.#granules.length && this.#leaves(this.#granules[gone]!.index) <= now) {
      this.#used -= this.#granules[gone]!.units;
      gone++;
    }
    if (gone > 0) this.#granules = this.#granules.slice(gone);
  }

  /** First place whose index is not below. */
  #find(index: number): number {
    let low = 0;
    let high = this.#granules.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#granules[middle]!.index < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
