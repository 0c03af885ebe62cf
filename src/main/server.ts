// The whole server in one process: state thread, mail threads, and here the wiring, the log, metrics and control.
//
// The order of the start: lock, certificate and keys, store, spool and listeners, control socket; then ready. The order
// of the end: listeners drain, deliveries end, spool, store, log, lock. A thread that dies takes the process with it: a
// privileged port cannot be bound again, and whoever supervises us restarts the whole.

import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { AbuseWatch } from "../abuse/watch.ts";
import type { GuardServices } from "../admin/guard.ts";
import { createDovecotApp } from "../admin/dovecot.ts";
import { createPublicApp, createSocketApp } from "../admin/http.ts";
import { createWebApp } from "../admin/web.ts";
import type { RunningServer } from "../cli/house.ts";
import { longestWindow } from "../config/longest-window.ts";
import { offersCram } from "../config/offers-cram.ts";
import type { Settings } from "../config/settings.ts";
import { createAbuseNotices } from "../control/abuse-notices.ts";
import { createCodePage } from "../control/code-page.ts";
import { createDovecotSessions } from "../control/dovecot-sessions.ts";
import { keepDovecotUsers } from "../control/keep-dovecot-users.ts";
import type { KeptUsers } from "../control/keep-dovecot-users.ts";
import { createReload } from "../control/reload.ts";
import { retentionControl, triesSince } from "../control/retention.ts";
import type { Control } from "../control/control.ts";
import { createLiveControl } from "../control/live.ts";
import { remindOfRenewals } from "../control/renewals.ts";
import { createThirdParties } from "../control/third-parties.ts";
import { createGuide } from "../control/setup/guide.ts";
import { controlSocket } from "../control/site.ts";
import type { Site } from "../control/site.ts";
import { openTokens, tokenFile } from "../control/tokens.ts";
import { ensureSelfSigned } from "../io/certificate.ts";
import { systemClock as clock } from "../io/clock.ts";
import { openCountries } from "../io/countries.ts";
import type { Countries } from "../io/countries.ts";
import { ensureDkimKey } from "../io/dkim-key.ts";
import { askDoveadm } from "../io/doveadm.ts";
import { createResolver } from "../io/dns.ts";
import { lockState } from "../io/state-lock.ts";
import { lowerPrivileges } from "../io/privileges.ts";
import { createLog } from "../observe/log.ts";
import { createMetrics, mergeMetrics } from "../observe/metrics.ts";
import { observeAll } from "../observe/observer.ts";
import { counterRules } from "./counter-rules.ts";
import { assignLanes, lanesOnDisk } from "./lanes.ts";
import { openLogFile } from "./log-file.ts";
import { createHttpServers } from "./http-servers.ts";
import { createMailGroup } from "./mail-group.ts";
import type { MailGroup } from "./mail-group.ts";
import { createGate, createGatekeeper } from "./privileged-start.ts";
import { searchLog } from "./search-log.ts";
import { createSharedMemory } from "./shared-memory.ts";
import { mailThreads, tooManyThreads } from "./shares.ts";
import { watchAccounts } from "./watch-accounts.ts";
import { startThirdPartyRound } from "./third-party-round.ts";
import type { ThirdPartyRound } from "./third-party-round.ts";
import { startThreads } from "./thread-group.ts";
import type { MailConfiguration, OpenListener } from "./threads.ts";

/** Open transactions may end within this, ms. */
const GRACE = 10_000;
/** What is known of accounts is written down this often, ms. */
const SAVE = 30_000;
/** What has expired goes this often, ms. */
const PURGE = 3_600_000;

const rootHint = "set [process] user, or start the server as a user of its own";

/** What is undone when the start fails, and at the end; last first. */
type Undo = () => void | Promise<void>;

/** Rejects with a text for the operator when it cannot start; nothing is left running then. `died`: it ended by itself. */
export async function startServer(site: Site, version: string, died: (cause: string) => void): Promise<RunningServer> {
  const undo: Undo[] = [];
  try {
    return await start(site, version, died, undo);
  } catch (error) {
    await undoAll(undo);
    throw error;
  }
}

