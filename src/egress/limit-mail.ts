// Tells an account by mail that its limits are nearly or wholly used up, and its second contact, since a thief reads the
// mailbox. Two messages, so that neither shows the other's address. They come from <>, are charged to nobody and bounced
// to nobody. That this happens once in a window is the counters' doing (counters/account-limits.ts).

import type { Address } from "../address/address.ts";
import type { Domain } from "../address/domain.ts";
import type { LimitNotice } from "../counters/account-limits.ts";
import type { Directory } from "../directory/directory.ts";
import type { AccountTerms } from "../directory/terms.ts";
import type { Clock } from "../io/clock.ts";
import { makeLimitNotice } from "../message/limit-notice.ts";
import { sendOwnMail } from "./own-mail.ts";
import type { OwnMailServices } from "./own-mail.ts";

export interface LimitMailServices extends OwnMailServices {
  readonly hostname: () => Domain;
  readonly postmaster: () => Address;
  readonly directory: Pick<Directory, "findAccount">;
  readonly clock: Clock;
  readonly newId: () => string;
}

/** Never throws. Nobody waits for it: what could not be written is an event. */
export type TellAccount = (terms: Pick<AccountTerms, "account" | "over">, notice: LimitNotice) => void;

export function createLimitMail(services: LimitMailServices): TellAccount {
  const { directory, observer, clock, newId } = services;

  async function tell(terms: Pick<AccountTerms, "account" | "over">, notice: LimitNotice): Promise<void> {
    const account = await directory.findAccount(terms.account);
    if (account === undefined) return;
    const { address, contact } = account;
    for (const to of contact === undefined ? [address] : [address, contact]) {
      const id = newId();
      const at = clock.wall();
      const { content, messageId } = makeLimitNotice({
        id,
        hostname: services.hostname(),
        postmaster: services.postmaster(),
        to,
        account: address,
        over: terms.over,
        at,
        ...notice,
      });
      // oxlint-disable-next-line no-await-in-loop -- two
      await sendOwnMail(services, { id, at, to, about: terms.account, names: [to, address], messageId, content });
    }
  }

  return (terms, notice) => {
    // What others of the domain have used up is nothing the account could help.
    if (notice.layer === "domain") return;
    tell(terms, notice).catch((error: unknown) => {
      observer.emit("internal.failed", { where: `notice to ${terms.account}`, cause: String(error) });
    });
  };
}
