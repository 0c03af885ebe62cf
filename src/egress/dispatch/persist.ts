// What the disk refuses for now is written when it has room again: first after a second, then at growing distances, until it
// succeeds or nobody waits any more. Whoever waits keeps what it is about busy, so that nothing is tried a second time
// meanwhile. What is given up at the end stays open in the spool, where the next start finds it.

export interface Persistence {
  /**
   * Resolves when `write` did. `refused` hears of the first refusal only: others of the same are no news. Rejects with the last
   * one when it is closed.
   */
  readonly persist: <T>(write: () => Promise<T>, refused: (error: unknown) => void) => Promise<T>;
  /** Nothing is tried again from now on. */
  readonly close: () => void;
}

/** Ms. */
export interface Distances {
  readonly first: number;
  readonly longest: number;
}

const usualDistances: Distances = { first: 1000, longest: 30_000 };

export function createPersistence({ first, longest }: Distances = usualDistances): Persistence {
  /** Ends the waits that are going on. */
  const waits = new Set<() => void>();
  let closed = false;

  function wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        clearTimeout(timer);
        waits.delete(over);
        resolve();
      };
      const timer = setTimeout(over, milliseconds);
      waits.add(over);
    });
  }

  return {
    persist: async (write, refused) => {
      let isTold = false;
      for (let distance = first; ; distance = Math.min(longest, 2 * distance)) {
        try {
          // oxlint-disable-next-line no-await-in-loop -- until it succeeds
          return await write();
        } catch (error) {
          if (!isTold) refused(error);
          isTold = true;
          // oxlint-disable-next-line no-await-in-loop -- the disk is given time
          if (!closed) await wait(distance);
          if (closed) throw error;
        }
      }
    },
    close: () => {
      closed = true;
      for (const over of waits) over();
    },
  };
}
