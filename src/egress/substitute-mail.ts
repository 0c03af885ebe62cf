// Mail of our own to addresses at third parties: the code that proves one, and that a proof ends. From <>, charged to nobody, bounced to
// nobody: who asked sees in the list of enrolments that it was never confirmed. Whether one may be sent at all is the caller's to know.

import type { Address } from "../address/address.ts";
import type { Domain } from "../address/domain.ts";
import type { Clock } from "../io/clock.ts";
import { makeCodeNotice } from "../message/code-notice.ts";
import { makeRenewalNotice } from "../message/renewal-notice.ts";
import type { Observer } from "../observe/events.ts";
import type { Spool, SpooledMessage } from "../spool/message.ts";

/** Times are wall ms. */
export type SubstituteMail = { readonly to: string; readonly account: string } & (
  | { readonly kind: "code"; readonly code: string; readonly expires: number }
  | { readonly kind: "renewal"; readonly ends: number }
);

export interface SubstituteMailServices {
  readonly hostname: () => Domain;
  readonly postmaster: () => Address;
  readonly spool: Pick<Spool, "append">;
  /** A message of our own is durable and wants to be delivered. */
  readonly created: (message: SpooledMessage, content: readonly Uint8Array[]) => void;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly newId: () => string;
}

/** Resolves when the message is durable; rejects when it could not be made so. */
export function createSubstituteMail(services: SubstituteMailServices): (mail: SubstituteMail) => Promise<void> {
  const { spool, created, observer, clock, newId } = services;

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
    const isAscii = !/[^\0-\x7f]/.test(`${to}${account}`);
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
    observer.emit("message.created", { message: id, messageId, recipients: [to], about: account });
    created(message, content);
  };
}
