// The EHLO reply: what this server can do, in RFC 5321 §4.1.1.1 form. Made once per combination.

import { makeReply } from "./reply.ts";
import type { Reply } from "./reply.ts";

export interface EhloOffer {
  /** SIZE (RFC 1870), octets. */
  readonly messageSize: number;
  /** LIMITS (RFC 9422): recipients in a transaction, transactions in a session. */
  readonly recipients: number;
  readonly messages: number;
  readonly starttls: boolean;
  /** SASL mechanisms; none: AUTH is not named. */
  readonly mechanisms: readonly string[];
}

const made = new Map<string, Reply>();

export function ehloReply(hostname: string, offer: EhloOffer): Reply {
  const { messageSize, recipients, messages } = offer;
  const mechanisms = offer.mechanisms.join(" ");
  const key = `${hostname} ${messageSize} ${recipients} ${messages} ${offer.starttls} ${mechanisms}`;
  let reply = made.get(key);
  if (reply === undefined) {
    const lines = [hostname, "PIPELINING", `SIZE ${messageSize}`, "8BITMIME", "ENHANCEDSTATUSCODES"];
    lines.push("CHUNKING", "BINARYMIME", "SMTPUTF8", "DSN", `LIMITS RCPTMAX=${recipients} MAILMAX=${messages}`);
    if (offer.starttls) lines.push("STARTTLS");
    if (mechanisms !== "") lines.push(`AUTH ${mechanisms}`);
    reply = makeReply(250, "", lines);
    made.set(key, reply);
  }
  return reply;
}
