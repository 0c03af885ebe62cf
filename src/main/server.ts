// The whole server in one process: state thread, mail thread, and here the wiring, the log, metrics and control.
//
// The order of the start: lock, certificate and keys, store, spool and listeners, control socket; then `ready`. The order
// of the end: listeners drain, deliveries end, spool, store, log. A thread that dies takes the process with it: a
// privileged port cannot be bound again, and whoever supervises us restarts the whole.

import { chmod, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { MessageChannel, Worker } from "node:worker_threads";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import { createControlApp, createPublicApp } from "../admin/http.ts";
import type { Settings } from "../config/settings.ts";
import { createLiveControl } from "../control/live.ts";
import type { Control } from "../control/control.ts";
import { ensureSelfSigned } from "../io/certificate.ts";
import { systemClock as clock } from "../io/clock.ts";
import { ensureDkimKey } from "../io/dkim-key.ts";
import { callRemote } from "../io/rpc.ts";
import type { Remote } from "../io/rpc.ts";
import { lockState } from "../io/state-lock.ts";
import { createLog } from "../observe/log.ts";
import { createMetrics, mergeMetrics } from "../observe/metrics.ts";
import { observeAll } from "../observe/observer.ts";
import { openLogFile } from "./log-file.ts";
import type { LogBatch, MailThread, MailThreadData, OpenListener, StateThread, StateThreadData } from "./threads.ts";

export interface Server {
  readonly listeners: readonly OpenListener[];
  readonly control: Control;
  /** Resolves when everything accepted is on disk and every thread has ended. */
  stop(reason: string): Promise<void>;
}

export class StartError extends Error {}

const GRACE = 10_000;

/** Throws StartError with a text for the operator when it cannot start here. `died`: a thread ended by itself. */
export async function startServer(settings: Settings, version: string, died: (cause: string) => void): Promise<Server> {
  const started = clock.monotonic();
  const lock = lockState(settings.state);
  if (lock === undefined) throw new StartError(`another process uses ${settings.state}`);

  const logFile = openLogFile(settings.log.directory, clock);
  const writeLog = (lines: string): void => {
    logFile.write(lines);
    if (settings.log.stdout) process.stdout.write(lines);
  };
  const metrics = createMetrics();
  const observer = observeAll([createLog(settings.log.level, { write: writeLog }), metrics]);
  metrics.gauge("sekimori_log_failures", "Batches of log lines that could not be written.", () => logFile.lost());
  observer.emit("server.started", { version, hostname: settings.hostname });

  const tls = await certificateOf(settings);
  const dkimKeys = new Map<string, string>();
  for (const { name, dkim } of settings.domains) {
    if (dkim !== undefined) dkimKeys.set(name, (await ensureDkimKey(dkim.keyFile)).privateKey);
  }

  const threads: Worker[] = [];
  let stopping = false;
  const watch = (worker: Worker, name: string): void => {
    threads.push(worker);
    worker.on("error", (error) => {
      observer.emit("server.failed", { cause: `${name}: ${error.stack ?? error.message}` });
      if (!stopping) died(`${name}: ${error.message}`);
    });
    worker.on("exit", (code) => {
      if (!stopping && code !== 0) died(`${name} ended with ${code}`);
    });
  };

  const stateWorker = new Worker(new URL("state-thread.ts", import.meta.url), {
    workerData: { file: join(settings.state, "index.sqlite") } satisfies StateThreadData,
  });
  watch(stateWorker, "state thread");
  const stateForMain = new MessageChannel();
  const stateForMail = new MessageChannel();
  stateWorker.postMessage({ serve: stateForMain.port1 }, [stateForMain.port1]);
  stateWorker.postMessage({ serve: stateForMail.port1 }, [stateForMail.port1]);
  const store: Remote<StateThread> = callRemote<StateThread>(stateForMain.port2);

  const longest = Math.max(...settings.limits.account.map(({ length }) => length), 0);
  const charges = await store.chargesSince(clock.wall() - longest);
  await store.purgeCharges(clock.wall() - longest);

  const mailChannel = new MessageChannel();
  const mailWorker = new Worker(new URL("mail-thread.ts", import.meta.url), {
    workerData: {
      settings,
      ...tls,
      dkimKeys,
      state: stateForMail.port2,
      control: mailChannel.port1,
      charges,
    } satisfies MailThreadData,
    transferList: [stateForMail.port2, mailChannel.port1],
  });
  watch(mailWorker, "mail thread");
  mailWorker.on("message", ({ log }: LogBatch) => writeLog(log));
  const mail: Remote<MailThread> = callRemote<MailThread>(mailChannel.port2);
  const listeners = [...(await mail.start())];

  const control = createLiveControl({ settings, store, mail, observer, clock });
  const publicApp = createPublicApp({
    metrics: async () => mergeMetrics([await metrics.collect(), await mail.metrics()]),
    healthy: () => !stopping,
  });
  const servers: HttpServer[] = [];
  for (const endpoint of settings.http) {
    servers.push(await listen(publicApp, { host: endpoint.address, port: endpoint.port }));
    listeners.push({ name: "http", ...endpoint });
  }
  const socket = controlSocket(settings);
  await rm(socket, { force: true });
  servers.push(await listen(createControlApp(control), { path: socket }));
  await chmod(socket, 0o600);
  observer.emit("server.ready", { milliseconds: Math.round(clock.monotonic() - started) });

  return {
    listeners,
    control,
    stop: async (reason) => {
      const begun = clock.monotonic();
      stopping = true;
      observer.emit("server.stopping", { signal: reason });
      await mail.stop(GRACE);
      for (const server of servers) server.close();
      const ended = new Promise((resolve) => stateWorker.once("exit", resolve));
      stateWorker.postMessage("close");
      await ended;
      await mailWorker.terminate();
      observer.emit("server.stopped", { milliseconds: Math.round(clock.monotonic() - begun) });
      await rm(socket, { force: true });
      logFile.close();
      lock.release();
    },
  };
}

/** Where a running server answers the command line. */
export function controlSocket(settings: Settings): string {
  return join(settings.state, "control.sock");
}

type HttpServer = ReturnType<typeof createAdaptorServer>;

function listen(
  app: Hono,
  where: { readonly host: string; readonly port: number } | { readonly path: string },
): Promise<HttpServer> {
  const server = createAdaptorServer({ fetch: app.fetch });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, () => {
      server.off("error", reject);
      resolve(server);
    });
  });
}

async function certificateOf(settings: Settings): Promise<{ certificate: string; key: string }> {
  if (settings.tls.kind === "files") {
    const { certificate, key } = settings.tls;
    return { certificate: await readFile(certificate, "utf8"), key: await readFile(key, "utf8") };
  }
  const made = await ensureSelfSigned(settings.tls.directory, [settings.hostname, "localhost"], clock.wall());
  return { certificate: await readFile(made.certificate, "utf8"), key: await readFile(made.key, "utf8") };
}
