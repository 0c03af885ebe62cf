// Mails the code that proves an address at a third party. From <>, charged to nobody, bounced to nobody: who asked sees in the list of
// enrolments that it was never confirmed. Whether one may be sent at all is the caller's to know (store: takeCode).

import type { Address } from "../address/address.ts";
import type { Domain } from "../address/domain.ts";
import type { Clock } from "../io/clock.ts";
import { makeCodeNotice } from "../message/code-notice.ts";
import type { Observer } from "../observe/events.ts";
import type { Spool, SpooledMessage } from "../spool/message.ts";

export interface CodeMail {
  readonly to: string;
  readonly account: string;
  readonly code: string;
  /** Wall ms. */
  readonly expires: number;
}

export interface CodeMailServices {
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
export function createCodeMail(services: CodeMailServices): (mail: CodeMail) => Promise<void> {
  const { spool, created, observer, clock, newId } = services;
  return async (mail) => {
    const id = newId();
    const at = clock.wall();
    const { content, messageId } = makeCodeNotice({
      id,
      hostname: services.hostname(),
      postmaster: services.postmaster(),
      at,
      ...mail,
    });
    const isAscii = !/[^\0-\x7f]/.test(`${mail.to}${mail.account}`);
    const message = await spool.append(
      {
        id,
        receivedAt: at,
        origin: "notice",
        sender: "",
        recipients: [mail.to],
        eightBit: !isAscii,
        ...(isAscii ? {} : { utf8: true }),
        messageId,
      },
      content,
    );
    observer.emit("message.created", { message: id, messageId, recipients: [mail.to], about: mail.account });
    created(message, content);
  };
}
