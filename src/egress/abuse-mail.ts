// Tells a customer by mail what was done because somebody else may be using his account. To whom, when and how often is the caller's to
// know (control/abuse-notices.ts). From <>, charged to nobody, bounced to nobody.

import type { Address } from "../address/address.ts";
import type { Domain } from "../address/domain.ts";
import type { Clock } from "../io/clock.ts";
import { makeAbuseNotice } from "../message/abuse-notice.ts";
import type { AbuseNews, AbuseNotice } from "../store/store.ts";
import { sendOwnMail } from "./own-mail.ts";
import type { OwnMailServices } from "./own-mail.ts";

export interface AbuseMail {
  readonly to: string;
  readonly copy: AbuseNotice["to"];
  /** Key, for the log. */
  readonly about: string;
  /** As it was given when the account was made. */
  readonly account: string;
  /** When it was done, wall ms. */
  readonly since: number;
  readonly news: AbuseNews;
}

export interface AbuseMailServices extends OwnMailServices {
  readonly hostname: () => Domain;
  readonly postmaster: () => Address;
  /** [abuse] help. */
  readonly help: () => string | undefined;
  readonly clock: Clock;
  readonly newId: () => string;
}

/** Resolves when the message is durable; rejects when it could not be made so. */
export function createAbuseMail(services: AbuseMailServices): (mail: AbuseMail) => Promise<void> {
  const { clock, newId } = services;
  return async ({ to, about, account, ...rest }) => {
    const id = newId();
    const at = clock.wall();
    const { content, messageId } = makeAbuseNotice({
      id,
      at,
      to,
      account,
      hostname: services.hostname(),
      postmaster: services.postmaster(),
      help: services.help(),
      ...rest,
    });
    await sendOwnMail(services, { id, at, to, about, names: [to, account], messageId, content });
  };
}
