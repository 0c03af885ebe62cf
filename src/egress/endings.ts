// What the outcomes of a transaction mean for its recipients.

import { replyStatus, replyText, replyWords } from "../proto/smtp-client/reply.ts";
import type { Outcome } from "../proto/smtp-client/transaction.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionFailure } from "./connection-failure.ts";
import type { Ending, Part } from "./part.ts";

type Carrier = Pick<Connection, "remote" | "tls" | "failure" | "extensions">;

function endingOfOutcome(outcome: Outcome, carrier: Carrier): Ending {
  const { remote, tls } = carrier;
  switch (outcome.kind) {
    case "delivered":
    case "deferred":
    case "failed": {
      const status = `${outcome.kind === "delivered" ? 2 : outcome.kind === "deferred" ? 4 : 5}${replyStatus(outcome.reply).slice(1)}`;
      const confirms = outcome.kind === "delivered" && carrier.extensions.dsn;
      return {
        kind: outcome.kind,
        status,
        reply: replyText(outcome.reply),
        remote,
        ...(tls === undefined ? {} : { tls }),
        ...(confirms ? { confirms } : {}),
        ...(outcome.kind === "delivered" ? {} : { said: replyWords(outcome.reply) }),
      };
    }
    case "lost": {
      const { status, text } = carrier.failure ?? lost;
      const reply = outcome.content === "unsent" ? text : `${text}; the message may have arrived`;
      return { kind: "deferred", status: `4${status.slice(1)}`, reply, remote };
    }
    default:
      return outcome satisfies never;
  }
}

const lost: Pick<ConnectionFailure, "status" | "text"> = { status: "4.4.2", text: "the connection was lost" };

export function* partEndings(
  part: Part,
  outcomes: readonly Outcome[],
  carrier: Carrier,
): Generator<readonly [recipient: number, ending: Ending]> {
  for (const [index, recipient] of part.recipients.entries()) {
    const outcome = outcomes[index];
    if (outcome !== undefined) yield [recipient, endingOfOutcome(outcome, carrier)];
  }
}

/** Recipients whose content has not left: they can go over another connection at once. */
export function lostRecipients(part: Part, outcomes: readonly Outcome[]): readonly number[] {
  return part.recipients.filter((_recipient, index) => {
    const outcome = outcomes[index];
    return outcome?.kind === "lost" && outcome.content === "unsent";
  });
}
