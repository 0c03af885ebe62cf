// `sekimori serve`: the server in the foreground, until SIGTERM or SIGINT.

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { writePrivateFile } from "../io/durable-file.ts";
import { StartError, startServer } from "../main/server.ts";
import type { Server } from "../main/server.ts";
import { Exit } from "./exit.ts";
import { complain, print } from "./output.ts";
import { loadSite } from "./site.ts";
import type { Site, SiteOptions } from "./site.ts";
import { version } from "./version.ts";

const DEMO_ACCOUNTS = ["alice@sekimori.test", "bob@sekimori.test"];

export async function serve(options: SiteOptions): Promise<void> {
  const site = loadSite(options);
  if (site.file === undefined) print(`No configuration: serving the demonstration in ${shown(site.settings.state)}`);
  const ended = Promise.withResolvers<string>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => ended.resolve(signal));
  // Asked for again, the end comes at once: nothing that was answered 250 depends on a clean end.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void ended.promise.then(countdown));

  const server = await start(site);
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

async function start(site: Site): Promise<Server> {
  try {
    return await startServer(site.settings, version(), (cause) => {
      complain(`sekimori: ${cause}`);
      process.exit(3);
    });
  } catch (error) {
    if (error instanceof StartError) throw new Exit(3, error.message);
    throw new Exit(3, `cannot start: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Accounts with random passwords at the first start; kept in a file that only its owner reads, shown on terminals only. */
async function demoAccounts(server: Server, { settings }: Site): Promise<void> {
  const file = join(settings.state, "accounts.txt");
  const known = await server.control.listAccounts();
  if (existsSync(file) && known.length > 0) return;
  const lines: string[] = [];
  for (const address of DEMO_ACCOUNTS) {
    const password = randomBytes(12).toString("base64url");
    const exists = known.some((account) => account.address === address);
    const outcome = exists
      ? await server.control.setPassword(address, password)
      : await server.control.addAccount(address, password, []);
    if (!outcome.done) throw new Exit(3, outcome.why);
    lines.push(`${address} ${password}`);
  }
  await writePrivateFile(file, `${lines.join("\n")}\n`);
  print(`accounts     ${shown(file)}`);
  if (process.stdout.isTTY) for (const line of lines) print(`             ${line}`);
}

function printTrials({ settings }: Site): void {
  const file = shown(join(settings.state, "accounts.txt"));
  const word = (line: number): string => `"$(sed -n ${line}p ${file} | cut -d' ' -f2)"`;
  print("");
  print("Try:");
  print(
    `  swaks --server 127.0.0.1:2587 --tls --auth-user ${DEMO_ACCOUNTS[0]} --auth-password ${word(1)} ` +
      `--from ${DEMO_ACCOUNTS[0]} --to ${DEMO_ACCOUNTS[1]}`,
  );
  print(`  curl --insecure --user ${DEMO_ACCOUNTS[1]}:${word(2)} pop3s://127.0.0.1:2995/1`);
  print(`  npx sekimori trace ${DEMO_ACCOUNTS[1]}`);
}

function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith("..") ? path : near;
}
