// A filter on this machine: applied, read back and held against what was meant; on probation until it is confirmed;
// rolled back otherwise; restored after a reboot. Killed at any point, the kernel has the old filter or the new one (its
// update is one transaction), and the ledger says which of the two must stay.
//
// The order of a change: check, keep the text, note that it begins, arm the watchdog, load, read back, note that it is
// done. So a change on probation is watched before it is in force, and whoever finds a change that was begun and not
// noted as done treats it as unconfirmed.

import type { Program } from "../compile/ir.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { Clock } from "../io/clock.ts";
import type { AppliedText, Ledger, LedgerFile, PendingChange, Watcher } from "./ledger.ts";
import { withoutLeftovers } from "./nft.ts";
import type { Nft } from "./nft.ts";

/** What the head of a text says. */
export interface TextAbout {
  readonly revision: string;
  readonly at: number;
  readonly validUntil: number | undefined;
}

/** How programs become texts of this machine's filter, and what a text says. */
export interface EdgeTarget {
  readonly table: string;
  /** A whole transaction, with the remaining times of permits as of `at`. */
  print(program: Program, about: TextAbout): Result<string, string>;
  /** A text as it is so many milliseconds later: what ends by itself has less time left. */
  aged(text: string, elapsed: number): string;
  /** Of our own text, or of the kernel's listing. */
  read(text: string, at: number): Result<Program, string>;
  /** What differs, in words; undefined when both decide alike. */
  difference(wanted: Program, found: Program): string | undefined;
}

export interface Watchdog {
  arm(id: string, milliseconds: number): Promise<Result<Watcher, string>>;
  isWatching(watcher: Watcher): Promise<boolean>;
  disarm(watcher: Watcher): Promise<void>;
}

export interface EdgeParts {
  readonly nft: Nft;
  readonly ledger: LedgerFile;
  readonly target: EdgeTarget;
  readonly watchdog: Watchdog;
  readonly clock: Clock;
}

export interface Wanted {
  readonly program: Program;
  readonly validUntil: number | undefined;
  readonly by: string;
  /** Roll back unless confirmed within this, ms. */
  readonly confirmWithin?: number;
}

/** `no`: nothing has changed. `rolled-back`: it was in force for a moment. */
export type ApplyOutcome =
  | { readonly kind: "applied"; readonly revision: string; readonly pending: PendingChange | undefined }
  | { readonly kind: "no"; readonly cause: string }
  | { readonly kind: "rolled-back"; readonly cause: string };

export interface EdgeStatus {
  readonly ledger: Ledger;
  /** What the kernel holds, compared with what the ledger says is in force. */
  readonly kernel: "as applied" | "nothing" | "unreadable" | "different";
  readonly difference: string | undefined;
  /** The text is older than the policy's next change. */
  readonly stale: boolean;
  /** A change is on probation and nobody would roll it back. */
  readonly unwatched: boolean;
}

/** Sorts by time; letters and digits. */
function revisionOf(at: number): string {
  return at.toString(36);
}

/** One that no text of the ledger has. */
function freshRevision(at: number, { current, previous, begun }: Ledger): string {
  const used = [current, previous, begun].map((applied) => applied?.revision);
  let next = at;
  while (used.includes(revisionOf(next))) next++;
  return revisionOf(next);
}

function refused(cause: string): Result<never, EdgeFailure> {
  return failure({ kind: "no", cause });
}

const nothing: Program = { filters: [], bindings: [], validations: [] };

/** `no`: there is nothing to do that to. */
export interface EdgeFailure {
  readonly kind: "no" | "impossible";
  readonly cause: string;
}

export interface Edge {
  apply(wanted: Wanted): Promise<ApplyOutcome>;
  confirm(): Promise<Result<AppliedText, EdgeFailure>>;
  /** Back to what was in force before the last change; with `unconfirmed` only if that change still waits. */
  rollback(unconfirmed?: string): Promise<Result<AppliedText | undefined, EdgeFailure>>;
  /** After a reboot: what was confirmed last, with the times that remain. */
  restore(): Promise<Result<AppliedText | undefined, string>>;
  status(): Promise<EdgeStatus>;
  /** What an apply would replace by what. */
  compare(program: Program, validUntil: number | undefined): Promise<Result<Comparison, string>>;
}

