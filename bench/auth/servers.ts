// The servers that people log in to, each with the same accounts at the same cost: argon2id with 19 MiB, two passes, one lane (OWASP's first
// choice). Ours as an operator runs it; beside it Debian's Postfix with Debian's Dovecot, which checks the passwords.

import { chmod, mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { createOrigins } from "../../src/directory/origins.ts";
import { hashPassword } from "../../src/io/password-hash.ts";
import { makeScramKeys } from "../../src/io/scram-keys.ts";
import { systemClock } from "../../src/io/clock.ts";
import { asRemote } from "../../src/io/rpc.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { makeCertificate } from "../../test/lab/certificate.ts";
import { runProgram, startChild } from "../../test/lab/child.ts";
import { atEnd } from "../../test/lab/cleanup.ts";
import type { Where } from "../../test/lab/client.ts";
import { loopbackAddress } from "../../test/lab/loopback.ts";
import { findProgram } from "../../test/lab/packages.ts";
import { startPostfix } from "../../test/lab/postfix.ts";
import { startServer } from "../../test/lab/server.ts";
import { temporaryDirectory } from "../../test/lab/temporary.ts";
import { waitFor } from "../../test/lab/wait.ts";
import { account, domain, peerHostname } from "../smtp/peers/peer.ts";
import { NotPossible } from "../smtp/scope.ts";
import type { RowScope } from "../smtp/scope.ts";
import { password, personAddress, personName } from "./people.ts";

export const serverNames = ["sekimori", "Postfix + Dovecot"] as const;
export type ServerName = (typeof serverNames)[number];

export interface LoginServer {
  readonly submission: Where;
  /** Mail from outside, without TLS; where it is measured. */
  readonly mx: Where | undefined;
}

/** `cache`: of passwords that were right. */
export const startLogin: Readonly<
  Record<ServerName, (scope: RowScope, people: number, cache: "on" | "off") => Promise<LoginServer>>
> = {
  sekimori: startOurs,
  "Postfix + Dovecot": startPostfixWithDovecot,
};

/** The cache is always on: who has not logged in yet is not in it. */
async function startOurs(scope: RowScope, people: number): Promise<LoginServer> {
  const directory = await temporaryDirectory(scope);
  await mkdir(join(directory, "var"));
  await enrol(join(directory, "var/index.sqlite"), people);
  const address = loopbackAddress();
  const unlimited = '["100000000/1h"]';
  const config = [
    "version = 1",
    `hostname = "mx.${domain}"`,
    `http.listen = ["${address}:2080"]`,
    "[[domain]]",
    `name = "${domain}"`,
    `postmaster = "${account.address}"`,
    ...[
      ["submission", 2587, "starttls"],
      ["mx", 2525, "starttls"],
    ].flatMap(([role, port, tls]) => [
      "[[listener]]",
      `role = "${role}"`,
      `listen = ["${address}:${port}"]`,
      `tls = "${tls}"`,
    ]),
    "[smtp]",
    "messages = 1000000",
    "sessions = 100000",
    // One session makes many guesses, so that the load is passwords and not handshakes.
    "errors = 10000",
    "auth-failures = 100",
    "[limits.client]",
    "exempt = []",
    "connections = 100000",
    `auth-failures = ${unlimited}`,
    "[delivery]",
    "paused = true",
    "",
  ].join("\n");
  const accounts = { [account.address]: account.password };
  await startServer(scope, { directory, config, accounts, wrapper: ["setsid"] });
  return { submission: { address, port: 2587 }, mx: { address, port: 2525 } };
}

/** Straight into the index: by the command, ten thousand of them would take an hour. Each has logged in from its address before. */
async function enrol(file: string, people: number): Promise<void> {
  const store = openSqliteStore(file);
  const [passwordHash, scram] = [await hashPassword(password), await makeScramKeys(password)];
  const unwritten: unknown[] = [];
  const origins = createOrigins(asRemote(store), store.loginSecret(), systemClock, (cause) => unwritten.push(cause));
  for (let index = 0; index < people; index++) {
    const key = personName(index);
    store.addAccount({ key, address: key, passwordHash, scram, aliases: [], createdAt: Date.now(), suspended: false });
    origins.note(key, personAddress(index));
  }
  // The last note is a promise of an answer that is there already.
  await new Promise((resolve) => setImmediate(resolve));
  store.close();
  if (unwritten.length > 0) throw new Error(String(unwritten[0]));
}

/** In its favour: no logs, no names looked up, no policy, no penalty, and its auth process asked over TCP without TLS. */
async function startPostfixWithDovecot(scope: RowScope, people: number, cache: "on" | "off"): Promise<LoginServer> {
  const auth = await startDovecotAuth(scope, people, cache);
  const hold = "check_recipient_access static:HOLD, permit_sasl_authenticated, reject";
  const postfix = await startPostfix(scope.test, {
    domains: [domain],
    tls: await makeCertificate(await temporaryDirectory(scope), peerHostname),
    settings: [
      "maillog_file =",
      "default_process_limit = 300",
      "max_use = 1000",
      "smtpd_sasl_auth_enable = yes",
      "smtpd_sasl_type = dovecot",
      `smtpd_sasl_path = inet:${auth.address}:${auth.port}`,
      "smtpd_tls_auth_only = yes",
      `smtpd_recipient_restrictions = ${hold}`,
    ],
    relayTo: { address: "127.0.0.1", port: 9 },
  });
  if (postfix === undefined) throw new NotPossible("no Postfix");
  return { submission: { address: postfix.address, port: postfix.port }, mx: undefined };
}

/** As test/lab/dovecot.ts starts it, but with nothing except its auth service. */
async function startDovecotAuth(scope: RowScope, people: number, cache: "on" | "off"): Promise<Where> {
  const program = await findProgram("dovecot");
  if (program.kind === "absent") throw new NotPossible(program.reason);
  const tree = program.tree ?? "";
  const overlay = `mount -t overlay overlay -o lowerdir=${tree}/usr/lib:/usr/lib /usr/lib`;
  const probe = await runProgram({ program: "unshare", parameters: ["-m", "sh", "-c", overlay], milliseconds: 10_000 });
  if (probe.code !== 0) throw new NotPossible(`no overlay mounts here: ${probe.stderr.trim()}`);
  const directory = await temporaryDirectory(scope);
  await chmod(directory, 0o711);
  const where = { address: loopbackAddress(), port: 12_345 };
  const hash = await hashPassword(password);
  const lines = Array.from({ length: people }, (_each, index) => `${personName(index)}:{ARGON2ID}${hash}::::::\n`);
  await writeFile(join(directory, "users"), lines.join(""), { mode: 0o644 });
  const settings = [
    `base_dir = ${directory}/run`,
    `state_dir = ${directory}/state`,
    "default_internal_user = nobody",
    "default_internal_group = nogroup",
    "default_login_user = daemon",
    `import_environment = LD_LIBRARY_PATH=${program.environment["LD_LIBRARY_PATH"] ?? ""}`,
    "protocols =",
    `log_path = ${directory}/log`,
    "ssl = no",
    "auth_mechanisms = plain",
    `auth_cache_size = ${cache === "on" ? "64 M" : "0"}`,
    "auth_failure_delay = 0",
    `passdb {\n  driver = passwd-file\n  args = username_format=%u ${directory}/users\n}`,
    "userdb {\n  driver = static\n  args = uid=65534 gid=65534 home=/nonexistent\n}",
    `service auth {\n  client_limit = 1000\n  inet_listener {\n    address = ${where.address}\n    port = ${where.port}\n  }\n}`,
    "",
  ];
  const configuration = join(directory, "dovecot.conf");
  await writeFile(configuration, settings.join("\n"));
  const start =
    `${overlay} && exec ${tree}/usr/bin/doveconf -f service=master -c ${configuration} -m master -p ` +
    `-e ${tree}/usr/sbin/dovecot -F -c ${configuration}`;
  const child = startChild({
    program: "unshare",
    parameters: ["-m", "sh", "-c", start],
    environment: program.environment,
  });
  let isOver = false;
  void child.ended.then(() => (isOver = true));
  // It waits for its clients, which are ended after it.
  atEnd(scope, async () => void (await child.stop("SIGTERM", 1000).catch(() => undefined)));
  await waitFor("Dovecot's auth service", 30_000, async () => {
    if (isOver) throw new NotPossible(`Dovecot ended at once: ${child.stderr()}`);
    return (await answers(where)) ? true : undefined;
  });
  return where;
}

function answers({ address, port }: Where): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    socket.once("data", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
    socket.once("end", () => resolve(false));
  });
}
