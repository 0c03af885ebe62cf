// The process behind a watchdog where there is no systemd: waits, then becomes the command it was given. It ignores the
// end of the terminal it was started from.

import { spawn } from "node:child_process";

const [milliseconds, program, ...parameters] = process.argv.slice(2);
process.on("SIGHUP", () => undefined);
setTimeout(() => {
  spawn(program!, parameters, { stdio: "ignore" })
    .once("error", () => process.exit(3))
    .once("close", (code) => process.exit(code ?? 3));
}, Number(milliseconds));
