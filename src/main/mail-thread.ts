// A mail thread: listeners, sessions, spool, delivery. Wiring by hand, in the order in which data flows.

import { randomBytes } from "node:crypto";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { parentPort, workerData } from "node:worker_threads";
import { parseAddress } from "../address/address.ts";
import { createIdMaker } from "../base/id.ts";
import type { ListenerSettings, WindowSettings } from "../config/settings.ts";
import { createAccountLimits } from "../counters/account-limits.ts";
import type { AccountCharge } from "../counters/account-limits.ts";
import { createClientLimits } from "../counters/client-limits.ts";
import { createLogin } from "../directory/credentials.ts";
import { createDirectory } from "../directory/directory.ts";
import { createDispatcher } from "../egress/dispatch/dispatcher.ts";
import { openPop3Listener } from "../ingress/pop3/listener.ts";
import type { Authentication } from "../ingress/pop3/session.ts";
import { openSmtpListener } from "../ingress/smtp/listener.ts";
import { lookupWithQuota } from "../ingress/smtp/quota-lookup.ts";
import type { SessionLoad, SmtpServices } from "../ingress/smtp/services.ts";
import { systemClock as clock } from "../io/clock.ts";
import { callRemote, serveCalls } from "../io/rpc.ts";
import { openMailboxes } from "../mailbox/maildir.ts";
import { createLog } from "../observe/log.ts";
import { createMetrics } from "../observe/metrics.ts";
import { observeAll } from "../observe/observer.ts";
import type { Recovered } from "../spool/message.ts";
import { openSpool } from "../spool/spool.ts";
import { createLogBatches } from "./log-batches.ts";
import { createOutbound } from "./outbound.ts";
import type { LogBatch, MailThread, MailThreadData, OpenListener, StateThread } from "./threads.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made by server.ts
const data = workerData as MailThreadData;
const { settings } = data;

const log = createLogBatches((lines) => parentPort!.postMessage({ log: lines } satisfies LogBatch));
const metrics = createMetrics();
const observer = observeAll([createLog(settings.log.level, log), metrics]);
const store = callRemote<StateThread>(data.state);

const directory = createDirectory(settings.domains, store);
const login = createLogin(directory, clock);
const mailboxes = openMailboxes(join(settings.state, "mail"), {
  hostname: settings.hostname,
  clock,
  quota: settings.mailbox.quota,
});
const secureContext = createSecureContext({ cert: data.certificate, key: data.key, minVersion: "TLSv1.2" });

const windows = (each: readonly WindowSettings[]) =>
  each.map(({ name, length, recipients }) => ({ name, length, limit: recipients }));
const limits = createAccountLimits(
  {
    quota: windows(settings.limits.account),
    attempts: windows(settings.limits.attempts),
  },
  clock,
);
const perClient = settings.limits.client;
const clients = createClientLimits(
  {
    ...perClient,
    connectionRate: windows(perClient.connectionRate),
    messages: windows(perClient.messages),
    recipients: windows(perClient.recipients),
    authFailures: windows(perClient.authFailures),
  },
  () => clock.monotonic(),
);
/** Charges that were written down reach to this id; the spool keeps the records beyond it. */
let chargesThrough = data.charges.through;
let lastId = chargesThrough;
const spoolCharges: AccountCharge[] = [];

// The list of what was found is large after a long night: nobody keeps it beyond the start.
const opened = await openSpool(join(settings.state, "spool"), {
  onRecord: ({ id, account, receivedAt, recipients }) => {
    if (id > lastId) lastId = id;
    if (account === undefined || id <= chargesThrough) return;
    spoolCharges.push({ account, at: receivedAt, recipients: recipients.length });
  },
  mayForget: (newest) => newest <= chargesThrough,
  onFailure: (error: Error) => observer.emit("spool.failed", { cause: error.message }),
});
const { spool, report } = opened;
let { recovered }: { recovered: Recovered | undefined } = opened;
const newId = createIdMaker(clock, randomBytes, { after: lastId });
limits.replay([...data.charges.charges, ...spoolCharges], lastId);

const outbound = createOutbound({ settings, dkimKeys: data.dkimKeys, observer, clock });
const dispatcher = createDispatcher({
  hostname: settings.hostname,
  postmaster: settings.domains[0]!.postmaster,
  spool,
  store,
  directory,
  mailboxes,
  transport: outbound.transport,
  finish: outbound.finish,
  schedule: settings.delivery,
  paused: settings.delivery.paused,
  observer,
  clock,
  newId,
});

