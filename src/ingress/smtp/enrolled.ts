// On a substitute listener: what is not the account's here may be an address at a third party that it has proved.

import { formatAddress } from "../../address/address.ts";
import type { Address } from "../../address/address.ts";
import type { ClaimedMailbox, EnrolmentFact, MailFacts, SenderRight } from "../../verdict/facts.ts";
import type { SmtpServices } from "./services.ts";

/** Rejects when nobody can say. */
export async function rightThere(
  { directory, enrolment }: Pick<SmtpServices, "directory" | "enrolment">,
  account: string,
  address: Address,
): Promise<SenderRight | EnrolmentFact> {
  const right = await directory.rightTo(account, address);
  return right === "foreign" ? enrolment(account, address) : right;
}

/** The same of an author: what would pass must be in the domain of the envelope sender as well. */
export function alignedRight(
  right: SenderRight | EnrolmentFact,
  author: Address,
  sender: Address | undefined,
): SenderRight | EnrolmentFact {
  if (typeof right === "string" || right.kind !== "valid" || author.domain === sender?.domain) return right;
  return { kind: "unaligned", sender: sender === undefined ? "" : formatAddress(sender) };
}

/** The domain by whose own server the message has to go. */
export function relayOf(sender: Address | undefined, ownership: MailFacts["ownership"]): string | undefined {
  return typeof ownership === "object" && ownership.kind === "valid" && ownership.way === "relay"
    ? sender?.domain
    : undefined;
}

/** The same, as the authors have it: the way may have changed since MAIL. */
export function relayOfAuthors(mailboxes: readonly ClaimedMailbox[], sender: Address | undefined): string | undefined {
  return mailboxes.some(({ right }) => relayOf(sender, right) !== undefined) ? sender?.domain : undefined;
}
