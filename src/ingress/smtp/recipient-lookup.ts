// What the directory says about a recipient, completed by who stores its mail: whether a mailbox here has room, and
// whether a mailbox store behind LMTP takes it. So both are told at RCPT and not by a notice to a sender who may be forged.
// Role addresses are taken whatever their mailbox says (RFC 5321 §4.5.1). An alias is only as good as all it leads to.

import { parseAddress } from "../../address/address.ts";
import type { Address } from "../../address/address.ts";
import type { Directory, LocalAnswer } from "../../directory/directory.ts";
import type { Mailboxes } from "../../mailbox/maildir.ts";
import type { Lookup } from "../../verdict/facts.ts";
import type { MailboxStores, StoreAnswer } from "../mailbox-store/stores.ts";

export interface LookupServices {
  readonly directory: Pick<Directory, "lookup" | "storeOf">;
  readonly mailboxes: Pick<Mailboxes, "fits">;
  readonly stores: Pick<MailboxStores, "ask">;
}

/** What stands in the way; undefined: nothing. */
type Obstacle = Lookup | undefined;

export function recipientLookup(services: LookupServices): (address: Address) => Lookup | Promise<Lookup> {
  const { directory, mailboxes, stores } = services;

  function obstacle(account: string): Obstacle | Promise<Obstacle> {
    const store = directory.storeOf(account);
    if (store !== undefined) {
      const answer = stores.ask(account, store.target);
      return answer instanceof Promise ? answer.then(refusal) : refusal(answer);
    }
    const address = parseAddress(account, { utf8: true });
    const fits = !address.ok || mailboxes.fits(address.value, 1);
    const full: Lookup = { kind: "full", account };
    if (!(fits instanceof Promise)) return fits ? undefined : full;
    return fits.then(
      (room) => (room ? undefined : full),
      (error: unknown) => ({ kind: "unavailable", cause: String(error) }),
    );
  }

  /** All are asked at once; the first obstacle counts, in their order. */
  function among(accounts: readonly string[], fine: Lookup): Lookup | Promise<Lookup> {
    const found = accounts.map(obstacle);
    if (!found.some((each) => each instanceof Promise)) {
      for (const each of found) if (each !== undefined && !(each instanceof Promise)) return each;
      return fine;
    }
    return Promise.all(found.map(async (each) => each)).then((each) => each.find((one) => one !== undefined) ?? fine);
  }

  function check(answer: LocalAnswer): Lookup | Promise<Lookup> {
    switch (answer.kind) {
      case "mailbox":
        return among([answer.account], answer);
      case "alias":
        return among(answer.accounts, answer);
      case "stored":
        return among([answer.address], { kind: "stored" });
      case "role":
      case "suspended":
      case "unknown-mailbox":
      case "remote":
      case "unavailable":
        return answer;
    }
  }

  return (address) => {
    const answer = directory.lookup(address);
    return answer instanceof Promise ? answer.then(check) : check(answer);
  };
}

function refusal(answer: StoreAnswer): Obstacle {
  switch (answer.kind) {
    case "taken":
      return undefined;
    case "refused":
      // "No such mailbox" is the same fact wherever the mailboxes are, for whoever counts them.
      if (answer.code >= 500 && /^5\.1\.(1|6|10)$/.test(answer.enhanced)) return { kind: "unknown-mailbox" };
      return { ...answer, kind: "store-refused" };
    case "unavailable":
      return answer;
  }
}
