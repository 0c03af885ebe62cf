// Whose message is it? Every mailbox that From, Sender and the Resent- fields name is judged against the account that
// logged in (RFC 6409 §6.1, RFC 5322 §3.6.2, §3.6.6). What cannot be read never comes here: that is refused before.
//
// The promise: what passes either names mailboxes of the account alone, or says in one Sender field, or in Resent-Sender
// for what was delegated, which account it was. A foreign mailbox passes only where the plan says so.

import type { ClaimedMailbox, ForeignSender } from "../facts.ts";
import type { Verdict } from "../verdict.ts";
import { enrolmentRule } from "./enrolment.ts";

export interface Authorship {
  readonly verdicts: readonly Verdict[];
  /** What has to be done so that the message says who sent it: nothing, or a Sender field of ours, the only one. */
  readonly sender: "kept" | "set";
}

export function decideAuthors(mailboxes: readonly ClaimedMailbox[], policy: ForeignSender): Authorship {
  for (const { address, right } of mailboxes) {
    const refused = typeof right === "string" ? undefined : enrolmentRule(right, address);
    if (refused !== undefined) return { verdicts: [refused], sender: "kept" };
  }
  const foreign = mailboxes.find(({ right }) => right === "foreign");
  if (foreign !== undefined) {
    if (policy !== "refuse") return { verdicts: [], sender: "set" };
    const evidence = { author: foreign.address, field: fieldNames[foreign.field] };
    return { verdicts: [{ kind: "reject", reason: "message.author", evidence }], sender: "kept" };
  }
  const isOwn = (wanted: ClaimedMailbox["field"]): boolean =>
    mailboxes.some(({ field, right }) => field === wanted && right === "own");
  /** A Sender that was only lent says nothing about who it was. What was proved to be the account's is its own. */
  const isTold = ({ field, right }: ClaimedMailbox): boolean =>
    right === "own" ||
    typeof right === "object" ||
    (field === "from" && isOwn("sender")) ||
    (field === "resent-from" && isOwn("resent-sender"));
  return { verdicts: [], sender: mailboxes.every(isTold) ? "kept" : "set" };
}

const fieldNames: Readonly<Record<ClaimedMailbox["field"], string>> = {
  from: "From",
  sender: "Sender",
  "resent-from": "Resent-From",
  "resent-sender": "Resent-Sender",
};