const load: SessionLoad = { sessions: 0, content: 0 };
let freeSpace = Number.POSITIVE_INFINITY;
const services: SmtpServices = {
  hostname: settings.hostname,
  smtp: settings.smtp,
  directory: { ...directory, lookup: lookupWithQuota(directory, mailboxes) },
  login,
  limits,
  clients,
  spool,
  accepted: (message, content) => dispatcher.accepted(message, content),
  secureContext,
  observer,
  clock,
  newId,
  freeSpace: () => freeSpace,
  spooled: () => spool.status().octets,
  load,
};

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
async function loginAddress(name: string, password: string): Promise<Authentication> {
  const answer = await login(name, password);
  if (answer.kind === "refused") return { kind: "refused", reason: "auth.credentials" };
  if (answer.kind === "unavailable") return { kind: "unavailable" };
  const account = parseAddress(answer.account);
  return account.ok ? { kind: "account", account: account.value } : { kind: "unavailable" };
}

interface Closable {
  close(grace: number): Promise<void>;
}
const listeners: Closable[] = [];
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

/** Charges go to the store once a second; a charge that is not there yet is in the spool. */
let writing = Promise.resolve();
function writeCharges(): Promise<void> {
  writing = writing.then(async () => {
    const { charges, through } = limits.pendingHistory();
    const unwritten = spoolCharges.length + charges.length;
    if (unwritten > 0) await store.addCharges([...spoolCharges, ...charges], through);
    spoolCharges.length = 0;
    limits.written(charges.length);
    chargesThrough = through;
  });
  return (writing = writing.catch((error: unknown) => {
    observer.emit("internal.failed", { where: "history of charges", cause: String(error) });
  }));
}

async function open(listener: ListenerSettings): Promise<readonly OpenListener[]> {
  const result: OpenListener[] = [];
  for (const endpoint of listener.endpoints) {
    const name = listener.tls === "implicit" ? `${listener.role}s` : listener.role;
    const server =
      listener.role === "pop3"
        ? await openPop3Listener({
            endpoint,
            tls: listener.tls === "implicit" ? "implicit" : "starttls",
            secureContext,
            hostname: settings.hostname,
            observer,
            authenticate: loginAddress,
            mailboxes,
            newSessionId: newId,
          })
        : await openSmtpListener(endpoint, { role: listener.role, listener: name, tls: listener.tls }, services);
    listeners.push(server);
    observer.emit("listener.opened", { listener: name, address: server.address, port: server.port });
    result.push({ name, address: server.address, port: server.port });
  }
  return result;
}

const thread: MailThread = {
  start: async () => {
    const started = clock.monotonic();
    await watchSpace();
    const messages = recovered?.open.length ?? 0;
    if (recovered !== undefined) await dispatcher.recover(recovered);
    recovered = undefined;
    observer.emit("spool.recovered", {
      messages,
      segments: spool.status().segments,
      damaged: report.damaged.length,
      tornBytes: report.tornOctets,
      milliseconds: Math.round(clock.monotonic() - started),
    });
    const result: OpenListener[] = [];
    for (const listener of settings.listeners) result.push(...(await open(listener)));
    dispatcher.start();
    timers.push(setInterval(() => void watchSpace(), 5000));
    timers.push(setInterval(() => void writeCharges(), 1000));
    timers.push(setInterval(() => limits.sweep(), 60_000));
    timers.push(setInterval(() => clients.sweep(), 60_000));
    return result;
  },
  stop: async (grace) => {
    await Promise.all(listeners.map((listener) => listener.close(grace)));
    for (const timer of timers) clearInterval(timer);
    const attemptsEnded = dispatcher.close();
    await outbound.close();
    await attemptsEnded;
    await spool.close();
    await writeCharges();
    log.flush();
  },
  metrics: () => metrics.collect(),
  forgetAccounts: (keys) => directory.forget(keys),
  activeMessages: () => dispatcher.active(),
  changeQueue: (change, selector) =>
    change === "delete" ? dispatcher.remove(selector) : dispatcher.change(change, selector),
  readMessage: async (id) => (await spool.read(id)).toString("latin1"),
  accountUse: (account) => limits.uses(account),
};

serveCalls(data.control, thread);
