// For tests: a command of the program in this process, with what it printed and its exit code.

import { mock } from "node:test";
import { Exit } from "./exit.ts";
import type { House } from "./house.ts";
import { createProgram } from "./program.ts";

const house: House = {
  start: () => Promise.reject(new Error("not for this test")),
  withControl: () => Promise.reject(new Error("not for this test")),
};

export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Text is kept back; what the test runner reports by the same stream is octets, and goes through. */
function capture(stream: NodeJS.WriteStream, keep: (text: string) => void) {
  const write = stream.write.bind(stream);
  return mock.method(stream, "write", (chunk: string | Uint8Array) => {
    if (typeof chunk !== "string") return write(chunk);
    keep(chunk);
    return true;
  });
}

/** For commands that ask no server. */
export async function run(...words: readonly string[]): Promise<Run> {
  const texts = { out: "", err: "" };
  process.exitCode = 0;
  const out = capture(process.stdout, (text) => (texts.out += text));
  const err = capture(process.stderr, (text) => (texts.err += text));
  try {
    await createProgram(house).parseAsync(["node", "sekimori", ...words]);
    return { code: process.exitCode, ...texts };
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    return { code: error.code, out: texts.out, err: `${texts.err}sekimori: ${error.message}\n` };
  } finally {
    process.exitCode = 0;
    out.mock.restore();
    err.mock.restore();
  }
}
