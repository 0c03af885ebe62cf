// What all sessions together hold, for the ceilings of the process.

import type { SessionLoad } from "./services.ts";

export function createSessionLoad(): SessionLoad {
  let sessions = 0;
  let content = 0;
  return {
    get sessions() {
      return sessions;
    },
    get content() {
      return content;
    },
    addSessions: (count) => {
      sessions += count;
    },
    addContent: (octets) => {
      content += octets;
    },
  };
}
