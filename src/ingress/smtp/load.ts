// What sessions hold together, counted by budget (budgets.ts), for the ceilings of the process.

import { mailRoles, mostOwnBudgets } from "../../config/budgets.ts";
import type { LoadPart, SessionLoad } from "./services.ts";

/** One for each role, and one for each listener with numbers of its own. */
export const loadSlots = mailRoles.length + mostOwnBudgets;

export function createSessionLoad(): SessionLoad {
  return loadOf(Array.from({ length: loadSlots }, createPart));
}

export function loadOf(parts: readonly LoadPart[]): SessionLoad {
  return {
    get sessions() {
      return parts.reduce((sum, { sessions }) => sum + sessions, 0);
    },
    get content() {
      return parts.reduce((sum, { content }) => sum + content, 0);
    },
    part: (slot) => {
      const part = parts[slot];
      if (part === undefined) throw new Error(`there is no budget ${slot}`);
      return part;
    },
  };
}

function createPart(): LoadPart {
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
