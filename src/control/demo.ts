// The demonstration's accounts: made with random passwords at its first start and kept in a file that only its owner
// reads, one `address password` a line.

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { writePrivateFile } from "../io/durable-file.ts";
import type { Control } from "./control.ts";
import type { Site } from "./site.ts";

export const demoAddresses = ["alice@sekimori.test", "bob@sekimori.test"] as const;

export function accountsFile({ settings }: Site): string {
  return join(settings.state, "accounts.txt");
}

/** The lines when they were made now; undefined when they are known from before. Throws when they cannot be made. */
export async function ensureDemoAccounts(site: Site, control: Control): Promise<readonly string[] | undefined> {
  const file = accountsFile(site);
  const known = await Promise.all(demoAddresses.map((address) => control.findAccount(address)));
  if (existsSync(file) && known.every((account) => account !== undefined)) return undefined;
  const lines: string[] = [];
  for (const [index, address] of demoAddresses.entries()) {
    const password = randomBytes(12).toString("base64url");
    const outcome = known[index]
      ? await control.setPassword(address, password)
      : await control.addAccount(address, password, []);
    if (!outcome.done) throw new Error(outcome.why);
    lines.push(`${address} ${password}`);
  }
  await writePrivateFile(file, `${lines.join("\n")}\n`);
  return lines;
}
