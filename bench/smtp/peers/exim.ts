// Debian's Exim (the light daemon: the same receiving half as the heavy one). In its favour: it looks up no names, writes no
// log, and takes mail to relay without AUTH. Kept mail is queued, and no queue is ever run.

import { chmod } from "node:fs/promises";
import { dirname } from "node:path";
import { makeCertificate } from "../../../test/lab/certificate.ts";
import { openDialogue } from "../../../test/lab/client.ts";
import type { Where } from "../../../test/lab/client.ts";
import { startExim } from "../../../test/lab/exim.ts";
import { plain } from "../../../test/lab/site.ts";
import { temporaryDirectory } from "../../../test/lab/temporary.ts";
import { NotPossible } from "../scope.ts";
import type { RowScope } from "../scope.ts";
import { account, domain, peerHostname } from "./peer.ts";
import type { StartOptions, Started } from "./peer.ts";

export async function startEximPeer({ scope, mode, environment }: StartOptions): Promise<Started> {
  const keeps = mode.kind !== "relay";
  const exim = await startExim(scope.test, {
    // Then everything goes the same way.
    domains: keeps ? [domain] : [],
    relayTo: keeps ? { address: "127.0.0.1", port: 9 } : mode.to,
    settings: [
      "log_selector = -all",
      "smtp_accept_max = 0",
      "smtp_connect_backlog = 1024",
      "smtp_accept_queue_per_connection = 0",
      "deliver_drop_privilege = true",
      `queue_only = ${keeps}`,
    ],
    environment,
    ...(keeps ? { queueRuns: "never" } : {}),
    ...(mode.kind === "keep" ? {} : { tls: await certificate(scope) }),
    ...(mode.kind === "submission" ? { account } : {}),
  });
  if (exim === undefined) throw new NotPossible("no Exim");
  const where = { address: exim.address, port: exim.port };
  const credentials = mode.kind === "submission" ? plain(account.address, account.password) : undefined;
  return { version: await versionOf(scope, where), where, hostname: peerHostname, credentials };
}

/** Read by processes that have given up root. */
async function certificate(scope: RowScope): ReturnType<typeof makeCertificate> {
  const files = await makeCertificate(await temporaryDirectory(scope), peerHostname);
  for (let folder = dirname(files.key); folder.includes("sekimori-test-"); folder = dirname(folder)) {
    // oxlint-disable-next-line no-await-in-loop -- two directories
    await chmod(folder, 0o755);
  }
  await chmod(files.certificate, 0o644);
  await chmod(files.key, 0o644);
  return files;
}

async function versionOf(scope: RowScope, where: Where): Promise<string> {
  const session = await openDialogue(scope, where);
  const { raw } = await session.reply();
  session.destroy();
  return /Exim (\S+)/.exec(raw)?.[1] ?? "of unknown version";
}
