// Debian's OpenSMTPD as a remote peer: unpacked, not installed. It takes mail for its own domains into a Maildir and relays the rest
// to one next hop. Its users, its spool and the place of its helpers are compiled in, so it runs in a mount namespace of its
// own, in which they are laid over /etc, /usr/lib, /usr/libexec and /var. That needs root; nothing outside changes.

import { existsSync } from "node:fs";
import { chmod, chown, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { runProgram, startChild } from "./child.ts";
import { atEnd } from "./cleanup.ts";
import { loopbackAddress } from "./loopback.ts";
import { requires, requiresRoot } from "./skip.ts";
import { temporaryDirectory } from "./temporary.ts";
import { waitFor } from "./wait.ts";

export interface OpenSmtpdOptions {
  /** Domains whose mail it keeps, whoever it is for. */
  readonly domains: readonly string[];
  /** Where everything else goes. */
  readonly relayTo: { readonly address: string; readonly port: number };
}

export interface OpenSmtpd {
  readonly address: string;
  readonly port: number;
  /** Messages in its Maildir so far, one for each recipient, as octets with LF line ends. */
  waitForMessages(count: number, milliseconds: number): Promise<readonly string[]>;
}

const port = 2525;
/** Of nobody else, hopefully. */
const ids = { opensmtpd: 54_331, opensmtpq: 54_332, keeper: 54_333 } as const;

/** Undefined after the test was marked as skipped. The test's end stops it. */
export async function startOpenSmtpd(t: TestContext, options: OpenSmtpdOptions): Promise<OpenSmtpd | undefined> {
  const program = await requires(t, "opensmtpd");
  if (program === undefined || !requiresRoot(t, "OpenSMTPD changes identities")) return undefined;
  if (program.tree === undefined) throw new Error("OpenSMTPD is always unpacked");
  const { tree } = program;
  const directory = await temporaryDirectory(t);
  const address = loopbackAddress();
  await lay(directory, address, options);
  const mounts = [
    overlay(`${directory}/etc`, "/etc"),
    // Only where the machine lacks a library that it needs.
    ...(existsSync(`${tree}/usr/lib`) ? [overlay(`${tree}/usr/lib`, "/usr/lib")] : []),
    // A minimal system may be without it.
    "mkdir -p /usr/libexec",
    overlay(`${tree}/usr/libexec`, "/usr/libexec"),
    ...["/var/spool", "/var/lib", "/run"].map((place) => `mount -t tmpfs tmpfs ${place}`),
    "mkdir -m 711 /var/spool/smtpd",
    "mkdir -p -m 755 /var/lib/opensmtpd/empty",
  ].join(" && ");
  const probe = await runProgram({
    program: "unshare",
    parameters: ["-m", "sh", "-c", mounts],
    milliseconds: 10_000,
  });
  if (probe.code !== 0) {
    t.skip(`no overlay mounts here: ${probe.stderr.trim()}`);
    return undefined;
  }
  const daemon = startChild({
    program: "unshare",
    parameters: ["-m", "sh", "-c", `${mounts} && exec ${program.path} -d -f ${directory}/smtpd.conf`],
  });
  atEnd(t, async () => {
    await daemon.stop("SIGTERM", 10_000);
  });
  const ended = { value: false };
  void daemon.ended.then(() => (ended.value = true));
  await waitFor(`OpenSMTPD on ${address}:${port}`, 30_000, async () => {
    if (ended.value) throw new Error(`OpenSMTPD ended at once\n${daemon.stderr()}`);
    return (await answers(address)) ? true : undefined;
  });
  return {
    address,
    port,
    waitForMessages: (count, milliseconds) =>
      waitFor(`${count} messages in OpenSMTPD's Maildir`, milliseconds, async () => {
        const box = join(directory, "mail/Maildir/new");
        const names = await readdir(box).catch(() => []);
        if (names.length < count) return undefined;
        return Promise.all(names.map((name) => readFile(join(box, name), "latin1")));
      }),
  };
}

async function lay(directory: string, address: string, { domains, relayTo }: OpenSmtpdOptions): Promise<void> {
  await chmod(directory, 0o711);
  const etc = join(directory, "etc");
  const mail = join(directory, "mail");
  await mkdir(etc);
  await chmod(etc, 0o755);
  await mkdir(mail);
  await chown(mail, ids.keeper, ids.keeper);
  const users = Object.entries(ids);
  const passwd = users.map(([name, id]) => `${name}:x:${id}:${id}::${mail}:/usr/sbin/nologin\n`).join("");
  const group = users.map(([name, id]) => `${name}:x:${id}:\n`).join("");
  await writeFile(join(etc, "passwd"), `${await readFile("/etc/passwd", "utf8")}${passwd}`);
  await writeFile(join(etc, "group"), `${await readFile("/etc/group", "utf8")}${group}`);
  const lines = [
    `listen on ${address} port ${port} hostname peer.example.jp`,
    'table keep { "@" = "keeper" }',
    `action "box" maildir "${mail}/Maildir" virtual <keep>`,
    `action "rest" relay host "smtp://${relayTo.address}:${relayTo.port}" helo "peer.example.jp"`,
    ...domains.map((domain) => `match from any for domain "${domain}" action "box"`),
    'match from any for any action "rest"',
    "",
  ];
  await writeFile(join(directory, "smtpd.conf"), lines.join("\n"), { mode: 0o600 });
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

function overlay(lower: string, place: string): string {
  return `mount -t overlay overlay -o lowerdir=${lower}:${place} ${place}`;
}
