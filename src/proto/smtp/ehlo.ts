// The EHLO reply: what this server can do, in RFC 5321 §4.1.1.1 form. Made once per combination.

import { makeReply } from "./reply.ts";
import type { Reply } from "./reply.ts";

export interface EhloOffer {
  /** SIZE (RFC 1870), octets. */
  readonly messageSize: number;
  readonly starttls: boolean;
  /** SASL mechanisms; none: AUTH is not named. */
  readonly mechanisms: readonly string[];
}

const made = new Map<string, Reply>();

export function ehloReply(hostname: string, offer: EhloOffer): Reply {
  const key = `${hostname} ${offer.messageSize} ${offer.starttls} ${offer.mechanisms.join(",")}`;
  let reply = made.get(key);
  if (reply === undefined) {
    const lines = [hostname, "PIPELINING", `SIZE ${offer.messageSize}`, "8BITMIME", "ENHANCEDSTATUSCODES"];
    if (offer.starttls) lines.push("STARTTLS");
    if (offer.mechanisms.length > 0) lines.push(`AUTH ${offer.mechanisms.join(" ")}`);
    reply = makeReply(250, "", lines);
    made.set(key, reply);
  }
  return reply;
}
