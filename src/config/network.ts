// `[network]` → a policy, with the files it names: prefix lists, exemptions, the lock, requests of partners. What is wrong
// with the texts is told here, each at its place; whether the policy makes sense is asked of policy/network/check.ts, and
// `placeOf` leads its answers back to the files.

import { dirname, join, resolve } from "node:path";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { NetworkPolicy } from "../policy/network/policy.ts";
import { checkTree } from "./check.ts";
import type { CheckedTree } from "./check.ts";
import { missingFile, systemSources } from "./files.ts";
import type { ConfigSources, Environment } from "./files.ts";
import { readFileSet } from "./include.ts";
import { inReadingOrder } from "./load.ts";
import { readLock } from "./network-lock.ts";
import type { NetworkLock } from "./network-lock.ts";
import { createPlaces } from "./network-places.ts";
import type { PolicyPlaces } from "./network-places.ts";
import { toPolicy } from "./network-policy.ts";
import type { NetworkTables } from "./schema/network.ts";
import { problemAt } from "./problem.ts";
import type { ConfigProblem, Place } from "./problem.ts";
import type { DnsSettings } from "./settings.ts";
import { readTree } from "./tree.ts";
import type { Node, TableNode } from "./tree.ts";

export interface NetworkSite {
  readonly policy: NetworkPolicy;
  readonly tables: NetworkTables;
  /** Where a subject of the policy stands. */
  readonly placeOf: PolicyPlaces;
  /** Days of the file begin this many minutes before those of UTC. */
  readonly utcOffset: number;
  readonly lockFile: string;
  readonly lock: NetworkLock | undefined;
  readonly exemptionsFile: string;
  readonly dns: DnsSettings;
  /** State directory of the site; a Linux edge keeps there what it applied. */
  readonly state: string;
}

/** `instead` are texts to read in the place of files, by absolute path: how a change is tried before it is made. */
export function loadNetwork(
  path: string,
  environment: Environment,
  instead: ReadonlyMap<string, string> = new Map(),
): Result<NetworkSite, readonly ConfigProblem[]> {
  const file = resolve(path);
  const system = systemSources(environment);
  const sources: ConfigSources = {
    ...system,
    read: (name) => {
      const text = instead.get(name);
      return text === undefined ? system.read(name) : success(text);
    },
  };
  const text = sources.read(file);
  if (text.ok) return parseNetwork(text.value, file, sources);
  return failure([problemAt({ file, line: 1, column: 1 }, `the configuration file ${text.error}`)]);
}

function parseNetwork(
  text: string,
  filename: string,
  sources: ConfigSources,
): Result<NetworkSite, readonly ConfigProblem[]> {
  const { root, files, problems } = readFileSet(text, resolve(filename), sources);
  if (root === undefined) return failure(problems);
  const section = root.entries.get("network");
  if (section === undefined) {
    const missing = problemAt(root.place, "[network] is missing", "the `net` commands need it; etc/ has examples");
    return failure([...problems, missing]);
  }
  const beside = dirname(homeOf(section.value).file);
  const found: ConfigProblem[] = [...problems];
  const exemptionsFile = fileOf(section.value, "exemptions-file") ?? join(beside, "network.exemptions.toml");
  if (section.value.kind === "table") addExemptions(section.value, exemptionsFile, sources, found);
  const tree = checkTree(root, sources);
  found.push(...tree.problems);
  if (found.length > 0) return failure(inReadingOrder(found, [...files, exemptionsFile]));
  // No problem means that nothing is missing from the draft.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const tables = tree.draft.network as NetworkTables;
  const lockFile = tables["lock-file"] ?? join(beside, "network.lock.json");
  const lock = openLock(lockFile, sources);
  if (!lock.ok) return failure([lock.error]);
  return build(tables, { tree, sources, lockFile, lock: lock.value, exemptionsFile });
}

interface Parts extends Pick<NetworkSite, "lockFile" | "lock" | "exemptionsFile"> {
  readonly tree: CheckedTree;
  readonly sources: ConfigSources;
}

function build(tables: NetworkTables, parts: Parts): Result<NetworkSite, readonly ConfigProblem[]> {
  const { tree, sources, lockFile, lock, exemptionsFile } = parts;
  const places = createPlaces(tables, tree, sources);
  const { policy, problems } = toPolicy(tables, { places, sources, lock });
  if (problems.length > 0) return failure(problems);
  return success({
    policy,
    tables,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
    dns: tree.draft.dns as DnsSettings,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
    state: tree.draft["state-directory"] as string,
    placeOf: places,
    utcOffset: tables["utc-offset"],
    lockFile,
    lock,
    exemptionsFile,
  });
}

/** Where `operator` stands decides what is beside the file; [network] may be spread over several. */
function homeOf(section: Node): Place {
  return (section.kind === "table" ? section.entries.get("operator") : undefined)?.place ?? section.place;
}

/** A path in the tree, before the tree is checked. */
function fileOf(section: Node, key: string): string | undefined {
  const written = section.kind === "table" ? section.entries.get(key)?.value : undefined;
  return written?.kind === "text" ? resolve(dirname(written.place.file), written.text) : undefined;
}

/** Exemptions of the commands are joined to those that stand in the configuration. */
function addExemptions(section: TableNode, file: string, sources: ConfigSources, problems: ConfigProblem[]): void {
  const text = sources.read(file);
  if (!text.ok) {
    if (text.error !== missingFile) problems.push(problemAt({ file, line: 1, column: 1 }, `the file ${text.error}`));
    return;
  }
  const tree = readTree(text.value, file);
  if (!tree.ok) {
    problems.push(tree.error);
    return;
  }
  for (const [name, { place, value }] of tree.value.entries) {
    const existing = section.entries.get(name)?.value;
    if (name === "version" && value.kind === "integer" && value.value === 1n) continue;
    if (name !== "exemption" || value.kind !== "list") {
      problems.push(problemAt(place, `only [[exemption]] stands in this file, which \`net exempt\` writes`, "move it"));
    } else if (existing?.kind === "list") existing.items.push(...value.items);
    else section.entries.set(name, { place, value });
  }
}

function openLock(file: string, sources: ConfigSources): Result<NetworkLock | undefined, ConfigProblem> {
  const text = sources.read(file);
  const place = { file, line: 1, column: 1 };
  if (!text.ok)
    return text.error === missingFile ? success(undefined) : failure(problemAt(place, `the file ${text.error}`));
  const lock = readLock(text.value);
  return lock.ok ? lock : failure(problemAt(place, `the lock file ${lock.error}`, "make it anew with `net refresh`"));
}
