// `sekimori serve`: the server in the foreground, until SIGTERM or SIGINT.

import { relative } from "node:path";
import { accountsFile, demoAddresses, ensureDemoAccounts } from "../control/demo.ts";
import type { Site, SiteOptions } from "../control/site.ts";
import { Exit } from "./exit.ts";
import { siteOf } from "./house.ts";
import type { House, RunningServer } from "./house.ts";
import { reloadReport } from "./reload.ts";
import { complain, print } from "./output.ts";

const [sender, reader] = demoAddresses;

export async function serve(house: House, options: SiteOptions): Promise<void> {
  const site = siteOf(options);
  if (site.file !== undefined && site.settings.process === undefined && process.getuid?.() === 0)
    complain("sekimori: runs as root, which it need not: set [process] user, or start it as a user of its own");
  if (site.file === undefined) print(`No configuration: serving the demonstration in ${shown(site.settings.state)}`);
  const ended = Promise.withResolvers<string>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => ended.resolve(signal));
  // Asked for again, the end comes at once: nothing that was answered 250 depends on a clean end.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void ended.promise.then(countdown));

  let running: RunningServer | undefined;
  // Before there is something to reload it is passed over, for its default is the end of the process.
  process.on("SIGHUP", () => {
    void running?.reload("SIGHUP").then((outcome) => {
      for (const line of reloadReport(outcome)) complain(`sekimori: ${line}`);
    });
  });
  const server = await start(house, site);
  running = server;
  if (site.file === undefined) await demoAccounts(server, site);
  for (const { name, address, port } of server.listeners) {
    print(`${name.padEnd(12)} ${address.includes(":") ? `[${address}]` : address}:${port}`);
  }
  print("ready");
  if (site.file === undefined) printTrials(site);

  const signal = await ended.promise;
  await server.stop(signal);
}

let asked = 0;
function countdown(): void {
  if (++asked > 1) process.exit(1);
}

async function start(house: House, site: Site): Promise<RunningServer> {
  try {
    return await house.start(site, (cause) => {
      complain(`sekimori: ${cause}`);
      process.exit(3);
    });
  } catch (error) {
    throw new Exit(3, `cannot start: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Shown on terminals only, and only when they were made now. */
async function demoAccounts(server: RunningServer, site: Site): Promise<void> {
  const lines = await ensureDemoAccounts(site, server.control);
  if (lines === undefined) return;
  print(`accounts     ${shown(accountsFile(site))}`);
  if (process.stdout.isTTY) for (const line of lines) print(`             ${line}`);
}

function printTrials(site: Site): void {
  const file = shown(accountsFile(site));
  const word = (line: number): string => `"$(sed -n ${line}p ${file} | cut -d' ' -f2)"`;
  print("");
  print("Try:");
  print(
    `  swaks --server 127.0.0.1:2587 --tls --auth-user ${sender} --auth-password ${word(1)} ` +
      `--from ${sender} --to ${reader}`,
  );
  print(`  curl --insecure --user ${reader}:${word(2)} pop3s://127.0.0.1:2995/1`);
  print(`  npx sekimori trace ${reader}`);
}

function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith("..") ? path : near;
}
