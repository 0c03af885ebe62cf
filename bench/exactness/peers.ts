// The servers under the same limit: so many recipients of one account in an hour, by the rule that each documents for it. What
// counts can be killed and started again, or made to stand still: for ours the whole server, for Postfix its policy server; for Haraka it is killed
// itself and Redis stands still.

import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeCertificate } from "../../test/lab/certificate.ts";
import { runProgram, startChild } from "../../test/lab/child.ts";
import { atEnd } from "../../test/lab/cleanup.ts";
import type { Where } from "../../test/lab/client.ts";
import { loopbackAddress } from "../../test/lab/loopback.ts";
import { findProgram } from "../../test/lab/packages.ts";
import { startPostfix } from "../../test/lab/postfix.ts";
import { makeSasl } from "../../test/lab/sasl.ts";
import { startServer } from "../../test/lab/server.ts";
import { plain } from "../../test/lab/site.ts";
import { temporaryDirectory } from "../../test/lab/temporary.ts";
import { waitFor } from "../../test/lab/wait.ts";
import { haraka } from "../smtp/peers/haraka.ts";
import { installed } from "../smtp/peers/npm.ts";
import { account, domain, peerHostname } from "../smtp/peers/peer.ts";
import { NotPossible } from "../smtp/scope.ts";
import type { RowScope } from "../smtp/scope.ts";
import { openDialogue } from "../../test/lab/client.ts";

export interface Limited {
  readonly where: Where;
  readonly credentials: string;
  /** SIGKILL to what counts, and a new start of it. */
  readonly restart: () => Promise<void>;
  /** What counts stands still for so long, ms (SIGSTOP). */
  readonly stall: (milliseconds: number) => Promise<void>;
  /** Recipients of what is in its queue, where nothing leaves that. */
  readonly queued?: () => Promise<number>;
}

async function standStill(pid: number, milliseconds: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  try {
    await sleep(milliseconds);
  } finally {
    process.kill(pid, "SIGCONT");
  }
}

export const limitedNames = [
  "sekimori",
  "Postfix + postfwd",
  "Postfix + policyd-rate-limit",
  "Haraka + limit",
] as const;
export type LimitedName = (typeof limitedNames)[number];

export const start: Readonly<
  Record<LimitedName, (scope: RowScope, limit: number, seconds: number) => Promise<Limited>>
> = {
  sekimori: startOurs,
  "Postfix + postfwd": startWithPostfwd,
  "Postfix + policyd-rate-limit": startWithPolicyd,
  "Haraka + limit": startHarakaWithLimit,
};

const credentials = plain(account.address, account.password);
const policyPort = 10_040;

async function startOurs(scope: RowScope, limit: number, seconds: number): Promise<Limited> {
  const address = loopbackAddress();
  const config = [
    "version = 1",
    `hostname = "mx.${domain}"`,
    `http.listen = ["${address}:2080"]`,
    "[[domain]]",
    `name = "${domain}"`,
    `postmaster = "${account.address}"`,
    "[[listener]]",
    'role = "submission"',
    `listen = ["${address}:2587"]`,
    'tls = "starttls"',
    "[smtp]",
    "sessions = 2000",
    "errors = 10000",
    "[limits.account]",
    `recipients = ["${limit}/${seconds}s"]`,
    `attempts = ["1000000/${seconds}s"]`,
    "[process]",
    "mail-threads = 2",
    "[delivery]",
    "paused = true",
    "",
  ].join("\n");
  const directory = await temporaryDirectory(scope);
  let server = await startServer(scope, {
    directory,
    config,
    accounts: { [account.address]: account.password },
    wrapper: ["setsid"],
  });
  const restart = async (): Promise<void> => {
    await server.kill();
    server = await startServer(scope, { directory, config, wrapper: ["setsid"] });
  };
  const queued = async (): Promise<number> => {
    // Of the account: what it is told about its limits is in the queue as well.
    const words = ["queue", "list", "--account", account.address, "--limit", "100000", "--json"];
    const { code, stdout, stderr } = await server.command(...words);
    if (code !== 0) throw new Error(stderr);
    const { entries } = JSON.parse(stdout) as {
      readonly entries: readonly { readonly recipients: readonly unknown[] }[];
    };
    return entries.reduce((sum, { recipients }) => sum + recipients.length, 0);
  };
  const stall = (milliseconds: number): Promise<void> => standStill(server.pid, milliseconds);
  return { where: { address, port: 2587 }, credentials, restart, stall, queued };
}

interface Counting {
  readonly pid: number;
  /** SIGKILL. */
  readonly kill: () => Promise<void>;
}

