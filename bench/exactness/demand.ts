// Many sessions of one account that want more than it may have, the same script for every server: STARTTLS, AUTH PLAIN, then
// messages to one recipient each. One transaction in ten is given back after RCPT. Only what is answered 250 after the final
// dot counts as let through. A session that loses its server comes back.

import { setTimeout as sleep } from "node:timers/promises";
import { openDialogue } from "../../test/lab/client.ts";
import type { Dialogue } from "../../test/lab/client.ts";
import type { Scope } from "../../test/lab/cleanup.ts";
import { sender } from "../smtp/peers/peer.ts";
import type { Limited } from "./peers.ts";

interface Outcome {
  /** Messages answered 250. */
  readonly accepted: number;
  /** The answer never came. */
  readonly unknown: number;
  readonly givenBack: number;
}

const GIVEN_BACK = 0.1;
/** Refusals in a row after which a session believes it. */
const REFUSALS = 5;
const DEADLINE = 180_000;

/** Nothing of a session is left to the end: each is closed by itself. */
const passing: Scope = { after: () => undefined };

async function openSession({ where, credentials }: Limited): Promise<Dialogue> {
  const session = await openDialogue(passing, where);
  await session.reply();
  await session.expect("EHLO client.example.org", 250);
  await session.expect("STARTTLS", 220);
  await session.upgrade();
  await session.expect("EHLO client.example.org", 250);
  await session.expect(`AUTH PLAIN ${credentials}`, 235);
  return session;
}

/** `half`: called once, when so many are accepted. */
export async function demand(
  server: Limited,
  sessions: number,
  random: () => number,
  half?: { readonly at: number; readonly act: () => Promise<void> },
): Promise<Outcome> {
  const deadline = performance.now() + DEADLINE;
  let accepted = 0;
  let unknown = 0;
  let givenBack = 0;
  let halved: Promise<void> | undefined;

  async function transaction(session: Dialogue): Promise<"more" | "refused"> {
    await session.expect(`MAIL FROM:<${sender}>`, 250);
    const { code } = await session.command("RCPT TO:<somebody@example.org>");
    if (code >= 400) {
      await session.expect("RSET", 250);
      return "refused";
    }
    if (random() < GIVEN_BACK) {
      givenBack++;
      await session.expect("RSET", 250);
      return "more";
    }
    const data = await session.command("DATA");
    if (data.code !== 354) {
      await session.expect("RSET", 250);
      return "refused";
    }
    unknown++;
    const end = await session.command(`From: <${sender}>\r\nSubject: exact\r\n\r\nhello\r\n.`);
    unknown--;
    if (end.code >= 400) return "refused";
    accepted++;
    if (half !== undefined && accepted >= half.at) halved ??= half.act();
    return "more";
  }

  async function run(): Promise<void> {
    let session: Dialogue | undefined;
    for (let refusals = 0; refusals < REFUSALS;) {
      if (performance.now() > deadline) break;
      /* oxlint-disable no-await-in-loop -- one session does one thing at a time */
      try {
        session ??= await openSession(server);
        refusals = (await transaction(session)) === "refused" ? refusals + 1 : 0;
        // What others hold may come back.
        if (refusals > 0) await sleep(20 * refusals);
      } catch {
        session?.destroy();
        session = undefined;
        await sleep(50);
      }
      /* oxlint-enable no-await-in-loop */
    }
    session?.destroy();
  }

  await Promise.all(Array.from({ length: sessions }, run));
  await halved;
  return { accepted, unknown, givenBack };
}

/** How much shorter than the window the interval is in which is counted, ms: what is read here at once was not accepted at once. */
export const EDGE_SHORT = 1000;
/** So long before and after the edge sessions ask, ms. */
const LEAD = 5000;

/**
 * One message begins the window; then nothing, until right before it leaves again. Who counts by the clock or from the first message on
 * lets twice as much through in those seconds. `window`: ms.
 */
export async function acrossEdge(
  server: Limited,
  sessions: number,
  window: number,
): Promise<{ readonly accepted: number; readonly peak: number }> {
  const times: number[] = [];

  async function transaction(session: Dialogue): Promise<boolean> {
    await session.expect(`MAIL FROM:<${sender}>`, 250);
    const { code } = await session.command("RCPT TO:<somebody@example.org>");
    const data = code < 300 ? (await session.command("DATA")).code : code;
    if (data !== 354) {
      await session.expect("RSET", 250);
      return false;
    }
    const end = await session.command(`From: <${sender}>\r\nSubject: edge\r\n\r\nhello\r\n.`);
    if (end.code >= 300) return false;
    times.push(performance.now());
    return true;
  }

  const first = await openSession(server);
  if (!(await transaction(first))) throw new Error("the first message was refused");
  first.destroy();
  const edge = times[0]! + window;
  await sleep(edge - 2 * LEAD - performance.now());
  const open = await Promise.all(Array.from({ length: sessions }, () => openSession(server)));
  await sleep(Math.max(0, edge - LEAD - performance.now()));
  await Promise.all(
    open.map(async (session) => {
      while (performance.now() < edge + LEAD) {
        // oxlint-disable-next-line no-await-in-loop -- one session does one thing at a time
        if (!(await transaction(session))) await sleep(50);
      }
      session.destroy();
    }),
  );
  return { accepted: times.length, peak: peakOf(times, window - EDGE_SHORT) };
}

/** The most in any interval of this length. */
function peakOf(times: readonly number[], length: number): number {
  const sorted = times.toSorted((one, other) => one - other);
  let peak = 0;
  let start = 0;
  for (const [index, time] of sorted.entries()) {
    while (time - sorted[start]! >= length) start++;
    peak = Math.max(peak, index - start + 1);
  }
  return peak;
}

/** One message to many recipients; how many of them it was accepted for. */
export async function oneMessage(server: Limited, recipients: number): Promise<number> {
  const session = await openSession(server);
  try {
    await session.expect(`MAIL FROM:<${sender}>`, 250);
    let taken = 0;
    for (let index = 0; index < recipients; index++) {
      // oxlint-disable-next-line no-await-in-loop -- a dialogue
      const { code } = await session.command(`RCPT TO:<r${index}@example.org>`);
      if (code < 300) taken++;
    }
    if ((await session.command("DATA")).code !== 354) return 0;
    const { code } = await session.command(`From: <${sender}>\r\nSubject: many\r\n\r\nhello\r\n.`);
    return code < 300 ? taken : 0;
  } finally {
    session.destroy();
  }
}
