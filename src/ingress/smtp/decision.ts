// What the stages came to about one request: the verdict that won, the reply it becomes, and how both are logged.

import type { Connecting } from "../../counters/client-limits.ts";
import type { CountAnswer, Unanswered } from "../../counters/counters.ts";
import { firstLine } from "../../proto/smtp/reply.ts";
import type { Reply } from "../../proto/smtp/reply.ts";
import { combine } from "../../verdict/combine.ts";
import type { FailMode } from "../../verdict/facts.ts";
import type { Final, Verdict } from "../../verdict/verdict.ts";
import type { SessionView } from "./accept.ts";
import { describeEvidence, replyFor } from "./replies.ts";

export interface Decision {
  readonly verdict: Final;
  readonly reply: Reply;
}

/** `delay`: how long the reply waits, ms. */
export function decisionOn(verdicts: readonly Verdict[]): Decision & { readonly delay: number } {
  const { verdict, delay } = combine(verdicts);
  return { verdict, reply: replyFor(verdict.reason, verdict.evidence), delay };
}

export function loggedAs({ verdict, reply }: Decision): {
  readonly reason: string;
  readonly reply: string;
  readonly evidence?: string;
} {
  const evidence = describeEvidence(verdict.evidence);
  const logged = { reason: verdict.reason, reply: firstLine(reply) };
  return evidence === undefined ? logged : { ...logged, evidence };
}

/** What follows when the client could not be counted; that it goes on all the same is told. */
export function failModeOf(
  { services, peer }: Pick<SessionView, "services" | "peer">,
  what: string,
  answer: Connecting | CountAnswer | Unanswered | undefined,
): FailMode {
  const { clientFail, observer } = services;
  if (answer?.kind === "unavailable" && clientFail === "open")
    observer.emit("limit.uncounted", { ...peer, what, cause: answer.cause });
  return clientFail;
}
