// A session of a load: STARTTLS (TLS 1.3, always a full handshake) from a source address, lines out, replies in. For processes that only
// make load.

import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls, createSecureContext } from "node:tls";

export interface Line {
  /** Sends a line; the last line of its reply. */
  readonly ask: (line: string) => Promise<string>;
  readonly destroy: () => void;
}

const secureContext = createSecureContext({ minVersion: "TLSv1.3" });

function makeLine(socket: Socket): Line & { readonly reply: () => Promise<string> } {
  let text = "";
  let wake: (() => void) | undefined;
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
    if (text.endsWith("\n")) wake?.();
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => wake?.());
  const reply = async (): Promise<string> => {
    for (;;) {
      const found = /^(?:\d{3}-[^\r\n]*\r\n)*(\d{3} [^\r\n]*)\r\n/.exec(text);
      if (found !== null) {
        text = text.slice(found[0].length);
        return found[1]!;
      }
      if (socket.destroyed || socket.readableEnded) throw new Error(`closed after: ${text}`);
      // oxlint-disable-next-line no-await-in-loop -- a dialogue
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  return {
    reply,
    ask: (line) => {
      socket.write(`${line}\r\n`, "latin1");
      return reply();
    },
    destroy: () => socket.destroy(),
  };
}

/** Up to the EHLO inside TLS. Rejects when the server will not have it. */
export async function openLine(
  where: { readonly address: string; readonly port: number },
  from: string,
): Promise<Line> {
  const clear = connect({ host: where.address, port: where.port, localAddress: from, noDelay: true });
  const first = makeLine(clear);
  const wanted = async (reply: Promise<string>, code: string): Promise<void> => {
    const line = await reply;
    if (!line.startsWith(code)) {
      clear.destroy();
      throw new Error(line);
    }
  };
  await wanted(first.reply(), "220");
  await wanted(first.ask("EHLO client.example.org"), "250");
  await wanted(first.ask("STARTTLS"), "220");
  clear.removeAllListeners("data");
  // Self-signed, made for this run.
  const secured = connectTls({ socket: clear, secureContext, rejectUnauthorized: false });
  await once(secured, "secureConnect");
  const line = makeLine(secured);
  await wanted(line.ask("EHLO client.example.org"), "250");
  return line;
}

/** Initial response of AUTH PLAIN. */
export function plainResponse(name: string, password: string): string {
  return Buffer.from(`\0${name}\0${password}`).toString("base64");
}

export interface Latency {
  readonly count: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

export function latencyOf(times: readonly number[]): Latency {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), most: at(1) };
}
