// The adversary, in a process of its own: one session, one message after the other, whole or octet by octet. Prints what it sent and
// what the last reply was. Its options are the first argument.

import { once } from "node:events";
import { connect } from "node:net";
import { constants, setPriority } from "node:os";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { caseNamed } from "./cases.ts";

export interface AttackOptions {
  readonly address: string;
  readonly port: number;
  readonly case: string;
  /** Instead of the case's. */
  readonly size?: number;
  readonly messages?: number;
  readonly writes: "whole" | "single";
  /** Takes only what CPU everybody else leaves: it stands for another machine, and must not slow what is measured beside it. */
  readonly yields?: boolean;
  /** Initial response of AUTH PLAIN, on a listener with implicit TLS. */
  readonly credentials: string | undefined;
  readonly sender: string;
  readonly recipient: string;
}

export interface Attack {
  readonly octets: number;
  /** To the last message. */
  readonly reply: string;
}

const options = JSON.parse(process.argv[2] ?? "{}") as AttackOptions;
const attack = caseNamed(options.case);
if (options.yields === true) setPriority(constants.priority.PRIORITY_LOW);
const messages = options.messages ?? attack.messages;
const content = Buffer.from(`${attack.content(options.size ?? attack.size)}.\r\n`, "latin1");

async function open(): Promise<Socket> {
  const { address: host, port } = options;
  const plain = connect({ host, port, noDelay: true });
  if (options.credentials === undefined) return plain;
  const secured = connectTls({ socket: plain, rejectUnauthorized: false });
  await once(secured, "secureConnect");
  return secured;
}

const socket = await open();
let text = "";
let wake: (() => void) | undefined;
let octets = 0;
socket.setEncoding("latin1").on("data", (chunk: string) => {
  text += chunk;
  wake?.();
});
socket.on("error", () => undefined).on("close", () => wake?.());

/* oxlint-disable no-await-in-loop -- a dialogue */

/** The last of so many replies. */
async function replies(count: number): Promise<string> {
  for (;;) {
    const last = text.match(/^\d{3} .*\r\n/gm) ?? [];
    if (last.length >= count && text.endsWith("\n")) {
      text = "";
      return last.at(-1)!.trim();
    }
    if (socket.destroyed) throw new Error(`closed after ${text.slice(-200)}`);
    await new Promise<void>((resolve) => (wake = resolve));
  }
}

function send(data: string | Buffer): void {
  octets += data.length;
  socket.write(data);
}

/** Each octet is a write of its own, and a turn of the loop: they reach the kernel one by one. */
async function sendSingly(data: Buffer): Promise<void> {
  octets += data.length;
  for (let at = 0; at < data.length && !socket.destroyed; at++) {
    if (!socket.write(data.subarray(at, at + 1))) await once(socket, "drain");
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

async function once1(): Promise<string> {
  send(`MAIL FROM:<${options.sender}>\r\n`);
  await replies(1);
  // Pipelined, but never more than the server would have to hold back.
  for (let first = 0; first < attack.recipients; first += 100) {
    const count = Math.min(100, attack.recipients - first);
    const address = (index: number): string =>
      attack.recipients === 1 ? options.recipient : `r${first + index}@example.jp`;
    send(Array.from({ length: count }, (_each, index) => `RCPT TO:<${address(index)}>\r\n`).join(""));
    await replies(count);
  }
  send("DATA\r\n");
  const go = await replies(1);
  if (!go.startsWith("354")) throw new Error(`DATA: ${go}`);
  if (options.writes === "single") await sendSingly(content);
  else send(content);
  return replies(1);
}

await replies(1);
send("EHLO client.example.org\r\n");
await replies(1);
if (options.credentials !== undefined) {
  send(`AUTH PLAIN ${options.credentials}\r\n`);
  await replies(1);
}
let reply = "";
for (let message = 0; message < messages; message++) reply = await once1();
/* oxlint-enable no-await-in-loop */
socket.destroy();
const result: Attack = { octets, reply };
console.log(JSON.stringify(result));
