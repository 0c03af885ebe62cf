// Clients that keep sending, whatever happens to the server: submission and MX sessions side by side, one message after the other on
// each connection until it breaks. They tell the ledger what they tried and what they read.

import { setTimeout as sleep } from "node:timers/promises";
import type { Dialogue } from "../test/lab/client.ts";
import { alice, bob, openAuthenticated } from "../test/lab/site.ts";
import type { Site } from "../test/lab/site.ts";
import { openPlain, passingScope } from "../test/e2e/support/load.ts";
import { bodyOf, makeToken } from "./ledger.ts";
import type { Ledger } from "./ledger.ts";
import { until } from "./report.ts";

interface LoadOptions {
  readonly site: Site;
  readonly ledger: Ledger;
  readonly random: () => number;
  /** Clients of each kind. */
  readonly clients: number;
  /** Where submitted mail goes besides alice and bob. */
  readonly remoteDomain: string;
  /** One message in a hundred has so many octets. */
  readonly largest: number;
  /** Between two messages of one client, ms. */
  readonly pause: number;
}

interface Load {
  /** Resolves when no client is within a transaction; none begins another before resume(). */
  hold(): Promise<void>;
  resume(): void;
  /** No new messages; resolves when the last reply was read or the last connection broke. */
  stop(): Promise<void>;
}

interface Plan {
  readonly name: string;
  readonly open: () => Promise<Dialogue>;
  readonly from: string;
  readonly recipients: (number: number) => readonly string[];
}

export function startLoad(options: LoadOptions): Load {
  const { site, clients, remoteDomain } = options;
  let over = false;
  let held: PromiseWithResolvers<void> | undefined;
  let busy = 0;
  const turn: Turn = {
    stopped: () => over,
    begin: async () => {
      await held?.promise;
      busy++;
    },
    end: () => void busy--,
  };
  const exchanger = (name: string): Plan => ({
    name,
    open: () => openPlain(site.mx, passingScope()),
    from: "carol@example.com",
    recipients: (number) => [[alice.address], [bob.address], [alice.address, bob.address]][number % 3] ?? [],
  });
  const account = (name: string): Plan => ({
    name,
    open: () => openAuthenticated(passingScope(), site, alice),
    from: alice.address,
    recipients: (number) =>
      [
        [`${name}@${remoteDomain}`],
        [`${name}@${remoteDomain}`, `second@${remoteDomain}`],
        [`${name}@${remoteDomain}`, bob.address],
      ][number % 3] ?? [],
  });
  const plans = Array.from({ length: clients }, (_, number) => [exchanger(`mx${number}`), account(`msa${number}`)]);
  const running = plans.flat().map((plan) => client(plan, options, turn));
  // A bug in a client must not wait for stop() to be seen.
  for (const each of running) each.catch(() => (over = true));
  return {
    hold: async () => {
      held = Promise.withResolvers();
      await until(() => busy === 0, 20_000);
    },
    resume: () => {
      held?.resolve();
      held = undefined;
    },
    stop: async () => {
      over = true;
      await Promise.all(running);
    },
  };
}

interface Turn {
  readonly stopped: () => boolean;
  readonly begin: () => Promise<void>;
  readonly end: () => void;
}

async function client(plan: Plan, options: LoadOptions, { stopped, begin, end }: Turn): Promise<void> {
  const { ledger, pause } = options;
  let session: Dialogue | undefined;
  for (let number = 0; !stopped(); number++) {
    /* oxlint-disable no-await-in-loop -- a client does one thing after the other */
    try {
      session ??= await plan.open();
    } catch {
      await sleep(20);
      continue;
    }
    const token = makeToken(plan.name, number, lengthOf(options));
    const recipients = plan.recipients(number);
    await begin();
    ledger.tried(token, recipients);
    try {
      const outcome = await send(session, plan.from, token, recipients);
      if (outcome.kind === "queued") ledger.answered(token, outcome.id);
      else {
        ledger.refused(token, outcome.reply);
        session.destroy();
        session = undefined;
        await sleep(20);
      }
    } catch {
      // The connection broke: what became of the message nobody knows.
      session?.destroy();
      session = undefined;
    } finally {
      end();
    }
    await sleep(pause);
    /* oxlint-enable no-await-in-loop */
  }
  session?.destroy();
}

function lengthOf({ random, largest }: LoadOptions): number {
  const kind = random();
  if (kind < 0.01) return largest;
  return Math.floor(kind < 0.75 ? 100 + random() * 4000 : 4000 + random() * 60_000);
}

type Outcome = { readonly kind: "queued"; readonly id: string } | { readonly kind: "refused"; readonly reply: string };

/** One message on an open session. Rejects when the connection breaks before there was an answer. */
export async function send(
  session: Dialogue,
  from: string,
  token: string,
  recipients: readonly string[],
): Promise<Outcome> {
  const commands = [`MAIL FROM:<${from}> BODY=8BITMIME`, ...recipients.map((each) => `RCPT TO:<${each}>`), "DATA"];
  await session.send(`${commands.join("\r\n")}\r\n`);
  let refusal: string | undefined;
  for (const command of commands) {
    // oxlint-disable-next-line no-await-in-loop -- replies come in order
    const { code, raw } = await session.reply();
    if (code !== (command === "DATA" ? 354 : 250)) refusal ??= raw;
  }
  if (refusal !== undefined) return { kind: "refused", reply: refusal };
  await session.send(`From: <${from}>\r\nSubject: ${token}\r\n\r\n`);
  await session.send(stuffed(bodyOf(token)));
  const { code, raw } = await session.command(".");
  const id = /queued as (\S+)/.exec(raw)?.[1];
  if (code !== 250 || id === undefined) return { kind: "refused", reply: raw };
  return { kind: "queued", id };
}

/** RFC 5321 §4.5.2. Bodies here begin with no dot. */
function stuffed(body: Buffer): Buffer {
  return Buffer.from(body.toString("latin1").replaceAll("\r\n.", "\r\n.."), "latin1");
}
