// sekimori.toml → Settings, or every problem in it. The one way into a configuration; show.ts, json-schema.ts and
// reference.ts are the ways out. The demonstration is such a file too (etc/demo.toml).

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { checkTree, isNetworkOnly, missingMailSide } from "./check.ts";
import { toSettings } from "./convert.ts";
import { systemSources } from "./files.ts";
import type { ConfigSources, Environment } from "./files.ts";
import { readFileSet } from "./include.ts";
import { formatProblem, problemAt } from "./problem.ts";
import type { ConfigProblem } from "./problem.ts";
import { checkReferences } from "./references.ts";
import type { Configuration } from "./schema.ts";
import type { Settings } from "./settings.ts";
import { treeOf } from "./tree.ts";

export interface LoadedSettings {
  readonly settings: Settings;
  /** Every file that was read, absolute, the main file first. */
  readonly files: readonly string[];
}

export interface ParseOptions extends ConfigSources {
  /** Takes the place of `state-directory` in the text. */
  readonly stateDirectory?: string;
}

/** Reads the file, what it includes and the secrets it names. Problems come in the order of reading. */
export function loadSettings(path: string, environment: Environment): Result<LoadedSettings, readonly ConfigProblem[]> {
  const file = resolve(path);
  const sources = systemSources(environment);
  const text = sources.read(file);
  if (text.ok) return parseSettings(text.value, file, sources);
  return failure([problemAt({ file, line: 1, column: 1 }, `the configuration file ${text.error}`)]);
}

/** The same for a text in hand. `filename` is what relative paths are relative to. */
export function parseSettings(
  text: string,
  filename: string,
  options: ParseOptions,
): Result<LoadedSettings, readonly ConfigProblem[]> {
  const { root, files, problems } = readFileSet(text, resolve(filename), options);
  if (root === undefined) return failure(problems);
  if (options.stateDirectory !== undefined) {
    const { place } = root;
    root.entries.set("state-directory", { place, value: treeOf(resolve(options.stateDirectory), place) });
  }
  const tree = checkTree(root, options);
  const missing = isNetworkOnly(root) ? missingMailSide(root) : checkReferences(tree, options);
  const all = [...problems, ...tree.problems, ...missing];
  if (all.length > 0) return failure(inReadingOrder(all, files));
  // No problem means that nothing is missing from the draft.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return success({ settings: toSettings(tree.draft as Configuration), files });
}

/** Whether the file describes a network and no mail service, as far as it can be read. */
export function isNetworkOnlyFile(path: string): boolean {
  const file = resolve(path);
  const sources = systemSources({});
  const text = sources.read(file);
  const root = text.ok ? readFileSet(text.value, file, sources).root : undefined;
  return root !== undefined && isNetworkOnly(root);
}

/** The built-in demonstration, with its state in a directory of the caller's choice. */
export function demoSettings(varDirectory: string): Settings {
  const file = fileURLToPath(new URL("../../etc/demo.toml", import.meta.url));
  const options = { ...systemSources({}), stateDirectory: varDirectory };
  const demo = parseSettings(readFileSync(file, "utf8"), file, options);
  if (!demo.ok) throw new Error(demo.error.map(formatProblem).join("\n"));
  return demo.value.settings;
}

export function inReadingOrder(problems: readonly ConfigProblem[], files: readonly string[]): readonly ConfigProblem[] {
  return problems.toSorted(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  );
}
