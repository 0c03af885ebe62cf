// The lab's side of its agents: starts one per host, asks, and ends them.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { AgentAnswer, AgentRequest, Probe } from "./agent.ts";
import type { Said, Talk } from "./converse.ts";
import { labHosts, labServices } from "./topology.ts";
import type { LabHost } from "./topology.ts";

export type Counts = Readonly<Record<string, number>>;

export interface Agents {
  connect(host: LabHost, to: Omit<Extract<AgentRequest, { operation: "connect" }>, "operation">): Promise<Probe>;
  converse(host: LabHost, talk: Talk): Promise<Said>;
  /** What came of it, when `stop` has been said. */
  count(host: LabHost, request: Extract<AgentRequest, { operation: "probe" | "stream" }>): Promise<Counts>;
  stop(host: LabHost): Promise<void>;
  close(): Promise<void>;
}

interface Agent {
  ask(request: AgentRequest): Promise<AgentAnswer>;
  close(): Promise<void>;
}

export async function startAgents(): Promise<Agents> {
  const agents = new Map<LabHost, Agent>(labHosts.map((host) => [host, startAgent(host)]));
  const ask = async (host: LabHost, request: AgentRequest): Promise<AgentAnswer> => {
    const answer = await agents.get(host)!.ask(request);
    if (answer.kind === "failed") throw new Error(`agent in ${host}: ${answer.cause}`);
    return answer;
  };
  await Promise.all(labServices.map(({ host, ports }) => ask(host, { operation: "listen", name: host, ports })));
  return {
    connect: async (host, to) => {
      const answer = await ask(host, { operation: "connect", ...to });
      if (answer.kind !== "probe") throw new Error(`agent in ${host} answered ${answer.kind}`);
      return answer;
    },
    converse: async (host, talk) => {
      const answer = await ask(host, { operation: "converse", ...talk });
      if (answer.kind !== "said") throw new Error(`agent in ${host} answered ${answer.kind}`);
      return answer;
    },
    count: async (host, request) => {
      const answer = await ask(host, request);
      if (answer.kind !== "counts") throw new Error(`agent in ${host} answered ${answer.kind}`);
      return answer.counts;
    },
    stop: async (host) => void (await ask(host, { operation: "stop" })),
    close: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.close()));
    },
  };
}

function startAgent(host: LabHost): Agent {
  const script = new URL("./agent.ts", import.meta.url).pathname;
  const child: ChildProcess = spawn(
    "ip",
    [
      "netns",
      "exec",
      host,
      process.execPath,
      "--max-old-space-size=64",
      "--disable-warning=ExperimentalWarning",
      script,
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const waiting = new Map<number, (answer: AgentAnswer) => void>();
  let last = 0;
  const fail = (cause: string): void => {
    for (const resolve of waiting.values()) resolve({ kind: "failed", cause });
    waiting.clear();
  };
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      fail(error.message);
      resolve();
    });
    child.once("close", () => {
      fail("it has ended");
      resolve();
    });
  });
  child.stdin!.on("error", () => undefined);
  createInterface({ input: child.stdout! }).on("line", (line) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by agent.ts
    const { id, answer } = JSON.parse(line) as { id: number; answer: AgentAnswer };
    waiting.get(id)?.(answer);
    waiting.delete(id);
  });
  return {
    ask: (request) =>
      new Promise((resolve) => {
        const id = ++last;
        waiting.set(id, resolve);
        child.stdin!.write(`${JSON.stringify({ id, request })}\n`);
      }),
    close: () => {
      child.stdin!.end();
      return ended;
    },
  };
}
