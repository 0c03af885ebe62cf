// `sekimori account import FILE`: the accounts of another server, with the hashes of their passwords. All of the file or
// nothing of it, unless somebody asks for what can be taken.

import { createReadStream } from "node:fs";
import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import { readSince } from "../control/accounts.ts";
import type { Control, ImportedAccount } from "../control/control.ts";
import { largestPasswdFile, readPasswdFile } from "../control/passwd-file.ts";
import type { PasswdLine } from "../control/passwd-file.ts";
import { Exit } from "./exit.ts";
import { siteOf } from "./house.ts";
import type { House } from "./house.ts";
import { leaf } from "./leaf.ts";
import type { OutputOptions } from "./leaf.ts";
import { complain, print, printable, printJson } from "./output.ts";
import { withProgress } from "./progress.ts";

interface ImportOptions extends OutputOptions {
  readonly domain?: string;
  readonly dryRun?: true;
  readonly partial?: true;
  /** ISO 8601. */
  readonly since?: string;
}

/** What one request may carry: 64 KiB, and an account is at most one. */
const BATCH = 50;
/** Lines that are told one by one; --json has all. */
const TOLD = 100;

type Problem = { readonly line: number; readonly user: string; readonly why: string };
type Account = Extract<PasswdLine, { kind: "account" }>;

