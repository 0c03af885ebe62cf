// Control over the socket of a running server: the same API as over the network, without a token.

import { request } from "node:http";
import type {
  AccountList,
  AccountView,
  AppPasswordView,
  Control,
  CredentialList,
  DestinationView,
  Health,
  ImportOutcome,
  Outcome,
  PasswordOutcome,
  QueueCountView,
  QueueEntry,
  QueueList,
  QueueOutcome,
  SuspectList,
  SuspectView,
  Refused,
  ReloadOutcome,
  RetentionView,
  SubstituteOutcome,
  SubstituteView,
  TokenOutcome,
} from "../control/control.ts";

/** What the server would not do. `by`: the name in the log. */
interface Answer {
  readonly status: number;
  readonly text: string;
}

/** undefined when nobody answers on the socket: the server is not running. */
export async function connectControl(socketPath: string, by: string): Promise<Control | undefined> {
  const ask = (method: string, path: string, body?: object): Promise<Answer> =>
    call(socketPath, by, method, `/api/v1${path}`, body);
  try {
    await ask("GET", "/health");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ECONNREFUSED"))
      return undefined;
    throw error;
  }
  const get = async <T>(path: string): Promise<T> => good<T>(await ask("GET", path));
  const find = async <T>(path: string): Promise<T | undefined> => {
    const answer = await ask("GET", path);
    return answer.status === 404 ? undefined : good<T>(answer);
  };
  const outcome = async (method: string, path: string, body?: object): Promise<Outcome> => {
    const answer = await ask(method, path, body);
    return refusedBy(answer) ?? (good(answer), { done: true });
  };
  const substituted = async (method: string, path: string, body?: object): Promise<SubstituteOutcome> => {
    const answer = await ask(method, path, body);
    return refusedBy(answer) ?? { done: true, ...good<{ readonly until: string }>(answer) };
  };
  return {
    addAccount: (address, secret, aliases, terms) =>
      outcome("POST", "/accounts", {
        address,
        ...(typeof secret === "string" ? { password: secret } : secret),
        aliases,
        ...terms,
      }),
    importAccounts: async (accounts, how, since) =>
      good<ImportOutcome>(await ask("POST", "/account-imports", { accounts, look: how === "look", since })),
    changeAccount: (address, terms) => outcome("PATCH", account(address), terms),
    listAccounts: (page) => get<AccountList>(`/accounts?${search(page)}`),
    findAccount: (address) => find<AccountView>(account(address)),
    exportCredentials: ({ after }) => get<CredentialList>(`/credentials?${search({ after })}`),
    setPassword: (address, password) => outcome("PUT", `${account(address)}/password`, { password }),
    addAlias: (address, alias) => outcome("PUT", `${account(address)}/aliases/${encodeURIComponent(alias)}`),
    removeAlias: (address, alias) => outcome("DELETE", `${account(address)}/aliases/${encodeURIComponent(alias)}`),
    addSender: (address, sender, as) =>
      outcome("PUT", `${account(address)}/senders/${encodeURIComponent(sender)}`, { as }),
    removeSender: (address, sender) => outcome("DELETE", `${account(address)}/senders/${encodeURIComponent(sender)}`),
    addAppPassword: async (address, name, scopes): Promise<PasswordOutcome> => {
      const answer = await ask("POST", `${account(address)}/app-passwords`, { name, scopes });
      return refusedBy(answer) ?? { done: true, ...good<{ readonly password: string }>(answer) };
    },
    listAppPasswords: (address) => find<readonly AppPasswordView[]>(`${account(address)}/app-passwords`),
    removeAppPassword: (address, name) =>
      outcome("DELETE", `${account(address)}/app-passwords/${encodeURIComponent(name)}`),
    addSubstitute: (address, foreign) => substituted("PUT", substitute(address, foreign)),
    confirmSubstitute: (address, foreign, code) =>
      substituted("POST", `${substitute(address, foreign)}/proof`, { code }),
    listSubstitutes: (address) => find<readonly SubstituteView[]>(`${account(address)}/substitutes`),
    removeSubstitute: (address, foreign) => outcome("DELETE", substitute(address, foreign)),
    setStanding: (address, standing) => outcome("PUT", `${account(address)}/standing`, { standing }),
    deleteAccount: (address) => outcome("DELETE", account(address)),
    listSuspects: (page) => get<SuspectList>(`/suspects?${search(page)}`),
    findSuspect: (address) => find<SuspectView>(`/suspects/${encodeURIComponent(address)}`),
    clearSuspect: async (address, how): Promise<QueueOutcome> => {
      const answer = await ask("POST", `/suspects/${encodeURIComponent(address)}/clear`, how);
      return refusedBy(answer) ?? { done: true, ...good<QueueCountView>(answer) };
    },
    listQueue: (query) => get<QueueList>(`/queue?${search(query)}`),
    findInQueue: (id) => find<QueueEntry>(`/queue/${encodeURIComponent(id)}`),
    changeQueue: async (change, selector): Promise<QueueOutcome> => {
      const answer = await ask("POST", "/queue/changes", { change, selector });
      return refusedBy(answer) ?? { done: true, ...good<QueueCountView>(answer) };
    },
    listDestinations: () => get<readonly DestinationView[]>("/queue/destinations"),
    retention: () => get<readonly RetentionView[]>("/retention"),
    purge: async () => good<readonly RetentionView[]>(await ask("POST", "/retention/purge")),
    noteTrace: async (question) => void good(await ask("POST", "/traces/notes", { question })),
    trace: async (question) => {
      const answer = await ask("POST", "/traces", { question });
      return answer.status === 429 ? "busy" : good(answer);
    },
    examine: async (probe) =>
      good(probe.length === 0 ? await ask("GET", "/doctor") : await ask("POST", "/doctor", { probe })),
    examineDirectory: async () => good(await ask("GET", "/doctor/directory")),
    configuration: async () => (await get<{ readonly toml: string }>("/configuration")).toml,
    health: () => get<Health>("/health"),
    metrics: async () => {
      const { status, text } = await ask("GET", "/metrics");
      if (status !== 200) throw new Error(text);
      return text;
    },
    rotateToken: async (): Promise<TokenOutcome> => {
      const answer = await ask("POST", "/token/rotate");
      return refusedBy(answer) ?? { done: true, ...good<{ readonly token: string }>(answer) };
    },
    reload: async (): Promise<ReloadOutcome> => {
      const answer = await ask("POST", "/reload");
      const problem = problemOf(answer);
      if (problem?.code === "configuration")
        return {
          kind: "refused",
          problems: (problem.errors ?? []).map(({ at, detail }) => (at === "" ? detail : `${at}: ${detail}`)),
        };
      return {
        kind: "applied",
        ...good<{ readonly changed: readonly string[]; readonly restart: readonly string[] }>(answer),
      };
    },
  };
}

