// A filter that is changed under traffic: as `net apply` does it, and as it is often done by hand, for comparison.

import { whatIsMissing } from "../../src/edge/lab/world.ts";
import { runHotUpdate, wrongVerdicts } from "../../test/net/hot/run.ts";
import type { HotOptions, HotReport } from "../../test/net/hot/run.ts";

export interface HotCell {
  readonly options: HotOptions;
  readonly report: HotReport;
}

const common = { elements: 16_384, perSecond: 600 } as const;
const runs: readonly HotOptions[] = [
  { ...common, how: "apply", applies: 60 },
  { ...common, how: "delete and add", applies: 60 },
];
/** No run may take longer. */
const patience = 240_000;

/** undefined: not possible here, and it was said why. */
export async function hotUpdates(tell: (line: string) => void): Promise<readonly HotCell[] | undefined> {
  const missing = await whatIsMissing();
  if (missing !== undefined) {
    tell(`no network namespaces here: ${missing}`);
    return undefined;
  }
  const cells: HotCell[] = [];
  for (const options of runs) {
    const report = await runHotUpdate(options, patience);
    cells.push({ options, report });
    tell(
      `${options.how}: ${options.applies} in ${report.seconds.toFixed(1)} s, ${wrongVerdicts(report)} wrong verdicts`,
    );
  }
  return cells;
}
