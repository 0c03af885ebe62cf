// Clients that send mail as fast as they are answered and do not mind when the server dies: they connect again and go on with
// the next message. They remember what was answered with 250, which is all that a client can know.

import { setTimeout as sleep } from "node:timers/promises";
import { openDialogue } from "../../lab/client.ts";
import type { Dialogue } from "../../lab/client.ts";
import type { Scope } from "../../lab/cleanup.ts";

export interface Sent {
  /** In the Subject, and nowhere else. */
  readonly token: string;
  readonly recipients: readonly string[];
  readonly body: string;
  /** Queue id of the 250 that was read; undefined when there was none. */
  readonly id: string | undefined;
}

export interface ClientPlan {
  readonly name: string;
  /** A session that is ready for MAIL. Rejects when the server is not there. */
  readonly open: () => Promise<Dialogue>;
  readonly from: string;
  /** Recipients of the n-th message. */
  readonly recipients: (number: number) => readonly string[];
}

/** Goes on until `stopped` says so. Everything that was tried, in order. Rejects when the server refuses a message. */
export async function runClient(plan: ClientPlan, stopped: () => boolean): Promise<readonly Sent[]> {
  const sent: Sent[] = [];
  let session: Dialogue | undefined;
  let number = 0;
  while (!stopped()) {
    /* oxlint-disable no-await-in-loop -- one client does one thing at a time */
    const token = `${plan.name}-${number}`;
    const recipients = plan.recipients(number);
    const line = `${token} `.padEnd(76, "関守もみちはよも明かせ").slice(0, 76);
    const body = `${line}\r\n`.repeat(1 + ((number * 7919) % 97)) + `end of ${token}\r\n`;
    let id: string | undefined;
    try {
      session ??= await plan.open();
    } catch {
      await sleep(20);
      continue;
    }
    try {
      const commands = [
        `MAIL FROM:<${plan.from}> BODY=8BITMIME`,
        ...recipients.map((each) => `RCPT TO:<${each}>`),
        "DATA",
      ];
      await session.send(`${commands.join("\r\n")}\r\n`);
      const codes: number[] = [];
      while (codes.length < commands.length) codes.push((await session.reply()).code);
      if (codes.pop() !== 354 || codes.some((code) => code !== 250)) throw new Refused(`${token}: ${codes.join(", ")}`);
      const { code, raw } = await session.command(`From: <${plan.from}>\r\nSubject: ${token}\r\n\r\n${body}.`);
      if (code !== 250) throw new Refused(`${token}: ${raw}`);
      id = /queued as (\S+)/.exec(raw)?.[1] ?? raw;
    } catch (error) {
      session.destroy();
      session = undefined;
      if (error instanceof Refused) throw error;
    }
    sent.push({ token, recipients, body, id });
    number++;
    /* oxlint-enable no-await-in-loop */
  }
  session?.destroy();
  return sent;
}

/** The server is there and does not want the mail: that is no part of the plan. */
class Refused extends Error {}

/** A scope whose end is now and then: clients that reconnect leave nothing behind in the test's own. */
export function passingScope(): Scope {
  return { after: () => undefined };
}

export async function openPlain(where: Parameters<typeof openDialogue>[1], scope: Scope): Promise<Dialogue> {
  const session = await openDialogue(scope, where);
  try {
    await session.reply();
    await session.expect("EHLO client.example.org", 250);
    return session;
  } catch (error) {
    session.destroy();
    throw error;
  }
}
