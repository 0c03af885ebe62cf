// `sekimori doctor`: findings of the site's examination, the worst last so that they stay in sight.

import { diagnose } from "../control/diagnose.ts";
import { Exit } from "./exit.ts";
import { isRunning, siteOf } from "./house.ts";
import type { OutputOptions } from "./leaf.ts";
import { print, printable, printJson } from "./output.ts";
import { withProgress } from "./progress.ts";

export interface DoctorOptions extends OutputOptions {
  readonly probe?: readonly string[];
}

const worst = ["ok", "warn", "fail"] as const;

/** Exit 1 when something fails. */
export async function doctorCommand(options: DoctorOptions): Promise<void> {
  const site = siteOf(options);
  const server = (await isRunning(site)) ? "running" : "stopped";
  const findings = await withProgress("examining", () => diagnose(site, server, options.probe ?? []));
  if (options.json) printJson(findings);
  else {
    print(`the server is ${server}`);
    for (const { check, result, text, advice } of findings.toSorted(
      (a, b) => worst.indexOf(a.result) - worst.indexOf(b.result),
    )) {
      print(`${result.padEnd(4)}  ${printable(`${check}: ${text}`)}`);
      if (advice !== undefined) print(`      → ${printable(advice)}`);
    }
  }
  const failed = findings.filter(({ result }) => result === "fail").length;
  if (failed > 0) throw new Exit(1, `${failed} of ${findings.length} checks failed`);
}
