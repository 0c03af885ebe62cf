// Results are kept beside their tables, part by part: a run of some parts replaces these and leaves the others. A table is made from
// all that is kept.

import { readFile, writeFile } from "node:fs/promises";

export type Kept<T> = Readonly<Record<string, T>>;

/** Empty before the first. */
export async function readKept<T>(file: URL): Promise<Kept<T>> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Kept<T>;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw error;
  }
}

/** Returns all there are now. */
export async function keep<T>(file: URL, results: Kept<T>): Promise<Kept<T>> {
  const all = { ...(await readKept<T>(file)), ...results };
  await writeFile(file, `${JSON.stringify(all, undefined, 1)}\n`);
  return all;
}