/** Postfix, with this policy server asked where it says; mail stays on hold. */
async function behindPostfix(
  scope: RowScope,
  policy: { readonly at: string; readonly where: "recipient" | "end-of-data"; readonly start: () => Promise<Counting> },
): Promise<Limited> {
  let counting = await policy.start();
  atEnd(scope, () => counting.kill());
  const auth = await makeSasl(scope, account, "PLAIN");
  if (auth.kind === "absent") throw new NotPossible(auth.reason);
  const hold = "check_recipient_access static:HOLD, permit_sasl_authenticated, reject";
  const postfix = await startPostfix(scope.test, {
    domains: [domain],
    tls: await makeCertificate(await temporaryDirectory(scope), peerHostname),
    settings: [
      "maillog_file =",
      "default_process_limit = 300",
      "smtpd_client_connection_count_limit = 0",
      "smtpd_timeout = 600s",
      "smtpd_hard_error_limit = 10000",
      // Away for a restart: the client waits, as the manual recommends.
      "smtpd_policy_service_max_idle = 300s",
      ...(policy.where === "recipient"
        ? [`smtpd_recipient_restrictions = check_policy_service ${policy.at}, ${hold}`]
        : [
            `smtpd_recipient_restrictions = ${hold}`,
            `smtpd_end_of_data_restrictions = check_policy_service ${policy.at}`,
          ]),
      ...auth.settings,
    ],
    environment: auth.environment,
    sasl: auth.sasl,
    relayTo: { address: "127.0.0.1", port: 9 },
  });
  if (postfix === undefined) throw new NotPossible("no Postfix");
  const restart = async (): Promise<void> => {
    await counting.kill();
    counting = await policy.start();
  };
  const stall = (milliseconds: number): Promise<void> => standStill(counting.pid, milliseconds);
  return { where: { address: postfix.address, port: postfix.port }, credentials, restart, stall };
}

/** rcpt() wants to be asked at the end of data, where the number of recipients is known. Counts are in memory. */
async function startWithPostfwd(scope: RowScope, limit: number, seconds: number): Promise<Limited> {
  const program = await findProgram("postfwd");
  if (program.kind === "absent") throw new NotPossible(program.reason);
  const directory = await temporaryDirectory(scope);
  await chmod(directory, 0o711);
  const address = loopbackAddress();
  const rules = join(directory, "postfwd.cf");
  await mkdir(join(directory, "run"));
  await chmod(join(directory, "run"), 0o777);
  const pidFile = join(directory, "run/pid");
  await writeFile(
    rules,
    `id=LIMIT; sasl_username=~/./; protocol_state==END-OF-MESSAGE; action=rcpt(sasl_username/${limit}/${seconds}/450 4.7.1 limit reached)\n`,
    { mode: 0o644 },
  );
  const modules = (program.environment["PERL5LIB"] ?? "").split(":").filter(Boolean);
  return behindPostfix(scope, {
    at: `inet:${address}:${policyPort}`,
    where: "end-of-data",
    start: async () => {
      // It goes into the background by itself.
      const begun = await runProgram({
        program: "perl",
        parameters: [
          "-T",
          ...modules.flatMap((folder) => ["-I", folder]),
          program.path,
          ...backgroundFlags(rules, address, pidFile),
        ],
        environment: program.environment,
        milliseconds: 30_000,
      });
      const pid = await waitFor("postfwd", 30_000, async () => {
        const text = await readFile(pidFile, "utf8").catch(() => "");
        return Number(text) > 1 && (await answers({ address, port: policyPort })) ? Number(text) : undefined;
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${begun.stdout}${begun.stderr}`);
      });
      const kill = async (): Promise<void> => {
        process.kill(pid, "SIGKILL");
        await rm(pidFile, { force: true });
        await waitFor("the end of postfwd", 10_000, () => (existsSync(`/proc/${pid}`) ? undefined : true)).catch(
          () => undefined,
        );
      };
      return { pid, kill };
    },
  });
}

function backgroundFlags(rules: string, address: string, pidFile: string): readonly string[] {
  const where = ["-i", address, "-p", String(policyPort), "-u", "nobody", "-g", "nogroup"];
  return ["-d", "-f", rules, ...where, "--pidfile", pidFile, "-n", "-P"];
}

/** Asked at RCPT; counts are in SQLite. */
async function startWithPolicyd(scope: RowScope, limit: number, seconds: number): Promise<Limited> {
  const program = await findProgram("policyd-rate-limit");
  const python = await findProgram("python3");
  if (program.kind === "absent") throw new NotPossible(program.reason);
  if (python.kind === "absent") throw new NotPossible(python.reason);
  const directory = await temporaryDirectory(scope);
  await chmod(directory, 0o711);
  await mkdir(join(directory, "state"));
  await chmod(join(directory, "state"), 0o777);
  const address = loopbackAddress();
  const file = join(directory, "policyd.yaml");
  await writeFile(
    file,
    [
      "debug: False",
      'user: "nobody"',
      'group: "nogroup"',
      `pidfile: "${directory}/state/pid"`,
      "sqlite_config:",
      `    database: "${directory}/state/db.sqlite3"`,
      "backend: 0",
      `SOCKET: ["${address}", ${policyPort}]`,
      "limits:",
      `    - [${limit}, ${seconds}]`,
      "limits_by_id: {}",
      "limit_by_sasl: True",
      "limit_by_sender: False",
      "limit_by_ip: False",
      "limited_networks: []",
      'success_action: "dunno"',
      'fail_action: "450 4.7.1 limit reached"',
      'db_error_action: "dunno"',
      "report: False",
      "delay_to_close: 300",
      "",
    ].join("\n"),
    { mode: 0o644 },
  );
  return behindPostfix(scope, {
    at: `inet:${address}:${policyPort}`,
    where: "recipient",
    start: async () => {
      const child = startChild({
        program: python.path,
        parameters: [program.path, "-f", file],
        environment: { ...python.environment, ...program.environment },
      });
      await waitFor(`policyd-rate-limit at ${address}`, 30_000, async () =>
        (await answers({ address, port: policyPort })) ? true : undefined,
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${child.stdout()}${child.stderr()}`);
      });
      return { pid: child.pid, kill: async () => void (await child.stop("SIGKILL", 10_000)) };
    },
  });
}

