// A mail thread: listeners, sessions, spool, delivery. Wiring by hand, in the order in which data flows. Of several threads
// each does all of it for the connections that the kernel gives it; what they must agree on is in shares.ts,
// shared-memory.ts and counters/remote.ts.

import { createSecureContext } from "node:tls";
import type { SecureContext } from "node:tls";
import { isDeepStrictEqual } from "node:util";
import { parentPort, workerData } from "node:worker_threads";
import { createAbuseTap } from "../abuse/tap.ts";
import type { Observed } from "../abuse/tap.ts";
import { addressKey } from "../address/address.ts";
import { createExaminer } from "../classify/content.ts";
import { createDovecotLogins } from "../control/dovecot-logins.ts";
import { createWebLogin } from "../control/web-login.ts";
import { sumOf } from "../control/queue-control.ts";
import { createLocalCounters } from "../counters/local.ts";
import { remoteCounters } from "../counters/remote.ts";
import { createTryLedger, noteTries } from "../counters/try-ledger.ts";
import { createLogin } from "../directory/credentials.ts";
import { createCorrespondents } from "../directory/correspondents.ts";
import { createDirectory } from "../directory/directory.ts";
import { createEnrolments } from "../directory/enrolments.ts";
import { createIdentities } from "../directory/identities.ts";
import { createOrigins } from "../directory/origins.ts";
import { createScramLogin } from "../directory/scram-login.ts";
import { loginStanding } from "../directory/standing.ts";
import { accountTerms } from "../directory/terms.ts";
import { createAbuseMail } from "../egress/abuse-mail.ts";
import { createSubstituteMail } from "../egress/substitute-mail.ts";
import { createLimitMail } from "../egress/limit-mail.ts";
import { createMailboxStores } from "../ingress/mailbox-store/stores.ts";
import { createBudgets } from "../ingress/smtp/budgets.ts";
import { createSessionLoad } from "../ingress/smtp/load.ts";
import { recipientLookup } from "../ingress/smtp/recipient-lookup.ts";
import type { SmtpServices } from "../ingress/smtp/services.ts";
import { systemClock as clock } from "../io/clock.ts";
import { limitHashes } from "../io/password-hash.ts";
import { callRemote, inTime, serveCalls } from "../io/rpc.ts";
import { openMailboxes } from "../mailbox/maildir.ts";
import { mailRoot } from "../mailbox/usage.ts";
import { createLog } from "../observe/log.ts";
import { createMetrics } from "../observe/metrics.ts";
import { observeAll } from "../observe/observer.ts";
import { storeOfLane } from "../store/lane.ts";
import { createBatches } from "./batches.ts";
import { counterRules } from "./counter-rules.ts";
import { watchFreeSpace } from "./free-space.ts";
import { createHandOver } from "./hand-over.ts";
import { holdAgain } from "./hold-again.ts";
import { openLane } from "./lane.ts";
import { laneDirectory } from "./lanes.ts";
import type { ListenerChange } from "./listener-set.ts";
import { createLogBatches } from "./log-batches.ts";
import { createMailListeners } from "./mail-listeners.ts";
import { createOutbound } from "./outbound.ts";
import { bindPrivileged } from "./privileged-start.ts";
import type { PrivilegedStep } from "./privileged-start.ts";
import { openSharedMemory } from "./shared-memory.ts";
import { deliveryShare } from "./shares.ts";
import type {
  MailConfiguration,
  MailPost,
  MailThread,
  MailThreadData,
  PreparedReload,
  StateThread,
} from "./threads.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made by server.ts
const data = workerData as MailThreadData;
/** How often what accounts tried is written down, ms: a crash gives back no more than that. */
const TRIES_EVERY = 5000;
/** Replaced as a whole by a reload. What keeps a part of it for itself is told in `reload`. */
let { settings } = data;
const { place } = data;
const leads = place.index === 0;
// Two in the process, where the thread pool is the usual one (main.ts makes it larger for more threads).
if (place.count > 1) limitHashes(1);

