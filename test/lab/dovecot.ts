// Debian's Dovecot as a mailbox store behind LMTP: unpacked, not installed, with its own configuration and mailboxes in one
// directory, listening on one loopback address. It knows the users it is told of and refuses all others at RCPT. Where a test asks for
// it, people read their mail there, over IMAP and POP3, with the accounts of a passwd-file.
// Dovecot looks for its parts under /usr/lib, wherever it lies itself: so it gets a mount namespace of its own in which
// the unpacked tree is laid over /usr/lib. That needs root; nothing outside the directory changes.

import { chmod, chown, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { makeCertificate } from "./certificate.ts";
import { runProgram, startChild } from "./child.ts";
import type { Child } from "./child.ts";
import { atEnd } from "./cleanup.ts";
import type { Where } from "./client.ts";
import { loopbackAddress } from "./loopback.ts";
import { requires, requiresRoot } from "./skip.ts";
import { temporaryDirectory } from "./temporary.ts";
import { waitFor } from "./wait.ts";

export interface DovecotUser {
  readonly address: string;
  /** Octets that its mailbox may hold. */
  readonly quota?: number;
}

/** Who reads mail there. In place of the users. */
export interface DovecotAccess {
  /** What `account export` writes, sooner or later. */
  readonly passwdFile: string;
  /** Asked about logins, and told of them (`auth_policy_…`): URL and header. */
  readonly policy?: { readonly url: string; readonly header: string };
  /** Opens the doveadm HTTP API, to three commands; Dovecot remembers logins then. */
  readonly doveadmKey?: string;
}

export interface Dovecot {
  readonly address: string;
  readonly port: number;
  /** Implicit TLS; only with access, as the two below. */
  readonly imaps: Where;
  readonly pop3s: Where;
  /** Passwords in clear. */
  readonly pop3: Where;
  /** HTTP; only with a key. */
  readonly doveadm: Where;
  /** Messages in the mailbox of that user so far, as octets. */
  messages(user: string): Promise<readonly string[]>;
  /** Ends it; whoever is connected is cut off. */
  stop(): Promise<void>;
  /** Again at the same place, after `stop`. */
  start(): Promise<void>;
}

const port = 2424;
const ports = { imaps: 2993, pop3s: 2995, pop3: 2110 } as const;
const doveadmPort = 2480;
const user = "nobody";
const group = "nogroup";

/** Undefined after the test was marked as skipped. The test's end stops it. */
export async function startDovecot(
  t: TestContext,
  users: readonly DovecotUser[],
  access?: DovecotAccess,
): Promise<Dovecot | undefined> {
  const program = await requires(t, "dovecot");
  if (program === undefined || !requiresRoot(t, "Dovecot needs a mount namespace")) return undefined;
  if (program.tree === undefined) throw new Error("Dovecot is always unpacked");
  const { tree } = program;
  const overlay = `mount -t overlay overlay -o lowerdir=${tree}/usr/lib:/usr/lib /usr/lib`;
  const probe = await runProgram({ program: "unshare", parameters: ["-m", "sh", "-c", overlay], milliseconds: 10_000 });
  if (probe.code !== 0) {
    t.skip(`no overlay mounts here: ${probe.stderr.trim()}`);
    return undefined;
  }
  const directory = await temporaryDirectory(t);
  const address = loopbackAddress();
  await lay(directory, address, users, program.environment, access);
  const configuration = join(directory, "dovecot.conf");
  // doveconf hands the configuration to the master, which would look for doveconf in /usr/bin otherwise.
  const start =
    `${overlay} && exec ${tree}/usr/bin/doveconf -f service=master -c ${configuration} -m master -p ` +
    `-e ${tree}/usr/sbin/dovecot -F -c ${configuration}`;
  let master: Child | undefined;
  const stop = async (): Promise<void> => {
    await master?.stop("SIGTERM", 10_000);
    master = undefined;
  };
  const begin = async (): Promise<void> => {
    const child = startChild({
      program: "unshare",
      parameters: ["-m", "sh", "-c", start],
      environment: program.environment,
    });
    master = child;
    const ended = { value: false };
    void child.ended.then(() => (ended.value = true));
    await waitFor(`Dovecot on ${address}:${port}`, 30_000, async () => {
      if (ended.value) throw new Error(`Dovecot ended at once\n${child.stderr()}\n${logOf(directory)}`);
      return (await answers(address)) ? true : undefined;
    });
  };
  atEnd(t, stop);
  await begin();
  return {
    address,
    port,
    imaps: { address, port: ports.imaps },
    pop3s: { address, port: ports.pop3s },
    pop3: { address, port: ports.pop3 },
    doveadm: { address, port: doveadmPort },
    stop,
    start: begin,
    messages: async (name) => {
      const box = join(directory, "mail", name, "new");
      const files = await readdir(box).catch(() => []);
      return Promise.all(files.map((file) => readFile(join(box, file), "latin1")));
    },
  };
}

async function lay(
  directory: string,
  address: string,
  users: readonly DovecotUser[],
  environment: Readonly<Record<string, string>>,
  access: DovecotAccess | undefined,
): Promise<void> {
  await chmod(directory, 0o711);
  const mail = join(directory, "mail");
  await mkdir(mail);
  await chown(mail, idOf("passwd", user), idOf("group", group));
  const lines = users.map(({ address: name, quota }) => {
    const rule = quota === undefined ? "" : `userdb_quota_rule=*:bytes=${quota}`;
    return `${name}:::::::${rule}\n`;
  });
  await writeFile(join(directory, "users"), lines.join(""), { mode: 0o644 });
  const settings = [
    `base_dir = ${directory}/run`,
    `state_dir = ${directory}/state`,
    `default_internal_user = ${user}`,
    `default_internal_group = ${group}`,
    "default_login_user = daemon",
    `import_environment = LD_LIBRARY_PATH=${environment["LD_LIBRARY_PATH"] ?? ""}`,
    `log_path = ${directory}/log`,
    `mail_location = maildir:${mail}/%u`,
    `mail_uid = ${user}`,
    `mail_gid = ${group}`,
    "first_valid_uid = 1",
    "first_valid_gid = 1",
    "mail_plugins = quota",
    ...(access === undefined ? storeOnly(directory) : await withAccess(directory, address, access)),
    "plugin {\n  quota = maildir:User quota\n  quota_grace = 0\n}",
    `service lmtp {\n  inet_listener lmtp {\n    address = ${address}\n    port = ${port}\n  }\n}`,
    "",
  ];
  await writeFile(join(directory, "dovecot.conf"), settings.join("\n"));
}

function storeOnly(directory: string): readonly string[] {
  return [
    "protocols = lmtp",
    "ssl = no",
    "passdb {\n  driver = static\n  args = nopassword=y\n}",
    `userdb {\n  driver = passwd-file\n  args = ${directory}/users\n}`,
  ];
}

/** As docs/guide/dovecot.md has it, but for places and for passwords in clear. */
async function withAccess(directory: string, address: string, access: DovecotAccess): Promise<readonly string[]> {
  const { certificate, key } = await makeCertificate(directory, "imap.example.net");
  const listener = (name: keyof typeof ports, ssl: "yes" | "no"): string =>
    `  inet_listener ${name} {\n    address = ${address}\n    port = ${ports[name]}\n    ssl = ${ssl}\n  }\n`;
  const { policy, doveadmKey } = access;
  return [
    "protocols = lmtp imap pop3",
    "ssl = yes",
    `ssl_cert = <${certificate}`,
    `ssl_key = <${key}`,
    "disable_plaintext_auth = no",
    "auth_failure_delay = 0",
    `passdb {\n  driver = passwd-file\n  args = ${access.passwdFile}\n}`,
    `userdb {\n  driver = static\n  args = uid=${user} gid=${group} home=${directory}/home/%u\n}`,
    // Only root may read the file.
    "service auth {\n  user = root\n}",
    `service imap-login {\n  chroot =\n  inet_listener imap {\n    port = 0\n  }\n${listener("imaps", "yes")}}`,
    `service pop3-login {\n  chroot =\n${listener("pop3", "no")}${listener("pop3s", "yes")}}`,
    ...(policy === undefined
      ? []
      : [
          `auth_policy_server_url = ${policy.url}`,
          `auth_policy_server_api_header = ${policy.header}`,
          "auth_policy_hash_nonce = laboratory",
        ]),
    ...(doveadmKey === undefined
      ? []
      : [
          `doveadm_api_key = ${doveadmKey}`,
          "doveadm_allowed_commands = kick,who,auth cache flush",
          `service doveadm {\n  inet_listener http {\n    address = ${address}\n    port = ${doveadmPort}\n  }\n}`,
          "auth_cache_size = 1M",
        ]),
  ];
}

function idOf(database: "passwd" | "group", name: string): number {
  const lines = readFileSync(`/etc/${database}`, "utf8").split("\n");
  return Number(lines.find((line) => line.startsWith(`${name}:`))?.split(":")[2]);
}

function logOf(directory: string): string {
  try {
    return readFileSync(join(directory, "log"), "utf8");
  } catch {
    return "";
  }
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
