// A remote mail exchanger for tests: takes everything and remembers it. What it answers can be bent per command.
// It is lax on purpose (it must see what the server under test really sends) and keeps the raw octets of the data.

import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { atEnd } from "./cleanup.ts";
import type { Scope } from "./cleanup.ts";
import { loopbackAddress } from "./loopback.ts";
import { waitFor } from "./wait.ts";

export interface SinkMessage {
  /** As written after MAIL and RCPT, parameters included: `FROM:<a@example.jp> SIZE=12`. */
  readonly mail: string;
  readonly recipients: readonly string[];
  /** Dot-stuffing undone, without the final dot; latin1, one character an octet. */
  readonly data: string;
}

export interface SinkOptions {
  readonly address?: string;
  readonly port?: number;
  /** Answers to give instead of the usual, by what was sent: undefined means the usual. `"\r\n.\r\n"` is the end of data. */
  readonly answer?: (line: string) => string | undefined;
  /** Keywords after EHLO. */
  readonly extensions?: readonly string[];
}

export interface Sink {
  readonly address: string;
  readonly port: number;
  readonly messages: readonly SinkMessage[];
  /** Commands of all sessions, in the order they came. */
  readonly commands: readonly string[];
  connections(): number;
  waitForMessages(count: number, milliseconds: number): Promise<readonly SinkMessage[]>;
  stop(): Promise<void>;
}

export async function startSink(scope: Scope, options: SinkOptions = {}): Promise<Sink> {
  const address = options.address ?? loopbackAddress();
  const port = options.port ?? 2525;
  const messages: SinkMessage[] = [];
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server: Server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    serve(socket, options, messages, commands);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  };
  atEnd(scope, stop);
  return {
    address,
    port,
    messages,
    commands,
    connections: () => connections,
    waitForMessages: (count, milliseconds) =>
      waitFor(`${count} messages in the sink`, milliseconds, () => (messages.length >= count ? messages : undefined)),
    stop,
  };
}

function serve(socket: Socket, options: SinkOptions, messages: SinkMessage[], commands: string[]): void {
  let buffer = "";
  let inData = false;
  let mail = "";
  let recipients: string[] = [];
  const say = (line: string, usual: string): string => {
    const answer = options.answer?.(line) ?? usual;
    socket.write(`${answer}\r\n`);
    return answer;
  };
  say("", "220 sink.example.jp ESMTP");

  const command = (line: string): void => {
    commands.push(line);
    const verb = (/^[A-Za-z]+/.exec(line)?.[0] ?? "").toUpperCase();
    switch (verb) {
      case "EHLO": {
        const keywords = ["sink.example.jp", ...(options.extensions ?? ["PIPELINING", "8BITMIME", "SIZE"])];
        const last = keywords.length - 1;
        say(line, keywords.map((keyword, index) => `250${index === last ? " " : "-"}${keyword}`).join("\r\n"));
        return;
      }
      case "MAIL":
        if (say(line, "250 2.1.0 OK").startsWith("2")) mail = line.slice(5);
        return;
      case "RCPT":
        if (say(line, "250 2.1.5 OK").startsWith("2")) recipients.push(line.slice(5));
        return;
      case "DATA":
        inData = say(line, recipients.length > 0 ? "354 go on" : "503 5.5.1 no recipients").startsWith("3");
        return;
      case "QUIT":
        say(line, "221 2.0.0 bye");
        socket.end();
        return;
      case "RSET":
        mail = "";
        recipients = [];
        say(line, "250 2.0.0 OK");
        return;
      default:
        say(line, "250 2.0.0 OK");
    }
  };

  socket.on("data", (chunk) => {
    buffer += chunk.toString("latin1");
    for (;;) {
      if (inData) {
        const body = buffer.startsWith(".\r\n") ? 0 : buffer.indexOf("\r\n.\r\n") + 2;
        if (body === 1) return;
        const data = buffer.slice(0, body).replaceAll(/^\./gm, "");
        buffer = buffer.slice(body + 3);
        inData = false;
        if (say("\r\n.\r\n", "250 2.6.0 taken").startsWith("2")) messages.push({ mail, recipients, data });
        mail = "";
        recipients = [];
      } else {
        const end = buffer.indexOf("\r\n");
        if (end < 0) return;
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        command(line);
      }
    }
  });
}
