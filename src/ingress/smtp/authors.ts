// Whose message it says it is, as facts: every mailbox of the author fields with the account's right to it.

import { formatAddress } from "../../address/address.ts";
import { authors } from "../../message/submission.ts";
import type { HeaderSection } from "../../message/headers.ts";
import type { ClaimedMailbox, MessageFacts } from "../../verdict/facts.ts";
import type { SessionView } from "./accept.ts";
import { alignedRight, rightThere } from "./enrolled.ts";
import type { Transaction } from "./transaction.ts";

export async function authorsFact(
  session: SessionView,
  transaction: Transaction,
  section: HeaderSection,
): Promise<MessageFacts["authors"]> {
  const { account } = session;
  if (session.role !== "submission" || account === undefined) return { kind: "not-asked" };
  const policy = transaction.terms?.foreignSender ?? "refuse";
  const found = authors(section, {
    utf8: transaction.charset === "utf8",
    missingSender: policy === "refuse" ? "refused" : "added",
  });
  if (!found.ok) return { kind: "unreadable", defect: found.error.message };
  const mailboxes: ClaimedMailbox[] = [];
  try {
    for (const { field, address } of found.value) {
      const right = session.isSubstitute
        ? rightThere(session.services, account, address)
        : session.services.directory.rightTo(account, address);
      const known = typeof right === "string" ? right : await right;
      mailboxes.push({
        field,
        address: formatAddress(address),
        right: alignedRight(known, address, transaction.sender),
      });
    }
  } catch (error) {
    return { kind: "unavailable", cause: error instanceof Error ? error.message : String(error) };
  }
  return { kind: "claimed", mailboxes, policy };
}

const MOST_NAMED = 100;

/** Whose message it says it is: who has sent it on, where somebody did (RFC 5322 §3.6.6). None twice. */
export function namedAuthors(fact: MessageFacts["authors"]): readonly string[] {
  if (fact.kind !== "claimed") return [];
  const named = (field: ClaimedMailbox["field"]): readonly string[] => [
    ...new Set(fact.mailboxes.filter((each) => each.field === field).map(({ address }) => address)),
  ];
  const resent = named("resent-from");
  return (resent.length > 0 ? resent : named("from")).slice(0, MOST_NAMED);
}
