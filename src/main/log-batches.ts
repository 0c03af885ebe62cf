// Log lines on their way from a thread to main: sent together, at most BATCH_TIME later.

import type { LineSink } from "../observe/log.ts";

const BATCH_TIME = 20;
const BATCH_SIZE = 64 * 1024;

export interface LogBatches extends LineSink {
  flush(): void;
}

export function createLogBatches(send: (lines: string) => void): LogBatches {
  let lines = "";
  let timer: NodeJS.Timeout | undefined;
  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (lines === "") return;
    const batch = lines;
    lines = "";
    send(batch);
  }
  return {
    write: (line) => {
      lines += line;
      if (lines.length >= BATCH_SIZE) flush();
      else timer ??= setTimeout(flush, BATCH_TIME);
    },
    flush,
  };
}
