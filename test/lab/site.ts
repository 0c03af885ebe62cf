// The usual site of the tests: one local domain, accounts alice and bob, every role on a loopback address of its own,
// everything that is not local handed to one remote host. Tests add what they are about.

import type { Dialogue, Where } from "./client.ts";
import { openDialogue } from "./client.ts";
import type { Scope } from "./cleanup.ts";
import { loopbackAddress } from "./loopback.ts";
import { startServer } from "./server.ts";
import type { Server } from "./server.ts";
import { temporaryDirectory } from "./temporary.ts";

export interface SiteOptions {
  /** Where mail for other domains goes. */
  readonly smarthost: Where;
  /** Further lines for [smtp]. */
  readonly smtp?: readonly string[];
  /** Further lines for [delivery]. */
  readonly delivery?: readonly string[];
  /** Further tables. */
  readonly tables?: readonly string[];
  readonly accounts?: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** Mail threads; else as test/lab/server.ts has it. */
  readonly threads?: number | undefined;
}

export interface Site {
  readonly server: Server;
  readonly directory: string;
  readonly address: string;
  readonly mx: Where;
  /** STARTTLS. */
  readonly submission: Where;
  /** Implicit TLS. */
  readonly submissions: Where;
  /** Implicit TLS. */
  readonly pop3s: Where;
  /** STLS. */
  readonly pop3: Where;
  readonly http: Where;
  /** Starts the same site again on the same addresses, after it was stopped or killed. */
  restart(threads?: number): Promise<Server>;
}

export const domain = "sekimori.test";
export const alice = { address: `alice@${domain}`, password: "correct horse battery" } as const;
export const bob = { address: `bob@${domain}`, password: "staple of the barrier" } as const;

const ports = { mx: 2525, submission: 2587, submissions: 2465, pop3: 2110, pop3s: 2995, http: 2080 } as const;

export async function startSite(scope: Scope, options: SiteOptions): Promise<Site> {
  const directory = options.directory ?? (await temporaryDirectory(scope));
  const address = loopbackAddress();
  const config = siteConfiguration(address, options);
  const accounts = options.accounts ?? { [alice.address]: alice.password, [bob.address]: bob.password };
  const server = await startServer(scope, { directory, config, accounts });
  const at = (port: number): Where => ({ address, port });
  return {
    server,
    directory,
    address,
    mx: at(ports.mx),
    submission: at(ports.submission),
    submissions: at(ports.submissions),
    pop3: at(ports.pop3),
    pop3s: at(ports.pop3s),
    http: at(ports.http),
    restart: (threads = options.threads) =>
      startServer(scope, { directory, config: siteConfiguration(address, { ...options, threads }) }),
  };
}

function siteConfiguration(address: string, options: SiteOptions): string {
  const listener = (role: string, port: number, tls: string): readonly string[] => [
    "[[listener]]",
    `role = "${role}"`,
    `listen = ["${address}:${port}"]`,
    `tls = "${tls}"`,
  ];
  return [
    "version = 1",
    `hostname = "mx.${domain}"`,
    `http.listen = ["${address}:${ports.http}"]`,
    ...(options.threads === undefined ? [] : [`process.mail-threads = ${options.threads}`]),
    "[[domain]]",
    `name = "${domain}"`,
    `postmaster = "${alice.address}"`,
    ...listener("mx", ports.mx, "starttls"),
    ...listener("submission", ports.submission, "starttls"),
    ...listener("submission", ports.submissions, "implicit"),
    ...listener("pop3", ports.pop3, "starttls"),
    ...listener("pop3", ports.pop3s, "implicit"),
    "[smtp]",
    ...(options.smtp ?? []),
    "[delivery]",
    `smarthost = { host = "${options.smarthost.address}", port = ${options.smarthost.port} }`,
    'retry = ["1s"]',
    ...(options.delivery ?? []),
    ...(options.tables ?? []),
    "",
  ].join("\n");
}

/** A session on 465 that has logged in. */
export async function openAuthenticated(
  scope: Scope,
  site: Site,
  account: { readonly address: string; readonly password: string },
): Promise<Dialogue> {
  const session = await openDialogue(scope, site.submissions, "implicit");
  await session.reply();
  await session.expect("EHLO client.example.org", 250);
  await session.expect(`AUTH PLAIN ${plain(account.address, account.password)}`, 235);
  return session;
}

/** Initial response of SASL PLAIN (RFC 4616). */
export function plain(account: string, password: string): string {
  return Buffer.from(`\0${account}\0${password}`).toString("base64");
}
