// Reads what third parties publish, again and again: whose time has come is looked at every minute, or as often as it is to be read.

import type { ThirdParties } from "../control/third-parties.ts";
import type { Observer } from "../observe/events.ts";

/** Between two looks at whose time has come, ms. */
const LOOK = 60_000;

export interface ThirdPartyRound {
  /** The configuration changed: looks at once. */
  hurry(): void;
  /** What is under way finds no store and ends silently: nobody waits for DNS. */
  stop(): void;
}

/** `reread`: as of now, ms. */
export function startThirdPartyRound(
  parties: Pick<ThirdParties, "readDue">,
  reread: () => number,
  observer: Observer,
): ThirdPartyRound {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;

  function look(): void {
    clearTimeout(timer);
    if (running !== undefined) {
      again = true;
      return;
    }
    again = false;
    running = parties
      .readDue()
      .catch((error: unknown) => {
        if (!stopped) observer.emit("internal.failed", { where: "third parties", cause: String(error) });
      })
      .finally(() => {
        running = undefined;
        if (stopped) return;
        if (again) look();
        else timer = setTimeout(look, Math.min(LOOK, reread()));
      });
  }

  look();
  return {
    hurry: look,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
