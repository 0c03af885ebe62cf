// Several observers as one. An observer that throws is a bug of its own and never stops mail.

import type { Observer } from "./events.ts";

export function observeAll(observers: readonly Observer[]): Observer {
  return {
    emit: (name, fields) => {
      for (const observer of observers) {
        try {
          observer.emit(name, fields);
        } catch (error) {
          process.stderr.write(`observer failed on ${name}: ${String(error)}\n`);
        }
      }
    },
  };
}