const log = createLogBatches((lines) => parentPort!.postMessage({ log: lines } satisfies MailPost));
const metrics = createMetrics();
let writeLog = createLog(settings.log.level, log);
const seen = createBatches<Observed>((observed) => parentPort!.postMessage({ observed } satisfies MailPost));
const tap = createAbuseTap(
  () => clock.wall(),
  (observed) => seen.add(observed),
);
const observer = observeAll([
  { emit: (name, fields) => writeLog.emit(name, fields) },
  metrics,
  { emit: (name, fields) => void (settings.abuse.act === "none" || tap.emit(name, fields)) },
]);
const store = callRemote<StateThread>(data.state);
/** For sessions: their clients wait for replies. As long as for the counters. */
const hurried = inTime(store, 5000);

const directory = createDirectory(settings.domains, hurried);
const secret = await store.loginSecret();
const failedNote = (cause: unknown): void => {
  observer.emit("internal.failed", { where: "account after a login", cause: String(cause) });
};
const local = data.counters === undefined ? createLocalCounters(counterRules(settings), clock) : undefined;
const counters = local ?? remoteCounters(data.counters!, () => clock.monotonic());
const accounts = {
  directory,
  store: hurried,
  guesses: counters.guesses,
  origins: createOrigins(hurried, secret, clock, failedNote),
  clock,
  // Main tells the other threads, and whoever keeps a copy of the accounts.
  changed: (keys: readonly string[]) => parentPort!.postMessage({ changed: keys } satisfies MailPost),
  failed: failedNote,
};
const login = createLogin(accounts);
const scram = createScramLogin(accounts);
const dovecotLogins = createDovecotLogins({ ...accounts, visits: counters.visits, observer });
const webLogin = createWebLogin({
  login,
  clients: counters.clients,
  clientFail: () => settings.limits.client.fail,
  observer,
});
const mailboxes = openMailboxes(mailRoot(settings.state), {
  hostname: settings.hostname,
  clock,
  quota: {
    of: (account) => {
      const found = directory.findAccount(addressKey(account));
      const quotaOf = (one: Awaited<typeof found>): number | undefined => one?.quota ?? settings.mailbox.quota;
      return found instanceof Promise ? found.then(quotaOf) : quotaOf(found);
    },
    rooms: counters.rooms,
  },
  locks: counters.locks,
  thread: place,
});

const correspondents = createCorrespondents(hurried, secret);
const examine = createExaminer(secret);

const outbound = createOutbound({ settings: deliveryShare(settings, place), dkimKeys: data.dkimKeys, observer, clock });
const lanes = await Promise.all(
  data.lanes.map(({ lane, through }) =>
    openLane({
      lane,
      isAdopted: lane >= place.count,
      directory: laneDirectory(settings.state, lane),
      through,
      // Lanes that were adopted have their part of this thread's.
      parts: place.count * data.lanes.length,
      settings: () => settings,
      store: storeOfLane(store, lane),
      accounts: directory,
      mailboxes,
      fingerprint: (account, recipient) => correspondents.fingerprint(account, recipient),
      outbound,
      observer,
      clock,
    }),
  ),
);
/** Where mail comes in. */
const lane = lanes[0]!;
const { newId } = lane;
const spooledHere = (): number => lanes.reduce((sum, { spool }) => sum + spool.status().octets, 0);

