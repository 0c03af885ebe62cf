// `sekimori net refresh`: what the domains of the policy stand for in DNS, shown against what is pinned.

import type { Command } from "commander";
import { refreshNetwork, writeRefresh } from "../control/network-refresh.ts";
import { Exit } from "./exit.ts";
import { leaf } from "./leaf.ts";
import { networkOf } from "./net-site.ts";
import type { NetOptions } from "./net-site.ts";
import { print, printable, printJson } from "./output.ts";

async function netRefresh(options: NetOptions & { readonly dryRun?: true }): Promise<void> {
  const site = networkOf(options);
  const refresh = await refreshNetwork(site);
  const { domains } = refresh;
  const hasChanged = domains.some(({ result }) => result === "changed");
  if (hasChanged && options.dryRun === undefined) await writeRefresh(site, refresh);
  if (options.json) printJson(domains);
  else {
    for (const { domain, result, added, removed, cause } of domains) {
      print(printable(`${domain}: ${cause === undefined ? result : `${result}, ${cause}; what is pinned stays`}`));
      for (const pair of removed) print(printable(`  - ${pair}`));
      for (const pair of added) print(printable(`  + ${pair}`));
    }
    if (domains.length === 0) print("the policy names no domain");
    if (hasChanged) print(options.dryRun === undefined ? `written to ${site.lockFile}` : "nothing was written");
  }
  const failed = domains.filter(({ result }) => result === "failed").length;
  if (failed > 0) throw new Exit(3, `${failed} of ${domains.length} domains could not be looked up`);
  if (hasChanged && options.dryRun === true) throw new Exit(1, "DNS says something else than what is pinned");
}

export function addRefreshCommand(net: Command): void {
  const what = "look up the domains of carriers and partners, show what has changed and pin it in the lock file";
  leaf(net, "refresh", what, {
    examples: ["net refresh --dry-run", "net refresh"],
    codes: "0 done, or nothing has changed; 1 something has, with --dry-run; 3 something could not be looked up.",
    site: "file",
  })
    .option("--dry-run", "show what has changed and write nothing")
    .action(netRefresh);
}
