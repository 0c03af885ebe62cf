// May an account send with this address at a third party? Asked of MAIL FROM and of every author, on substitute listeners alone, and only
// about addresses that are not the account's here. A reply says what to do, since the customer reads it.

import type { EnrolmentFact } from "../facts.ts";
import type { Verdict } from "../verdict.ts";

/** undefined: it may. `address` as the client wrote it. */
export function enrolmentRule(fact: EnrolmentFact, address: string): Verdict | undefined {
  const evidence = { address, domain: address.slice(address.lastIndexOf("@") + 1) };
  switch (fact.kind) {
    case "valid":
      return undefined;
    case "none":
      return { kind: "reject", reason: "substitute.not-enrolled", evidence };
    case "expired":
      return { kind: "reject", reason: "substitute.expired", evidence: { ...evidence, since: fact.since } };
    case "unfit":
      return { kind: "reject", reason: "substitute.unfit", evidence: { ...evidence, words: fact.words } };
    case "unread":
      // Neither yes nor no (law 3).
      return { kind: "defer", reason: "substitute.unread", evidence: { ...evidence, cause: fact.cause } };
    case "over":
      return { kind: "reject", reason: "substitute.over", evidence: { ...evidence, until: fact.until } };
    case "unaligned":
      return { kind: "reject", reason: "substitute.unaligned", evidence: { ...evidence, sender: fact.sender } };
  }
}
