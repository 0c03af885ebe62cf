// Arguments of the programs around the server (bench, chaos): what they share in reading them. A mistake of the caller is a
// UsageError, which the program answers with its usage and exit code 2.

import { parseArgs } from "node:util";
import type { ParseArgsConfig } from "node:util";

export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig["options"]>;

/** An option with a value, and one without. */
export const text = { type: "string" } as const;
export const flag = { type: "boolean", default: false } as const;

/** Throws UsageError for what `options` does not know. */
export function readArguments<const T extends Options>(
  options: T,
): ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>> {
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

export function wholeNumber(
  value: string | undefined,
  name: string,
  { otherwise, least = 1 }: { readonly otherwise: number; readonly least?: 0 | 1 },
): number {
  if (value === undefined) return otherwise;
  if (!/^\d{1,9}$/.test(value) || Number(value) < least) {
    throw new UsageError(`--${name} wants a whole number from ${least}`);
  }
  return Number(value);
}

/** Comma-separated names, each one of those known. */
export function listOf<T extends string>(
  value: string | undefined,
  name: string,
  known: readonly T[],
): readonly T[] | undefined {
  return value?.split(",").map((each) => {
    const found = known.find((candidate) => candidate === each);
    if (found === undefined) throw new UsageError(`--${name} knows no ${each}: ${known.join(", ")}`);
    return found;
  });
}
