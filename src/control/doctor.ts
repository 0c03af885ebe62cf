// Is this site fit to run, seen from its own host: configuration, ports, DNS, certificate, disk, clock; the way out only when
// asked, since it knocks at somebody else's door. Every finding says what to do. A question that nobody answers is a
// warning, never a pass and never a failure.

import { existsSync } from "node:fs";
import { stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Endpoint, Settings } from "../config/settings.ts";
import type { Clock } from "../io/clock.ts";
import type { Resolver } from "../io/dns.ts";
import { examineCertificate } from "./doctor-certificate.ts";
import { examineDns } from "./doctor-dns.ts";
import { examineDovecot } from "./doctor-dovecot.ts";
import type { TryDoveadm } from "./doctor-dovecot.ts";
import { codeUrl, hasCodePage } from "./setup/code-url.ts";
import { offerOf } from "./setup/offer.ts";
import { untold } from "./setup/zone.ts";

export interface Finding {
  readonly check: string;
  readonly result: "ok" | "warn" | "fail";
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** What the examination touches; tests bring their own. */
export interface Instruments {
  readonly resolver: Resolver;
  readonly clock: Pick<Clock, "wall">;
  /** "refused": there is a host and nobody listens. */
  readonly connect: (endpoint: Endpoint) => Promise<"connected" | "refused" | "unreachable">;
  /** Whether the clock of this host follows others, as far as the system says. */
  readonly timeSource: () => "synchronised" | "alone" | "unknown";
  /** Whether the port can be bound: "taken" by a program, "forbidden" without privileges. */
  readonly bind: (endpoint: Endpoint) => Promise<"free" | "taken" | "forbidden" | "no such address">;
  readonly tryDoveadm: TryDoveadm;
}

export interface Examination {
  readonly settings: Settings;
  readonly server: "running" | "stopped";
  /** Hosts whose ports 25, 465 and 587 are tried. */
  readonly probe: readonly string[];
}

const DAY = 86_400_000;

export async function examine(examination: Examination, instruments: Instruments): Promise<readonly Finding[]> {
  const { settings } = examination;
  const groups = await Promise.all([
    examinePorts(examination, instruments),
    examineDns(settings, instruments.resolver),
    examineCertificate(settings, instruments.clock),
    examineDisk(settings),
    examinePermissions(settings),
    examineDovecot(settings, instruments.tryDoveadm),
    Promise.all(examination.probe.map((host) => probe(host, instruments))).then((found) => found.flat()),
  ]);
  return [
    { check: "configuration", result: "ok", text: "no problem" },
    examineClock(settings, instruments.clock),
    ...examineTimeSource(instruments.timeSource),
    ...examineScanning(settings),
    ...examinePrograms(settings),
    ...examineCodePage(settings),
    ...groups.flat(),
  ];
}

async function examinePorts(
  { settings, server }: Examination,
  { connect, bind }: Instruments,
): Promise<readonly Finding[]> {
  const wanted = [
    ...settings.listeners.flatMap(({ role, endpoints }) => endpoints.map((endpoint) => ({ name: role, endpoint }))),
    ...settings.http.listen.map((endpoint) => ({ name: "http", endpoint })),
    ...settings.web.listen.map((endpoint) => ({ name: "web", endpoint })),
    ...settings.dovecot.listen.map((endpoint) => ({ name: "dovecot", endpoint })),
  ].filter(({ endpoint }) => endpoint.port !== 0);
  return Promise.all(
    wanted.map(async ({ name, endpoint }): Promise<Finding> => {
      const check = `port ${endpoint.port}`;
      const place = `${name} on ${endpoint.address.includes(":") ? `[${endpoint.address}]` : endpoint.address}:${endpoint.port}`;
      if (server === "running") {
        const answer = await connect(reachable(endpoint));
        if (answer === "connected") return { check, result: "ok", text: `${place} answers` };
        return {
          check,
          result: "fail",
          text: `${place} does not answer`,
          advice: "sekimori reload, or restart; the log says why",
        };
      }
      switch (await bind(endpoint)) {
        case "free":
          return { check, result: "ok", text: `${place} is free` };
        case "taken":
          return {
            check,
            result: "fail",
            text: `${place}: another program has the port`,
            advice: `ss -ltnp sport = :${endpoint.port}`,
          };
        case "forbidden":
          return {
            check,
            result: "warn",
            text: `${place}: a port below 1024 needs privileges that this user lacks`,
            advice: "start as root with [process] user, or give CAP_NET_BIND_SERVICE (etc/sekimori.service)",
          };
        case "no such address":
          return { check, result: "fail", text: `${place}: this host has no such address`, advice: "ip address" };
      }
    }),
  );
}

/** A wildcard is asked on loopback. */
function reachable({ address, port }: Endpoint): Endpoint {
  if (address === "0.0.0.0") return { address: "127.0.0.1", port };
  return address === "::" ? { address: "::1", port } : { address, port };
}

async function examineDisk({ state, smtp }: Settings): Promise<readonly Finding[]> {
  const check = "disk";
  if (!existsSync(state)) {
    return [
      {
        check,
        result: "warn",
        text: `${state} does not exist yet`,
        advice: "the first start makes it, if its user may",
      },
    ];
  }
  const { bavail, bsize, files, ffree } = await statfs(state);
  const free = bavail * bsize;
  const mebibytes = Math.floor(free / 1_048_576);
  if (free < smtp.freeSpace) {
    const text = `${mebibytes} MiB free at ${state}, less than smtp.free-space: mail is answered 452`;
    return [{ check, result: "fail", text, advice: "make room" }];
  }
  // Some file systems have no fixed number of inodes and say 0.
  if (files > 0 && ffree / files < 0.02) {
    return [
      {
        check,
        result: "fail",
        text: `hardly an inode is left at ${state}`,
        advice: "make room: Maildirs are many small files",
      },
    ];
  }
  if (free < 4 * smtp.freeSpace) {
    return [{ check, result: "warn", text: `${mebibytes} MiB free at ${state}`, advice: "make room soon" }];
  }
  return [{ check, result: "ok", text: `${mebibytes} MiB free at ${state}` }];
}

/** What can be known without asking anybody: whether the clock is behind what was already written. */
function examineClock({ log }: Settings, { wall }: Pick<Clock, "wall">): Finding {
  const check = "clock";
  const now = new Date(wall());
  const text = now.toISOString();
  const tomorrow = new Date(wall() + DAY).toISOString().slice(0, 10);
  const ahead = [tomorrow, new Date(wall() + 2 * DAY).toISOString().slice(0, 10)].some((day) =>
    existsSync(join(log.directory, `${day}.jsonl`)),
  );
  const advice = "timedatectl: signatures, certificates and retry times depend on the clock";
  if (now.getUTCFullYear() < 2026) return { check, result: "fail", text: `it is not ${text}`, advice };
  return ahead
    ? { check, result: "fail", text: `${text} is before days in the log`, advice }
    : { check, result: "ok", text };
}

function examineTimeSource(timeSource: Instruments["timeSource"]): readonly Finding[] {
  const check = "time source";
  switch (timeSource()) {
    case "synchronised":
      return [{ check, result: "ok", text: "the clock follows others" }];
    case "alone": {
      const text = "systemd-timesyncd runs and has not reached anybody";
      return [{ check, result: "warn", text, advice: "timedatectl timesync-status" }];
    }
    case "unknown":
      return [];
  }
}

/** Users think that a provider looks for malware in what he hands out; here nobody does. */
function examineScanning({ listeners }: Settings): readonly Finding[] {
  if (!listeners.some(({ role }) => role === "pop3")) return [];
  const text = "mail is handed out to users without having been scanned for malware";
  const advice = "tell them, or let a store with a scanner hold the mailboxes: mailboxes of its [[domain]]";
  return [{ check: "scanning", result: "warn", text, advice }];
}

/** What people's programs ask for, and cannot be told. */
function examinePrograms(settings: Settings): readonly Finding[] {
  const [domain] = settings.domains;
  const { web, listeners } = settings;
  if (domain === undefined || web.listen.length === 0 || !listeners.some(({ role }) => role === "submission"))
    return [];
  const advice =
    'add "plain" to mechanisms of the submission listener (it passes inside TLS only), or let people set up by hand';
  return untold(offerOf(settings, domain)).map((text) => ({ check: "mail programs", result: "warn", text, advice }));
}

/** Switched on, and the mail with the code cannot say where it is. */
function examineCodePage(settings: Settings): readonly Finding[] {
  if (!settings.substitute.codePage || codeUrl(settings) !== undefined) return [];
  const check = "page for codes";
  return hasCodePage(settings)
    ? [
        {
          check,
          result: "warn",
          text: "nobody outside reaches it",
          advice: "let [web] listen on an address of this host",
        },
      ]
    : [{ check, result: "warn", text: "there is no listener of role substitute", advice: "set code-page = false" }];
}

/** Mail and keys are in there. */
async function examinePermissions({ state }: Settings): Promise<readonly Finding[]> {
  if (!existsSync(state)) return [];
  const check = "permissions";
  const { mode } = await stat(state);
  return (mode & 0o007) === 0
    ? [{ check, result: "ok", text: `${state} is closed to others` }]
    : [{ check, result: "warn", text: `${state} is open to everybody on this host`, advice: `chmod o= ${state}` }];
}

async function probe(host: string, { connect, resolver }: Instruments): Promise<readonly Finding[]> {
  const check = `way out to ${host}`;
  const answer = await resolver.addresses(host);
  if (answer.kind !== "found") {
    const text = answer.kind === "failed" ? `nobody knows its address: ${answer.cause}` : "it has no address";
    return [{ check, result: answer.kind === "failed" ? "warn" : "fail", text, advice: "name a host that takes mail" }];
  }
  const { address } = answer.records[0]!;
  return Promise.all(
    [25, 465, 587].map(async (port): Promise<Finding> => {
      const reached = await connect({ address, port });
      if (reached === "connected") return { check, result: "ok", text: `port ${port} is reached` };
      if (reached === "refused")
        return { check, result: "warn", text: `port ${port}: the host answers, nobody listens there` };
      if (port !== 25)
        return { check, result: "warn", text: `port ${port} is not reached`, advice: "try another host" };
      const text = "port 25 is not reached: perhaps it is blocked on the way (OP25B)";
      return { check, result: "fail", text, advice: "hand mail to your provider: [delivery] smarthost on port 587" };
    }),
  );
}
