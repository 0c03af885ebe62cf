// One file and all it includes → one tree. Lists of tables are joined in the order of reading; anything else may
// be set in one place only, so that no file silently overrules another. The format's version is looked at here,
// before anything else is believed.

import { basename, dirname, join, resolve } from "node:path";
import type { ConfigSources } from "./files.ts";
import { formatPlace, problemAt } from "./problem.ts";
import type { ConfigProblem, Place } from "./problem.ts";
import { quote } from "./scalars.ts";
import { formatVersion } from "./schema.ts";
import { readTree } from "./tree.ts";
import type { Node, TableNode } from "./tree.ts";

export interface FileSet {
  /** Undefined when the main file could not be read as TOML, or is of a newer format. */
  readonly root: TableNode | undefined;
  /** Every file that was read, main file first. */
  readonly files: readonly string[];
  readonly problems: readonly ConfigProblem[];
}

/** Symbolic links can make a loop in which every path is new. */
const deepestInclude = 16;

export function readFileSet(text: string, file: string, sources: ConfigSources): FileSet {
  const files: string[] = [];
  const problems: ConfigProblem[] = [];

  function visit(content: string, path: string, chain: readonly string[]): TableNode | undefined {
    files.push(path);
    const tree = readTree(content, path);
    if (!tree.ok) {
      problems.push(tree.error);
      return undefined;
    }
    const root = tree.value;
    const version = versionProblem(root, chain.length === 0);
    if (version !== undefined) problems.push(version);
    if (version?.fatal === true) return undefined;
    for (const included of includesOf(root)) {
      const child = open(included, [...chain, path]);
      if (child !== undefined) joinTables(root, child, problems);
    }
    return root;
  }

  function open({ path, place }: Included, chain: readonly string[]): TableNode | undefined {
    if (chain.includes(path)) {
      const loop = [...chain.slice(chain.indexOf(path)), path].map((step) => basename(step));
      problems.push(problemAt(place, `${quote(path)} includes itself: ${loop.join(" → ")}`));
    } else if (files.includes(path)) {
      problems.push(problemAt(place, `${quote(path)} is included twice`));
    } else if (chain.length >= deepestInclude) {
      problems.push(problemAt(place, `more than ${deepestInclude} files include each other`));
    } else {
      const content = sources.read(path);
      if (content.ok) return visit(content.value, path, chain);
      problems.push(problemAt(place, `${quote(path)} ${content.error}`));
    }
    return undefined;
  }

  function includesOf(root: TableNode): readonly Included[] {
    const node = root.entries.get("include")?.value;
    root.entries.delete("include");
    if (node === undefined) return [];
    if (node.kind !== "list") {
      problems.push(problemAt(node.place, '"include" must be a list of paths', 'include = ["conf.d/*.toml"]'));
      return [];
    }
    return node.items.flatMap((item) => expand(item, sources, problems));
  }

  const root = visit(text, file, []);
  return { root, files, problems };
}

interface Included {
  readonly path: string;
  readonly place: Place;
}

function expand(item: Node, sources: ConfigSources, problems: ConfigProblem[]): readonly Included[] {
  const { place } = item;
  if (item.kind !== "text" || item.text === "" || item.text.includes("\0")) {
    problems.push(problemAt(place, '"include" must be a list of paths', 'include = ["conf.d/*.toml"]'));
    return [];
  }
  const path = resolve(dirname(place.file), item.text);
  const [directory, name] = [dirname(path), basename(path)];
  if (/[*?]/.test(directory)) {
    problems.push(
      problemAt(place, `${quote(item.text)} has a wildcard in a directory`, "only in the last part of the path"),
    );
    return [];
  }
  if (!/[*?]/.test(name)) return [{ path, place }];
  const names = sources.list(directory);
  if (!names.ok) {
    problems.push(problemAt(place, `${quote(directory)} ${names.error}`));
    return [];
  }
  const pattern = patternOf(name);
  return names.value
    .filter((candidate) => !candidate.startsWith(".") && pattern.test(candidate))
    .toSorted()
    .map((match) => ({ path: join(directory, match), place }));
}

/** `*` and `?` are wildcards; brackets and braces stand for themselves. */
function patternOf(name: string): RegExp {
  const escaped = name.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll(/\*+/g, ".*").replaceAll("?", ".")}$`, "su");
}

function versionProblem(root: TableNode, isMain: boolean): (ConfigProblem & { fatal: boolean }) | undefined {
  const version = root.entries.get("version");
  if (version === undefined) {
    if (!isMain) return undefined;
    const message = `the file does not say which version of the format it is written in`;
    return { ...problemAt(root.place, message, `begin it with "version = ${formatVersion}"`), fatal: false };
  }
  root.entries.delete("version");
  const { value } = version;
  if (value.kind === "integer" && value.value === BigInt(formatVersion)) return undefined;
  if (value.kind === "integer" && value.value > BigInt(formatVersion)) {
    const message = `the file is written in version ${value.value} of the format, this program reads version ${formatVersion}`;
    return { ...problemAt(value.place, message, "use a newer Sekimori"), fatal: true };
  }
  return {
    ...problemAt(value.place, `there is no such version of the format`, `version = ${formatVersion}`),
    fatal: false,
  };
}

function joinTables(into: TableNode, from: TableNode, problems: ConfigProblem[]): void {
  for (const [name, entry] of from.entries) {
    const existing = into.entries.get(name);
    if (existing === undefined) into.entries.set(name, entry);
    else if (existing.value.kind === "table" && entry.value.kind === "table")
      joinTables(existing.value, entry.value, problems);
    else if (isTables(existing.value) && isTables(entry.value)) existing.value.items.push(...entry.value.items);
    else {
      const first = formatPlace(existing.place, entry.place);
      problems.push(problemAt(entry.place, `${quote(name)} is already set at ${first}`));
    }
  }
}

function isTables(node: Node): node is Extract<Node, { kind: "list" }> {
  return node.kind === "list" && node.items.length > 0 && node.items.every((item) => item.kind === "table");
}
