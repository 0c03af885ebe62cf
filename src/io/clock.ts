// The two clocks. Wall time for what people read and what must survive a restart (due times, records);
// monotonic time for windows, leases and deadlines, which a stepped clock must not bend.
// Code below the wiring takes a Clock (or a plain `now`) as an argument, so tests decide what time it is.

export interface Clock {
  /** Milliseconds since 1970-01-01T00:00Z. May jump. */
  wall(): number;
  /** Milliseconds since an arbitrary start. Never jumps, never goes back. */
  monotonic(): number;
}

export const systemClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
};
