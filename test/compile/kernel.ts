// The kernel's nftables, asked in a network namespace that lives for one call: takes a ruleset or refuses it, and shows
// it back in its own words.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { runProgram } from "../lab/child.ts";
import { requires } from "../lab/skip.ts";

export interface Kernel {
  /** Each text is checked, loaded twice (the second time over the first), and listed. */
  list(texts: readonly string[]): Promise<readonly Listing[]>;
}

export type Listing =
  | { readonly kind: "loaded"; readonly listing: string }
  | { readonly kind: "refused"; readonly message: string };

/** A user namespace gives the right to one's own network, without root. */
const namespace = ["--user", "--map-root-user", "--net"];

/** undefined: the test is marked as skipped. */
export async function requiresKernel(t: TestContext): Promise<Kernel | undefined> {
  const nft = await requires(t, "nft");
  if (nft === undefined) return undefined;
  const probe = await runProgram({ program: "unshare", parameters: [...namespace, "true"], milliseconds: 10_000 });
  if (probe.code !== 0) {
    t.skip(`no network namespaces here: ${probe.stderr.trim()}`);
    return undefined;
  }
  return { list: (texts) => listAll(nft.path, nft.environment, texts) };
}

const script = `
for file in "$1"/*.nft; do
  { "$0" -c -f "$file" && "$0" -f "$file" && "$0" -f "$file" && "$0" list ruleset >"$file.listing"; } 2>"$file.error"
  "$0" flush ruleset
done`;

async function listAll(
  nft: string,
  environment: Readonly<Record<string, string>>,
  texts: readonly string[],
): Promise<readonly Listing[]> {
  const folder = await mkdtemp(join(tmpdir(), "sekimori-nft-"));
  try {
    await Promise.all(texts.map((text, index) => writeFile(join(folder, `${index}.nft`), text)));
    await runProgram({
      program: "unshare",
      parameters: [...namespace, "sh", "-c", script, nft, folder],
      environment,
      milliseconds: 120_000,
    });
    return await Promise.all(texts.map((_, index) => listingOf(join(folder, `${index}.nft`))));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function listingOf(file: string): Promise<Listing> {
  try {
    return { kind: "loaded", listing: await readFile(`${file}.listing`, "utf8") };
  } catch {
    return { kind: "refused", message: await readFile(`${file}.error`, "utf8") };
  }
}
