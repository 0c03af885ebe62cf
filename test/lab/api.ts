// The API over real HTTP with the real use cases on a store in memory; only the mail thread is missing.

import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { createPublicApp, createSocketApp } from "../../src/admin/http.ts";
import { demoSettings } from "../../src/config/load.ts";
import type { Settings } from "../../src/config/settings.ts";
import type { ReloadOutcome } from "../../src/control/control.ts";
import { createLiveControl } from "../../src/control/live.ts";
import { openTokens } from "../../src/control/tokens.ts";
import type { Trace } from "../../src/control/trace.ts";
import { systemClock as clock } from "../../src/io/clock.ts";
import { asRemote } from "../../src/io/rpc.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";

export const allRights = "all-rights-0123456789abcdef0123456789";
export const readOnly = "read-only-0123456789abcdef01234567";

export interface ApiService {
  readonly port: number;
  /** The state directory. */
  readonly state: string;
  readonly store: Store;
  readonly events: { readonly name: string; readonly fields: object }[];
  /** Over TCP; `socket`: over the control socket. */
  ask(question: Question): Promise<Answer>;
  close(): Promise<void>;
}

export interface Question {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: string | Buffer | undefined;
  readonly through?: "socket";
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

interface Parts {
  readonly http?: Partial<Settings["http"]>;
  readonly reload?: () => Promise<ReloadOutcome>;
  readonly searchLog?: () => Promise<Trace>;
  /** Of the mail thread. */
  readonly activeMessages?: () => never;
}

const metrics = (): Promise<string> => Promise.resolve("sekimori_up 1\n");

export async function startApi(parts: Parts = {}): Promise<ApiService> {
  const state = await mkdtemp(join(tmpdir(), "sekimori-api-"));
  const demo = demoSettings(state);
  const tokens = [
    { name: "portal", secret: allRights, rights: "change" },
    { name: "monitoring", secret: readOnly, rights: "read" },
  ] as const;
  const settings: Settings = { ...demo, http: { ...demo.http, tokens, ...parts.http } };
  const store = openSqliteStore(":memory:");
  const events: { name: string; fields: object }[] = [];
  const observer = { emit: (name: string, fields: object): void => void events.push({ name, fields }) };
  const known = await openTokens(join(state, "api-token"), () => settings.http);
  const refused: ReloadOutcome = {
    kind: "refused",
    problems: ["/etc/sekimori.toml:3:1: unknown key", "restart needed"],
  };
  const control = createLiveControl({
    settings: () => settings,
    store: asRemote<Store>(store),
    mail: asRemote({
      forgetAccounts: () => undefined,
      endSessions: () => undefined,
      destinations: () => [],
      activeMessages: parts.activeMessages ?? (() => []),
      changeQueue: (change, selector) =>
        change === "delete" || change === "return"
          ? { messages: 0, recipients: 0 }
          : store.changeWaiting(change, selector, clock.wall()),
      accountUse: () => ({ quota: [], attempts: [] }),
      mailThirdParty: () => Promise.resolve(),
    }),
    observer,
    clock,
    reload: parts.reload ?? (() => Promise.resolve(refused)),
    searchLog: parts.searchLog ?? (() => Promise.resolve({ stories: [], more: false })),
    health: () => ({
      state: "ready",
      version: "0",
      hostname: settings.hostname,
      since: new Date(0).toISOString(),
      listeners: [],
    }),
    metrics,
    tokens: known,
    thirdParties: { read: () => Promise.reject(new Error("there is no DNS here")) },
    clearSuspicion: (_account, lift) => lift(),
    offersCram: () => false,
    loginEnded: () => undefined,
  });
  const guarded = {
    control,
    holderOf: (token: string) => known.holderOf(token),
    names: () => [settings.hostname, ...settings.http.names],
    observer,
    clock,
  };
  const network = createAdaptorServer({
    fetch: createPublicApp({ ...guarded, metrics, healthy: () => true, version: "0" }).fetch,
  });
  const socket = createAdaptorServer({ fetch: createSocketApp(guarded, "0").fetch });
  const socketPath = join(state, "control.sock");
  await new Promise<void>((resolve) => network.listen(0, "127.0.0.1", resolve));
  await new Promise<void>((resolve) => socket.listen(socketPath, resolve));
  const { port } = network.address() as AddressInfo;
  await control("test").addAccount("alice@sekimori.test", "correct horse battery", []);
  events.length = 0;
  return {
    port,
    state,
    store,
    events,
    ask: (question) => ask(question.through === undefined ? { port } : { socketPath }, question),
    close: async () => {
      for (const server of [network, socket]) {
        if ("closeAllConnections" in server) server.closeAllConnections();
        server.close();
      }
      store.close();
      await rm(state, { recursive: true });
    },
  };
}

function ask(
  where: { readonly port: number } | { readonly socketPath: string },
  { method, path, headers = {}, body, through }: Question,
): Promise<Answer> {
  const usual: Record<string, string> = { host: "127.0.0.1" };
  if (through === undefined) usual["authorization"] = `Bearer ${allRights}`;
  if (body !== undefined) usual["content-type"] = "application/json";
  if (body !== undefined && headers["transfer-encoding"] === undefined)
    usual["content-length"] = String(Buffer.byteLength(body));
  for (const [name, value] of Object.entries(headers)) {
    if (value === null) delete usual[name];
    else usual[name] = value;
  }
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "127.0.0.1",
        ...where,
        method,
        path: path.startsWith("/") ? path : `/api/v1/${path}`,
        headers: usual,
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString("utf8"),
          }),
        );
      },
    );
    // The server may answer and close before it has read all of a body that is too large.
    outgoing.on("error", (error) => setImmediate(reject, error));
    outgoing.end(body);
  });
}
