// `sekimori reload`: the running server reads its configuration again.

import type { ReloadOutcome } from "../control/control.ts";
import { Exit } from "./exit.ts";
import { NotHere, siteOf } from "./house.ts";
import type { House } from "./house.ts";
import type { OutputOptions } from "./leaf.ts";
import { complain, print, printJson } from "./output.ts";

/** One line each, for people. */
export function reloadReport(outcome: ReloadOutcome): readonly string[] {
  switch (outcome.kind) {
    case "not-running":
      return ["the server is not running"];
    case "refused":
      return [...outcome.problems, "not reloaded: nothing has changed"];
    case "applied": {
      const what = outcome.changed.length === 0 ? "nothing has changed" : `changed: ${outcome.changed.join(", ")}`;
      return [...outcome.restart.map((each) => `restart needed: ${each}`), `reloaded, ${what}`];
    }
  }
}

/** Exit 0: the file is in effect; 1: all but what needs a restart is; 2: the file is wrong; 3: no server. */
export async function reloadCommand(house: House, options: OutputOptions): Promise<void> {
  // A file with mistakes ends the command here, with the same problems the server would tell.
  const outcome = await house.withControl(siteOf(options), (control) => control.reload());
  const lines = reloadReport(outcome);
  if (options.json) printJson(outcome);
  switch (outcome.kind) {
    case "not-running":
      throw new NotHere(lines.join("\n"));
    case "refused":
      for (const problem of outcome.problems) complain(problem);
      throw new Exit(2, "not reloaded: nothing has changed");
    case "applied":
      if (!options.json) for (const line of lines) print(line);
      if (outcome.restart.length > 0) throw new Exit(1, "not all of the configuration is in effect");
  }
}
