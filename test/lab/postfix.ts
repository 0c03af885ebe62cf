// Debian's Postfix as a remote peer: unpacked, not installed, with its own configuration, queue and mailboxes in one
// directory, listening on one loopback address. It takes mail for its own domains into a Maildir and relays the rest
// to one next hop, so it can stand on either side of the server under test.
// Needs root (master(8) changes identities), but no user or group of its own: it borrows two that Debian's
// base-passwd makes and that own nothing. Needs no syslog: postlogd writes the log.

import { readFileSync } from "node:fs";
import { chmod, chown, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startChild } from "./child.ts";
import { atEnd } from "./cleanup.ts";
import { loopbackAddress } from "./loopback.ts";
import { requires, requiresRoot } from "./skip.ts";
import type { FoundProgram } from "./skip.ts";
import { temporaryDirectory } from "./temporary.ts";
import { waitFor } from "./wait.ts";

export interface PostfixOptions {
  /** Domains whose mail it keeps. */
  readonly domains: readonly string[];
  /** Where everything else goes; without it, Postfix bounces what is not its own. */
  readonly relayTo?: { readonly address: string; readonly port: number };
  /** Offer STARTTLS on the way in with this certificate (PEM files). */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Further lines for main.cf. They win. */
  readonly settings?: readonly string[];
  /** For its processes; they see only what import_environment names, and these names are added to it. */
  readonly environment?: Readonly<Record<string, string>>;
  /** For Cyrus SASL: sasl/smtpd.conf beside main.cf, where Debian's smtpd looks for it. */
  readonly sasl?: string;
}

export interface Postfix {
  readonly address: string;
  readonly port: number;
  /** Messages delivered into its Maildir so far, as octets with LF line ends, oldest first. */
  messages(): Promise<readonly string[]>;
  waitForMessages(count: number, milliseconds: number): Promise<readonly string[]>;
  /** The log so far. */
  log(): string;
  waitForLog(pattern: RegExp, milliseconds: number): Promise<string>;
  stop(): Promise<void>;
}

const port = 2525;
const mailOwner = "uucp";
const dropGroup = "fax";
const deliverer = "nobody";

/** Undefined after the test was marked as skipped. The test's end stops it. */
export async function startPostfix(t: TestContext, options: PostfixOptions): Promise<Postfix | undefined> {
  const program = await requires(t, "postfix");
  if (program === undefined || !requiresRoot(t, "Postfix changes identities")) return undefined;
  if (program.tree === undefined) throw new Error("Postfix is always unpacked");
  const directory = await temporaryDirectory(t);
  const address = loopbackAddress();
  await lay(directory, address, program.tree, options);
  return run(t, directory, address, { ...program, environment: { ...program.environment, ...options.environment } });
}

function idOf(database: "passwd" | "group", name: string): number {
  const lines = readFileSync(`/etc/${database}`, "utf8").split("\n");
  const line = lines.find((candidate) => candidate.startsWith(`${name}:`));
  if (line === undefined) throw new Error(`no ${name} in /etc/${database}: not a Debian?`);
  return Number(line.split(":")[2]);
}

async function lay(directory: string, address: string, tree: string, options: PostfixOptions): Promise<void> {
  const owner = idOf("passwd", mailOwner);
  const group = idOf("group", dropGroup);
  const nobody = idOf("passwd", deliverer);
  // mkdtemp makes it private to root, and Postfix's processes pass through it.
  await chmod(directory, 0o711);
  await Promise.all(["etc", "spool", "data", "mail"].map((name) => mkdir(join(directory, name))));
  await chown(join(directory, "data"), owner, 0);
  await chown(join(directory, "mail"), nobody, nobody);
  // What `postfix check` would make (its postfix-files table expects an installed Postfix).
  const queues = ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved"];
  await Promise.all(
    [...queues, "trace"].map(async (name) => {
      await mkdir(join(directory, "spool", name), { mode: 0o700 });
      await chown(join(directory, "spool", name), owner, 0);
    }),
  );
  for (const [name, user, mode] of [
    ["public", owner, 0o710],
    ["maildrop", owner, 0o730],
    ["pid", 0, 0o755],
  ] as const) {
    const path = join(directory, "spool", name);
    // oxlint-disable-next-line no-await-in-loop -- three directories
    await mkdir(path);
    // oxlint-disable-next-line no-await-in-loop
    await chown(path, user, user === 0 ? 0 : group);
    // oxlint-disable-next-line no-await-in-loop -- mkdir's mode passes through the umask
    await chmod(path, mode);
  }
  await writeFile(join(directory, "etc/main.cf"), mainConfiguration(directory, tree, options, nobody));
  await writeFile(join(directory, "etc/master.cf"), masterConfiguration(address));
  if (options.sasl !== undefined) {
    await mkdir(join(directory, "etc/sasl"));
    await writeFile(join(directory, "etc/sasl/smtpd.conf"), options.sasl);
  }
}

