// A mail thread: listeners, sessions, spool, delivery. Wiring by hand, in the order in which data flows.

import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import type { SecureContext } from "node:tls";
import { isDeepStrictEqual } from "node:util";
import { parentPort, workerData } from "node:worker_threads";
import { addressKey, parseAddress } from "../address/address.ts";
import { createLocalCounters } from "../counters/local.ts";
import { createLogin, createScramLogin } from "../directory/credentials.ts";
import type { LoginAnswer } from "../directory/credentials.ts";
import { createDirectory } from "../directory/directory.ts";
import { openPop3Listener } from "../ingress/pop3/listener.ts";
import type { Authentication } from "../ingress/pop3/session.ts";
import { openSmtpListener } from "../ingress/smtp/listener.ts";
import { createMailboxStores } from "../ingress/mailbox-store/stores.ts";
import { createSessionLoad } from "../ingress/smtp/load.ts";
import { recipientLookup } from "../ingress/smtp/recipient-lookup.ts";
import type { SmtpServices } from "../ingress/smtp/services.ts";
import { systemClock as clock } from "../io/clock.ts";
import { callRemote, serveCalls } from "../io/rpc.ts";
import { openMailboxes } from "../mailbox/maildir.ts";
import { mailRoot } from "../mailbox/usage.ts";
import { createLog } from "../observe/log.ts";
import { createMetrics } from "../observe/metrics.ts";
import { observeAll } from "../observe/observer.ts";
import { counterRules } from "./counter-rules.ts";
import { openLane } from "./lane.ts";
import { createListenerSet } from "./listener-set.ts";
import type { ListenerChange } from "./listener-set.ts";
import { createLogBatches } from "./log-batches.ts";
import { createOutbound } from "./outbound.ts";
import { bindPrivileged } from "./privileged-start.ts";
import type { MailConfiguration, MailPost, MailReload, MailThread, MailThreadData, StateThread } from "./threads.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made by server.ts
const data = workerData as MailThreadData;
/** Replaced as a whole by a reload. What keeps a part of it for itself is told in `reload`. */
let { settings } = data;

const log = createLogBatches((lines) => parentPort!.postMessage({ log: lines } satisfies MailPost));
const metrics = createMetrics();
let writeLog = createLog(settings.log.level, log);
const observer = observeAll([{ emit: (name, fields) => writeLog.emit(name, fields) }, metrics]);
const store = callRemote<StateThread>(data.state);

const directory = createDirectory(settings.domains, store);
const login = createLogin(directory, store, clock, (cause) => {
  observer.emit("internal.failed", { where: "SCRAM keys of an account", cause: String(cause) });
});
const scram = createScramLogin(directory, store);
const mailboxes = openMailboxes(mailRoot(settings.state), {
  hostname: settings.hostname,
  clock,
  quota: (account) => {
    const found = directory.findAccount(addressKey(account));
    const quotaOf = (one: Awaited<typeof found>): number | undefined => one?.quota ?? settings.mailbox.quota;
    return found instanceof Promise ? found.then(quotaOf) : quotaOf(found);
  },
});

const counters = createLocalCounters(counterRules(settings), clock);
const outbound = createOutbound({ settings, dkimKeys: data.dkimKeys, observer, clock });
const lane = await openLane({
  directory: join(settings.state, "spool"),
  through: data.charges.through,
  settings: () => settings,
  store,
  directoryOf: directory,
  mailboxes,
  outbound,
  observer,
  clock,
});
const { spool, dispatcher, newId } = lane;
await counters.replay([...data.charges.charges, ...lane.found]);

const stores = createMailboxStores({ hostname: () => settings.hostname, clock });
const load = createSessionLoad();
let freeSpace = Number.POSITIVE_INFINITY;
const shared: Omit<SmtpServices, "hostname" | "smtp" | "secureContext"> = {
  directory: { ...directory, lookup: recipientLookup({ directory, mailboxes, stores }) },
  login,
  scram,
  limits: counters.accounts,
  clients: counters.clients,
  spool,
  accepted: (message, content) => dispatcher.accepted(message, content),
  deliver: (message, content, within) => dispatcher.deliver(message, content, within),
  observer,
  clock,
  newId,
  freeSpace: () => freeSpace,
  spooled: () => spool.status().octets,
  load,
};
let services = servicesOf(data);

function servicesOf(configuration: MailConfiguration): SmtpServices {
  const { hostname, smtp } = configuration.settings;
  return { ...shared, hostname, smtp, secureContext: secureContextOf(configuration) };
}

metrics.gauge("sekimori_sessions", "SMTP sessions open now.", () => load.sessions);
metrics.gauge("sekimori_content_bytes", "Octets of content in open transactions.", () => load.content);
metrics.gauge("sekimori_queue_active", "Messages in delivery now.", () => dispatcher.activeCount());
metrics.gauge("sekimori_spool_bytes", "Octets in spool segments.", () => spool.status().octets);
metrics.gauge(
  "sekimori_spool_messages",
  "Messages in the spool that are not settled.",
  () => spool.status().openMessages,
);
metrics.gauge("sekimori_free_bytes", "Octets free where the state lives.", () => freeSpace);