async function readAll(file: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of file === "-" ? process.stdin : createReadStream(file)) {
      const octets = Buffer.from(chunk);
      chunks.push(octets);
      length += octets.length;
      // The reader says what is wrong with it.
      if (length > largestPasswdFile) break;
    }
  } catch (error) {
    throw new Exit(2, `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  return Buffer.concat(chunks);
}

interface Given {
  readonly accounts: readonly Account[];
  readonly locked: readonly Problem[];
  readonly faults: readonly Problem[];
}

function sort(lines: readonly PasswdLine[]): Given {
  const accounts: Account[] = [];
  const locked: Problem[] = [];
  const faults: Problem[] = [];
  for (const each of lines) {
    if (each.kind === "account") accounts.push(each);
    else (each.kind === "locked" ? locked : faults).push({ line: each.line, user: each.user, why: each.why });
  }
  return { accounts, locked, faults };
}

function batches(accounts: readonly Account[]): readonly (readonly Account[])[] {
  return Array.from({ length: Math.ceil(accounts.length / BATCH) }, (_each, index) =>
    accounts.slice(index * BATCH, (index + 1) * BATCH),
  );
}

/** What the site says to the accounts, before any is added. */
async function lookAt(
  control: Control,
  accounts: readonly Account[],
  since: string | undefined,
): Promise<readonly (Problem & { kind: string })[]> {
  const problems: (Problem & { kind: string })[] = [];
  for (const batch of batches(accounts)) {
    // oxlint-disable-next-line no-await-in-loop -- one request at a time
    const outcome = await control.importAccounts(batch.map(toImport), "look", since);
    if (outcome.new !== undefined) {
      const { share, days } = outcome.new;
      throw new Exit(
        2,
        `they would count as new for ${counted(days, "day")} and begin with ${Math.round(100 * share)} % of their limits ([limits.account] new-for): ` +
          "say since when they are customers, --since 2020-01-01, or --since now",
      );
    }
    for (const { index, kind, why } of outcome.problems) {
      const { line, address } = batch[index]!;
      problems.push({ line, user: address, why, kind });
    }
  }
  return problems;
}

async function addAll(control: Control, accounts: readonly Account[], since: string | undefined): Promise<number> {
  return withProgress("accounts", async (report) => {
    let added = 0;
    for (const batch of batches(accounts)) {
      // oxlint-disable-next-line no-await-in-loop -- one request at a time
      const outcome = await control.importAccounts(batch.map(toImport), "add", since);
      const [problem] = outcome.problems;
      // They were looked at: somebody else has changed something since.
      if (problem !== undefined) {
        throw new Exit(
          1,
          `${added} of ${accounts.length} were imported, then: ${problem.why}; --partial goes on from there`,
        );
      }
      added += outcome.added;
      report(added, accounts.length);
    }
    return added;
  });
}

function toImport({ address, hash }: Account): ImportedAccount {
  return { address, hash };
}

function tell(file: string, problems: readonly Problem[], end = ""): void {
  for (const { line, user, why } of problems.slice(0, TOLD)) {
    complain(`${file}:${line}: ${user === "" ? "" : `${printable(user)}: `}${printable(why)}${end}`);
  }
  if (problems.length > TOLD) complain(`${file}: and ${problems.length - TOLD} more`);
}

function chooseSince(text: string): string {
  const since = readSince(text, Date.now());
  if (!since.ok) throw new InvalidArgumentError(since.error);
  return since.value;
}

export function addImportCommand(account: Command, house: House): void {
  async function importFile(file: string, options: ImportOptions): Promise<void> {
    const site = siteOf(options);
    const name = file === "-" ? "standard input" : file;
    const read = readPasswdFile(await readAll(file), options.domain);
    if (!read.ok) throw new Exit(2, `${name}: ${read.error}`);
    const { accounts, locked, faults } = sort(read.value);
    const partial = options.partial === true;

    const outcome = await house.withControl(site, async (control) => {
      const objections = await lookAt(control, accounts, options.since);
      const refused = new Set(objections.map(({ line }) => line));
      const good = accounts.filter(({ line }) => !refused.has(line));
      const isWhole = faults.length === 0 && objections.length === 0;
      const added = isWhole || partial ? good : [];
      if (options.dryRun === undefined) await addAll(control, added, options.since);
      const isWrong = faults.length > 0 || objections.some(({ kind }) => kind === "invalid");
      const problems: Problem[] = [...faults, ...objections.map(({ line, user, why }) => ({ line, user, why }))];
      return { isWrong, added: added.length, problems: problems.toSorted((one, other) => one.line - other.line) };
    });

    const { added, problems, isWrong } = outcome;
    if (options.json) printJson({ [options.dryRun ? "wouldImport" : "imported"]: added, locked, problems });
    else {
      tell(name, locked, ", left out");
      tell(name, problems);
      const verb = options.dryRun ? "would import" : "imported";
      if (problems.length === 0 || partial) print(`${verb} ${counted(added, "account")}${leftOut(locked, problems)}`);
    }
    if (problems.length === 0) return;
    const what = `${name} has ${counted(problems.length, "line")} that cannot be taken`;
    if (partial) throw new Exit(1, what);
    throw new Exit(isWrong ? 2 : 1, `${what}; nothing was imported`);
  }

  leaf(account, "import", "add the accounts of another server, with the hashes of their passwords", {
    examples: [
      "account import users --dry-run",
      "account import users --since 2020-01-01",
      "account import /etc/shadow --domain example.jp --partial",
      "$ssh old cat /etc/dovecot/users | sekimori account import -",
    ],
    codes:
      "1 accounts exist already, or with --partial some lines were left out; 2 lines that cannot be read: then nothing is imported.",
  })
    .argument("<file>", "a passwd-file of Dovecot, or shadow(5); - is standard input")
    .option("--domain <name>", "of users without one")
    .option("--since <date>", "since when they are customers, for `new-for`: a day, an instant, or now", chooseSince)
    .option("--dry-run", "only say what would come of it")
    .option("--partial", "take what can be taken, and leave out the rest")
    .action(importFile);
}

function leftOut(locked: readonly Problem[], problems: readonly Problem[]): string {
  const parts = [
    ...(locked.length === 0 ? [] : [`${counted(locked.length, "locked one")} left out`]),
    ...(problems.length === 0 ? [] : [`${counted(problems.length, "line")} not taken`]),
  ];
  return parts.length === 0 ? "" : `; ${parts.join(", ")}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