function mainConfiguration(directory: string, tree: string, options: PostfixOptions, nobody: number): string {
  const { relayTo, tls } = options;
  const usual = "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME LD_LIBRARY_PATH";
  const environment = [usual, ...Object.keys(options.environment ?? {})].join(" ");
  return [
    "compatibility_level = 3.6",
    `queue_directory = ${directory}/spool`,
    `data_directory = ${directory}/data`,
    `daemon_directory = ${tree}/usr/lib/postfix/sbin`,
    `command_directory = ${tree}/usr/sbin`,
    `shlib_directory = ${tree}/usr/lib/postfix`,
    `meta_directory = ${directory}/etc`,
    // master(8) clears the environment but for these.
    `import_environment = ${environment}`,
    `mail_owner = ${mailOwner}`,
    `setgid_group = ${dropGroup}`,
    `default_privs = ${deliverer}`,
    `maillog_file = ${directory}/log`,
    `maillog_file_prefixes = ${directory}`,
    "myhostname = peer.example.jp",
    "mydestination =",
    "local_recipient_maps =",
    "alias_maps =",
    // Only addresses that ifconfig shows are allowed here; master.cf names the one that is used.
    "inet_interfaces = 127.0.0.1",
    "inet_protocols = ipv4",
    "mynetworks = 127.0.0.0/8",
    "disable_dns_lookups = yes",
    "smtpd_peername_lookup = no",
    "strict_rfc821_envelopes = yes",
    `virtual_mailbox_domains = ${options.domains.join(", ")}`,
    `virtual_mailbox_base = ${directory}/mail`,
    "virtual_mailbox_maps = static:box/",
    `virtual_uid_maps = static:${nobody}`,
    `virtual_gid_maps = static:${nobody}`,
    "virtual_minimum_uid = 1",
    "in_flow_delay = 0",
    "smtpd_client_connection_count_limit = 0",
    "smtpd_error_sleep_time = 0",
    "minimal_backoff_time = 1s",
    "maximal_backoff_time = 2s",
    "queue_run_delay = 1s",
    relayTo === undefined
      ? "default_transport = error:no route to other domains"
      : `relayhost = [${relayTo.address}]:${relayTo.port}`,
    "smtp_tls_security_level = may",
    ...(tls === undefined
      ? []
      : [
          "smtpd_tls_security_level = may",
          `smtpd_tls_cert_file = ${tls.certificate}`,
          `smtpd_tls_key_file = ${tls.key}`,
          "smtpd_tls_loglevel = 1",
        ]),
    ...(options.settings ?? []),
    "",
  ].join("\n");
}

/** Columns: service, type, private, unprivileged, chroot, wake-up, processes, command. Nothing is chrooted. */
function masterConfiguration(address: string): string {
  return [
    `${address}:${port} inet n - n - - smtpd`,
    "cleanup unix n - n - 0 cleanup",
    "qmgr unix n - n 300 1 qmgr",
    "tlsmgr unix - - n 1000? 1 tlsmgr",
    "rewrite unix - - n - - trivial-rewrite",
    "bounce unix - - n - 0 bounce",
    "defer unix - - n - 0 bounce",
    "trace unix - - n - 0 bounce",
    "verify unix - - n - 1 verify",
    "flush unix n - n 1000? 0 flush",
    "proxymap unix - - n - - proxymap",
    "smtp unix - - n - - smtp",
    "relay unix - - n - - smtp",
    "lmtp unix - - n - - lmtp",
    "showq unix n - n - - showq",
    "error unix - - n - - error",
    "retry unix - - n - - error",
    "discard unix - - n - - discard",
    "virtual unix - n n - - virtual",
    "anvil unix - - n - 1 anvil",
    "scache unix - - n - 1 scache",
    "postlog unix-dgram n - n - 1 postlogd",
    "",
  ].join("\n");
}

async function run(t: TestContext, directory: string, address: string, program: FoundProgram): Promise<Postfix> {
  // In the foreground (-d): its end is the end of the child, and it is a child that can be killed.
  const master = startChild({
    program: program.path,
    parameters: ["-c", join(directory, "etc"), "-d"],
    environment: program.environment,
  });
  let stopped = false;
  const stop = async (): Promise<void> => {
    if (stopped) return;
    stopped = true;
    // master ends by the signal after passing it on to its process group.
    await master.stop("SIGTERM", 10_000);
  };
  atEnd(t, stop);

  const log = (): string => {
    try {
      return readFileSync(join(directory, "log"), "utf8");
    } catch {
      return "";
    }
  };
  const ended = { value: false };
  void master.ended.then(() => (ended.value = true));
  await waitFor(`Postfix on ${address}:${port}`, 30_000, async () => {
    if (ended.value) throw new Error(`Postfix ended at once\n${master.stderr()}\n${log()}`);
    return (await answers(address)) ? true : undefined;
  });

  const messages = async (): Promise<readonly string[]> => {
    const box = join(directory, "mail/box/new");
    const names = await readdir(box).catch(() => []);
    return Promise.all(names.toSorted(byText).map((name) => readFile(join(box, name), "latin1")));
  };
  return {
    address,
    port,
    messages,
    waitForMessages: (count, milliseconds) =>
      waitFor(`${count} messages in Postfix's Maildir`, milliseconds, async () => {
        const now = await messages();
        return now.length >= count ? now : undefined;
      }),
    log,
    waitForLog: (pattern, milliseconds) =>
      waitFor(`${pattern} in Postfix's log`, milliseconds, () =>
        log()
          .split("\n")
          .find((line) => pattern.test(line)),
      ),
    stop,
  };
}

function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    socket.once("data", () => {
      socket.end("QUIT\r\n");
      resolve(true);
    });
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
}

/** Maildir names begin with the time. */
function byText(first: string, second: string): number {
  return first < second ? -1 : 1;
}