/** POP3 names a mailbox by its address. */
function loginAddress(answer: LoginAnswer): Authentication {
  if (answer.kind === "refused") return { kind: "refused", reason: "auth.credentials" };
  if (answer.kind === "unavailable") return { kind: "unavailable" };
  if (directory.storeOf(answer.account) !== undefined) return { kind: "refused", reason: "auth.mailbox-elsewhere" };
  const account = parseAddress(answer.account);
  return account.ok ? { kind: "account", account: account.value } : { kind: "unavailable" };
}

const timers: NodeJS.Timeout[] = [];

async function watchSpace(): Promise<void> {
  try {
    const { bavail, bsize } = await statfs(settings.state);
    freeSpace = bavail * bsize;
  } catch (error) {
    // A disk that cannot be asked has no room for promises.
    freeSpace = 0;
    observer.emit("internal.failed", { where: "free space", cause: String(error) });
  }
}

const listeners = createListenerSet(({ role, tls, proxies, endpoint, name }) =>
  role === "pop3"
    ? openPop3Listener({
        endpoint,
        tls: tls === "implicit" ? "implicit" : "starttls",
        proxies,
        secureContext: () => services.secureContext,
        hostname: settings.hostname,
        observer,
        authenticate: async (user, password) => loginAddress(await login(user, password)),
        scram: {
          keys: (user) => scram.keys(user),
          confirm: async (user, keys) => loginAddress(await scram.confirm(user, keys)),
        },
        mailboxes,
        newSessionId: newId,
      })
    : openSmtpListener(endpoint, { role, listener: name, tls, proxies }, () => services),
);

/** Everything that can fail comes first; then all of it changes in one turn. */
async function reload(configuration: MailConfiguration): Promise<MailReload> {
  let nextServices: SmtpServices;
  let way: ReturnType<typeof outbound.prepare>;
  let sockets: ListenerChange;
  try {
    nextServices = servicesOf(configuration);
    way = outbound.prepare(configuration);
    sockets = await listeners.prepare(configuration.settings.listeners);
  } catch (error) {
    return { kind: "refused", problems: [error instanceof Error ? error.message : String(error)] };
  }
  const sameLimits = isDeepStrictEqual(settings.limits, configuration.settings.limits);
  settings = configuration.settings;
  services = nextServices;
  writeLog = createLog(settings.log.level, log);
  directory.replaceDomains(settings.domains);
  // Rebuilding costs time with the number of active accounts.
  const counting = sameLimits ? undefined : counters.replaceRules(counterRules(settings));
  way.commit();
  const closed = sockets.commit();
  for (const { name, ...where } of sockets.opened) observer.emit("listener.opened", { listener: name, ...where });
  for (const { name, ...where } of closed) observer.emit("listener.closed", { listener: name, ...where });
  // Delivery may have been paused until now.
  dispatcher.start();
  await counting;
  return { kind: "applied", restart: sockets.restart };
}

function bind(): Promise<ListenerChange> {
  return listeners.prepare(settings.listeners);
}

const thread: MailThread = {
  start: async () => {
    await watchSpace();
    await lane.recover();
    const sockets =
      data.privileges === undefined
        ? await bind()
        : await bindPrivileged(
            data.privileges,
            (step) => parentPort!.postMessage({ privileges: step } satisfies MailPost),
            bind,
          );
    sockets.commit();
    for (const { name, ...where } of sockets.opened) observer.emit("listener.opened", { listener: name, ...where });
    dispatcher.start();
    timers.push(setInterval(() => void watchSpace(), 5000));
    timers.push(setInterval(() => void lane.writeCharges(), 1000));
    timers.push(setInterval(() => counters.sweep(), 60_000));
    return sockets.opened;
  },
  reload,
  stop: async (grace) => {
    await listeners.close(grace);
    stores.close();
    for (const timer of timers) clearInterval(timer);
    const attemptsEnded = dispatcher.close();
    await outbound.close();
    await attemptsEnded;
    await lane.close();
    log.flush();
  },
  metrics: () => metrics.collect(),
  forgetAccounts: (keys) => directory.forget(keys),
  destinations: () => outbound.destinations(),
  activeMessages: () => dispatcher.active(),
  changeQueue: (change, selector, by) =>
    change === "delete" ? dispatcher.remove(selector, by) : dispatcher.change(change, selector),
  accountUse: (account) => counters.accounts.uses(account),
};

serveCalls(data.control, thread);

/** One for all sessions of a configuration: making one costs milliseconds. */
function secureContextOf({ certificate, key }: MailConfiguration): SecureContext {
  return createSecureContext({ cert: certificate, key, minVersion: "TLSv1.2" });
}
