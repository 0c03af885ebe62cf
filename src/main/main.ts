// Where the process begins: the command line, wired to the server and to the files of a stopped one.

import { runCommand } from "../cli/program.ts";
import { version } from "../cli/version.ts";
import { withControl } from "./house.ts";
import { startServer } from "./server.ts";

await runCommand({ start: (site, died) => startServer(site, version(), died), withControl });
