// Debian's Exim as a remote peer: unpacked, not installed. It takes mail for its own domains into a Maildir and relays
// the rest to one next hop. Its user, its configuration file and the place of its libraries are compiled in, so it runs in a
// mount namespace of its own, in which they are laid over /etc and /usr/lib. That needs root; nothing outside changes.

import { readFileSync } from "node:fs";
import { chmod, chown, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { runProgram, startChild } from "./child.ts";
import { atEnd } from "./cleanup.ts";
import { loopbackAddress } from "./loopback.ts";
import { requires, requiresOtherUsers } from "./skip.ts";
import { temporaryDirectory } from "./temporary.ts";
import { waitFor } from "./wait.ts";

export interface EximOptions {
  /** Domains whose mail it keeps. */
  readonly domains: readonly string[];
  /** Where everything else goes. */
  readonly relayTo: { readonly address: string; readonly port: number };
  /** Offer STARTTLS on the way in with this certificate (PEM files). */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Further lines for the main section. */
  readonly settings?: readonly string[];
  /** AUTH PLAIN inside TLS for this account. Nobody is asked to log in. */
  readonly account?: { readonly address: string; readonly password: string };
  /** Minutely unless "never". */
  readonly queueRuns?: "never";
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Exim {
  readonly address: string;
  readonly port: number;
  /** Messages in its Maildir so far, as octets with LF line ends. */
  waitForMessages(count: number, milliseconds: number): Promise<readonly string[]>;
  log(): string;
}

const port = 2525;
/** Of nobody else, hopefully; files in the directory belong to it. */
const id = 54_321;

/** Undefined after the test was marked as skipped. The test's end stops it. */
export async function startExim(t: TestContext, options: EximOptions): Promise<Exim | undefined> {
  const program = await requires(t, "exim4");
  if (program === undefined || !requiresOtherUsers(t, "Exim changes identities")) return undefined;
  if (program.tree === undefined) throw new Error("Exim is always unpacked");
  const { tree } = program;
  const directory = await temporaryDirectory(t);
  const address = loopbackAddress();
  await lay(directory, address, tree, options);
  const overlays =
    `mount -t overlay overlay -o lowerdir=${directory}/etc:/etc /etc && ` +
    `mount -t overlay overlay -o lowerdir=${tree}/usr/lib:/usr/lib /usr/lib`;
  const probe = await runProgram({
    program: "unshare",
    parameters: ["-m", "sh", "-c", overlays],
    milliseconds: 10_000,
  });
  if (probe.code !== 0) {
    t.skip(`no overlay mounts here: ${probe.stderr.trim()}`);
    return undefined;
  }
  // In the foreground, and with a queue runner every minute for what it could not hand over at once.
  const daemon = startChild({
    program: "unshare",
    parameters: [
      "-m",
      "sh",
      "-c",
      `${overlays} && exec ${program.path} -bdf ${options.queueRuns === "never" ? "" : "-q1m"}`,
    ],
    environment: options.environment ?? {},
  });
  atEnd(t, async () => {
    await daemon.stop("SIGTERM", 10_000);
  });
  const log = (): string => {
    try {
      return readFileSync(join(directory, "log/mainlog"), "utf8");
    } catch {
      return "";
    }
  };
  const ended = { value: false };
  void daemon.ended.then(() => (ended.value = true));
  await waitFor(`Exim on ${address}:${port}`, 30_000, async () => {
    if (ended.value) throw new Error(`Exim ended at once\n${daemon.stderr()}\n${log()}`);
    return (await answers(address)) ? true : undefined;
  });
  return {
    address,
    port,
    log,
    waitForMessages: (count, milliseconds) =>
      waitFor(`${count} messages in Exim's Maildir`, milliseconds, async () => {
        const box = join(directory, "mail/new");
        const names = await readdir(box).catch(() => []);
        if (names.length < count) return undefined;
        return Promise.all(names.map((name) => readFile(join(box, name), "latin1")));
      }),
  };
}

async function lay(directory: string, address: string, tree: string, options: EximOptions): Promise<void> {
  await chmod(directory, 0o711);
  const etc = join(directory, "etc");
  await mkdir(join(etc, "exim4"), { recursive: true });
  await chmod(etc, 0o755);
  for (const name of ["spool", "log", "mail"]) {
    // oxlint-disable-next-line no-await-in-loop -- three directories
    await mkdir(join(directory, name));
    // oxlint-disable-next-line no-await-in-loop
    await chown(join(directory, name), id, id);
  }
  const entry = `Debian-exim:x:${id}`;
  await writeFile(join(etc, "passwd"), `${await readFile("/etc/passwd", "utf8")}${entry}:${id}::/:/usr/sbin/nologin\n`);
  await writeFile(join(etc, "group"), `${await readFile("/etc/group", "utf8")}${entry}:\n`);
  await writeFile(join(etc, "exim4/exim4.conf"), configuration(directory, address, tree, options), { mode: 0o644 });
}

function configuration(directory: string, address: string, tree: string, options: EximOptions): string {
  const { domains, relayTo, tls, account } = options;
  return `
exim_path = ${tree}/usr/sbin/exim4
spool_directory = ${directory}/spool
log_file_path = ${directory}/log/%slog
pid_file_path = ${directory}/spool/exim.pid
primary_hostname = peer.example.jp
local_interfaces = ${address}
daemon_smtp_ports = ${port}
${tls === undefined ? "tls_advertise_hosts =" : `tls_certificate = ${tls.certificate}\ntls_privatekey = ${tls.key}`}
${(options.settings ?? []).join("\n")}
host_lookup =
rfc1413_hosts =
dns_ipv4_lookup = *
dsn_advertise_hosts = *
keep_environment =
acl_smtp_mail = all
acl_smtp_rcpt = all
acl_smtp_data = all
begin acl
all:
  accept
begin routers
own:
  driver = accept
  domains = ${domains.join(" : ")}
  transport = box
rest:
  driver = manualroute
  route_list = * ${relayTo.address}::${relayTo.port} byname
  self = send
  transport = smtp
begin transports
box:
  driver = appendfile
  directory = ${directory}/mail
  maildir_format
  envelope_to_add
  return_path_add
smtp:
  driver = smtp
  hosts_avoid_tls = *
begin retry
* * F,1h,2s
${account === undefined ? "" : authenticator(account)}`;
}

function authenticator({ address, password }: { readonly address: string; readonly password: string }): string {
  return `
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = \${if def:tls_in_cipher}
  server_prompts = :
  server_condition = \${if and{{eq{$auth2}{${address}}}{eq{$auth3}{${password}}}}}
  server_set_id = $auth2
`;
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
