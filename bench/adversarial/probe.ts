// Ordinary clients beside an adversary, in a process of their own: a few sessions with a 4-kB message every 20 ms. Prints how long a
// transaction takes, from MAIL to the 250 for its content. Its options are the first argument.

import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface ProbeOptions {
  readonly address: string;
  readonly port: number;
  readonly milliseconds: number;
  readonly sender: string;
  readonly recipient: string;
}

export interface Latency {
  readonly transactions: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const options = JSON.parse(process.argv[2] ?? "{}") as ProbeOptions;
const sessions = 4;
const pause = 20;
const envelope = `MAIL FROM:<${options.sender}>\r\nRCPT TO:<${options.recipient}>\r\nDATA\r\n`;
const header = `From: <${options.sender}>\r\nTo: <${options.recipient}>\r\nSubject: load\r\n\r\n`;
const content = `${header}${`${"x".repeat(70)}\r\n`.repeat(57)}.\r\n`;
const times: number[] = [];
const end = performance.now() + options.milliseconds;

async function session(): Promise<void> {
  const socket = connect({ host: options.address, port: options.port, noDelay: true });
  let text = "";
  let wake: (() => void) | undefined;
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
    wake?.();
  });
  socket.on("close", () => wake?.());
  /* oxlint-disable no-await-in-loop -- a dialogue */
  const exchange = async (octets: string, replies: number): Promise<void> => {
    if (octets !== "") socket.write(octets);
    while ((text.match(/^\d{3} .*\r\n/gm)?.length ?? 0) < replies) {
      if (socket.destroyed) throw new Error(`closed after ${text}`);
      await new Promise<void>((resolve) => (wake = resolve));
    }
    if (/^[45]/m.test(text)) throw new Error(text);
    text = "";
  };
  await exchange("", 1);
  await exchange("EHLO client.example.org\r\n", 1);
  while (performance.now() < end) {
    const begun = performance.now();
    await exchange(envelope, 3);
    await exchange(content, 1);
    times.push(performance.now() - begun);
    await sleep(pause);
  }
  /* oxlint-enable no-await-in-loop */
  socket.destroy();
}

await Promise.all(Array.from({ length: sessions }, session));
const sorted = times.toSorted((a, b) => a - b);
const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
const latency: Latency = { transactions: sorted.length, p50: at(0.5), p99: at(0.99) };
console.log(JSON.stringify(latency));