const tries = createTryLedger(
  (some) => store.addTries(some),
  () => clock.wall(),
);
const terms = accountTerms({ directory, limits: () => settings.limits, domains: () => settings.domains, clock });
const stores = createMailboxStores({ hostname: () => settings.hostname, clock });
const memory = data.shared === undefined ? undefined : openSharedMemory(data.shared, place.index);
const load = memory?.load ?? createSessionLoad();
const space = watchFreeSpace(settings.state, (cause) => {
  observer.emit("internal.failed", { where: "free space", cause });
});
/** For messages of our own. */
const house = {
  hostname: () => settings.hostname,
  postmaster: () => settings.domains[0]!.postmaster,
  spool: lane.spool,
  created: (...message: Parameters<typeof lane.dispatcher.accepted>) => lane.dispatcher.accepted(...message),
  observer,
  clock,
  newId,
};
const handOver = createHandOver(
  terms,
  (...message) => lane.dispatcher.accepted(...message),
  (cause) => observer.emit("internal.failed", { where: "standing of an account", cause: String(cause) }),
);
const shared: Omit<SmtpServices, "hostname" | "smtp" | "budgetOf" | "clientFail" | "secureContext"> = {
  directory: { ...directory, lookup: recipientLookup({ directory, mailboxes, stores }) },
  login,
  scram,
  standing: loginStanding(directory),
  enrolment: createEnrolments({ store: hurried, settings: () => settings.substitute, clock }),
  limits: noteTries(counters.accounts, tries),
  correspondents,
  identities: createIdentities(secret),
  terms,
  clients: counters.clients,
  visits: counters.visits,
  spool: lane.spool,
  tellAccount: createLimitMail({ ...house, directory }),
  accepted: (message, content) => void handOver(message, content),
  examine: (account, content) => {
    if (settings.abuse.act === "none") return;
    seen.add({ account, observation: { kind: "content", at: clock.wall(), ...examine(content) }, times: 1 });
  },
  deliver: (message, content, within) => lane.dispatcher.deliver(message, content, within),
  observer,
  clock,
  newId,
  freeSpace: () => space.now(),
  spooled: memory === undefined ? spooledHere : () => memory.spooled(spooledHere()),
  load,
};
let services = servicesOf(data);

async function writeTries(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    observer.emit("internal.failed", { where: "history of attempts", cause: String(error) });
  }
}

function servicesOf(configuration: MailConfiguration): SmtpServices {
  const { hostname, smtp, limits, listeners: places } = configuration.settings;
  const budgetOf = createBudgets(places, smtp);
  return {
    ...shared,
    hostname,
    smtp,
    budgetOf,
    clientFail: limits.client.fail,
    secureContext: secureContextOf(configuration),
  };
}

// Threads are added up: what is one for the process is told by one of them.
if (leads) {
  metrics.gauge("sekimori_sessions", "SMTP sessions open now.", () => load.sessions);
  metrics.gauge("sekimori_content_bytes", "Octets of content in open transactions.", () => load.content);
  metrics.gauge("sekimori_free_bytes", "Octets free where the state lives.", () => space.now());
}
metrics.gauge("sekimori_queue_active", "Messages in delivery now.", () =>
  lanes.reduce((sum, { dispatcher }) => sum + dispatcher.activeCount(), 0),
);
metrics.gauge("sekimori_spool_bytes", "Octets in spool segments.", spooledHere);
metrics.gauge("sekimori_spool_messages", "Messages in the spool that are not settled.", () =>
  lanes.reduce((sum, { spool }) => sum + spool.status().openMessages, 0),
);

const listeners = createMailListeners({ place, directory, smtp: () => services, mailboxes });
const timers: NodeJS.Timeout[] = [];

interface Prepared {
  readonly configuration: MailConfiguration;
  readonly services: SmtpServices;
  readonly way: ReturnType<typeof outbound.prepare>;
  readonly sockets: ListenerChange;
}
let prepared: Prepared | undefined;

async function prepareReload(configuration: MailConfiguration, ports: readonly number[]): Promise<PreparedReload> {
  try {
    const next = servicesOf(configuration);
    const way = outbound.prepare({ ...configuration, settings: deliveryShare(configuration.settings, place) });
    const sockets = await listeners.prepare(configuration.settings.listeners, ports);
    prepared = { configuration, services: next, way, sockets };
    return { kind: "prepared", opened: sockets.opened, restart: sockets.restart };
  } catch (error) {
    return { kind: "refused", problems: [error instanceof Error ? error.message : String(error)] };
  }
}

/** In one turn. */
async function commitReload(): Promise<void> {
  if (prepared === undefined) throw new Error("there is no reload to commit");
  const { configuration, way, sockets } = prepared;
  const sameLimits = isDeepStrictEqual(settings.limits, configuration.settings.limits);
  settings = configuration.settings;
  ({ services } = prepared);
  prepared = undefined;
  writeLog = createLog(settings.log.level, log);
  directory.replaceDomains(settings.domains);
  // Rebuilding costs time with the number of active accounts.
  const counting = sameLimits || !leads ? undefined : counters.replaceRules(counterRules(settings));
  way.commit();
  told(sockets.opened, sockets.commit());
  // Delivery may have been paused until now.
  for (const each of lanes) each.dispatcher.start();
  await counting;
}

