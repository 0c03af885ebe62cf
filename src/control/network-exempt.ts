// Exemptions: added, listed, renewed and revoked in a file of their own. A change is tried on the whole policy before it is
// made; what would be wrong is refused and nothing changes. The line of the audit log is on the disk before the change, so
// that there is never a change without its line. One command at a time.

import { appendFileSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { readExemptions, writeExemptions } from "../config/exemptions-file.ts";
import type { WrittenExemption } from "../config/exemptions-file.ts";
import { systemSources } from "../config/files.ts";
import { loadNetwork } from "../config/network.ts";
import { formatProblem } from "../config/problem.ts";
import { writePublicFile } from "../io/durable-file.ts";
import { checkNetwork, formatFinding, formatInstant } from "./network.ts";
import type { OpenedNetwork } from "./network.ts";
import { isInForce } from "../policy/network/in-force.ts";

export interface ExemptionView {
  readonly id: string;
  readonly subject: string;
  readonly owner: string;
  readonly reason: string;
  readonly ticket: string;
  readonly from: string | undefined;
  readonly until: string | undefined;
  readonly standing: "in force" | "not yet" | "expired";
  /** Where it is written. */
  readonly place: string;
}

export function listExemptions(site: OpenedNetwork, at: number): readonly ExemptionView[] {
  return site.policy.exemptions.map(({ id, subject, owner = "", reason = "", ticket = "", period }, index) => {
    const { file, line, column } = site.placeOf(["exemption", index]);
    const { v4, v6 } = subject.kind === "addresses" ? subject.addresses : { v4: undefined, v6: undefined };
    const prefixes = [...(v4?.prefixes() ?? []), ...(v6?.prefixes() ?? [])];
    const isOver = period.until !== undefined && period.until <= at;
    return {
      id,
      subject: subject.kind === "subscriber" ? `subscriber ${subject.subscriber}` : prefixes.join(" "),
      owner,
      reason,
      ticket,
      from: period.from === undefined ? undefined : formatInstant(site, period.from),
      until: period.until === undefined ? undefined : formatInstant(site, period.until),
      standing: isInForce(period, at) ? "in force" : isOver ? "expired" : "not yet",
      place: `${file}:${line}:${column}`,
    };
  });
}

export type ExemptionChange =
  | { readonly kind: "add"; readonly exemption: WrittenExemption }
  | { readonly kind: "renew"; readonly id: string; readonly until: string; readonly reason: string | undefined }
  | { readonly kind: "revoke"; readonly id: string; readonly reason: string };

/** The failure is what is wrong, in whole lines; then nothing has changed. `by` is who asked. */
export async function changeExemptions(
  site: OpenedNetwork,
  change: ExemptionChange,
  { at, by }: { readonly at: number; readonly by: string },
): Promise<Result<WrittenExemption, { readonly kind: "no" | "wrong" | "busy"; readonly why: readonly string[] }>> {
  const file = site.exemptionsFile;
  mkdirSync(dirname(file), { recursive: true });
  const lock = `${file}.lock`;
  let handle: number;
  try {
    handle = openSync(lock, "wx", 0o600);
  } catch (error) {
    if (!existsSync(lock)) throw error;
    return failure({
      kind: "busy",
      why: [`${lock} exists: another change is being made, or one was interrupted; then remove it`],
    });
  }
  try {
    return await changeLocked(site, change, { at, by });
  } finally {
    closeSync(handle);
    rmSync(lock, { force: true });
  }
}

async function changeLocked(
  site: OpenedNetwork,
  change: ExemptionChange,
  { at, by }: { readonly at: number; readonly by: string },
): ReturnType<typeof changeExemptions> {
  const file = site.exemptionsFile;
  const text = existsSync(file) ? readFileSync(file, "utf8") : writeExemptions([]);
  const read = readExemptions(text, file, systemSources(process.env));
  if (!read.ok) return failure({ kind: "wrong", why: read.error.map(formatProblem) });
  const applied = applyChange(site, read.value, change);
  if (!applied.ok) return failure({ kind: "no", why: [applied.error] });
  const { list, entry, previous } = applied.value;
  const next = writeExemptions(list);
  const tried = loadNetwork(site.file, process.env, new Map([[file, next]]));
  if (!tried.ok) return failure({ kind: "wrong", why: tried.error.map(formatProblem) });
  const known = new Set(checkNetwork(site, at).map(({ id, message }) => `${id} ${message}`));
  const worse = checkNetwork(tried.value, at).filter(
    ({ id, message, severity }) => severity === "error" && !known.has(`${id} ${message}`),
  );
  if (worse.length > 0) return failure({ kind: "wrong", why: worse.map(formatFinding) });
  note(`${file}.audit.jsonl`, {
    time: new Date(at).toISOString(),
    by,
    action: change.kind,
    ...(change.kind === "add" ? {} : { why: change.reason }),
    previous,
    exemption: change.kind === "revoke" ? undefined : entry,
  });
  await writePublicFile(file, next);
  return success(entry);
}

interface Applied {
  readonly list: readonly WrittenExemption[];
  readonly entry: WrittenExemption;
  readonly previous: WrittenExemption | undefined;
}

function applyChange(
  site: OpenedNetwork,
  list: readonly WrittenExemption[],
  change: ExemptionChange,
): Result<Applied, string> {
  const id = change.kind === "add" ? change.exemption.id : change.id;
  const previous = list.find((each) => each.id === id);
  const elsewhere = site.policy.exemptions.findIndex((each) => each.id === id);
  if (change.kind === "add") {
    if (elsewhere !== -1) return failure(`there already is an exemption ${id}`);
    return success({ list: [...list, change.exemption], entry: change.exemption, previous: undefined });
  }
  if (previous === undefined) {
    if (elsewhere === -1) return failure(`there is no exemption ${id}`);
    const { file, line } = site.placeOf(["exemption", elsewhere]);
    return failure(`exemption ${id} is written at ${file}:${line}: change it there`);
  }
  if (change.kind === "revoke") {
    return success({ list: list.filter((each) => each !== previous), entry: previous, previous });
  }
  const entry = { ...previous, until: change.until, ...(change.reason === undefined ? {} : { reason: change.reason }) };
  return success({ list: list.map((each) => (each === previous ? entry : each)), entry, previous });
}

/** One line, on the disk before this returns. */
function note(file: string, entry: object): void {
  const handle = openSync(file, "a", 0o640);
  try {
    appendFileSync(handle, `${JSON.stringify(entry)}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
