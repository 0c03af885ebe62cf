// Holds a conversation of the lab and compares each answer with what must come back.

import { setTimeout as sleep } from "node:timers/promises";
import type { Agents } from "./agents.ts";
import type { Conversation } from "./conversations.ts";
import { addressOf } from "./topology.ts";

export interface ConversationResult {
  readonly title: string;
  readonly from: string;
  readonly to: string;
  readonly family: 4 | 6;
  /** What was said, without secrets, and the first line of what came back. */
  readonly lines: readonly { readonly said: string; readonly answer: string }[];
  readonly faults: readonly string[];
}

export interface Speakers {
  readonly agents: Agents;
  /** By address. */
  readonly passwords: ReadonlyMap<string, string>;
}

/** For one answer; a password takes half a second to check, and machines are slow. */
const patience = 20_000;

export async function hold(speakers: Speakers, conversation: Conversation, family: 4 | 6): Promise<ConversationResult> {
  const until = performance.now() + (conversation.within ?? 0);
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- again until it comes out
    const result = await holdOnce(speakers, conversation, family);
    if (result.faults.length === 0 || performance.now() >= until) return result;
    // oxlint-disable-next-line no-await-in-loop
    await sleep(250);
  }
}

async function holdOnce(
  { agents, passwords }: Speakers,
  { title, from, to, tls, protocol, lines }: Conversation,
  family: 4 | 6,
): Promise<ConversationResult> {
  const { answers, ended } = await agents.converse(from, {
    host: addressOf(to.host, family),
    port: to.port,
    from: addressOf(from, family),
    tls,
    protocol,
    lines: lines.map(([said]) => filledIn(said, passwords)),
    milliseconds: patience,
  });
  const faults = lines.flatMap(([said, expected], index) => {
    const answer = answers[index];
    if (answer !== undefined) return new RegExp(expected).test(answer) ? [] : [`${shown(said)}: ${answer}`];
    return index === answers.length ? [`${shown(said)}: ${ended ?? "no answer"}`] : [];
  });
  return {
    title,
    from,
    to: `${to.host}:${to.port}`,
    family,
    lines: answers.map((answer, index) => ({ said: shown(lines[index]![0]), answer: answer.split("\n", 1)[0]! })),
    faults,
  };
}

/** Secrets are put in last, and never shown. */
function filledIn(said: string, passwords: ReadonlyMap<string, string>): string {
  return said.replaceAll(/\{(right|wrong|password) ([^}]+)\}/g, (_, kind: string, address: string) => {
    const password = passwords.get(address);
    if (password === undefined) throw new Error(`the lab has no account ${address}`);
    if (kind === "password") return password;
    const given = kind === "right" ? password : `${password}x`;
    return Buffer.from(`\0${address}\0${given}`).toString("base64");
  });
}

function shown(said: string): string {
  return said === "" ? "(greeting)" : said.split("\r\n", 1)[0]!;
}
