// A message goes back to its sender because an operator says so: a report as for any other failure (RFC 3464), with what was
// wrong where it was held for a limit or a suspicion. What came from <> has nobody to go back to, and ends with a log line.

import type { Remote } from "../../io/rpc.ts";
import { firstHolds, holds } from "../../queue/classes.ts";
import type { Spool, SpooledMessage } from "../../spool/message.ts";
import type { QueueStore } from "../../store/store.ts";
import { bounce } from "./bounce.ts";
import type { BounceServices } from "./bounce.ts";

export interface ReturnServices extends BounceServices {
  readonly spool: Pick<Spool, "append" | "read">;
  readonly store: Pick<Remote<QueueStore>, "findWaiting">;
  /** A message of our own is durable and wants to be delivered. */
  readonly created: (message: SpooledMessage, content: readonly Uint8Array[]) => void;
}

/** The report is durable; it is sent by the answer. */
export async function returnToSender(
  services: ReturnServices,
  id: string,
  recipients: readonly number[],
): Promise<() => void> {
  const found = await services.store.findWaiting(id);
  if (found === undefined) return () => undefined;
  const { message } = found;
  const holdOf = firstHolds(message);
  const about = recipients.map((recipient) => {
    const held = holdOf(recipient);
    const words = held === holds.operator ? message.hold?.why : (message.suspended ?? message.suspected);
    const why = words === undefined ? "" : ` (${words})`;
    const reply = `returned by the operator of this server${why}`;
    const result = { recipient, kind: "failed", status: "5.3.0", reply, remote: "local", milliseconds: 0 } as const;
    return { result, event: "failed" } as const;
  });
  const bounced = await bounce(services, message, async () => [await services.spool.read(id)], about);
  return () => {
    if (bounced !== undefined) services.created(bounced.message, bounced.content);
  };
}
