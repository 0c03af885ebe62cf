// A client that hands over a message of 4 kB every 20 ms, in a process of its own: how long it takes from the end of the content to the 250,
// which is how long the spool takes to make it durable. Its options are the first argument.

import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { latencyOf } from "./dialogue.ts";
import { strangeSender } from "../smtp/peers/peer.ts";

export interface CommitOptions {
  readonly address: string;
  readonly port: number;
  readonly milliseconds: number;
  readonly recipient: string;
}

const { address, port, milliseconds, recipient } = JSON.parse(process.argv[2] ?? "{}") as CommitOptions;
const pause = 20;
const envelope = `MAIL FROM:<${strangeSender}>\r\nRCPT TO:<${recipient}>\r\nDATA\r\n`;
const header = `From: <${strangeSender}>\r\nTo: <${recipient}>\r\nSubject: load\r\n\r\n`;
const content = `${header}${`${"x".repeat(70)}\r\n`.repeat(57)}.\r\n`;

const socket = connect({ host: address, port, noDelay: true });
let text = "";
let wake: (() => void) | undefined;
socket.setEncoding("latin1").on("data", (chunk: string) => {
  text += chunk;
  wake?.();
});
socket.on("close", () => wake?.());

/* oxlint-disable no-await-in-loop -- a dialogue */
async function exchange(octets: string, replies: number): Promise<void> {
  if (octets !== "") socket.write(octets);
  while ((text.match(/^\d{3} .*\r\n/gm)?.length ?? 0) < replies) {
    if (socket.destroyed) throw new Error(`closed after ${text}`);
    await new Promise<void>((resolve) => (wake = resolve));
  }
  if (/^[45]/m.test(text)) throw new Error(text);
  text = "";
}

await exchange("", 1);
await exchange("EHLO client.example.org\r\n", 1);
const times: number[] = [];
for (const end = performance.now() + milliseconds; performance.now() < end;) {
  await exchange(envelope, 3);
  const begun = performance.now();
  await exchange(content, 1);
  times.push(performance.now() - begun);
  await sleep(pause);
}
/* oxlint-enable no-await-in-loop */
socket.destroy();
console.log(JSON.stringify(latencyOf(times)));
