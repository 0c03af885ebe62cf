// One thread of a running server stands still: strace holds it at its next system call, and is then itself stopped. Where
// a process may not be traced, the test is skipped with the reason.

import { readdirSync, readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { startChild } from "../../lab/child.ts";
import { atEnd } from "../../lab/cleanup.ts";
import type { Server } from "../../lab/server.ts";
import { requires } from "../../lab/skip.ts";
import { waitFor } from "../../lab/wait.ts";

export interface Stall {
  /** Resolves when the thread runs again. */
  end(): Promise<void>;
}

/** `name`: the thread's, as src/main/thread-group.ts gives it. */
export async function stallThread(t: TestContext, server: Server, name: string): Promise<Stall | undefined> {
  const strace = await requires(t, "strace");
  if (strace === undefined) return undefined;
  const tracer = startChild({
    program: strace.path,
    parameters: ["-p", threadOf(server.pid, name), "-o", "/dev/null"],
    environment: strace.environment,
  });
  const end = async (): Promise<void> => {
    tracer.signal("SIGCONT");
    await tracer.stop("SIGINT", 10_000);
  };
  atEnd(t, end);
  const attached = await waitFor("strace at its thread", 20_000, () =>
    tracer.stderr().includes("attached") ? "yes" : /not permitted/i.test(tracer.stderr()) ? "no" : undefined,
  );
  if (attached === "no") {
    t.skip("processes may not be traced here");
    return undefined;
  }
  tracer.signal("SIGSTOP");
  await waitFor("strace to stand still", 20_000, () =>
    / T /.test(readFileSync(`/proc/${tracer.pid}/stat`, "utf8")) ? true : undefined,
  );
  return { end };
}

function threadOf(pid: number, name: string): string {
  const threads = readdirSync(`/proc/${pid}/task`);
  const found = threads.find((thread) => readFileSync(`/proc/${pid}/task/${thread}/comm`, "utf8").trim() === name);
  if (found === undefined) throw new Error(`no thread "${name}" in ${pid}`);
  return found;
}
