// `sekimori retention`: what is kept, since when, and its end.

import type { RetentionView } from "../control/control.ts";
import { siteOf } from "./house.ts";
import type { House } from "./house.ts";
import type { OutputOptions } from "./commands.ts";
import { print, printJson, printTable } from "./output.ts";

export async function retentionShow(house: House, options: OutputOptions): Promise<void> {
  const views = await house.withControl(siteOf(options), (control) => control.retention());
  if (options.json) return printJson(views);
  printTable(
    ["WHAT", "ITEMS", "OLDEST", "EXPIRED", "KEPT"],
    views.map(({ what, items, oldest, expired, kept }) => [
      what,
      items === undefined ? "" : String(items),
      oldest ?? "",
      expired === undefined ? "" : String(expired),
      kept,
    ]),
  );
}

export async function retentionPurge(house: House, options: OutputOptions & { readonly dryRun?: true }): Promise<void> {
  const found = await house.withControl(siteOf(options), async (control) =>
    options.dryRun === true ? (await control.retention()).filter(isExpired) : await control.purge(),
  );
  if (options.json) return printJson(found);
  const verb = options.dryRun === true ? "would be deleted" : "deleted";
  for (const { what, expired } of found) print(`${what}: ${expired ?? 0} ${verb}`);
  if (found.length === 0) print("nothing has expired");
}

function isExpired({ expired }: RetentionView): boolean {
  return expired !== undefined && expired > 0;
}
