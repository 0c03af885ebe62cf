// The servers under measurement, each in a process group of its own and on a loopback address of its own.
//
// Ours as an operator runs it: the command with a configuration file, the whole decision path, events and log on,
// durable before 250. `paused` in acceptance rows, HOLD in Postfix: both take mail and keep it. Postfix is Debian's
// package as it comes, with its log on; it looks up no names, and neither do we. "Eased" is the best case for Postfix:
// no log, and the queue in memory, since a file per message meets the file system's habits (scope.ts tells one).

import { chmod, mkdtemp, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { makeCertificate } from "../../test/lab/certificate.ts";
import { openDialogue } from "../../test/lab/client.ts";
import type { Where } from "../../test/lab/client.ts";
import { loopbackAddress } from "../../test/lab/loopback.ts";
import { startPostfix } from "../../test/lab/postfix.ts";
import { startServer } from "../../test/lab/server.ts";
import { plain } from "../../test/lab/site.ts";
import { temporaryDirectory } from "../../test/lab/temporary.ts";
import { startInGroup } from "./group.ts";
import type { ProcessGroup } from "./group.ts";
import { NotPossible } from "./scope.ts";
import type { RowScope } from "./scope.ts";

export type PeerName = "sekimori" | "Postfix" | "Postfix, eased" | "sekimori (again)";

export interface Peer {
  readonly name: PeerName;
  /** Where the load goes. */
  readonly where: Where;
  /** Initial response of AUTH PLAIN; undefined where the address of the client is enough. */
  readonly credentials: string | undefined;
  readonly group: ProcessGroup;
}

export interface PeerOptions {
  readonly scope: RowScope;
  readonly priority: "usual" | "high";
  /** Where mail for example.jp goes; without it mail is accepted and kept. */
  readonly relayTo: Where | undefined;
}

const domain = "sekimori.test";
const account = { address: `bench@${domain}`, password: "correct horse battery" } as const;

/** The recipient of acceptance rows; with -r smtp-source puts a number in front. */
export const localRecipient = account.address;
export const remoteRecipient = "bob@example.jp";
export const sender = account.address;
/** For acceptance: from outside. */
export const strangeSender = "alice@example.org";

export async function startPeer(name: PeerName, options: PeerOptions): Promise<Peer> {
  const { scope, priority } = options;
  const probe = { address: loopbackAddress(), port: 2525 };
  await requireFree(probe);
  await requireFree({ ...probe, port: 2587 });
  const { group, value } = await startInGroup(name.replaceAll(/\W/g, ""), priority, () => startAs(name, options));
  // After the lab's own hook, which stops the servers: that one was registered before.
  scope.after(() => group.close());
  const greeting = await greetingOf(scope, value.where);
  if (!greeting.includes(value.hostname)) throw new NotPossible(`${name} was started, but this answers: ${greeting}`);
  return { name, group, ...value };
}

interface Started {
  readonly where: Where;
  readonly hostname: string;
  readonly credentials: string | undefined;
}

function startAs(name: PeerName, options: PeerOptions): Promise<Started> {
  switch (name) {
    case "sekimori":
    case "sekimori (again)":
      return startOurs(options);
    case "Postfix":
      return startOther(options, []);
    case "Postfix, eased":
      // Log lines go to syslog's socket, where nobody listens.
      return inMemory(options.scope, () => startOther(options, ["maillog_file ="]));
  }
}

async function startOurs({ scope, relayTo }: PeerOptions): Promise<Started> {
  const address = loopbackAddress();
  const hostname = `mx.${domain}`;
  const where = { address, port: relayTo === undefined ? 2525 : 2587 };
  const aliases = Array.from({ length: 10 }, (_each, index) => `${index + 1}bench = "${account.address}"`);
  const unlimited = '["100000000/1h"]';
  const config = [
    "version = 1",
    `hostname = "${hostname}"`,
    `http.listen = ["${address}:2080"]`,
    "[[domain]]",
    `name = "${domain}"`,
    `postmaster = "${account.address}"`,
    `aliases = { ${aliases.join(", ")} }`,
    "[[listener]]",
    `role = "${relayTo === undefined ? "mx" : "submission"}"`,
    `listen = ["${address}:${where.port}"]`,
    'tls = "starttls"',
    "[smtp]",
    "messages = 1000000",
    "[limits.account]",
    `recipients = ${unlimited}`,
    `attempts = ${unlimited}`,
    ...(relayTo === undefined
      ? ["[delivery]", "paused = true"]
      : ["[[route]]", 'domain = "example.jp"', `host = "${relayTo.address}"`, `port = ${relayTo.port}`]),
    "",
  ].join("\n");
  const directory = await temporaryDirectory(scope);
  const accounts = { [account.address]: account.password };
  // A session of its own, as a service has and as Postfix makes for itself: the scheduler groups by session.
  await startServer(scope, { directory, config, accounts, wrapper: ["setsid"] });
  const credentials = relayTo === undefined ? undefined : plain(account.address, account.password);
  return { where, hostname, credentials };
}

/** Directories made meanwhile are in memory. */
async function inMemory<T>(scope: RowScope, start: () => Promise<T>): Promise<T> {
  const directory = await mkdtemp("/dev/shm/sekimori-bench-");
  await chmod(directory, 0o711);
  const usual = process.env["TMPDIR"];
  process.env["TMPDIR"] = directory;
  try {
    return await start();
  } finally {
    if (usual === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = usual;
    scope.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  }
}

async function startOther({ scope, relayTo }: PeerOptions, more: readonly string[]): Promise<Started> {
  const settings = [...more, "default_process_limit = 200", "max_use = 1000", "smtpd_timeout = 600s"];
  if (relayTo === undefined) {
    settings.push("smtpd_recipient_restrictions = check_recipient_access static:HOLD, permit_mynetworks, reject");
    const postfix = await startPostfix(scope.test, { domains: [domain], settings });
    return started(postfix);
  }
  const tls = await makeCertificate(await temporaryDirectory(scope), "peer.example.jp");
  return started(await startPostfix(scope.test, { domains: [domain], relayTo, tls, settings }));
}

function started(where: Where | undefined): Started {
  if (where === undefined) throw new NotPossible("no Postfix");
  return { where: { address: where.address, port: where.port }, hostname: "peer.example.jp", credentials: undefined };
}

/** Throws when something listens there already, be it on every address. */
export async function requireFree(where: Where): Promise<void> {
  const scope = { after: () => undefined };
  const other = await openDialogue(scope, where).catch(() => undefined);
  if (other === undefined) return;
  other.destroy();
  throw new NotPossible(`something listens on port ${where.port} already`);
}

async function greetingOf(scope: RowScope, where: Where): Promise<string> {
  const session = await openDialogue(scope, where);
  const { raw } = await session.reply();
  await session.command("QUIT");
  session.destroy();
  await sleep(50);
  return raw;
}
