// For the tests of this room: a mail server on loopback that does what it is told at each step: answer, say nothing, or
// hang up. It keeps what it was told and what it took.

import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { TLSSocket, type SecureContext } from "node:tls";

export type Step =
  | "banner"
  | "EHLO"
  | "HELO"
  | "STARTTLS"
  | "AUTH"
  | "MAIL"
  | "RCPT"
  | "DATA"
  | "content"
  | "RSET"
  | "QUIT"
  | "other";

export interface Scene {
  /** Connections count from 1. */
  readonly connection: number;
  readonly line: string;
}

export interface Script {
  readonly address?: string;
  readonly extensions?: readonly string[];
  /** With it STARTTLS is offered; `broken` answers 220 and then nonsense. */
  readonly tls?: SecureContext | "broken";
  /** A reply, `hang` or `drop`. Undefined: the usual answer. */
  readonly play?: (step: Step, scene: Scene) => string | undefined;
}

export interface TakenMessage {
  readonly connection: number;
  readonly sender: string;
  readonly recipients: readonly string[];
  /** As it came, with doubled dots. */
  readonly content: string;
  readonly secured: boolean;
  /** Address of the client. */
  readonly client: string;
}

export interface ScriptedServer {
  readonly port: number;
  readonly messages: readonly TakenMessage[];
  readonly commands: readonly string[];
  connections(): number;
  open(): number;
}

const usual: Readonly<Record<Step, string>> = {
  banner: "220 mx.example.jp ESMTP",
  EHLO: "250 mx.example.jp",
  HELO: "250 mx.example.jp",
  STARTTLS: "220 2.0.0 go",
  AUTH: "235 2.7.0 ok",
  MAIL: "250 2.1.0 ok",
  RCPT: "250 2.1.5 ok",
  DATA: "354 go",
  content: "250 2.0.0 taken",
  RSET: "250 2.0.0 ok",
  QUIT: "221 2.0.0 bye",
  other: "500 5.5.1 what?",
};

export async function startServer(context: TestContext, script: Script = {}): Promise<ScriptedServer> {
  const messages: TakenMessage[] = [];
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    count++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serve(socket, count, script, messages, commands);
  });
  server.listen(0, script.address ?? "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("not a TCP socket");
  const { port } = bound;
  return { port, messages, commands, connections: () => count, open: () => sockets.size };
}

function serve(raw: Socket, connection: number, script: Script, messages: TakenMessage[], commands: string[]): void {
  let socket = raw;
  let buffer = "";
  let data = false;
  let hanging = false;
  let secured = false;
  let sender = "";
  let recipients: string[] = [];

  const act = (step: Step, line: string): string => {
    const told = script.play?.(step, { connection, line });
    if (told === "hang") hanging = true;
    else if (told === "drop") socket.destroy();
    else if (told === undefined && step === "EHLO") socket.write(ehlo(script, secured));
    else socket.write(`${told ?? usual[step]}\r\n`);
    return told ?? usual[step];
  };

  const command = (line: string): void => {
    commands.push(line);
    const verb = line.slice(0, 4).toUpperCase();
    switch (verb) {
      case "MAIL":
        sender = /<(.*)>/.exec(line)?.[1] ?? "";
        recipients = [];
        act("MAIL", line);
        break;
      case "RCPT":
        if (act("RCPT", line).startsWith("2")) recipients.push(/<(.*)>/.exec(line)?.[1] ?? "");
        break;
      case "DATA":
        data = act("DATA", line).startsWith("354");
        break;
      case "STAR":
        if (act("STARTTLS", line).startsWith("2")) startTls();
        break;
      case "QUIT":
        act("QUIT", line);
        socket.end();
        break;
      case "EHLO":
      case "HELO":
      case "AUTH":
      case "RSET":
        act(verb, line);
        break;
      default:
        act("other", line);
    }
  };

  const startTls = (): void => {
    socket.removeAllListeners("data");
    if (script.tls === "broken" || script.tls === undefined) {
      socket.on("data", () => socket.end("this is not TLS\r\n"));
      return;
    }
    secured = true;
    socket = new TLSSocket(raw, { isServer: true, secureContext: script.tls });
    listen();
  };

  const read = (): void => {
    for (;;) {
      if (hanging || socket.destroyed) return;
      const end = data ? buffer.search(/(^|\r\n)\.\r\n/) : buffer.indexOf("\r\n");
      if (end < 0) return;
      if (data) {
        const length = buffer.startsWith(".\r\n") ? 0 : end + 2;
        const content = buffer.slice(0, length);
        buffer = buffer.slice(length + 3);
        data = false;
        if (act("content", "").startsWith("2")) {
          const client = raw.remoteAddress ?? "";
          messages.push({ connection, sender, recipients, content, secured, client });
        }
      } else {
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        command(line);
      }
    }
  };

  const listen = (): void => {
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      buffer += chunk.toString("latin1");
      read();
    });
  };

  listen();
  act("banner", "");
}

function ehlo(script: Script, secured: boolean): string {
  const offered = [...(script.extensions ?? ["PIPELINING"])];
  if (script.tls !== undefined && !secured) offered.push("STARTTLS");
  const lines = ["mx.example.jp", ...offered];
  return lines.map((line, index) => `250${index === lines.length - 1 ? " " : "-"}${line}\r\n`).join("");
}
