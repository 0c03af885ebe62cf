// The smtp-server library from npm with a handler of twenty lines: receives, appends to one file, syncs, answers. Not a mail server
// by itself: no queue, no delivery, no policy. It shows what a parser on this runtime can do.

import { join } from "node:path";
import { makeCertificate } from "../../../test/lab/certificate.ts";
import { startChild } from "../../../test/lab/child.ts";
import { atEnd } from "../../../test/lab/cleanup.ts";
import { loopbackAddress } from "../../../test/lab/loopback.ts";
import { plain } from "../../../test/lab/site.ts";
import { temporaryDirectory } from "../../../test/lab/temporary.ts";
import { NotPossible } from "../scope.ts";
import { installed, versionOf } from "./npm.ts";
import { account, peerHostname } from "./peer.ts";
import type { StartOptions, Started } from "./peer.ts";
import type { ReceiverOptions } from "./smtp-server-process.ts";

const library = { name: "smtp-server", version: "3.21.6", overrides: {} } as const;

export async function startSmtpServer({ scope, mode, environment }: StartOptions): Promise<Started> {
  if (mode.kind === "relay") throw new NotPossible("it has no queue");
  const folder = await installed(library);
  const directory = await temporaryDirectory(scope);
  const where = { address: loopbackAddress(), port: 2525 };
  const tls = mode.kind === "keep" ? undefined : await makeCertificate(directory, peerHostname);
  const options: ReceiverOptions = {
    ...where,
    library: folder,
    hostname: peerHostname,
    file: join(directory, "mail"),
    tls,
    account,
  };
  const child = startChild({
    program: "setsid",
    parameters: [process.execPath, join(import.meta.dirname, "smtp-server-process.ts"), JSON.stringify(options)],
    environment,
  });
  atEnd(scope, async () => void (await child.stop("SIGTERM", 5000)));
  await child.waitForLine(/^ready/, 60_000);
  const credentials = mode.kind === "submission" ? plain(account.address, account.password) : undefined;
  return { version: await versionOf(folder), where, hostname: peerHostname, credentials };
}
