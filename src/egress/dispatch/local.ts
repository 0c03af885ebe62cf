// Delivery into mailboxes here: every account an address leads to gets one copy, with its trace fields; where a mailbox
// store behind LMTP has the mailbox, it adds them itself.
// One account failing for now makes the whole recipient wait; accounts that already have their copy are remembered by
// nobody, so a retry can give them a second one (possible and rare, law 4).

import { parseAddress } from "../../address/address.ts";
import type { Address } from "../../address/address.ts";
import type { Directory, LocalAnswer } from "../../directory/directory.ts";
import type { Mailboxes } from "../../mailbox/maildir.ts";
import { deliveredToField, returnPathField } from "../../message/trace.ts";
import type { SpooledMessage } from "../../spool/message.ts";
import type { AttemptResult } from "./transport.ts";

type LocalTarget = Exclude<LocalAnswer, { kind: "remote" }>;

export interface LocalServices {
  readonly mailboxes: Mailboxes;
  readonly directory: Pick<Directory, "storeOf">;
  /** One copy for a mailbox in a store behind LMTP. */
  readonly toStore: (account: string) => Promise<AttemptResult>;
}

export async function deliverLocally(
  { mailboxes, directory, toStore }: LocalServices,
  message: SpooledMessage,
  index: number,
  target: LocalTarget,
  content: readonly Uint8Array[],
): Promise<AttemptResult> {
  const started = performance.now();
  const end = (kind: AttemptResult["kind"], status: string, reply: string): AttemptResult => ({
    recipient: index,
    kind,
    status,
    reply,
    remote: "local",
    milliseconds: Math.round(performance.now() - started),
  });
  switch (target.kind) {
    case "unknown-mailbox":
      return end("failed", "5.1.1", "no such mailbox here");
    case "suspended":
      return end("deferred", "4.2.1", "the mailbox is disabled for now");
    case "unavailable":
      return end("deferred", "4.3.0", `the directory did not answer: ${target.cause}`);
    case "mailbox":
    case "stored":
    case "alias":
    case "role":
      break;
  }
  const recipient = addressOf(message.recipients[index]!);
  const sender = message.sender === "" ? undefined : addressOf(message.sender);
  const trace = Buffer.from(`${returnPathField(sender)}${deliveredToField(recipient)}`, "utf8");
  const targets = accountsOf(target);
  const inStores = targets.filter((account) => directory.storeOf(account) !== undefined);
  const accounts = targets.filter((account) => !inStores.includes(account));
  const quota = target.kind === "role" ? "exempt" : "counted";
  const octets = trace.length + content.reduce((sum, chunk) => sum + chunk.length, 0);
  const full = (account: string): AttemptResult => end("deferred", "4.2.2", `mailbox ${account} is full`);
  // Before anybody has a copy: one full mailbox behind an alias would give the others one more at every attempt.
  for (const account of quota === "counted" ? accounts : []) {
    if (!(await mailboxes.fits(addressOf(account), octets))) return full(account);
  }
  const files: string[] = [];
  let refused: AttemptResult | undefined;
  // Before our own, for they are likelier to say no.
  for (const account of inStores) {
    const result = await toStore(account);
    if (result.kind === "deferred") return { ...result, recipient: index };
    if (result.kind === "failed") refused = { ...result, recipient: index };
    files.push(`${account} ${result.remote}`);
  }
  for (const account of accounts) {
    const delivered = await mailboxes.deliver(addressOf(account), [trace, ...content], quota);
    if (!delivered.ok && delivered.error.code === "over-quota") return full(account);
    if (!delivered.ok) return end("deferred", "4.2.0", `mailbox ${account}: ${delivered.error.cause}`);
    files.push(`${account} ${delivered.value.file}`);
  }
  if (refused !== undefined) return refused;
  return end("delivered", "2.0.0", `stored in ${files.join(", ")}`);
}

function accountsOf(
  target: Extract<LocalTarget, { kind: "mailbox" | "stored" | "alias" | "role" }>,
): readonly string[] {
  switch (target.kind) {
    case "mailbox":
      return [target.account];
    case "stored":
      return [target.address];
    case "alias":
    case "role":
      return target.accounts;
  }
}

/** What the spool and the directory hold was made by the grammar; it may be the bare postmaster (RFC 5321 §4.1.1.3). */
function addressOf(text: string): Address {
  if (text.toLowerCase() === "postmaster") return { local: text, domain: undefined, literal: undefined };
  const parsed = parseAddress(text, { utf8: true });
  if (!parsed.ok) throw new Error(`not an address: ${text}`);
  return parsed.value;
}
