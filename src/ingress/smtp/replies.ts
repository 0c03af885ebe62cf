// Verdicts → replies, by the registry. Texts without placeholders are made once, and so is one that is filled again as
// it was the last time (the greeting).

import { makeReply } from "../../proto/smtp/reply.ts";
import type { Reply } from "../../proto/smtp/reply.ts";
import { reasons } from "../../verdict/reasons.ts";
import type { ReasonId } from "../../verdict/reasons.ts";
import type { Evidence, Final } from "../../verdict/verdict.ts";

const fixed = new Map<ReasonId, Reply>();

interface Template {
  /** Text and names of placeholders in turns, text first. */
  readonly parts: readonly string[];
  last: { readonly text: string; readonly reply: Reply } | undefined;
}

const templates = new Map<ReasonId, Template>();

export function replyFor(reason: ReasonId, evidence: Evidence = {}): Reply {
  const known = fixed.get(reason);
  if (known !== undefined) return known;
  const { code, enhanced, text, source } = reasons[reason];
  if (!text.includes("{")) {
    const reply = makeReply(code, enhanced, text);
    fixed.set(reason, reply);
    return reply;
  }
  let template = templates.get(reason);
  if (template === undefined) {
    template = { parts: text.split(/\{([a-z]+)\}/), last: undefined };
    templates.set(reason, template);
  }
  const filled = fill(template.parts, evidence);
  if (source === "passed-on")
    return makeReply(Number(evidence["code"] ?? code), String(evidence["enhanced"] ?? enhanced), filled);
  if (template.last?.text !== filled) template.last = { text: filled, reply: makeReply(code, enhanced, filled) };
  return template.last.reply;
}

function fill(parts: readonly string[], evidence: Evidence): string {
  let filled = "";
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]!;
    filled += index % 2 === 0 ? part : String(evidence[part] ?? "?");
  }
  return filled;
}

/** Evidence as a person reads it: `used 200, limit 200, window 1h`. */
export function describeEvidence(evidence: Evidence | undefined): string | undefined {
  if (evidence === undefined) return undefined;
  return Object.entries(evidence)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}

/** The limit that somebody is beyond, for the operator: `recipient.limit-held: 200 of 200 in 1h`. */
export function describeLimit({ reason, evidence = {} }: Pick<Final, "reason" | "evidence">): string {
  return `${reason}: ${evidence["used"]} of ${evidence["limit"]} in ${evidence["window"]}`;
}
