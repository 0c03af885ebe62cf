// Tells the sender what became of a message: failed, delayed, delivered, relayed, as NOTIFY asks (RFC 3461 §6, RFC 3464).
// The notification comes from <> and is a new message in the same spool. It is durable before the end that it reports is
// recorded, so a crash in between tells the sender twice rather than never. What came from <>, and what must not be
// reported, ends with a log line.

import type { Address } from "../../address/address.ts";
import type { Domain } from "../../address/domain.ts";
import type { Clock } from "../../io/clock.ts";
import { convertToSevenBit } from "../../message/convert.ts";
import { makeDsn, type DsnRecipient, type DsnRequest } from "../../message/dsn.ts";
import { noticeFor, type RecipientEvent } from "../../message/notify.ts";
import { decodeOriginalRecipient, decodeXtext } from "../../message/xtext.ts";
import type { Observer } from "../../observe/events.ts";
import type { Spool, SpooledMessage } from "../../spool/message.ts";
import type { AttemptResult } from "./transport.ts";

export interface BounceServices {
  readonly hostname: Domain;
  /** Whom people can answer to. */
  readonly postmaster: Address;
  readonly spool: Pick<Spool, "append">;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly newId: () => string;
}

/** Larger originals are returned as their header section only, also with RET=FULL. */
const LARGEST_RETURN = 64 * 1024;

export interface Bounced {
  readonly message: SpooledMessage;
  readonly content: readonly Uint8Array[];
}

/** What happened to one recipient. */
export interface Ended {
  readonly result: AttemptResult;
  readonly event: RecipientEvent;
  /** Wall clock, ms; of a delay. */
  readonly willRetryUntil?: number;
}

/** How an attempt that delivered ended, for the sender. */
export function deliveredAs(result: AttemptResult): RecipientEvent {
  if (result.remote === "local" || result.stored === true) return "delivered";
  return result.confirms === true ? "relayed-with-dsn" : "relayed-without-dsn";
}

/** One notification about all of them that the sender wants to hear of; undefined when there is none to send. */
export async function bounce(
  services: BounceServices,
  message: SpooledMessage,
  original: () => Promise<readonly Uint8Array[]>,
  ended: readonly Ended[],
): Promise<Bounced | undefined> {
  const at = services.clock.wall();
  const recipients: DsnRecipient[] = [];
  const dropped: AttemptResult[] = [];
  for (const each of ended) {
    const about = describe(message, each, at);
    if (about !== undefined) recipients.push(about);
    else if (each.event === "failed") dropped.push(each.result);
  }
  drop(services, message, dropped);
  if (recipients.length === 0) return undefined;
  const id = services.newId();
  const envelopeId = decodeXtext(message.dsn?.envelopeId ?? "");
  const request: DsnRequest = {
    id,
    hostname: services.hostname,
    postmaster: services.postmaster,
    sender: message.sender,
    ...(envelopeId === undefined ? {} : { envelopeId }),
    arrivedAt: message.receivedAt,
    at,
    recipients,
    original: await original(),
    utf8: message.utf8 === true,
    // Binary content would make the notification binary, and those few servers can take.
    returns: message.dsn?.returns === "HDRS" || message.binary === true ? "headers" : "message",
    largestReturn: LARGEST_RETURN,
  };
  let dsn = makeDsn(request);
  // A report that could not be made 7-bit might reach nobody. Of a header section it always can.
  if (dsn.ok && dsn.value.eightBit && !convertToSevenBit(dsn.value.content).ok) {
    dsn = makeDsn({ ...request, returns: "headers" });
  }
  if (!dsn.ok) {
    const failures = ended.filter(({ event }) => event === "failed").map(({ result }) => result);
    drop(
      services,
      message,
      failures.filter((failure) => !dropped.includes(failure)),
    );
    return undefined;
  }
  const { content, recipients: to, messageId, eightBit, utf8 } = dsn.value;
  const spooled = await services.spool.append(
    {
      id,
      receivedAt: at,
      origin: "bounce",
      sender: "",
      recipients: to,
      eightBit,
      ...(utf8 ? { utf8 } : {}),
      messageId,
    },
    content,
  );
  services.observer.emit("message.created", { message: id, messageId, recipients: to, about: message.id });
  return { message: spooled, content };
}

function describe(message: SpooledMessage, ended: Ended, at: number): DsnRecipient | undefined {
  const { result, event, willRetryUntil } = ended;
  const { notify, originalRecipient } = message.recipientDsn?.[result.recipient] ?? {};
  const action = noticeFor(message.sender, notify, event);
  if (action === undefined) return undefined;
  const original = decodeOriginalRecipient(originalRecipient ?? "");
  const local = result.remote === "local" || result.remote === "" || result.stored === true;
  return {
    recipient: message.recipients[result.recipient]!,
    ...(original === undefined ? {} : { originalRecipient: original }),
    action,
    status: result.status,
    // Where a mailbox lies is nobody's business.
    ...(action === "delivered" ? {} : { diagnostic: result.reply }),
    diagnosticFrom: local ? "local" : "remote",
    lastAttempt: at,
    // "host[address]:port" is for logs; RFC 3464 §2.3.5 wants a name.
    ...(local ? {} : { remote: result.remote.replace(/\[.*$/s, "") || result.remote }),
    ...(willRetryUntil === undefined ? {} : { willRetryUntil }),
  };
}

function drop(services: BounceServices, message: SpooledMessage, failures: readonly AttemptResult[]): void {
  const [first] = failures;
  if (first === undefined) return;
  services.observer.emit("bounce.dropped", {
    message: message.id,
    recipients: failures.map(({ recipient }) => message.recipients[recipient]!),
    reply: first.reply,
  });
}
