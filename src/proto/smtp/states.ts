// The states of a server session: which command is asked about where, and where it leads when the answer is yes.
//
//   state      commands asked about                        on success (2xx, 3xx)
//   greeting   (connection)                                start
//   start      HELO EHLO                                   idle
//   idle       HELO EHLO STARTTLS AUTH MAIL                idle idle tls sasl→idle mail
//   mail       HELO EHLO RCPT                              idle idle rcpt
//   rcpt       HELO EHLO RCPT DATA BDAT                    idle idle rcpt content chunk
//   sasl       (response)                                  idle
//   content    (message)                                   idle
//   chunk      (message, after BDAT LAST)                  idle; chunks after any other chunk
//   chunks     HELO EHLO BDAT                              idle idle chunk
//   skip       (nothing: a chunk is thrown away)           where BDAT came from; idle when it failed the message
//
// RSET leads to idle from mail, rcpt and chunks; NOOP, VRFY, HELP and QUIT are answered everywhere; all else gets 503. A BDAT
// that gets 503 is answered after its octets are read away (RFC 3030 §2).

import type { Verb } from "./commands.ts";
import { makeReply, replies } from "./reply.ts";
import type { Reply } from "./reply.ts";

export type SmtpState =
  | "greeting"
  | "start"
  | "idle"
  | "mail"
  | "rcpt"
  | "sasl"
  | "content"
  | "chunk"
  | "chunks"
  | "skip"
  | "tls"
  | "closed";

export const transitions: { readonly [V in Verb]?: { readonly [S in SmtpState]?: SmtpState } } = {
  HELO: { start: "idle", idle: "idle", mail: "idle", rcpt: "idle", chunks: "idle" },
  EHLO: { start: "idle", idle: "idle", mail: "idle", rcpt: "idle", chunks: "idle" },
  STARTTLS: { idle: "tls" },
  AUTH: { idle: "idle" },
  MAIL: { idle: "mail" },
  RCPT: { mail: "rcpt", rcpt: "rcpt" },
  DATA: { rcpt: "content" },
  BDAT: { rcpt: "chunk", chunks: "chunk" },
};

/** For a command that the table does not name in this state. */
export function outOfSequence(verb: Verb, state: SmtpState): Reply {
  if (state === "start") return replies.heloFirst;
  if (state === "chunks") return replies.chunksBegun;
  if (verb === "RCPT") return replies.senderFirst;
  if (verb === "DATA") return state === "idle" ? replies.senderFirst : replies.recipientFirst;
  if (verb === "BDAT") return state === "idle" ? replies.chunkOutOfPlace : replies.recipientFirst;
  return makeReply(503, "5.5.1", `${verb} is not possible during a mail transaction`);
}
