// Where the process begins: the command line, wired to the server and to the files of a stopped one.

import { runCommand } from "../cli/program.ts";
import { whoAsks } from "../cli/who.ts";
import { version } from "../cli/version.ts";
import { withControl } from "./house.ts";
import { startServer } from "./server.ts";

process.exitCode = await runCommand({
  start: (site, died) => startServer(site, version(), died),
  withControl: (site, work) => withControl(site, whoAsks(), work),
});
