// Look-ups at RCPT that also know full mailboxes, so that mail for them is refused there and not bounced later to a sender
// who may be forged. Role addresses are always reachable. How large the message will be is not known here: one that
// is larger than the room that is left waits at delivery.

import { parseAddress } from "../../address/address.ts";
import type { Address } from "../../address/address.ts";
import type { Directory, LocalAnswer } from "../../directory/directory.ts";
import type { Mailboxes } from "../../mailbox/maildir.ts";
import type { Lookup } from "../../verdict/facts.ts";

export function lookupWithQuota(
  directory: Pick<Directory, "lookup">,
  mailboxes: Pick<Mailboxes, "fits">,
): (address: Address) => Lookup | Promise<Lookup> {
  function check(answer: LocalAnswer): Lookup | Promise<Lookup> {
    if (answer.kind !== "mailbox" && answer.kind !== "alias") return answer;
    const accounts = answer.kind === "mailbox" ? [answer.account] : answer.accounts;
    const waits: Promise<boolean>[] = [];
    for (const account of accounts) {
      const address = parseAddress(account);
      const fits = !address.ok || mailboxes.fits(address.value, 1);
      if (fits === false) return { kind: "full", account };
      if (fits !== true) waits.push(fits);
    }
    if (waits.length === 0) return answer;
    return Promise.all(waits).then(
      (each) => (each.every(Boolean) ? answer : { kind: "full", account: accounts[0]! }),
      (error: unknown) => ({ kind: "unavailable", cause: String(error) }),
    );
  }

  return (address) => {
    const answer = directory.lookup(address);
    return answer instanceof Promise ? answer.then(check) : check(answer);
  };
}
