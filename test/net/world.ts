// A network world for tests: a shell text runs in mount, network and process namespaces of its own, as root or without,
// and everything it started ends with it. Tests are skipped with the reason where that is not allowed.

import type { TestContext } from "node:test";
import { join } from "node:path";
import { runProgram } from "../lab/child.ts";
import { whatIsMissing } from "../../src/edge/lab/world.ts";

const main = join(import.meta.dirname, "../../src/main/main.ts");

/** The command of this checkout, as words of a shell text. */
export const sekimori = `${process.execPath} --disable-warning=ExperimentalWarning ${main}`;

/** True when the test was marked as skipped. */
export async function skipsWithoutWorld(t: TestContext): Promise<boolean> {
  const missing = await whatIsMissing();
  if (missing !== undefined) t.skip(`no network namespaces here: ${missing}`);
  return missing !== undefined;
}

/** Runs the text with `sh`; `set -e` is its own to say. Standard output and errors together. */
export async function inWorld(
  script: string,
  milliseconds: number,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const isRoot = process.getuid?.() === 0;
  const prepare = "mount -t proc proc /proc && mount -t tmpfs none /run && mkdir /run/netns && ip link set dev lo up";
  const { code, stdout, stderr } = await runProgram({
    program: "unshare",
    parameters: [
      ...(isRoot ? [] : ["--map-root-user"]),
      "--mount",
      "--net",
      "--pid",
      "--fork",
      "--kill-child",
      "sh",
      "-c",
      `${prepare} || exit 97\nexec 2>&1\n${script}`,
    ],
    environment: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` },
    milliseconds,
  });
  return { code, output: `${stdout}${stderr}` };
}
