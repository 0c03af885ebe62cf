// What is in a mailbox, as its owner sees it: read over POP3 (RFC 1939), so tests know nothing of how it is kept.

import { openDialogue } from "./client.ts";
import type { Dialogue, Where } from "./client.ts";
import type { Scope } from "./cleanup.ts";
import { waitFor } from "./wait.ts";

/** Messages in order, CRLF line ends, latin1. `where` speaks implicit TLS. */
export async function readMailbox(
  scope: Scope,
  where: Where,
  account: { readonly address: string; readonly password: string },
): Promise<readonly string[]> {
  const session = await openDialogue(scope, where, "implicit");
  await ok(session, undefined);
  await ok(session, `USER ${account.address}`);
  await ok(session, `PASS ${account.password}`);
  const count = Number(/^\+OK (\d+)/.exec(await ok(session, "STAT"))?.[1]);
  const messages: string[] = [];
  for (let number = 1; number <= count; number++) {
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    await ok(session, `RETR ${number}`);
    // oxlint-disable-next-line no-await-in-loop
    messages.push(await multiLine(session));
  }
  await ok(session, "QUIT");
  session.destroy();
  return messages;
}

export function waitForMailbox(
  scope: Scope,
  where: Where,
  account: { readonly address: string; readonly password: string },
  count: number,
  milliseconds: number,
): Promise<readonly string[]> {
  return waitFor(`${count} messages for ${account.address}`, milliseconds, async () => {
    const messages = await readMailbox(scope, where, account);
    return messages.length >= count ? messages : undefined;
  });
}

async function ok(session: Dialogue, command: string | undefined): Promise<string> {
  if (command !== undefined) await session.send(`${command}\r\n`);
  const line = await session.line();
  if (line?.startsWith("+OK") !== true) throw new Error(`${command ?? "greeting"} was answered ${line ?? "(closed)"}`);
  return line;
}

async function multiLine(session: Dialogue): Promise<string> {
  let text = "";
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    const line = await session.line();
    if (line === undefined) throw new Error("closed within a message");
    if (line === ".") return text;
    text += `${line.startsWith(".") ? line.slice(1) : line}\r\n`;
  }
}