interface ProblemBody {
  readonly code: string;
  readonly title: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly at: string; readonly detail: string }[];
}

function problemOf({ status, text }: Answer): ProblemBody | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server, same version
  return status < 400 ? undefined : (JSON.parse(text) as ProblemBody);
}

/** The answer is no, for a reason that the use case has. */
function refusedBy(answer: Answer): Refused | undefined {
  const problem = problemOf(answer);
  switch (problem?.code) {
    case "not-found":
    case "conflict":
    case "invalid":
      return { done: false, kind: problem.code, why: wordsOf(problem) };
    case undefined:
    default:
      return undefined;
  }
}

function wordsOf({ title, detail, errors }: ProblemBody): string {
  if (detail !== undefined) return detail;
  return errors === undefined ? title : errors.map((each) => `${each.at}: ${each.detail}`).join("\n");
}

function good<T>(answer: Answer): T {
  const problem = problemOf(answer);
  if (problem !== undefined) throw new Error(`the server says: ${wordsOf(problem)} (${problem.code})`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own server, same version
  return (answer.text === "" ? undefined : JSON.parse(answer.text)) as T;
}

function account(address: string): string {
  return `/accounts/${encodeURIComponent(address)}`;
}

function substitute(address: string, foreign: string): string {
  return `${account(address)}/substitutes/${encodeURIComponent(foreign)}`;
}

function search(query: object): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  return parameters.toString();
}

function call(socketPath: string, by: string, method: string, path: string, body?: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      // A header holds no other letters, and who cannot be named so is "operator".
      ...(/^[\x21-\x7e]{1,64}$/.test(by) ? { "sekimori-operator": by } : {}),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
    const outgoing = request({ socketPath, method, path, headers, timeout: 120_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    outgoing.on("error", reject);
    outgoing.on("timeout", () => outgoing.destroy(new Error("the server does not answer on its control socket")));
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
