// Sits in a network namespace: listens on ports, and connects or sends when it is told to. JSON lines in and out.

import { createSocket } from "node:dgram";
import type { Socket as Datagram } from "node:dgram";
import { connect, createServer } from "node:net";
import type { Server } from "node:net";
import { createInterface } from "node:readline";

export interface Task {
  readonly id: number;
  readonly protocol: "tcp" | "udp";
  readonly source: string;
  /** 0: any. */
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly milliseconds: number;
}

/** `answered`, `silent`, or the error of the system. */
export interface Outcome {
  readonly id: number;
  readonly outcome: string;
}

export type Command = { readonly listen: readonly number[] } | { readonly task: Task };

let listeners: (Server | Datagram)[] = [];

async function listen(ports: readonly number[]): Promise<void> {
  await Promise.all(listeners.map((listener) => new Promise<void>((resolve) => listener.close(() => resolve()))));
  listeners = [];
  for (const port of ports) {
    const server = createServer((socket) => socket.on("error", () => undefined).end("220 here\r\n"));
    // oxlint-disable-next-line no-await-in-loop -- one after the other is soon enough
    await new Promise<void>((resolve) => server.listen(port, "::", resolve));
    const datagram = createSocket("udp6");
    datagram.on("message", (text, from) => datagram.send(text, from.port, from.address));
    // oxlint-disable-next-line no-await-in-loop
    await new Promise<void>((resolve) => datagram.bind(port, "::", resolve));
    listeners.push(server, datagram);
  }
}

function tryTcp(task: Task): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({
      host: task.destination,
      port: task.destinationPort,
      localAddress: task.source,
      ...(task.sourcePort === 0 ? {} : { localPort: task.sourcePort }),
    });
    const end = (outcome: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => end("silent"), task.milliseconds);
    socket.on("data", () => end("answered"));
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

function tryUdp(task: Task): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(task.source.includes(":") ? "udp6" : "udp4");
    const end = (outcome: string): void => {
      clearTimeout(timer);
      socket.close();
      resolve(outcome);
    };
    const timer = setTimeout(() => end("silent"), task.milliseconds);
    socket.on("message", () => end("answered"));
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.bind(task.sourcePort, task.source, () => socket.send("x", task.destinationPort, task.destination));
  });
}

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line) as Command;
  if ("listen" in command) void listen(command.listen).then(() => say({ id: -1, outcome: "listening" }));
  else {
    const { task } = command;
    void (task.protocol === "tcp" ? tryTcp(task) : tryUdp(task)).then((outcome) => say({ id: task.id, outcome }));
  }
});
