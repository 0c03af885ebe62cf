// AUTH: who is it? Only inside TLS, only on submission (RFC 4954 §4, RFC 6409 §4.3), and never on an unknown answer.

import type { AuthFacts } from "../facts.ts";
import type { Verdict } from "../verdict.ts";

/** Whoever is held, or finds the queue full, waits as well, so that asking again at once gains nothing; other sessions wait for nothing. */
const HELD_DELAY = 2000;

/** Asked before a single octet of a password is looked at. */
export function decideAuthOffer(facts: Pick<AuthFacts, "role" | "secured">): readonly Verdict[] {
  if (facts.role === "mx") return [{ kind: "reject", reason: "auth.not-here" }];
  if (facts.secured === "plaintext") return [{ kind: "reject", reason: "auth.needs-tls" }];
  return [{ kind: "accept", reason: "auth.accepted" }];
}

export function decideAuth(facts: AuthFacts): readonly Verdict[] {
  const offer = decideAuthOffer(facts);
  if (offer.some((verdict) => verdict.kind !== "accept")) return offer;
  const { outcome } = facts;
  switch (outcome.kind) {
    case "account":
      return [{ kind: "accept", reason: "auth.accepted" }];
    case "unavailable":
      return [{ kind: "defer", reason: "auth.unavailable", evidence: { cause: outcome.cause } }];
    case "held": {
      const slow: Verdict = { kind: "slow", milliseconds: HELD_DELAY, reason: "auth.held" };
      return [slow, { kind: "defer", reason: "auth.held" }];
    }
    case "shut": {
      const { hostname } = facts;
      const { limit, window } = outcome;
      const slow: Verdict = { kind: "slow", milliseconds: HELD_DELAY, reason: "auth.client-logins" };
      return [slow, { kind: "disconnect", reason: "auth.client-logins", evidence: { hostname, limit, window } }];
    }
    case "busy": {
      const slow: Verdict = { kind: "slow", milliseconds: HELD_DELAY, reason: "auth.busy" };
      return [slow, { kind: "defer", reason: "auth.busy" }];
    }
    // No guess: what was said is right, and only for something else.
    case "wrong-scope":
      return [{ kind: "reject", reason: "auth.scope" }];
    case "malformed":
      return [{ kind: "reject", reason: "auth.malformed" }];
    case "not-asked":
      return [{ kind: "unknown", cause: "the password was not checked" }];
    case "refused": {
      const slow: Verdict = { kind: "slow", milliseconds: outcome.delay, reason: "auth.credentials" };
      if (facts.failures >= facts.failureLimit) {
        return [slow, { kind: "disconnect", reason: "auth.too-many", evidence: { hostname: facts.hostname } }];
      }
      return [slow, { kind: "reject", reason: "auth.credentials" }];
    }
  }
}