/** Both as a text of the filter says them. */
export interface Comparison {
  readonly before: Program;
  readonly after: Program;
  /** Where `before` is from: the kernel, or the text that was applied last, and why not the kernel. */
  readonly against: { readonly kind: "kernel" } | { readonly kind: "last text"; readonly because: string };
  /** A packet that is treated differently, in words; undefined: nothing would change. */
  readonly difference: string | undefined;
}

export function createEdge({ nft, ledger: file, target, watchdog, clock }: EdgeParts): Edge {
  const programOf = async (applied: AppliedText | undefined): Promise<Result<Program, string>> =>
    applied === undefined ? success(nothing) : target.read(await file.text(applied.revision), applied.madeAt);

  /** Loads a text and makes sure that the kernel now says the same. */
  const put = async (text: string): Promise<Result<undefined, string>> => {
    const program = target.read(text, clock.wall());
    if (!program.ok) return program;
    const loaded = await nft.load(await overKernel(text));
    if (!loaded.ok) return loaded;
    const found = await differenceInKernel(program.value);
    return found === undefined ? success(undefined) : failure(`the kernel reads otherwise: ${found}`);
  };

  /** The text with the end of whatever an earlier one left behind. */
  const overKernel = async (text: string): Promise<string> => {
    const listed = await nft.list(target.table);
    return listed.ok && listed.value !== undefined ? withoutLeftovers(text, listed.value, target.table) : text;
  };

  const differenceInKernel = async (program: Program): Promise<string | undefined> => {
    const listed = await nft.list(target.table);
    if (!listed.ok) return listed.error;
    const found = listed.value === undefined ? success(nothing) : target.read(listed.value, clock.wall());
    return found.ok ? target.difference(program, found.value) : found.error;
  };

  /** The text as it was written, so that counters and sets keep their names; nothing where nothing was before. */
  const putBack = async (applied: AppliedText | undefined): Promise<Result<undefined, string>> => {
    const at = clock.wall();
    if (applied !== undefined) return put(target.aged(await file.text(applied.revision), at - applied.madeAt));
    const text = target.print(nothing, { revision: revisionOf(at), at, validUntil: undefined });
    return text.ok ? put(text.value) : text;
  };

  return {
    apply: async ({ program, validUntil, by, confirmWithin }) => {
      const before = await file.read();
      if (before.pending !== undefined)
        return { kind: "no", cause: "a change waits for its confirmation: confirm it or roll it back first" };
      const at = clock.wall();
      const revision = freshRevision(at, before);
      const text = target.print(program, { revision, at, validUntil });
      if (!text.ok) return { kind: "no", cause: text.error };
      const whole = await overKernel(text.value);
      const checked = await nft.check(whole);
      if (!checked.ok) return { kind: "no", cause: checked.error };
      const applied: AppliedText = { revision, madeAt: at, validUntil, appliedAt: at, by };
      await file.keepText(revision, text.value);
      await file.write({ ...before, begun: applied });

      const undo = async (cause: string): Promise<ApplyOutcome> => {
        const back = await putBack(before.current);
        if (back.ok) await file.write({ ...before, begun: undefined });
        return { kind: "rolled-back", cause: back.ok ? cause : `${cause}; and rolling back failed: ${back.error}` };
      };
      let pending: PendingChange | undefined;
      if (confirmWithin !== undefined) {
        const id = revision;
        const watcher = await watchdog.arm(id, confirmWithin);
        if (!watcher.ok) {
          await file.write({ ...before, begun: undefined });
          return { kind: "no", cause: `nobody would roll it back: ${watcher.error}` };
        }
        pending = { id, deadline: at + confirmWithin, watcher: watcher.value };
        await file.write({ ...before, begun: applied, pending });
      }
      const loaded = await nft.load(whole);
      const wrong = loaded.ok ? await differenceInKernel(program) : loaded.error;
      if (wrong !== undefined) {
        if (pending?.watcher !== undefined) await watchdog.disarm(pending.watcher);
        return undo(loaded.ok ? `the kernel reads otherwise: ${wrong}` : wrong);
      }
      await file.write({ current: applied, previous: before.current, pending, begun: undefined });
      return { kind: "applied", revision, pending };
    },

    confirm: async () => {
      const ledger = await file.read();
      const { pending, current, begun } = ledger;
      if (pending === undefined) return refused("nothing waits for a confirmation");
      if (begun !== undefined) return refused("the change was cut short: roll it back and apply it again");
      await file.write({ ...ledger, pending: undefined });
      if (pending.watcher !== undefined) await watchdog.disarm(pending.watcher);
      return success(current!);
    },

    rollback: async (unconfirmed) => {
      const ledger = await file.read();
      if (unconfirmed !== undefined && ledger.pending?.id !== unconfirmed)
        return refused("that change does not wait any more");
      if (ledger.current === undefined && ledger.begun === undefined) return refused("nothing was applied");
      // A change that did not get as far as the ledger has nothing behind it but `current`.
      const back = ledger.begun === undefined ? ledger.previous : ledger.current;
      const restored = await putBack(back);
      if (!restored.ok) return failure({ kind: "impossible", cause: restored.error });
      await file.write({
        current: back,
        previous: ledger.begun === undefined ? undefined : ledger.previous,
        pending: undefined,
        begun: undefined,
      });
      // Last: when it is the watchdog that rolls back, this ends it.
      if (unconfirmed === undefined && ledger.pending?.watcher !== undefined)
        await watchdog.disarm(ledger.pending.watcher);
      return success(back);
    },

    restore: async () => {
      const ledger = await file.read();
      const unconfirmed = ledger.pending !== undefined && ledger.begun === undefined;
      const back = unconfirmed ? ledger.previous : ledger.current;
      const restored = await putBack(back);
      if (!restored.ok) return restored;
      if (ledger.pending !== undefined || ledger.begun !== undefined)
        await file.write({
          current: back,
          previous: unconfirmed ? undefined : ledger.previous,
          pending: undefined,
          begun: undefined,
        });
      return success(back);
    },

    status: async () => {
      const ledger = await file.read();
      const wanted = await programOf(ledger.current);
      const kernel = await kernelOf(wanted);
      const watcher = ledger.pending?.watcher;
      return {
        ledger,
        ...kernel,
        stale: (ledger.current?.validUntil ?? Number.POSITIVE_INFINITY) <= clock.wall(),
        unwatched: ledger.pending !== undefined && (watcher === undefined || !(await watchdog.isWatching(watcher))),
      };
    },

    compare: async (program, validUntil) => {
      const at = clock.wall();
      const text = target.print(program, { revision: revisionOf(at), at, validUntil });
      if (!text.ok) return text;
      const after = target.read(text.value, at);
      if (!after.ok) return after;
      const listed = await nft.list(target.table);
      const before = listed.ok
        ? listed.value === undefined
          ? success(nothing)
          : target.read(listed.value, at)
        : await programOf((await file.read()).current);
      if (!before.ok) return failure(`what stands there is not understood, an apply replaces it: ${before.error}`);
      return success({
        before: before.value,
        after: after.value,
        against: listed.ok ? { kind: "kernel" } : { kind: "last text", because: listed.error },
        difference: target.difference(after.value, before.value),
      });
    },
  };

  async function kernelOf(wanted: Result<Program, string>): Promise<Pick<EdgeStatus, "kernel" | "difference">> {
    const listed = await nft.list(target.table);
    if (!listed.ok) return { kernel: "unreadable", difference: listed.error };
    if (listed.value === undefined) return { kernel: "nothing", difference: undefined };
    if (!wanted.ok) return { kernel: "different", difference: wanted.error };
    const difference = await differenceInKernel(wanted.value);
    return { kernel: difference === undefined ? "as applied" : "different", difference };
  }
}
