// Long work shows that it goes on: a bar where the end is known, a count where it is not. On terminals only, on standard
// error, and only once the work takes long enough for a person to wonder.

export type Report = (done: number, total?: number) => void;

const PATIENCE = 400;
const EVERY = 100;
const WIDTH = 24;

interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** `now`: ms. */
export async function withProgress<T>(
  label: string,
  work: (report: Report) => T | Promise<T>,
  screen: Screen = process.stderr,
  now: () => number = () => performance.now(),
): Promise<T> {
  if (screen.isTTY !== true) return work(() => undefined);
  let drawn = now() + PATIENCE - EVERY;
  let isShown = false;
  // Work that reports nothing, and work that reports late.
  const timer = setTimeout(() => {
    if (isShown) return;
    isShown = true;
    screen.write(`${label} …`);
  }, PATIENCE);
  try {
    return await work((done, total) => {
      const time = now();
      if (time - drawn < EVERY) return;
      drawn = time;
      isShown = true;
      screen.write(`\r\x1b[K${progressLine(label, done, total)}`);
    });
  } finally {
    clearTimeout(timer);
    if (isShown) screen.write("\r\x1b[K");
  }
}

function progressLine(label: string, done: number, total: number | undefined): string {
  if (total === undefined || total <= 0) return `${label}: ${done}`;
  const part = Math.min(1, done / total);
  const filled = Math.round(part * WIDTH);
  return `${label} [${"#".repeat(filled)}${".".repeat(WIDTH - filled)}] ${Math.floor(part * 100)} %`;
}
