// A small file that is either the old one or the new one, whatever happens in between: written beside its place,
// synced, renamed, and the directory synced, so that it is still there after a power cut.

import { randomBytes } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Only the owner may read it. Directories that are missing are made, for the owner alone. */
export function writePrivateFile(path: string, content: string): Promise<void> {
  return writeDurably(path, content, 0o600);
}

/** Anybody may read it. */
export function writePublicFile(path: string, content: string): Promise<void> {
  return writeDurably(path, content, 0o644);
}

async function writeDurably(path: string, content: string, mode: number): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
