// Events → JSON lines (pino): {"level":"info","time":"2026-11-22T09:30:00.000Z",…fields…,"event":"message.accepted"}.
// What is below the level costs one comparison.

import { pino } from "pino";
import type { EventLevel, Observer } from "./events.ts";
import { events } from "./events.ts";

export interface LineSink {
  /** One line with its newline. */
  write(line: string): void;
}

export function createLog(level: EventLevel, sink: LineSink): Observer {
  const logger = pino(
    {
      level,
      base: null,
      messageKey: "event",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    sink,
  );
  return {
    emit: (name, fields) => {
      logger[events[name].level](fields as object, name as string);
    },
  };
}
