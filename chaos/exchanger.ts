// The mail server of the remote domain: takes mail and hands it to whoever counts, knows how many connections are open, and can be told to
// break a connection at any point of the dialogue, or to fall silent there. What it has taken counts from the moment at which
// it saw the final dot and was going to answer 250, whether the answer arrives or not: that is where second copies come from.

import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { atEnd } from "../test/lab/cleanup.ts";
import type { Scope } from "../test/lab/cleanup.ts";
import type { Where } from "../test/lab/client.ts";
import { loopbackAddress } from "../test/lab/loopback.ts";

/** Points of the dialogue, in order. The command was answered, unless the name says otherwise. */
export const points = [
  "before banner",
  "banner",
  "EHLO",
  "MAIL",
  "RCPT",
  "DATA",
  "inside content",
  "final dot, before its 250",
  "250 of the final dot",
] as const;
export type Point = (typeof points)[number];

export interface Fault {
  readonly at: Point;
  /** reset: RST. end: FIN after what was answered. hang: nothing more for so many ms, then RST. */
  readonly manner:
    | { readonly kind: "reset" }
    | { readonly kind: "end" }
    | { readonly kind: "hang"; readonly ms: number };
}

interface ExchangerOptions {
  readonly taken: (recipient: string, content: Buffer) => void;
  /** Asked for every connection. */
  readonly fault?: () => Fault | undefined;
  /** A reply instead of the usual, by command line. */
  readonly answer?: (line: string) => string | undefined;
}

export interface Exchanger extends Where {
  /** Open now. */
  open(): number;
  /** So far. */
  connections(): number;
  /** Resolves when none is open any more; to how many there were since the call, those open at the call included. */
  quiet(): Promise<number>;
}

export async function startExchanger(scope: Scope, options: ExchangerOptions): Promise<Exchanger> {
  const where: Where = { address: loopbackAddress(), port: 2525 };
  const sockets = new Set<Socket>();
  let connections = 0;
  const server: Server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    serve(socket, options);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(where.port, where.address, resolve);
  });
  atEnd(scope, async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  });
  return {
    ...where,
    open: () => sockets.size,
    connections: () => connections,
    quiet: async () => {
      const before = connections - sockets.size;
      // A connection may still wait to be accepted when the others have ended.
      for (let silent = 0; silent < 2; silent = sockets.size === 0 ? silent + 1 : 0) {
        // oxlint-disable-next-line no-await-in-loop -- waiting
        await new Promise((resolve) => {
          setTimeout(resolve, 5);
        });
      }
      return connections - before;
    },
  };
}

function serve(socket: Socket, options: ExchangerOptions): void {
  const fault = options.fault?.();
  let deaf = false;
  let buffer: Buffer = Buffer.alloc(0);
  let inContent = false;
  let recipients: string[] = [];
  /** Where the search for the final dot goes on. */
  let searched = 0;

  /** True when the connection ends here, or falls silent. */
  const breaks = (at: Point): boolean => {
    if (fault?.at !== at) return false;
    deaf = true;
    const { manner } = fault;
    switch (manner.kind) {
      case "reset":
        socket.resetAndDestroy();
        break;
      case "end":
        socket.end();
        break;
      case "hang": {
        const timer = setTimeout(() => socket.resetAndDestroy(), manner.ms);
        socket.once("close", () => clearTimeout(timer));
        break;
      }
    }
    return true;
  };
  const say = (line: string): void => void socket.write(`${line}\r\n`);

  const command = (line: string): void => {
    const verb = (/^[A-Za-z]+/.exec(line)?.[0] ?? "").toUpperCase();
    const other = options.answer?.(line);
    if (other !== undefined) return say(other);
    switch (verb) {
      case "EHLO":
        say("250-mx.example.jp\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE");
        return void breaks("EHLO");
      case "MAIL":
        recipients = [];
        say("250 2.1.0 OK");
        return void breaks("MAIL");
      case "RCPT":
        recipients.push(/<(.*)>/.exec(line)?.[1] ?? "");
        say("250 2.1.5 OK");
        return void breaks("RCPT");
      case "DATA":
        if (recipients.length === 0) return say("503 5.5.1 no recipients");
        inContent = true;
        searched = 0;
        say("354 go on");
        return void breaks("DATA");
      case "QUIT":
        say("221 2.0.0 bye");
        return void socket.end();
      case "RSET":
        recipients = [];
        return say("250 2.0.0 OK");
      default:
        return say("250 2.0.0 OK");
    }
  };

  const content = (): boolean => {
    const found = buffer.subarray(0, 3).toString("latin1") === ".\r\n" ? -2 : buffer.indexOf("\r\n.\r\n", searched);
    if (found === -1) {
      searched = Math.max(0, buffer.length - 4);
      if (buffer.length > 0) breaks("inside content");
      return false;
    }
    // Small content comes with its dot in one piece.
    if (breaks("inside content")) return false;
    const octets = unstuffed(buffer.subarray(0, found + 2));
    buffer = buffer.subarray(found + 5);
    inContent = false;
    for (const recipient of recipients) options.taken(recipient, octets);
    recipients = [];
    if (breaks("final dot, before its 250")) return false;
    say("250 2.6.0 taken");
    return !breaks("250 of the final dot");
  };

  // Read to the end, deaf or not: an end that is not read is never seen.
  socket.on("data", (chunk) => {
    if (deaf) return;
    buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
    for (;;) {
      if (deaf) return;
      if (inContent) {
        if (!content()) return;
      } else {
        const end = buffer.indexOf("\r\n");
        if (end < 0) return;
        const line = buffer.toString("latin1", 0, end);
        buffer = buffer.subarray(end + 2);
        command(line);
      }
    }
  });
  if (breaks("before banner")) return;
  say("220 mx.example.jp ESMTP");
  breaks("banner");
}

function unstuffed(octets: Buffer): Buffer {
  return octets.includes("\r\n..")
    ? Buffer.from(octets.toString("latin1").replaceAll("\r\n..", "\r\n."), "latin1")
    : Buffer.from(octets);
}
