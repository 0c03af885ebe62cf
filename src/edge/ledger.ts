// What was applied to this edge, on disk: the text in force and the one before it, and the change that still waits for
// its confirmation. Whoever reads it after a crash or a reboot knows what to restore. Each file is the old one or the
// new one (io/durable-file.ts); the ledger names the texts, so a text is written before it is named.
//
//   edge/ledger.json        this record
//   edge/REVISION.nft       texts; kept while the ledger names them

import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { writePrivateFile } from "../io/durable-file.ts";

export interface AppliedText {
  /** Name of the text, made from its content. */
  readonly revision: string;
  /** The instant it was made for, and when evaluate changes next; wall time in ms. */
  readonly madeAt: number;
  readonly validUntil: number | undefined;
  readonly appliedAt: number;
  readonly by: string;
}

export type Watcher =
  /** A transient timer of systemd. */
  | { readonly kind: "systemd"; readonly unit: string }
  /** A process of ours; the start time tells it from a later one with the same number. */
  | { readonly kind: "process"; readonly pid: number; readonly started: string };

export interface PendingChange {
  readonly id: string;
  /** Wall time in ms. */
  readonly deadline: number;
  readonly watcher: Watcher | undefined;
}

export interface Ledger {
  /** undefined: nothing of ours was ever applied. */
  readonly current: AppliedText | undefined;
  readonly previous: AppliedText | undefined;
  /** `current` is on probation. */
  readonly pending: PendingChange | undefined;
  /** A change has begun and its end was not written down: `current` or this one is in force. */
  readonly begun: AppliedText | undefined;
}

/** The ledger cannot be read; in words for the operator. */
export class UnreadableLedger extends Error {}

const emptyLedger: Ledger = { current: undefined, previous: undefined, pending: undefined, begun: undefined };

export interface LedgerFile {
  read(): Promise<Ledger>;
  /** Durable when it resolves. Texts that nothing names any more are deleted. */
  write(ledger: Ledger): Promise<void>;
  text(revision: string): Promise<string>;
  keepText(revision: string, text: string): Promise<void>;
}

const format = 1;

/** `directory` is the edge's part of the state directory. */
export function openLedger(directory: string): LedgerFile {
  const file = join(directory, "ledger.json");
  const textFile = (revision: string): string => {
    if (!/^[0-9a-z]{1,32}$/.test(revision)) throw new Error(`no revision: ${revision}`);
    return join(directory, `${revision}.nft`);
  };
  return {
    read: async () => {
      let text: string;
      try {
        text = await readFile(file, "utf8");
      } catch (error) {
        if (isMissing(error)) return emptyLedger;
        throw new UnreadableLedger(error instanceof Error ? error.message : String(error), { cause: error });
      }
      return { ...emptyLedger, ...ledgerIn(text, file) };
    },
    write: async (ledger) => {
      await writePrivateFile(file, `${JSON.stringify({ version: format, ...ledger }, undefined, 2)}\n`);
      const named = new Set([ledger.current, ledger.previous, ledger.begun].map((applied) => applied?.revision));
      for (const name of await readdir(directory)) {
        if (name.endsWith(".nft") && !named.has(name.slice(0, -4))) await rm(join(directory, name), { force: true });
      }
    },
    text: async (revision) => {
      try {
        return await readFile(textFile(revision), "utf8");
      } catch (error) {
        const cause = error instanceof Error ? error.message : String(error);
        throw new UnreadableLedger(`the text of revision ${revision} cannot be read: ${cause}`, { cause: error });
      }
    },
    keepText: (revision, text) => writePrivateFile(textFile(revision), text),
  };
}

function ledgerIn(text: string, file: string): Partial<Ledger> {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    read = undefined;
  }
  const advice = `put it aside, and apply again: the filter in the kernel stays as it is until then`;
  if (typeof read !== "object" || read === null) throw new UnreadableLedger(`${file} is damaged: ${advice}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own file, its format checked here
  const { version, ...ledger } = read as Partial<Ledger> & { version?: unknown };
  if (version === format) return ledger;
  throw new UnreadableLedger(`${file} has format ${String(version)}, this program reads ${format}: ${advice}`);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
