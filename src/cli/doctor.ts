// `sekimori doctor`: findings of the site's examination, the worst last so that they stay in sight.

import { diagnose } from "../control/diagnose.ts";
import { hasDirectoryChecks } from "../control/doctor-directory.ts";
import type { Finding } from "../control/doctor.ts";
import type { Site } from "../control/site.ts";
import { Exit } from "./exit.ts";
import { isRunning, siteOf } from "./house.ts";
import type { House } from "./house.ts";
import type { OutputOptions } from "./leaf.ts";
import { print, printable, printJson } from "./output.ts";
import { withProgress } from "./progress.ts";

export interface DoctorOptions extends OutputOptions {
  readonly probe?: readonly string[];
}

const worst = ["ok", "warn", "fail"] as const;

/** Exit 1 when something fails. */
export async function doctorCommand(house: House, options: DoctorOptions): Promise<void> {
  const site = siteOf(options);
  const server = (await isRunning(site)) ? "running" : "stopped";
  const findings = await withProgress("examining", async () => [
    ...(await diagnose(site, server, options.probe ?? [])),
    // Last: on the files of a stopped server it is done as the user of the server.
    ...(await examineDirectory(house, site)),
  ]);
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

async function examineDirectory(house: House, site: Site): Promise<readonly Finding[]> {
  if (!hasDirectoryChecks(site.settings)) return [];
  try {
    return await house.withControl(site, (control) => control.examineDirectory());
  } catch (error) {
    const text = `nobody knows: ${error instanceof Error ? error.message : String(error)}`;
    return [{ check: "accounts", result: "warn", text, advice: "run doctor as root or as the user of the server" }];
  }
}
