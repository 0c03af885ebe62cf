// Who may have a connection: so many in all, and at most half of them for destinations that have proved nothing, so
// that any number of dead hosts leaves half of the connections to those that answer.

export type Standing = "proven" | "unproven";

interface Waiting {
  waiting(standing: Standing): number;
}

export class Slots {
  readonly #limit: number;
  readonly #unprovenLimit: number;
  #total = 0;
  #unproven = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#unprovenLimit = Math.max(1, Math.floor(limit / 2));
  }

  get total(): number {
    return this.#total;
  }

  get unproven(): number {
    return this.#unproven;
  }

  get full(): boolean {
    return this.#total >= this.#limit;
  }

  /** Of those for the unproven, how many may be kept by sites that have not answered for a while although strangers wait. */
  get patient(): number {
    return Math.floor(this.#unprovenLimit / 2);
  }

  /** All are taken and somebody could use one. */
  contended(waiting: Waiting): boolean {
    if (!this.full) return false;
    return waiting.waiting("proven") > 0 || (waiting.waiting("unproven") > 0 && !this.crowded(this.#unproven + 1));
  }

  free(standing: Standing): boolean {
    return !this.full && (standing === "proven" || this.#unproven < this.#unprovenLimit);
  }

  /** Whether so many that hang are more than may. */
  crowded(hanging: number): boolean {
    return hanging > this.#unprovenLimit;
  }

  take(standing: Standing): boolean {
    if (!this.free(standing)) return false;
    this.#total++;
    if (standing === "unproven") this.#unproven++;
    return true;
  }

  give(standing: Standing): void {
    this.#total--;
    if (standing === "unproven") this.#unproven--;
  }

  /** A destination with so many slots has changed. */
  move(count: number, to: Standing): void {
    this.#unproven += to === "unproven" ? count : -count;
  }
}
