// Load that smtp-source(1) cannot make, in a process of its own: sessions with STARTTLS (TLS 1.3, always a full handshake), AUTH
// where the server wants it, and then one message, or one after the other while there are any. MAIL, RCPT and DATA go out
// together (RFC 2920); the content waits for 354.

import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls, createSecureContext } from "node:tls";

export interface SubmitOptions {
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  readonly perConnection: "one" | "all";
  readonly messages: number;
  readonly size: number;
  readonly sender: string;
  /** One for each message, in turn. */
  readonly recipients: readonly string[];
  /** Initial response of AUTH PLAIN. */
  readonly credentials: string | undefined;
}

const options = JSON.parse(process.argv[2] ?? "{}") as SubmitOptions;
let left = options.messages;
const secureContext = createSecureContext({ minVersion: "TLSv1.3" });

interface Session {
  /** Sends, and waits for a reply per expected code. */
  readonly exchange: (octets: string, codes: readonly string[]) => Promise<void>;
  readonly socket: Socket;
}

function makeSession(socket: Socket): Session {
  let text = "";
  let failure: Error | undefined;
  let wake: (() => void) | undefined;
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
    if (text.endsWith("\n")) wake?.();
  });
  socket.on("error", (error) => (failure = error));
  socket.on("close", () => wake?.());
  const exchange = async (octets: string, codes: readonly string[]): Promise<void> => {
    if (octets !== "") socket.write(octets, "latin1");
    for (;;) {
      const last = text.split("\r\n").filter((line) => line[3] === " ");
      if (last.length >= codes.length) {
        if (codes.some((code, index) => !last[index]!.startsWith(code)))
          throw new Error(`unexpected: ${text.replaceAll("\r\n", " ")}`);
        text = "";
        return;
      }
      if (socket.destroyed) throw new Error(`closed (${failure?.message ?? "by the server"}) after: ${text}`);
      // oxlint-disable-next-line no-await-in-loop -- a dialogue
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  return { exchange, socket };
}

async function open(): Promise<Session> {
  const plain = connect({ host: options.address, port: options.port, noDelay: true });
  const first = makeSession(plain);
  await first.exchange("", ["220"]);
  await first.exchange("EHLO client.example.org\r\n", ["250"]);
  await first.exchange("STARTTLS\r\n", ["220"]);
  plain.removeAllListeners("data");
  // Self-signed, made for this run.
  const secured = connectTls({ socket: plain, secureContext, rejectUnauthorized: false });
  await once(secured, "secureConnect");
  const session = makeSession(secured);
  await session.exchange("EHLO client.example.org\r\n", ["250"]);
  if (options.credentials !== undefined) await session.exchange(`AUTH PLAIN ${options.credentials}\r\n`, ["235"]);
  return session;
}

const header = [
  `From: <${options.sender}>`,
  "To: undisclosed-recipients:;",
  "Subject: load",
  `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
];
const line = `${"x".repeat(70)}\r\n`;
const content = `${header.join("\r\n")}\r\n\r\n${line.repeat(Math.ceil(options.size / line.length))}.\r\n`;
const envelopes = options.recipients.map(
  (recipient) => `MAIL FROM:<${options.sender}>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`,
);
let next = 0;

/* oxlint-disable no-await-in-loop -- a dialogue */
async function work(): Promise<void> {
  while (left > 0) {
    left--;
    const { exchange, socket } = await open();
    for (;;) {
      await exchange(envelopes[next++ % envelopes.length]!, ["250", "250", "354"]);
      await exchange(content, ["250"]);
      if (options.perConnection === "one" || left === 0) break;
      left--;
    }
    // As smtp-source does: nobody waits for the other side to close.
    await exchange("QUIT\r\n", ["221"]);
    socket.destroy();
  }
}
/* oxlint-enable no-await-in-loop */

await Promise.all(Array.from({ length: options.connections }, work));
