// RCPT: may this sender reach this recipient here? Relay permission is given in exactly one place below: an account
// that logged in on a submission listener. Everything else must be local and known.
//
// Three pure decisions with an action before each. The try is counted: decideTry says whether this client may ask for one more
// recipient at all. It does not know which, so that who has used up its tries, or cannot be counted, learns nothing from the
// reply about who is here, and nothing from how long it took: nobody is looked up for it. The recipient is looked up: decideRcpt
// says whether it could be taken. Quota is reserved for it: decideQuota says what the counters' answer means.

import type { ClientLimitFact, LimitFact, Lookup, OverLimit, RcptFacts, StoreRefusal, TryFacts } from "../facts.ts";
import type { ReasonId } from "../reasons.ts";
import type { Evidence, Verdict } from "../verdict.ts";

/** Before anybody is looked up. Nothing to say: it may ask. */
export function decideTry(facts: TryFacts): readonly Verdict[] {
  if (facts.accepted >= facts.recipientLimit) {
    return [{ kind: "defer", reason: "recipient.count", evidence: { limit: facts.recipientLimit } }];
  }
  const isRestrained = facts.attempts.kind === "over" && facts.attempts.of === "restrained";
  const attempts = limitRule(facts.attempts, isRestrained ? "recipient.slowed" : "recipient.attempts");
  return attempts.length > 0 ? attempts : limitRule(facts.clientRecipients, "recipient.client-rate");
}

export function decideRcpt(facts: RcptFacts): readonly Verdict[] {
  if (facts.role === "submission" && facts.account === undefined) {
    return [{ kind: "reject", reason: "sender.needs-auth" }];
  }
  return [placeRule(facts, facts.lookup)];
}

/** After the reservation. */
export function decideQuota(decided: Verdict, quota: LimitFact, over: OverLimit): readonly Verdict[] {
  // What others have used up is nobody's fault: it is always for later.
  if (quota.kind === "over" && quota.of === "domain") return [decided, ...limitRule(quota, "recipient.domain-limit")];
  if ((quota.kind === "over" || quota.kind === "beyond") && quota.of === "new-recipients") {
    return [decided, ...limitRule(quota, over === "reject" ? "recipient.new-limit-refused" : "recipient.new-limit")];
  }
  return [decided, ...limitRule(quota, over === "reject" ? "recipient.limit-refused" : "recipient.limit")];
}

function placeRule(facts: RcptFacts, lookup: Lookup): Verdict {
  const evidence = { recipient: facts.recipient };
  switch (lookup.kind) {
    case "mailbox":
    case "alias":
      return { kind: "accept", reason: "recipient.local" };
    case "role":
      return { kind: "accept", reason: "recipient.role" };
    case "suspended":
      return { kind: "defer", reason: "recipient.suspended", evidence };
    case "full":
      // Who has deleted something can take it: a failure for now (RFC 3463 §3.3, X.2.2), refused here and not bounced.
      return { kind: "defer", reason: "recipient.full", evidence };
    case "stored":
      return { kind: "accept", reason: "recipient.stored" };
    case "store-refused":
      return storeRefusal(lookup, "rcpt", facts.recipient);
    case "unknown-mailbox":
      return { kind: "reject", reason: "recipient.unknown", evidence };
    case "remote":
      if (facts.role === "submission" && facts.account !== undefined)
        return { kind: "accept", reason: "recipient.relayed" };
      return { kind: "reject", reason: "recipient.no-relay", evidence };
    case "unavailable":
      return { kind: "unknown", cause: lookup.cause };
  }
}

/** The store's own words: it alone knows its mailboxes. */
export function storeRefusal(
  { code, enhanced, text }: StoreRefusal,
  stage: "rcpt" | "message",
  recipient: string,
): Verdict {
  const evidence = { recipient, code, enhanced, answer: text };
  switch (stage) {
    case "rcpt":
      return code >= 500
        ? { kind: "reject", reason: "recipient.store-refused", evidence }
        : { kind: "defer", reason: "recipient.store-deferred", evidence };
    case "message":
      return code >= 500
        ? { kind: "reject", reason: "message.store-refused", evidence }
        : { kind: "defer", reason: "message.store-deferred", evidence };
  }
}

type LimitReason =
  | "recipient.attempts"
  | "recipient.limit"
  | "recipient.limit-refused"
  | "recipient.new-limit"
  | "recipient.new-limit-refused"
  | "recipient.domain-limit"
  | "recipient.slowed"
  | "recipient.client-rate"
  | "sender.client-rate"
  | "sender.bytes-limit"
  | "sender.bytes-limit-refused"
  | "data.limit"
  | "data.limit-refused"
  | "message.bytes-limit"
  | "message.bytes-limit-refused";

export function limitRule(fact: LimitFact | ClientLimitFact, reason: LimitReason): readonly Verdict[] {
  switch (fact.kind) {
    case "within":
    case "none":
      return [];
    case "unavailable":
      // No counter, no mail (law 3), unless the operator chose so.
      return "fail" in fact && fact.fail === "open" ? [] : [{ kind: "unknown", cause: fact.cause }];
    case "beyond": {
      const held = heldReasons[reason];
      // Only what was asked to be taken is.
      if (held === undefined) return [{ kind: "unknown", cause: `${reason} does not hold` }];
      return [{ kind: "hold", reason: held, evidence: limitEvidence(fact) }];
    }
    case "over":
      return [{ kind: reason.endsWith("-refused") ? "reject" : "defer", reason, evidence: limitEvidence(fact) }];
  }
}

const heldReasons: Readonly<Partial<Record<LimitReason, ReasonId>>> = {
  "recipient.limit": "recipient.limit-held",
  "recipient.new-limit": "recipient.new-limit-held",
  "data.limit": "data.limit-held",
  "message.bytes-limit": "message.bytes-limit-held",
};

function limitEvidence({ used, limit, window, reset }: Extract<LimitFact, { kind: "over" | "beyond" }>): Evidence {
  return { used, limit, window, reset: new Date(reset).toISOString() };
}
