// Mail that the server itself writes to an account or about one: durable first, then on its way. From <>, so it is charged to nobody and
// bounced to nobody.

import type { Observer } from "../observe/events.ts";
import type { Spool, SpooledMessage } from "../spool/message.ts";

export interface OwnMailServices {
  readonly spool: Pick<Spool, "append">;
  /** A message of our own is durable and wants to be delivered. */
  readonly created: (message: SpooledMessage, content: readonly Uint8Array[]) => void;
  readonly observer: Observer;
}

export interface OwnMail {
  readonly id: string;
  /** Wall ms. */
  readonly at: number;
  readonly to: string;
  /** The account's key, for the log. */
  readonly about: string;
  /** What of the text may not be ASCII: addresses. */
  readonly names: readonly string[];
  readonly messageId: string;
  readonly content: readonly Uint8Array[];
}

/** Resolves when the message is durable; rejects when it could not be made so. */
export async function sendOwnMail({ spool, created, observer }: OwnMailServices, mail: OwnMail): Promise<void> {
  const { id, at, to, about, names, messageId, content } = mail;
  const isAscii = !/[^\0-\x7f]/.test(names.join(""));
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
  observer.emit("message.created", { message: id, messageId, recipients: [to], about });
  created(message, content);
}
