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
import type { Observer } from "../observe/events.ts";
import type { Spool, SpooledMessage } from "../spool/message.ts";

export interface LimitMailServices {
  readonly hostname: () => Domain;
  readonly postmaster: () => Address;
  readonly directory: Pick<Directory, "findAccount">;
  readonly spool: Pick<Spool, "append">;
  /** A message of our own is durable and wants to be delivered. */
  readonly created: (message: SpooledMessage, content: readonly Uint8Array[]) => void;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly newId: () => string;
}

/** Never throws. Nobody waits for it: what could not be written is an event. */
export type TellAccount = (terms: Pick<AccountTerms, "account" | "over">, notice: LimitNotice) => void;

export function createLimitMail(services: LimitMailServices): TellAccount {
  const { directory, spool, created, observer, clock, newId } = services;

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
      const isAscii = !/[^\0-\x7f]/.test(`${to}${address}`);
      // oxlint-disable-next-line no-await-in-loop -- two
      const message = await spool.append(
        {
          id,
          receivedAt: at,
          origin: "notice",
          sender: "",
          recipients: [to],
          eightBit: !isAscii,
          ...(isAscii ? {} : { utf8: true }),
          messageId,
        },
        content,
      );
      observer.emit("message.created", { message: id, messageId, recipients: [to], about: terms.account });
      created(message, content);
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