/** It makes Diffie-Hellman parameters at its first start, which takes a minute. */
let parameters: string | undefined;

/** Its limit plugin has no key for an account: rate_rcpt_sender, by MAIL FROM, is the nearest. Counts are in Redis, which lives on. */
async function startHarakaWithLimit(scope: RowScope, limit: number, seconds: number): Promise<Limited> {
  const program = await installed({ ...haraka, also: { "haraka-plugin-limit": "1.3.2" } });
  const redis = await findProgram("redis-server");
  if (redis.kind === "absent") throw new NotPossible(redis.reason);
  const directory = await temporaryDirectory(scope);
  const where = { address: loopbackAddress(), port: 2525 };
  const store = startChild({
    program: redis.path,
    parameters: ["--bind", where.address, "--port", String(policyPort), "--save", "", "--dir", directory],
    environment: redis.environment,
  });
  atEnd(scope, async () => void (await store.stop("SIGTERM", 10_000).catch(() => undefined)));
  for (const name of ["config", "plugins", "queue"]) {
    // oxlint-disable-next-line no-await-in-loop -- three directories
    await mkdir(join(directory, name));
  }
  const tls = await makeCertificate(directory, peerHostname);
  const files: Readonly<Record<string, string>> = {
    me: peerHostname,
    plugins: "tls\nauth/flat_file\nlimit\naccept\n",
    "log.ini": "[main]\nlevel=warn\n",
    host_list_regex: ".*",
    "smtp.ini": `listen=${where.address}:${where.port}\n`,
    "outbound.ini": "enable_tls=false\nconcurrency_max=-1\n",
    "connection.ini": await readFile(join(program, "config/connection.ini"), "utf8"),
    "routes.json": "{}",
    "tls.ini": `key=${tls.key}\ncert=${tls.certificate}\n`,
    "limit.ini": [
      "tarpit_delay=0",
      "[redis]",
      `host=${where.address}`,
      `port=${policyPort}`,
      "[rate_rcpt_sender]",
      "enabled=true",
      `default=${limit}/${seconds}s`,
      "",
    ].join("\n"),
    ...(parameters === undefined ? {} : { "dhparams.pem": parameters }),
    "redis.ini": `[server]\nhost=${where.address}\nport=${policyPort}\n`,
    "auth_flat_file.ini": `[core]\nmethods=PLAIN\nconstrain_sender=false\n[users]\n${account.address}=${account.password}\n`,
  };
  for (const [name, text] of Object.entries(files)) {
    // oxlint-disable-next-line no-await-in-loop
    await writeFile(join(directory, "config", name), text);
  }
  await copyFile(join(import.meta.dirname, "../smtp/peers/haraka-accept.cjs"), join(directory, "plugins/accept.js"));
  const begin = async (): Promise<Counting["kill"]> => {
    const child = startChild({
      program: process.execPath,
      parameters: [join(program, "bin/haraka"), "-c", directory],
    });
    await waitFor("Haraka", 180_000, async () => ((await answers(where)) ? true : undefined)).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}\n${child.stdout()}${child.stderr()}`);
      },
    );
    return async () => void (await child.stop("SIGKILL", 10_000));
  };
  let kill = await begin();
  parameters ??= await readFile(join(directory, "config/dhparams.pem"), "utf8").catch(() => undefined);
  atEnd(scope, () => kill());
  const restart = async (): Promise<void> => {
    await kill();
    kill = await begin();
  };
  const stall = (milliseconds: number): Promise<void> => standStill(store.pid, milliseconds);
  return { where, credentials, restart, stall };
}

async function answers(where: Where): Promise<boolean> {
  const session = await openDialogue({ after: () => undefined }, where).catch(() => undefined);
  session?.destroy();
  return session !== undefined;
}
