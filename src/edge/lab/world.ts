// A world of its own for the lab: mount and network namespaces (with a user namespace when we are not root) in which
// namespaces can be named and filters loaded without touching the machine. It ends with its first process; nothing is
// left to tear down, however that process ends.

import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { outputOf, runProgram } from "../../io/program.ts";

/** Set in the environment of the process that runs inside. */
const mark = "SEKIMORI_LAB_WORLD";

export function isInWorld(): boolean {
  return process.env[mark] === "1";
}

/** Why there can be no lab on this machine; undefined when there can. */
export async function whatIsMissing(): Promise<string | undefined> {
  if (process.platform !== "linux") return "the lab needs Linux";
  for (const [program, parameters] of [
    ["unshare", ["--version"]],
    ["ip", ["-V"]],
    ["nft", ["--version"]],
  ] as const) {
    const run = await runProgram({ program, parameters, milliseconds: 5000, environment: { PATH: searchPath() } });
    if (run.kind === "absent") return `the program ${program} is not installed (util-linux, iproute2, nftables)`;
  }
  const allowed = await runProgram({ program: "unshare", parameters: [...worldOptions(), "true"], milliseconds: 5000 });
  if (allowed.kind === "ended" && allowed.code === 0) return undefined;
  return "this kernel or container does not let us make network namespaces";
}

/** Runs the same command line again inside a new world; resolves to its exit code. */
export function enterWorld(commandLine: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(
      "unshare",
      [...worldOptions(), process.execPath, "--disable-warning=ExperimentalWarning", ...commandLine],
      { stdio: "inherit", env: { ...process.env, [mark]: "1", PATH: searchPath() } },
    );
    child.once("error", () => resolve(3));
    child.once("close", (code) => resolve(code ?? 3));
  });
}

/** Inside: a place for the names of namespaces that nobody outside sees. */
export async function furnishWorld(): Promise<void> {
  await outputOf({ program: "mount", parameters: ["-t", "tmpfs", "none", "/run"], milliseconds: 5000 });
  await mkdir("/run/netns", { recursive: true });
  await outputOf({ program: "ip", parameters: ["link", "set", "dev", "lo", "up"], milliseconds: 5000 });
}

/** Without root a user namespace gives the rights, over this world only. */
function worldOptions(): readonly string[] {
  const isRoot = process.getuid?.() === 0;
  return [...(isRoot ? [] : ["--map-root-user"]), "--mount", "--net", "--fork", "--kill-child", "--"];
}

/** `ip` and `nft` live where the PATH of users often does not look. */
function searchPath(): string {
  return `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
}
