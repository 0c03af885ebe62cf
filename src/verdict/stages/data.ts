// DATA: may the content come, and may it stay?

import type { DataFacts, LimitFact, MessageFacts, OverLimit } from "../facts.ts";
import type { Verdict } from "../verdict.ts";
import { decideAuthors } from "./author.ts";
import { limitRule } from "./rcpt.ts";

export function decideData(facts: DataFacts): readonly Verdict[] {
  if (facts.contentMemory >= facts.contentMemoryLimit) return [{ kind: "defer", reason: "data.memory" }];
  return [
    { kind: "accept", reason: "data.go-ahead" },
    ...limitRule(facts.messages, facts.over === "reject" ? "data.limit-refused" : "data.limit"),
  ];
}

/** After the final dot, when it is known what there is to store. */
export function decideOctets(octets: LimitFact, size: number, over: OverLimit): readonly Verdict[] {
  if (octets.kind === "over" && size > octets.limit) {
    const { limit, window } = octets;
    return [{ kind: "reject", reason: "message.bytes-never", evidence: { limit, window } }];
  }
  return limitRule(octets, over === "reject" ? "message.bytes-limit-refused" : "message.bytes-limit");
}

/** After the final dot, before anything is stored. Acceptance here is not yet a 250: the spool has the last word. */
export function decideMessage(facts: MessageFacts): readonly Verdict[] {
  const verdicts: Verdict[] = [];
  // On the MX a crooked header section is somebody else's fault and no reason to lose the mail; a client of our own
  // is told, while its user can still do something about it.
  const { header } = facts;
  if (header.kind === "unbounded" || (header.kind === "malformed" && facts.role === "submission")) {
    verdicts.push({ kind: "reject", reason: "message.malformed", evidence: { defect: header.defect } });
  }
  if (facts.hops >= facts.hopLimit) {
    verdicts.push({ kind: "reject", reason: "message.loop", evidence: { hops: facts.hops } });
  }
  // Lists may bring a message through here twice; a recipient who has had it that often is in a circle.
  if (facts.passes !== undefined && facts.passes.count >= facts.passLimit) {
    verdicts.push({ kind: "reject", reason: "message.passed-before", evidence: { ...facts.passes } });
  }
  switch (facts.authors.kind) {
    case "claimed":
      verdicts.push(...decideAuthors(facts.authors.mailboxes, facts.authors.policy).verdicts);
      break;
    case "not-asked":
      if (facts.role === "submission") verdicts.push({ kind: "unknown", cause: "authors not established" });
      break;
    case "unreadable":
      verdicts.push({
        kind: "reject",
        reason: "message.author-unreadable",
        evidence: { defect: facts.authors.defect },
      });
      break;
    case "unavailable":
      verdicts.push({ kind: "unknown", cause: facts.authors.cause });
      break;
  }
  verdicts.push({ kind: "accept", reason: "message.queued" });
  return verdicts;
}