async function start(site: Site, version: string, died: (cause: string) => void, undo: Undo[]): Promise<RunningServer> {
  /** In effect; replaced as a whole by a reload. */
  let { settings } = site;
  const started = clock.monotonic();
  // A key that only root may read is read before root is given up.
  const certificate = settings.tls.kind === "files" ? await certificateOf(settings) : undefined;
  const { process: account } = settings;
  const lowered =
    account === undefined ? undefined : lowerPrivileges(account, [settings.state, settings.log.directory]);
  const lock = lockState(settings.state);
  if (lock === undefined) throw new Error(`another process uses ${settings.state}`);
  undo.push(() => lock.release());

  const logFile = openLogFile(settings.log.directory, clock);
  undo.push(() => logFile.close());
  const writeLog = (lines: string): void => {
    logFile.write(lines);
    if (settings.log.stdout) process.stdout.write(lines);
  };
  const metrics = createMetrics();
  let log = createLog(settings.log.level, { write: writeLog });
  const observer = observeAll([{ emit: (name, fields) => log.emit(name, fields) }, metrics]);
  metrics.gauge("sekimori_log_failures", "Batches of log lines that could not be written.", () => logFile.lost());
  observer.emit("server.started", { version, hostname: settings.hostname });
  let stopBegun: number | undefined;
  // After the threads have ended: until then lines of theirs are on their way.
  undo.push(() => {
    if (stopBegun === undefined) return;
    observer.emit("server.stopped", { milliseconds: Math.round(clock.monotonic() - stopBegun) });
  });

  if (account === undefined && process.getuid?.() === 0) observer.emit("server.privileged", { hint: rootHint });
  let files: Omit<MailConfiguration, "settings"> = {
    ...(certificate ?? (await certificateOf(settings))),
    dkimKeys: await dkimKeysOf(settings),
  };

  let countries = await countriesOf(settings);
  const early = Promise.withResolvers<never>();
  early.promise.catch(() => undefined);
  let state: "starting" | "ready" | "stopping" = "starting";
  const count = mailThreads(settings);
  const endpoints = settings.listeners.reduce((sum, listener) => sum + listener.endpoints.length, 0);
  const gate = lowered === undefined ? undefined : createGate(count, endpoints);
  const gatekeeper =
    gate === undefined
      ? undefined
      : createGatekeeper(gate, lowered!, () => observer.emit("privileges.dropped", account!));
  let watch: AbuseWatch | undefined;
  let users: KeptUsers | undefined;
  let mail: MailGroup | undefined;
  const threads = startThreads(
    { file: join(settings.state, "index.sqlite") },
    {
      log: writeLog,
      observed: (batch) => void watch?.observed(batch),
      changed: (keys) => {
        users?.changed();
        // A thread that is gone is told of anyway.
        mail?.forgetAccounts(keys).catch(() => undefined);
      },
      privileges: (thread, step) => gatekeeper?.(thread, step),
      failed: (cause) => {
        observer.emit("server.failed", { cause });
        if (state === "ready") died(cause);
        else early.reject(new Error(cause));
      },
    },
  );
  undo.push(() => threads.end());
  const { store } = threads;

  const longest = longestWindow(settings.limits);
  const { charges, through } = await Promise.race([store.chargesSince(clock.wall() - longest), early.promise]);
  const tries = await store.triesSince(triesSince(settings.limits, clock.wall()));
  let cramIsOffered = offersCram(settings);
  const retained = retentionControl({
    settings: () => settings,
    store,
    observer,
    clock,
    offersCram: () => cramIsOffered,
    changed: async (keys) => {
      users?.changed();
      await mail?.forgetAccounts(keys);
    },
  });
  const purge = async (): Promise<void> => {
    try {
      await retained.purge("schedule");
    } catch (error) {
      observer.emit("internal.failed", { where: "retention", cause: String(error) });
    }
  };
  await Promise.race([purge(), early.promise]);
  const purging = setInterval(() => void purge(), PURGE);
  undo.push(() => clearInterval(purging));
  // Before the mail threads: its ports may be privileged, and no file is made meanwhile.
  const listeners: OpenListener[] = [];
  const collectMetrics = async (): Promise<string> =>
    mergeMetrics([await metrics.collect(), ...((await mail?.metrics()) ?? [])]);
  const tokens = await openTokens(tokenFile(settings), () => settings.http);
  let controlOf: ((by: string) => Control) | undefined;
  const guarded: GuardServices = {
    control: (by) => controlOf?.(by),
    holderOf: (token) => tokens.holderOf(token),
    names: () => [settings.hostname, ...settings.http.names],
    observer,
    clock,
  };
  const http = createHttpServers();
  undo.push(() => http.close());
  const publicApp = createPublicApp({ ...guarded, metrics: collectMetrics, healthy: () => state === "ready", version });
  lowered?.raise();
  await http.open(publicApp, settings.http, files);
  listeners.push(...settings.http.listen.map((endpoint) => ({ name: "http", ...endpoint })));
  await http.open(
    createWebApp({
      guide: createGuide({ settings: () => settings, certificate: () => files }),
      codes: createCodePage({
        settings: () => settings,
        login: () => mail?.webLogin,
        // Nobody else is called so: callers by token are `token NAME`, and no account of the host has a space.
        control: () => controlOf?.("code page"),
        observer,
        clock,
        wait: (milliseconds) => sleep(milliseconds),
      }),
      observer,
      clock,
    }),
    settings.web,
    files,
  );
  listeners.push(...settings.web.listen.map((endpoint) => ({ name: "web", ...endpoint })));
  await http.open(
    createDovecotApp({ token: () => settings.dovecot.token, logins: () => mail?.logins, observer }),
    settings.dovecot,
    files,
  );
  listeners.push(...settings.dovecot.listen.map((endpoint) => ({ name: "dovecot", ...endpoint })));
  lowered?.lower();
  const known = [...(await lanesOnDisk(settings.state)), ...(await store.lanesWaiting())];
  const forAll = {
    settings,
    ...files,
    shared: count === 1 ? undefined : createSharedMemory(count),
    ticketKeys: randomBytes(48),
    privileges: gate,
  };
  const group = createMailGroup(
    threads.startMail(
      assignLanes(count, known).map((lanes, index) => ({
        ...forAll,
        place: { index, count },
        lanes: lanes.map((lane) => ({ lane, through: through.get(lane) ?? "" })),
        charges: index === 0 ? charges : [],
        tries: index === 0 ? tries : [],
      })),
      counterRules(settings),
    ),
  );
  mail = group;
  listeners.unshift(...(await Promise.race([group.start(gate === undefined ? "in turn" : "together"), early.promise])));

  let round: ThirdPartyRound | undefined;
  const sessions = createDovecotSessions({ settings: () => settings, ask: askDoveadm, observer });
  undo.push(() => sessions.close());
  const kept = keepDovecotUsers({
    settings: () => settings,
    store,
    sessions,
    failed: (cause) => observer.emit("internal.failed", { where: "users for Dovecot", cause: String(cause) }),
  });
  undo.push(() => kept.close());
  users = kept;
  kept.changed();
  const mailAndUsers: MailGroup = {
    ...group,
    forgetAccounts: async (keys) => {
      kept.changed();
      await group.forgetAccounts(keys);
    },
  };
  const reload = createReload({
    site,
    settings: () => settings,
    observer,
    apply: async (next) => {
      const read = await filesOf(next);
      const readCountries = await countriesOf(next);
      const problem = tooManyThreads(next, count);
      if (problem !== undefined) return { kind: "refused", problems: [problem] };
      const outcome = await group.reload({ settings: next, ...read });
      if (outcome.kind === "refused") return outcome;
      const changed = [
        ...(read.certificate === files.certificate ? [] : ["certificate"]),
        ...(isDeepStrictEqual(read.dkimKeys, files.dkimKeys) ? [] : ["DKIM keys"]),
      ];
      settings = next;
      const wasOffered = cramIsOffered;
      // A port that cannot change before a restart goes on offering what it did.
      cramIsOffered = offersCram(next) || (wasOffered && outcome.restart.length > 0);
      if (wasOffered && !cramIsOffered) void purge();
      files = read;
      countries = readCountries;
      http.useCertificate(files);
      kept.changed();
      round?.hurry();
      log = createLog(settings.log.level, { write: writeLog });
      return { ...outcome, changed };
    },
  });
  const thirdParties = createThirdParties({
    settings: () => settings,
    store,
    observer,
    clock,
    resolver: () => createResolver({ ...settings.dns, clock }),
  });
  const notices = createAbuseNotices({ store, observer, clock, mail: (notice) => group.mailAbuseNotice(notice) });
  const since = new Date(clock.wall()).toISOString();
  controlOf = createLiveControl({
    settings: () => settings,
    store,
    mail: mailAndUsers,
    observer,
    clock,
    reload,
    searchLog,
    tokens,
    thirdParties,
    loginEnded: (login) => kept.ended(login),
    offersCram: () => cramIsOffered,
    clearSuspicion: async (suspect, lift) => {
      await (watch === undefined ? lift() : watch.clear(suspect, lift));
      void notices.tell();
    },
    metrics: collectMetrics,
    health: () => {
      const now = state === "ready" ? state : "stopping";
      return { state: now, version, hostname: settings.hostname, since, listeners };
    },
  });
  watch = watchAccounts({
    settings: () => settings,
    store,
    observer,
    countries: () => countries,
    mail: mailAndUsers,
    loginEnded: (login) => kept.ended(login),
    noted: () => void notices.tell(),
  });
  // What an earlier run or a command has left, and later what did not work at first.
  void notices.tell();
  const telling = setInterval(() => void notices.tell(), SAVE);
  undo.push(async () => {
    clearInterval(telling);
    await notices.close();
  });
  const saving = setInterval(() => void watch?.save(), SAVE);
  undo.push(async () => {
    clearInterval(saving);
    // What comes from here on is left out: the store is about to go.
    const last = watch;
    watch = undefined;
    await last?.save();
  });
  round = startThirdPartyRound(
    {
      readDue: async () => {
        await thirdParties.readDue();
        await remindOfRenewals({
          settings: () => settings,
          store,
          clock,
          mail: (notice) => group.mailThirdParty(notice),
        });
      },
    },
    () => settings.substitute.reread,
    observer,
  );
  undo.push(() => round?.stop());
  await http.openSocket(createSocketApp(guarded, version), controlSocket(site));
  state = "ready";
  observer.emit("server.ready", { milliseconds: Math.round(clock.monotonic() - started) });

  return {
    listeners,
    control: controlOf("demonstration"),
    reload,
    stop: async (reason) => {
      stopBegun = clock.monotonic();
      state = "stopping";
      observer.emit("server.stopping", { signal: reason });
      // A notice that is on its way into the spool gets there.
      await Promise.race([notices.close().then(() => group.stop(GRACE)), early.promise]);
      await undoAll(undo);
    },
  };
}

