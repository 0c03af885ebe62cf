// The program `nft`, on this machine or in a namespace of it. An update is one transaction of the kernel: all of it or
// nothing. Its text is a whole file before nft starts: through a pipe, half a text would be a valid one where we are killed
// while writing it.

import { failureOf, runProgram } from "../io/program.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";

export interface Nft {
  /** Checks a text against the kernel without changing anything. */
  check(text: string): Promise<Result<undefined, string>>;
  /** One transaction. */
  load(text: string): Promise<Result<undefined, string>>;
  /** Text form of a table of family inet; undefined when there is none of that name. */
  list(table: string): Promise<Result<string | undefined, string>>;
  /** Named counters of a table: packets by name. */
  counters(table: string): Promise<Result<ReadonlyMap<string, Counted>, string>>;
  /** Whatever else is to be read, as JSON. */
  json(parameters: readonly string[]): Promise<Result<unknown, string>>;
}

export interface Counted {
  readonly packets: number;
  readonly octets: number;
}

/** A set of a million prefixes takes 12 s to load. */
const patience = 120_000;

export function createNft(namespace?: string): Nft {
  const run = async (parameters: readonly string[], input?: string): Promise<Result<string, string>> => {
    const [program, ...all] =
      namespace === undefined ? ["nft", ...parameters] : ["ip", "netns", "exec", namespace, "nft", ...parameters];
    const outcome = await runProgram({
      program,
      parameters: all,
      milliseconds: patience,
      ...(input === undefined ? {} : { wholeInput: input }),
      environment: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` },
    });
    if (outcome.kind === "ended" && outcome.code === 0) return success(outcome.stdout);
    if (outcome.kind === "absent")
      return failure(`the program ${program} cannot be run (${outcome.cause}): install it`);
    return failure(`nft ${parameters.join(" ")}: ${failureOf(outcome)}`);
  };
  const json = async (parameters: readonly string[]): Promise<Result<unknown, string>> => {
    const text = await run(["-j", ...parameters]);
    return text.ok ? success(JSON.parse(text.value)) : text;
  };
  return {
    check: async (text) => nothing(await run(["-c", "-f", "-"], text)),
    load: async (text) => nothing(await run(["-f", "-"], text)),
    list: async (table) => {
      const text = await run(["list", "table", "inet", table]);
      if (text.ok) return text;
      return /No such file or directory/.test(text.error) ? success(undefined) : text;
    },
    counters: async (table) => {
      const listed = await json(["list", "counters", "table", "inet", table]);
      return listed.ok ? success(countersOf(listed.value)) : listed;
    },
    json,
  };
}

function nothing(result: Result<string, string>): Result<undefined, string> {
  return result.ok ? success(undefined) : result;
}

/** As `nft -j list counters` writes them (libnftables-json(5), "COUNTER"). */
function countersOf(listed: unknown): ReadonlyMap<string, Counted> {
  const found = new Map<string, Counted>();
  for (const item of itemsOf(listed, "counter")) {
    const { name, packets, bytes } = item;
    if (typeof name === "string" && typeof packets === "number" && typeof bytes === "number") {
      found.set(name, { packets, octets: bytes });
    }
  }
  return found;
}

/** Names of the objects of a kind that a text declares. */
function declared(kind: "chain" | "set", text: string): readonly string[] {
  return [...text.matchAll(new RegExp(`^\\s+${kind} (\\S+) \\{`, "gm"))].map(([, name]) => name!);
}

/** Ends chains and sets that stand in the kernel's listing of a table and not in the new text, as part of its transaction. */
export function withoutLeftovers(text: string, listing: string, table: string): string {
  const left = (kind: "chain" | "set"): readonly string[] => {
    const wanted = new Set(declared(kind, text));
    return declared(kind, listing).filter((name) => !wanted.has(name));
  };
  const [chains, sets] = [left("chain"), left("set")];
  // Chains may jump to each other, so all are emptied before the first is deleted.
  const lines = [
    ...chains.map((name) => `flush chain inet ${table} ${name}`),
    ...chains.map((name) => `delete chain inet ${table} ${name}`),
    ...sets.map((name) => `delete set inet ${table} ${name}`),
  ];
  return [text, ...lines.map((line) => `${line}\n`)].join("");
}

/** The objects of one kind in a listing. */
export function itemsOf(listed: unknown, kind: string): readonly Readonly<Record<string, unknown>>[] {
  const all = isRecord(listed) ? listed["nftables"] : undefined;
  if (!Array.isArray(all)) return [];
  return all.map((entry: unknown) => (isRecord(entry) ? entry[kind] : undefined)).filter(isRecord);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
