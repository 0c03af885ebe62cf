// The mailboxes of the site as their owners see them, and the end of all work.

import { readdir, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";
import { alice, bob, domain } from "../test/lab/site.ts";
import type { Site } from "../test/lab/site.ts";
import { waitFor } from "../test/lab/wait.ts";
import type { Ledger } from "./ledger.ts";

const people = [alice, bob].map(({ address }) => ({ address, person: address.slice(0, address.indexOf("@")) }));

/** Counts what is in the mailboxes and takes it away, so that thousands of messages do not lie about. */
export async function collectMail(state: string, ledger: Ledger): Promise<void> {
  for (const { address, person } of people) {
    const folder = join(state, "mail", domain, person, "Maildir/new");
    /* oxlint-disable no-await-in-loop -- a file after the other */
    for (const name of await namesIn(folder)) {
      ledger.arrived(address, await readFile(join(folder, name)), "mailbox");
      await unlink(join(folder, name));
    }
    /* oxlint-enable no-await-in-loop */
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    // Nothing was delivered yet.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

async function metric(site: Site, name: string): Promise<number> {
  const response = await fetch(`http://${site.http.address}:${site.http.port}/metrics`);
  const found = new RegExp(`^${name} (\\S+)$`, "m").exec(await response.text());
  return Number(found?.[1]);
}

/** Waits until the spool holds nothing that is not settled. */
export async function drained(site: Site, milliseconds: number): Promise<boolean> {
  try {
    await waitFor("an empty spool", milliseconds, async () =>
      (await metric(site, "sekimori_spool_messages")) === 0 ? true : undefined,
    );
    return true;
  } catch {
    return false;
  }
}
