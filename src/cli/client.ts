// Control over the socket of a running server.

import { request } from "node:http";
import type {
  AccountView,
  Control,
  DestinationView,
  Outcome,
  QueueEntry,
  QueueList,
  QueueOutcome,
  ReloadOutcome,
  RetentionView,
} from "../control/control.ts";

/** undefined when nobody answers on the socket: the server is not running. */
export async function connectControl(socketPath: string): Promise<Control | undefined> {
  try {
    await call(socketPath, "GET", "/accounts");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ECONNREFUSED"))
      return undefined;
    throw error;
  }
  const outcome = async (method: string, path: string, body?: object): Promise<Outcome> => {
    const { value } = await call(socketPath, method, path, body);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server, same version
    return value as Outcome;
  };
  const read = async <T>(path: string): Promise<T> => {
    const { status, value } = await call(socketPath, "GET", path);
    if (status >= 500) throw new Error(JSON.stringify(value));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server, same version
    return value as T;
  };
  return {
    addAccount: (address, password, aliases) => outcome("POST", "/accounts", { address, password, aliases }),
    listAccounts: () => read<readonly AccountView[]>("/accounts"),
    findAccount: async (address) => {
      const { status, value } = await call(socketPath, "GET", account(address));
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server, same version
      return status === 404 ? undefined : (value as AccountView);
    },
    setPassword: (address, password) => outcome("PUT", `${account(address)}/password`, { password }),
    setStanding: (address, standing) => outcome("PUT", `${account(address)}/standing`, { standing }),
    deleteAccount: (address) => outcome("DELETE", account(address)),
    listQueue: ({ limit, ...query }) => {
      const search = new URLSearchParams(query);
      if (limit !== undefined) search.set("limit", String(limit));
      return read<QueueList>(`/queue?${search.toString()}`);
    },
    listDestinations: () => read<readonly DestinationView[]>("/queue/destinations"),
    findInQueue: async (id) => {
      const { status, value } = await call(socketPath, "GET", message(id));
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server, same version
      return status === 404 ? undefined : (value as QueueEntry);
    },
    changeQueue: async (change, selector) => {
      const { value } = await call(socketPath, "POST", "/queue/changes", { change, selector });
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server, same version
      return value as QueueOutcome;
    },
    retention: () => read<readonly RetentionView[]>("/retention"),
    purge: async () => {
      const { status, value } = await call(socketPath, "POST", "/retention/purge");
      if (status >= 400) throw new Error(JSON.stringify(value));
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server, same version
      return value as readonly RetentionView[];
    },
    noteTrace: async (question, by) => {
      const { status, value } = await call(socketPath, "POST", "/traces", { question, by });
      if (status >= 400) throw new Error(JSON.stringify(value));
    },
    reload: async () => {
      const { status, value } = await call(socketPath, "POST", "/reload");
      if (status >= 400) throw new Error(JSON.stringify(value));
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server, same version
      return value as ReloadOutcome;
    },
  };
}

function account(address: string): string {
  return `/accounts/${encodeURIComponent(address)}`;
}

function message(id: string): string {
  return `/queue/${encodeURIComponent(id)}`;
}

function call(
  socketPath: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly value: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const outgoing = request({ socketPath, method, path, headers, timeout: 60_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        try {
          const value: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
          resolve({ status: response.statusCode ?? 0, value });
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
    outgoing.on("error", reject);
    outgoing.on("timeout", () => outgoing.destroy(new Error("the server does not answer on its control socket")));
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
