// Mail of our own to addresses at third parties: the code that proves one, and that a proof ends. From <>, charged to nobody, bounced to
// nobody: who asked sees in the list of enrolments that it was never confirmed. Whether one may be sent at all is the caller's to know.

import type { Address } from "../address/address.ts";
import type { Domain } from "../address/domain.ts";
import type { Clock } from "../io/clock.ts";
import { makeCodeNotice } from "../message/code-notice.ts";
import { makeRenewalNotice } from "../message/renewal-notice.ts";
import { sendOwnMail } from "./own-mail.ts";
import type { OwnMailServices } from "./own-mail.ts";

/** Times are wall ms. */
export type SubstituteMail = { readonly to: string; readonly account: string } &
  /** `page`: URL of the page where it can be entered; undefined: there is none. */
  (
    | { readonly kind: "code"; readonly code: string; readonly expires: number; readonly page: string | undefined }
    | { readonly kind: "renewal"; readonly ends: number }
  );

export interface SubstituteMailServices extends OwnMailServices {
  readonly hostname: () => Domain;
  readonly postmaster: () => Address;
  readonly clock: Clock;
  readonly newId: () => string;
}

/** Resolves when the message is durable; rejects when it could not be made so. */
export function createSubstituteMail(services: SubstituteMailServices): (mail: SubstituteMail) => Promise<void> {
  const { clock, newId } = services;

  function make(mail: SubstituteMail, id: string, at: number): ReturnType<typeof makeCodeNotice> {
    const common = { id, at, hostname: services.hostname(), postmaster: services.postmaster() };
    switch (mail.kind) {
      case "code":
        return makeCodeNotice({ ...common, ...mail });
      case "renewal":
        return makeRenewalNotice({ ...common, ...mail });
    }
  }

  return async (mail) => {
    const { to, account } = mail;
    const id = newId();
    const at = clock.wall();
    const { content, messageId } = make(mail, id, at);
    await sendOwnMail(services, { id, at, to, about: account, names: [to, account], messageId, content });
  };
}
