// How much room is left where the state lives, as of a moment ago: asking costs a system call, and every MAIL wants to know.

import { statfs } from "node:fs/promises";

const EVERY = 5000;

export interface FreeSpace {
  /** Octets. */
  now(): number;
  /** Looks once, then again and again. */
  start(): Promise<void>;
  stop(): void;
}

export function watchFreeSpace(directory: string, failed: (cause: string) => void): FreeSpace {
  let free = Number.POSITIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  async function look(): Promise<void> {
    try {
      const { bavail, bsize } = await statfs(directory);
      free = bavail * bsize;
    } catch (error) {
      // A disk that cannot be asked has no room for promises.
      free = 0;
      failed(String(error));
    }
  }

  return {
    now: () => free,
    start: async () => {
      await look();
      timer = setInterval(() => void look(), EVERY);
    },
    stop: () => clearInterval(timer),
  };
}
