// One process in each namespace of the lab: answers questions, one JSON line each, on standard input and output.
// Servers greet like SMTP servers, so that a connection counts only when a banner came back. Ends with its input.

import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import { connect as connectTls } from "node:tls";
import { converse } from "./converse.ts";
import type { Said, Talk } from "./converse.ts";

export type AgentRequest =
  | { readonly operation: "listen"; readonly name: string; readonly ports: readonly number[] }
  | {
      readonly operation: "connect";
      readonly host: string;
      readonly port: number;
      readonly from: string;
      readonly fromPort?: number;
      /** TLS before the banner. */
      readonly tls?: true;
      readonly milliseconds: number;
    }
  | ({ readonly operation: "converse" } & Talk)
  /** Connects without pause until `stop`, and counts what came of it. */
  | {
      readonly operation: "probe";
      readonly host: string;
      readonly port: number;
      readonly from: string;
      /** Connections at a time, and the pause after them, ms. */
      readonly batch: number;
      readonly every: number;
    }
  /** Sends on one connection until `stop`, and counts octets. */
  | { readonly operation: "stream"; readonly host: string; readonly port: number; readonly from: string }
  | { readonly operation: "stop" };

/** `open` with the banner; otherwise what the socket said. */
export interface Probe {
  readonly result: "open" | "timeout" | "closed" | (string & {});
  readonly banner: string;
  readonly milliseconds: number;
}

export type AgentAnswer =
  | { readonly kind: "listening" | "stopping" }
  | ({ readonly kind: "probe" } & Probe)
  | ({ readonly kind: "said" } & Said)
  | { readonly kind: "counts"; readonly counts: Readonly<Record<string, number>> }
  | { readonly kind: "failed"; readonly cause: string };

async function answer(request: AgentRequest): Promise<AgentAnswer> {
  switch (request.operation) {
    case "listen":
      await Promise.all(request.ports.map((port) => listen(request.name, port)));
      return { kind: "listening" };
    case "connect":
      return { kind: "probe", ...(await probe(request)) };
    case "converse":
      return { kind: "said", ...(await converse(request)) };
    case "probe":
      return { kind: "counts", counts: await probeUntilStop(request) };
    case "stream":
      return { kind: "counts", counts: await streamUntilStop(request) };
    case "stop":
      running.abort();
      return { kind: "stopping" };
  }
}

function listen(name: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", () => socket.write("250 ok\r\n"));
      socket.write(`220 ${name} greets ${socket.remoteAddress?.replace(/^::ffff:/, "") ?? "nobody"}\r\n`);
    });
    server.once("error", reject);
    server.listen({ port, host: "::", backlog: 1024 }, resolve);
  });
}

function probe(request: Extract<AgentRequest, { operation: "connect" }>): Promise<Probe> {
  const started = performance.now();
  return new Promise((resolve) => {
    const socket = connect({
      host: request.host,
      port: request.port,
      localAddress: request.from,
      ...(request.fromPort === undefined ? {} : { localPort: request.fromPort }),
    });
    const end = (result: string, banner = ""): void => {
      socket.destroy();
      resolve({ result, banner, milliseconds: Math.round((performance.now() - started) * 10) / 10 });
    };
    socket.setTimeout(request.milliseconds, () => end("timeout"));
    const heard = request.tls ? connectTls({ socket, rejectUnauthorized: false }) : socket;
    heard.once("data", (octets) => end("open", octets.toString("latin1").trim()));
    if (heard !== socket) heard.once("error", () => end("no TLS"));
    socket.once("error", (error) => end("code" in error ? String(error.code) : "error"));
    socket.once("close", () => end("closed"));
  });
}

/** Aborted by `stop`. */
let running = new AbortController();
/** A connection of a probe: a slow machine is no filter. */
const patience = 20_000;

async function probeUntilStop(
  request: Extract<AgentRequest, { operation: "probe" }>,
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  const open = new Set<Promise<void>>();
  running = new AbortController();
  while (!running.signal.aborted) {
    for (let one = 0; one < request.batch; one++) {
      const connection = probe({ ...request, operation: "connect", milliseconds: patience }).then(({ result }) => {
        counts[result] = (counts[result] ?? 0) + 1;
        open.delete(connection);
      });
      open.add(connection);
    }
    // Not more at once than a slow machine can bear.
    // oxlint-disable-next-line no-await-in-loop -- a pause is the point
    await (open.size > 200 ? Promise.race(open) : new Promise((resolve) => setTimeout(resolve, request.every)));
  }
  await Promise.all(open);
  return counts;
}

function streamUntilStop({
  host,
  port,
  from,
}: Extract<AgentRequest, { operation: "stream" }>): Promise<Readonly<Record<string, number>>> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, localAddress: from });
    const chunk = Buffer.alloc(16_384, "x");
    let broken = 0;
    const pump = setInterval(() => {
      if (running.signal.aborted) socket.end();
      else if (!socket.connecting && !socket.writableNeedDrain) socket.write(chunk);
    }, 5);
    running = new AbortController();
    socket.resume();
    socket.once("error", () => broken++);
    socket.once("close", () => {
      clearInterval(pump);
      resolve({ octets: socket.bytesWritten, broken: running.signal.aborted ? broken : 1 });
    });
  });
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by agents.ts
    const { id, request } = JSON.parse(line) as { id: number; request: AgentRequest };
    void answer(request)
      .catch((error: unknown): AgentAnswer => ({ kind: "failed", cause: String(error) }))
      .then((said) => process.stdout.write(`${JSON.stringify({ id, answer: said })}\n`));
  })
  .on("close", () => process.exit(0));
