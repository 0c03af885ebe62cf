// Failed for good: the sender is told by a delivery status notification from <> (RFC 3461 §6, RFC 3464), which is a
// new message in the same spool. It is durable before the failure is recorded, so a crash in between tells the
// sender twice rather than never. What came from <> is not bounced: a log line, and that is the end of it.

import type { Address } from "../../address/address.ts";
import type { Domain } from "../../address/domain.ts";
import type { Clock } from "../../io/clock.ts";
import { makeDsn } from "../../message/dsn.ts";
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

/** Larger originals are returned as their header section only. */
const LARGEST_RETURN = 64 * 1024;

export interface Bounced {
  readonly message: SpooledMessage;
  readonly content: readonly Uint8Array[];
}

export async function bounce(
  services: BounceServices,
  message: SpooledMessage,
  content: readonly Uint8Array[],
  failures: readonly AttemptResult[],
): Promise<Bounced | undefined> {
  const { clock, observer } = services;
  const id = services.newId();
  const at = clock.wall();
  const dsn = makeDsn({
    id,
    hostname: services.hostname,
    postmaster: services.postmaster,
    sender: message.sender,
    arrivedAt: message.receivedAt,
    at,
    recipients: failures.map((failure) => ({
      recipient: message.recipients[failure.recipient]!,
      action: "failed",
      status: failure.status,
      diagnostic: failure.reply,
      diagnosticFrom: failure.remote === "local" || failure.remote === "" ? "local" : "remote",
      lastAttempt: at,
      ...(failure.remote === "local" || failure.remote === "" ? {} : { remote: failure.remote }),
    })),
    original: content,
    returns: "message",
    largestReturn: LARGEST_RETURN,
  });
  if (!dsn.ok) {
    observer.emit("bounce.dropped", {
      message: message.id,
      recipients: failures.map(({ recipient }) => message.recipients[recipient]!),
      reply: failures[0]?.reply ?? "",
    });
    return undefined;
  }
  const { content: report, recipients, messageId, eightBit } = dsn.value;
  const spooled = await services.spool.append(
    { id, receivedAt: at, origin: "bounce", sender: "", recipients, eightBit, messageId },
    report,
  );
  observer.emit("message.created", { message: id, messageId, recipients, about: message.id });
  return { message: spooled, content: report };
}
