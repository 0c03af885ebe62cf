// Haraka, one process, from npm. In its favour: no plugins but those it cannot do without, which here say yes to everybody
// and look up no names; warnings alone are logged. Kept mail is in its queue on disk, with no delivery.

import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeCertificate } from "../../../test/lab/certificate.ts";
import { startChild } from "../../../test/lab/child.ts";
import { atEnd } from "../../../test/lab/cleanup.ts";
import { openDialogue } from "../../../test/lab/client.ts";
import { loopbackAddress } from "../../../test/lab/loopback.ts";
import { plain } from "../../../test/lab/site.ts";
import { temporaryDirectory } from "../../../test/lab/temporary.ts";
import { waitFor } from "../../../test/lab/wait.ts";
import { installed, versionOf } from "./npm.ts";
import { account, peerHostname } from "./peer.ts";
import type { StartOptions, Started } from "./peer.ts";

export const haraka = {
  name: "Haraka",
  version: "3.3.4",
  overrides: { "encoding-japanese": "2.2.0", libqp: "2.1.1" },
} as const;

export async function startHaraka({ scope, mode, environment }: StartOptions): Promise<Started> {
  const program = await installed(haraka);
  const directory = await temporaryDirectory(scope);
  const where = { address: loopbackAddress(), port: 2525 };
  for (const name of ["config", "plugins", "queue"]) {
    // oxlint-disable-next-line no-await-in-loop -- three directories
    await mkdir(join(directory, name));
  }
  const tls = mode.kind === "keep" ? undefined : await makeCertificate(directory, peerHostname);
  const plugins = [tls && "tls", mode.kind === "submission" && "auth/flat_file", "accept"].filter(Boolean);
  const routes =
    mode.kind === "relay"
      ? { "": mode.to, ...Object.fromEntries((mode.others ?? []).map((each) => [each.domain, each.to])) }
      : {};
  const files: Readonly<Record<string, string>> = {
    me: peerHostname,
    plugins: plugins.join("\n"),
    "log.ini": "[main]\nlevel=warn\n",
    host_list_regex: ".*",
    "smtp.ini": `listen=${where.address}:${where.port}\n`,
    "outbound.ini": `enable_tls=false\nlocal_mx_ok=true\nconcurrency_max=${mode.kind === "relay" ? 100 : -1}\n`,
    "connection.ini": await readFile(join(program, "config/connection.ini"), "utf8"),
    "routes.json": JSON.stringify(routes),
    ...(tls === undefined ? {} : { "tls.ini": `key=${tls.key}\ncert=${tls.certificate}\n` }),
    "auth_flat_file.ini": `[core]\nmethods=PLAIN\nconstrain_sender=false\n[users]\n${account.address}=${account.password}\n`,
  };
  for (const [name, text] of Object.entries(files)) {
    // oxlint-disable-next-line no-await-in-loop
    await writeFile(join(directory, "config", name), text);
  }
  await copyFile(join(import.meta.dirname, "haraka-accept.cjs"), join(directory, "plugins/accept.js"));
  const child = startChild({
    program: "setsid",
    parameters: [process.execPath, join(program, "bin/haraka"), "-c", directory],
    environment,
  });
  let over = false;
  void child.ended.then(() => (over = true));
  atEnd(scope, async () => void (await child.stop("SIGTERM", 20_000).catch(() => undefined)));
  await waitFor("Haraka", 60_000, async () => {
    if (over) throw new Error(`Haraka ended at once\n${child.stdout()}${child.stderr()}`);
    const session = await openDialogue({ after: () => undefined }, where).catch(() => undefined);
    session?.destroy();
    return session === undefined ? undefined : true;
  });
  const credentials = mode.kind === "submission" ? plain(account.address, account.password) : undefined;
  return { version: await versionOf(program), where, hostname: peerHostname, credentials };
}
