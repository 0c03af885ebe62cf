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

/**
 * 0, 1, 2 by the worst finding, as monitoring plugins say OK, WARNING and CRITICAL: whatever runs those can run this. What fails is as a
 * wrong configuration, which ends with 2 before anything is examined; and 3, not possible here, is their UNKNOWN.
 */
export function severityOf(findings: readonly Pick<Finding, "result">[]): 0 | 1 | 2 {
  const results = new Set(findings.map(({ result }) => result));
  if (results.has("fail")) return 2;
  return results.has("warn") ? 1 : 0;
}

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
    // A plugin's first line is what its users see.
    print(`the server is ${server}: ${countsOf(findings)}`);
    for (const { check, result, text, advice } of findings.toSorted(
      (a, b) => worst.indexOf(a.result) - worst.indexOf(b.result),
    )) {
      print(`${result.padEnd(4)}  ${printable(`${check}: ${text}`)}`);
      if (advice !== undefined) print(`      → ${printable(advice)}`);
    }
  }
  const severity = severityOf(findings);
  if (severity > 0) throw new Exit(severity === 2 ? 2 : 1, countsOf(findings));
}

function countsOf(findings: readonly Finding[]): string {
  const count = (result: Finding["result"]): number => findings.filter((each) => each.result === result).length;
  return `of ${findings.length} checks ${count("fail")} failed, ${count("warn")} warn`;
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
