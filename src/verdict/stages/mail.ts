// MAIL: may this sender begin a transaction? (RFC 5321 §3.3, RFC 6409 §6.1)

import { formatAddress } from "../../address/address.ts";
import type { MailFacts } from "../facts.ts";
import type { Verdict } from "../verdict.ts";
import { enrolmentRule } from "./enrolment.ts";
import { limitRule } from "./rcpt.ts";

export function decideMail(facts: MailFacts): readonly Verdict[] {
  const verdicts: Verdict[] = [];
  if (facts.ended !== undefined) {
    const { role, until } = facts.ended;
    const reason = role === "legacy" ? "sender.legacy-ended" : "sender.substitute-ended";
    verdicts.push({ kind: "reject", reason, evidence: { hostname: facts.hostname, until } });
  }
  if (facts.messages >= facts.messageLimit) {
    verdicts.push({ kind: "disconnect", reason: "session.messages", evidence: { hostname: facts.hostname } });
  }
  if (facts.declaredSize !== undefined && facts.declaredSize > facts.messageSize) {
    verdicts.push({ kind: "reject", reason: "sender.size", evidence: { limit: facts.messageSize } });
  }
  if (facts.freeSpace - (facts.declaredSize ?? 0) < facts.freeSpaceNeeded) {
    verdicts.push({ kind: "defer", reason: "sender.no-space", evidence: { free: facts.freeSpace } });
  }
  if (facts.spooled + (facts.declaredSize ?? 0) > facts.spoolLimit) {
    verdicts.push({ kind: "defer", reason: "sender.spool-full", evidence: { spooled: facts.spooled } });
  }
  verdicts.push(...limitRule(facts.clientMessages, "sender.client-rate"));
  verdicts.push(...octetsRule(facts));
  verdicts.push(senderRule(facts));
  return verdicts;
}

/** RFC 1870 §6.1: said before anything is sent. What does fit is weighed when it is there (data.ts). */
function octetsRule({ octets, declaredSize = 0, over }: MailFacts): readonly Verdict[] {
  if (octets.kind === "over" && declaredSize > octets.limit) {
    const { limit, window } = octets;
    return [{ kind: "reject", reason: "sender.bytes-never", evidence: { limit, window } }];
  }
  return limitRule(octets, over === "reject" ? "sender.bytes-limit-refused" : "sender.bytes-limit");
}

function senderRule(facts: MailFacts): Verdict {
  switch (facts.role) {
    case "mx":
      // Who the sender is does not matter for taking mail in: only who receives it does (M1).
      return { kind: "accept", reason: "sender.accepted" };
    case "submission": {
      if (facts.account === undefined) {
        // Somebody who need not log in (POP-before-SMTP), and nobody can say who.
        if (typeof facts.standing === "object") return { kind: "unknown", cause: facts.standing.cause };
        return { kind: "reject", reason: "sender.needs-auth" };
      }
      if (facts.standing === "ended") {
        return { kind: "disconnect", reason: "sender.login-ended", evidence: { hostname: facts.hostname } };
      }
      if (facts.standing === "suspended") return { kind: "reject", reason: "sender.suspended" };
      if (facts.standing !== "active") {
        return {
          kind: "unknown",
          cause: facts.standing === "none" ? "standing not established" : facts.standing.cause,
        };
      }
      // <> is what an MDN needs (RFC 8098 §3); it is charged to the account like anything else.
      if (facts.sender === undefined) return { kind: "accept", reason: "sender.accepted" };
      if (facts.ownership === "own" || facts.ownership === "delegate") {
        return { kind: "accept", reason: "sender.accepted" };
      }
      if (facts.ownership === "foreign") {
        if (facts.foreignSender === "rewrite" && facts.ownAddress !== "") {
          return { kind: "accept", reason: "sender.rewritten", evidence: { address: facts.ownAddress } };
        }
        return { kind: "reject", reason: "sender.not-owned", evidence: { sender: formatAddress(facts.sender) } };
      }
      if (facts.ownership === "none") return { kind: "unknown", cause: "ownership not established" };
      if (facts.ownership.kind === "unavailable") return { kind: "unknown", cause: facts.ownership.cause };
      return (
        enrolmentRule(facts.ownership, formatAddress(facts.sender)) ?? { kind: "accept", reason: "sender.enrolled" }
      );
    }
  }
}
