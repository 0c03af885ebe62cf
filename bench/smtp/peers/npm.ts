// Peers from the npm registry: installed into .cache/npm/ when the benchmark first wants them, never a dependency of the project.
// Exact versions, without install scripts. What cannot be had is NotPossible with npm's own words.

import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "../../../test/lab/child.ts";
import { NotPossible } from "../scope.ts";

export interface NpmPeer {
  readonly name: string;
  readonly version: string;
  /** Of what it depends on: versions it does not ask for, where those are not to be had. */
  readonly overrides: Readonly<Record<string, string>>;
  /** Installed beside it. */
  readonly also?: Readonly<Record<string, string>>;
}

const cache = join(import.meta.dirname, "../../../.cache/npm");

/** The folder of the package. */
export async function installed({ name, version, overrides, also = {} }: NpmPeer): Promise<string> {
  const home = join(cache, [`${name}-${version}`, ...Object.keys(also)].join("+"));
  const folder = join(home, "node_modules", name);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, "work-"));
  try {
    const manifest = { private: true, dependencies: { [name]: version, ...also }, overrides };
    await writeFile(join(work, "package.json"), JSON.stringify(manifest));
    const { code, stderr } = await runProgram({
      program: "npm",
      parameters: ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"],
      cwd: work,
      milliseconds: 120_000,
    });
    if (code !== 0) throw new NotPossible(`npm installs no ${name} ${version}: ${reasonIn(stderr)}`);
    await rename(work, home);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return folder;
}

export async function versionOf(folder: string): Promise<string> {
  return (JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as { readonly version: string }).version;
}

function reasonIn(stderr: string): string {
  const line = stderr.split("\n").find((each) => /^npm error (?!code )\S/.test(each));
  return line?.replace(/^npm error /, "") ?? "it does not say why";
}
