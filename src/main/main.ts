// Where the process begins: the command line, wired to the server and to the files of a stopped one.

import { availableParallelism } from "node:os";
import { runCommand } from "../cli/program.ts";
import { whoAsks } from "../cli/who.ts";
import { version } from "../cli/version.ts";
import { withControl } from "./house.ts";
import { startServer } from "./server.ts";

// Threads of the pool that syncs files and hashes passwords; it is made at its first use, so this comes before. Four for each
// mail thread, as many as there usually are for one: a hash occupies one of them for 20 ms, and commits must not wait for it.
process.env["UV_THREADPOOL_SIZE"] ??= String(4 * Math.max(1, availableParallelism() - 1));

process.exitCode = await runCommand({
  start: (site, died) => startServer(site, version(), died),
  withControl: (site, work) => withControl(site, whoAsks(), work),
});
