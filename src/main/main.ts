// Where the process begins: the command line, wired to the server and to the files of a stopped one. Both are loaded when they are
// needed: most commands ask a running server, and a second of loading is long for a person.

import { availableParallelism } from "node:os";
import { connectControl } from "../cli/client.ts";
import { runCommand } from "../cli/program.ts";
import { version } from "../cli/version.ts";
import { whoAsks } from "../cli/who.ts";
import { controlSocket } from "../control/site.ts";

// Threads of the pool that syncs files and hashes passwords; it is made at its first use, so this comes before. Four for each
// mail thread, as many as there usually are for one: a hash occupies one of them for 20 ms, and commits must not wait for it.
process.env["UV_THREADPOOL_SIZE"] ??= String(4 * Math.max(1, availableParallelism() - 1));

process.exitCode = await runCommand({
  start: async (site, died) => (await import("./server.ts")).startServer(site, version(), died),
  withControl: async (site, work) => {
    const by = whoAsks();
    const live = await connectControl(controlSocket(site), by);
    if (live !== undefined) return work(live);
    return (await import("./stopped.ts")).withStopped(site, by, work);
  },
});
