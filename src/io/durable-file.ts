// A small file that is either the old one or the new one, whatever happens in between: written beside its place,
// synced, renamed, and the directory synced, so that it is still there after a power cut.

import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** Only the owner may read it. Directories that are missing are made, for the owner alone. */
export function writePrivateFile(path: string, content: string): Promise<void> {
  return writeDurably(path, content, 0o600);
}

/** Anybody may read it. */
export function writePublicFile(path: string, content: string): Promise<void> {
  return writeDurably(path, content, 0o644);
}

/**
 * In place of a file that keeps its owner, group and mode; a new one is for its owner alone. Rejects where others than owner and group
 * may read it, and leaves it as it is. Its time of change is in another second than before: there are readers that look no closer.
 */
export async function replaceSecretFile(path: string, content: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  const mode = (found?.mode ?? 0o600) & 0o777;
  if ((mode & 0o007) !== 0)
    throw new Error(`${path} is open to everybody (mode ${mode.toString(8)}): chmod 640 ${path}`);
  await writeDurably(path, content, mode, found);
}

async function writeDurably(path: string, content: string, mode: number, before?: Stats): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = await open(temporary, "wx", mode);
    try {
      if (before !== undefined) {
        await file.chown(before.uid, before.gid);
        // Whatever the umask is.
        await file.chmod(mode);
      }
      await file.writeFile(content);
      if (before !== undefined) {
        const { mtimeMs } = await file.stat();
        const seconds = Math.max(Math.floor(mtimeMs / 1000), Math.floor(before.mtimeMs / 1000) + 1);
        await file.utimes(seconds, seconds);
      }
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
