// Verdicts → replies, by the registry. Texts without placeholders are made once.

import { makeReply } from "../../proto/smtp/reply.ts";
import type { Reply } from "../../proto/smtp/reply.ts";
import { reasons } from "../../verdict/reasons.ts";
import type { ReasonId } from "../../verdict/reasons.ts";
import type { Evidence } from "../../verdict/verdict.ts";

const fixed = new Map<ReasonId, Reply>();

export function replyFor(reason: ReasonId, evidence: Evidence = {}): Reply {
  const known = fixed.get(reason);
  if (known !== undefined) return known;
  const { code, enhanced, text, source } = reasons[reason];
  if (!text.includes("{")) {
    const reply = makeReply(code, enhanced, text);
    fixed.set(reason, reply);
    return reply;
  }
  const filled = text.replaceAll(/\{([a-z]+)\}/g, (_whole, name: string) => String(evidence[name] ?? "?"));
  if (source === "passed-on")
    return makeReply(Number(evidence["code"] ?? code), String(evidence["enhanced"] ?? enhanced), filled);
  return makeReply(code, enhanced, filled);
}

/** Evidence as a person reads it: `used 200, limit 200, window 1h`. */
export function describeEvidence(evidence: Evidence | undefined): string | undefined {
  if (evidence === undefined) return undefined;
  return Object.entries(evidence)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}
