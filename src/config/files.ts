// The little that a configuration needs of the file system and of the process, so that tests bring their own.
// Failures are sentences for the operator.

import { readFileSync, readdirSync, statSync } from "node:fs";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";

export interface ConfigSources {
  /** The text of a file in UTF-8. */
  read(path: string): Result<string, string>;
  /** Names in a directory, in any order. */
  list(directory: string): Result<readonly string[], string>;
  /** Permission bits of a file. */
  mode(path: string): Result<number, string>;
  readonly environment: Environment;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export function systemSources(environment: Environment): ConfigSources {
  return {
    read: (path) => {
      const text = attempt(() => new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path)));
      // What editors of another world write: every second octet of UTF-16 is NUL.
      return text.ok && text.value.slice(0, 2).includes("\0") ? failure(sentences[noUtf8] ?? "") : text;
    },
    list: (directory) => attempt(() => readdirSync(directory)),
    mode: (path) => attempt(() => statSync(path).mode & 0o777),
    environment,
  };
}

const noUtf8 = "ERR_ENCODING_INVALID_ENCODED_DATA";
/** What a file that is not there is told as. */
export const missingFile = "does not exist";

const sentences: Readonly<Record<string, string>> = {
  ENOENT: missingFile,
  EACCES: "cannot be read: permission denied",
  EPERM: "cannot be read: permission denied",
  EISDIR: "is a directory",
  ENOTDIR: "does not exist",
  [noUtf8]: "is not text in UTF-8",
};

function attempt<T>(action: () => T): Result<T, string> {
  try {
    return success(action());
  } catch (error) {
    if (!(error instanceof Error && "code" in error && typeof error.code === "string")) throw error;
    return failure(sentences[error.code] ?? `cannot be read: ${error.code}`);
  }
}