function told(opened: ListenerChange["opened"], closed: ListenerChange["opened"]): void {
  if (!leads) return;
  for (const { name, ...where } of opened) observer.emit("listener.opened", { listener: name, ...where });
  for (const { name, ...where } of closed) observer.emit("listener.closed", { listener: name, ...where });
}

async function bind(ports: readonly number[]): Promise<{ change: ListenerChange; ports: readonly number[] }> {
  const change = await listeners.prepare(settings.listeners, ports);
  return { change, ports: change.opened.map(({ port }) => port) };
}

function post(privileges: PrivilegedStep): void {
  parentPort!.postMessage({ privileges } satisfies MailPost);
}

const thread: MailThread = {
  recover: async () => {
    await space.start();
    const found = await Promise.all(lanes.map((each) => each.chargesFound()));
    await counters.replay([...data.charges, ...found.flat()]);
    await counters.replayTries(data.tries);
    for (const each of lanes) {
      // oxlint-disable-next-line no-await-in-loop -- one store
      await each.recover();
    }
    await holdAgain({ store, lanes, observer });
  },
  listen: async (ports) => {
    const { change } = await (data.privileges === undefined
      ? bind(ports)
      : bindPrivileged(data.privileges, place.index, post, bind));
    change.commit();
    told(change.opened, []);
    for (const each of lanes) each.dispatcher.start();
    timers.push(setInterval(() => lanes.forEach((each) => void each.writeCharges()), 1000));
    timers.push(setInterval(() => void writeTries(() => tries.write()), TRIES_EVERY));
    if (local !== undefined) timers.push(setInterval(() => local.sweep(), 60_000));
    // For the others, while nothing comes in here.
    if (memory !== undefined) timers.push(setInterval(() => memory.spooled(spooledHere()), 1000));
    return change.opened;
  },
  prepareReload,
  commitReload,
  abandonReload: async () => {
    await prepared?.sockets.abandon();
    prepared = undefined;
  },
  stop: async (grace) => {
    await listeners.close(grace);
    stores.close();
    space.stop();
    for (const timer of timers) clearInterval(timer);
    const attemptsEnded = Promise.all(lanes.map(({ dispatcher }) => dispatcher.close()));
    await outbound.close();
    await attemptsEnded;
    await Promise.all(lanes.map((each) => each.close()));
    await writeTries(() => tries.finish());
    seen.flush();
    log.flush();
  },
  metrics: () => metrics.collect(),
  forgetAccounts: (keys) => directory.forget(keys),
  endSessions: (keys) => listeners.endSessions(new Set(keys)),
  destinations: () => outbound.destinations(),
  activeMessages: () => lanes.flatMap(({ dispatcher }) => dispatcher.active()),
  changeQueue: async (change, selector, by) =>
    sumOf(
      await Promise.all(
        lanes.map(({ dispatcher }) =>
          change === "delete"
            ? dispatcher.remove(selector, by)
            : change === "return"
              ? dispatcher.giveBack(selector, by)
              : dispatcher.change(change, selector),
        ),
      ),
    ),
  mailThirdParty: createSubstituteMail(house),
  mailAbuseNotice: createAbuseMail({ ...house, help: () => settings.abuse.help }),
  accountUse: async (account) => counters.accounts.uses(await terms(account)),
  admitLogin: (reported) => dovecotLogins.admit(reported),
  reportLogin: (reported, outcome) => dovecotLogins.report(reported, outcome),
  webLogin,
};

serveCalls(data.control, thread);

/** One for all sessions of a configuration: making one costs milliseconds. */
function secureContextOf({ certificate, key }: MailConfiguration): SecureContext {
  const ticketKeys = Buffer.from(data.ticketKeys);
  return createSecureContext({ cert: certificate, key, minVersion: "TLSv1.2", ticketKeys });
}
