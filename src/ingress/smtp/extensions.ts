// What of a transaction's ESMTP extensions the next hop has to know: goes into the accept record, for nothing of it can be
// read from the content again. Absent members mean "not used", so plain mail has a plain record.

import type { HeaderSection } from "../../message/headers.ts";
import type { AcceptRecord, RecipientDsn } from "../../spool/message.ts";
import type { Transaction } from "./transaction.ts";

type Extensions = Pick<AcceptRecord, "binary" | "utf8" | "dsn" | "recipientDsn">;

const NONE: Extensions = {};

export function extensionsUsed(transaction: Transaction, section: HeaderSection): Extensions {
  const { body, charset, dsn } = transaction;
  const recipientDsn = recipientsDsn(transaction);
  const binary = body === "BINARYMIME";
  const utf8 = charset === "utf8" && needsUtf8(transaction, section);
  if (!binary && !utf8 && dsn === undefined && recipientDsn === undefined) return NONE;
  return {
    ...(binary ? { binary } : {}),
    ...(utf8 ? { utf8 } : {}),
    ...(dsn === undefined ? {} : { dsn }),
    ...(recipientDsn === undefined ? {} : { recipientDsn }),
  };
}

/** By index of the recipient. */
function recipientsDsn({ recipients }: Transaction): Readonly<Record<number, RecipientDsn>> | undefined {
  let found: Record<number, RecipientDsn> | undefined;
  for (const [index, { dsn }] of recipients.entries()) {
    if (dsn === undefined) continue;
    found ??= {};
    found[index] = dsn;
  }
  return found;
}

/** Declared is not used: ASCII mail passes everywhere, whatever was asked for at MAIL. */
function needsUtf8({ senderText, recipients }: Transaction, section: HeaderSection): boolean {
  return isBeyondAscii(section.text) || isBeyondAscii(senderText) || recipients.some(({ text }) => isBeyondAscii(text));
}

function isBeyondAscii(text: string): boolean {
  return /[\u0080-\uffff]/.test(text);
}