async function undoAll(undo: Undo[]): Promise<void> {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
}

/** What the configuration names and the mail thread must not read itself. */
async function filesOf(settings: Settings): Promise<Omit<MailConfiguration, "settings">> {
  return { ...(await certificateOf(settings)), dkimKeys: await dkimKeysOf(settings) };
}

async function countriesOf({ abuse }: Settings): Promise<Countries | undefined> {
  return abuse.countries === undefined ? undefined : openCountries(abuse.countries);
}

async function dkimKeysOf(settings: Settings): Promise<ReadonlyMap<string, string>> {
  const keys = new Map<string, string>();
  for (const { name, dkim } of settings.domains) {
    if (dkim !== undefined) keys.set(name, (await ensureDkimKey(dkim.keyFile)).privateKey);
  }
  return keys;
}

async function certificateOf(settings: Settings): Promise<{ certificate: string; key: string }> {
  if (settings.tls.kind === "files") {
    const { certificate, key } = settings.tls;
    return { certificate: await readFile(certificate, "utf8"), key: await readFile(key, "utf8") };
  }
  const made = await ensureSelfSigned(settings.tls.directory, [settings.hostname, "localhost"], clock.wall());
  return { certificate: await readFile(made.certificate, "utf8"), key: await readFile(made.key, "utf8") };
}
