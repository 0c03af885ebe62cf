// Waiting for something that happens elsewhere: asked again until it is there, with a deadline that only bounds a
// failure.

import { setTimeout as sleep } from "node:timers/promises";

export async function waitFor<T>(
  what: string,
  milliseconds: number,
  look: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- polling
    const value = await look();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${milliseconds} ms`);
    // oxlint-disable-next-line no-await-in-loop
    await sleep(25);
  }
}
