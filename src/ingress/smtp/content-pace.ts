// Whether content comes fast enough. Silence alone bounds nothing: who sends an octet every four minutes is never silent, and
// holds what it has sent in our memory for as long as it likes.
//
// As Postfix's smtpd_min_data_rate: content has `time` in store, which passes while it comes and grows by a second for every
// `rate` octets, to no more than `time` again. With the defaults, 500 octets a second and ten minutes, a client may pause for three
// minutes, the timeout of RFC 5321 §4.5.3.2.5 for one block, after each block of 90 kB without end, and after three smaller ones.
// The ten minutes of §4.5.3.2.6 are the client's patience after the final dot: from there on the time is ours and none passes.
//
// The session is looked at every few seconds; receiving costs nothing more than counting octets.

export interface PaceLimit {
  /** Octets a second; 0: none are wanted. */
  readonly rate: number;
  /** ms. */
  readonly time: number;
}

export interface Receiving {
  /** Which message of the session; undefined while none comes. */
  readonly message: number | undefined;
  /** Received in the session so far. */
  readonly octets: number;
  /** Whose turn it is. */
  readonly turn: "client" | "server";
}

/** Between two looks, ms. */
const LOOK = 5000;

/** Taken when a listener opens. After a reload to a much shorter `time` looks stay as far apart as they were, and a slow one ends that much later. */
export function lookEvery({ time }: PaceLimit): number {
  return Math.min(LOOK, time / 4);
}

export class ContentPace {
  #message: number | undefined;
  #left = 0;
  #at = 0;
  #octets = 0;

  /** `now`: monotonic, ms. False when the time in store is used up. */
  keeps(now: number, { message, octets, turn }: Receiving, { rate, time }: PaceLimit): boolean {
    if (message === undefined || rate === 0) {
      this.#message = undefined;
      return true;
    }
    if (message === this.#message) {
      // A look that comes very late comes from a busy server.
      const passed = turn === "server" ? 0 : Math.min(now - this.#at, time / 2);
      this.#left = Math.min(time, this.#left - passed + ((octets - this.#octets) / rate) * 1000);
    } else {
      this.#message = message;
      this.#left = time;
    }
    this.#at = now;
    this.#octets = octets;
    return this.#left > 0;
  }
}
