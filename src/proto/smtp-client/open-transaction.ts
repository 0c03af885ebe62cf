// A transaction while it is under way: what will be written, and what is known about each recipient. Made here, with all
// the reasons for which a message cannot go over a session; changed by client.ts only.

import { failure, success, type Result } from "../../base/result.ts";
import { addressFault, mailCommand, rcptCommand, type AddressFault } from "./commands.ts";
import { stuffContent, type ContentError } from "./content.ts";
import type { Extensions } from "./extensions.ts";
import type { Reply } from "./reply.ts";
import type { Outcome, Refusal, Stage, Transaction } from "./transaction.ts";

export interface Open<Tag> {
  readonly tag: Tag;
  readonly envelope: readonly string[];
  /** As it goes on the wire. */
  readonly content: readonly Uint8Array[];
  /** Of the content on the wire, without the final dot. */
  readonly octets: number;
  /** How the content travels. */
  readonly transfer: "DATA" | "BDAT";
  readonly outcomes: (Outcome | undefined)[];
  /** Lines of the envelope that are out (lock-step only). */
  written: number;
  /** RCPT replies seen, and how many of them took the recipient. */
  answered: number;
  accepted: number;
  sender: "open" | "refused";
  /** The octets that make the message the server's: `held` while an earlier message is not recorded. */
  final: "unsent" | "held" | "sent";
  /** The content is out, all but its end. */
  contentOut: boolean;
  /** LMTP: recipients whose reply to the content is still to come, in their order. */
  unanswered: number[];
}

export function prepareTransaction<Tag>(
  transaction: Transaction<Tag>,
  extensions: Extensions,
): Result<Open<Tag>, Refusal> {
  const refusal = refusalOf(transaction, extensions);
  if (refusal !== undefined) return failure(refusal);
  const { tag, sender, recipients, size, eightBit, binary = false } = transaction;
  // BDAT only for what nothing else can carry: content after DATA travels together with the next envelope.
  const ready = binary ? success(transaction.content) : stuffContent(transaction.content);
  if (!ready.ok) return failure(contentRefusal(ready.error));
  const notifications = extensions.dsn ? transaction.notifications : undefined;
  const parameters = {
    size: extensions.offersSize ? size : undefined,
    body: binary ? ("BINARYMIME" as const) : eightBit ? ("8BITMIME" as const) : undefined,
    utf8: needsUtf8(transaction),
    returns: notifications?.returns,
    envelopeId: notifications?.envelopeId,
  };
  return success({
    tag,
    envelope: [
      mailCommand(sender, parameters),
      ...recipients.map((recipient, index) => rcptCommand(recipient, notifications?.recipients[index])),
    ],
    content: ready.value,
    octets: ready.value.reduce((sum, chunk) => sum + chunk.length, 0),
    transfer: binary ? "BDAT" : "DATA",
    final: "unsent",
    contentOut: false,
    unanswered: [],
    outcomes: recipients.map(() => undefined),
    written: 0,
    answered: 0,
    accepted: 0,
    sender: "open",
  });
}

function refusalOf(transaction: Transaction<unknown>, extensions: Extensions): Refusal | undefined {
  const usable = (fault: AddressFault | undefined): boolean =>
    fault === undefined || (fault === "non-ascii" && extensions.smtpUtf8);
  const senderFault = addressFault(transaction.sender);
  if (senderFault !== undefined && !usable(senderFault)) return addressRefusal(senderFault, "5.1.7", "sender");
  for (const recipient of transaction.recipients) {
    const fault = recipient === "" ? "bad-address" : addressFault(recipient);
    if (fault !== undefined && !usable(fault)) return addressRefusal(fault, "5.1.3", "recipient");
  }
  if (transaction.utf8 === true && !extensions.smtpUtf8) {
    const message = "the header of the message is in UTF-8, the server does not offer SMTPUTF8";
    return { code: "non-ascii", status: "5.6.7", message };
  }
  const limit = extensions.size;
  if (limit !== undefined && transaction.size > limit) {
    const message = `the message has ${transaction.size} octets, the server takes ${limit}`;
    return { code: "too-large", status: "5.3.4", message };
  }
  if (transaction.binary === true) {
    if (extensions.binaryMime) return undefined;
    const message = "the message is binary, the server does not offer BINARYMIME";
    return { code: "needs-conversion", status: "5.6.3", message };
  }
  if (transaction.eightBit && !extensions.eightBitMime) {
    const message = "the message is 8-bit, the server does not offer 8BITMIME";
    return { code: "needs-conversion", status: "5.6.3", message };
  }
  return undefined;
}

function needsUtf8({ utf8, sender, recipients }: Transaction<unknown>): boolean {
  return utf8 === true || !isAscii(sender) || !recipients.every(isAscii);
}

function isAscii(text: string): boolean {
  return addressFault(text) !== "non-ascii";
}

/** Gives the same end to every recipient that has none. */
export function settle(open: Open<unknown>, outcome: Outcome): void {
  for (let index = 0; index < open.outcomes.length; index++) open.outcomes[index] ??= outcome;
}

/** RFC 5321 §4.5.3.1.10: 552 to RCPT was once "too many recipients" and is to be read as 452. */
export function refused(stage: Stage, reply: Reply): Outcome {
  const permanent = reply.code >= 500 && !(stage === "RCPT" && reply.code === 552);
  return { kind: permanent ? "failed" : "deferred", stage, reply };
}

function addressRefusal(fault: AddressFault, status: string, which: "sender" | "recipient"): Refusal {
  switch (fault) {
    case "bad-address":
      return { code: fault, status, message: `the ${which} address cannot be written into a command` };
    case "non-ascii":
      // RFC 6531 §3.7.4.2.
      return { code: fault, status: "5.6.7", message: `the ${which} address needs SMTPUTF8` };
    default:
      return fault satisfies never;
  }
}

function contentRefusal(error: ContentError): Refusal {
  const message = `the content has a faulty line end (${error.code}) at octet ${error.offset}`;
  return { code: error.code, status: "5.6.0", message };
}
