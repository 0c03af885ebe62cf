// What a server offers in its EHLO reply (RFC 5321 §4.1.1.1). Unknown keywords are ignored; a keyword that is
// malformed counts as not offered.

import type { Reply } from "./reply.ts";

export interface Extensions {
  /** RFC 2920. */
  readonly pipelining: boolean;
  /** RFC 6152. */
  readonly eightBitMime: boolean;
  /** RFC 3207. */
  readonly startTls: boolean;
  /** RFC 1870: MAIL takes SIZE=. */
  readonly offersSize: boolean;
  /** Largest message in octets; undefined when the server names none. */
  readonly size: number | undefined;
  /** RFC 4954: mechanisms, upper case. */
  readonly auth: readonly string[];
  /** RFC 3461: MAIL and RCPT take the parameters for delivery status notifications. */
  readonly dsn: boolean;
  /** RFC 6531. */
  readonly smtpUtf8: boolean;
  /** RFC 3030 §2: BDAT. */
  readonly chunking: boolean;
  /** RFC 3030 §3: BODY=BINARYMIME; counts only together with CHUNKING. */
  readonly binaryMime: boolean;
}

/** A server that only knows HELO. */
export const noExtensions: Extensions = {
  pipelining: false,
  eightBitMime: false,
  startTls: false,
  offersSize: false,
  size: undefined,
  auth: [],
  dsn: false,
  smtpUtf8: false,
  chunking: false,
  binaryMime: false,
};

export function readExtensions(reply: Reply): Extensions {
  const offered = new Map<string, string>();
  for (const line of reply.lines.slice(1)) {
    const [keyword = "", ...parameters] = line.trim().split(/ +/);
    offered.set(keyword.toUpperCase(), parameters.join(" "));
  }
  return {
    pipelining: offered.has("PIPELINING"),
    eightBitMime: offered.has("8BITMIME"),
    startTls: offered.has("STARTTLS"),
    offersSize: offered.has("SIZE"),
    size: readSize(offered.get("SIZE")),
    dsn: offered.has("DSN"),
    smtpUtf8: offered.has("SMTPUTF8"),
    chunking: offered.has("CHUNKING"),
    binaryMime: offered.has("BINARYMIME") && offered.has("CHUNKING"),
    auth: (offered.get("AUTH") ?? "").toUpperCase().split(" ").filter(Boolean),
  };
}

/** The name the server gives itself: the first word of its EHLO or HELO reply. */
export function readServerName(reply: Reply): string {
  return (reply.lines[0] ?? "").trim().split(" ", 1)[0] ?? "";
}

// RFC 1870 §4: 0 means that there is no fixed limit; 20 digits at most.
function readSize(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,20}$/.test(text)) return undefined;
  const size = Number(text);
  return size === 0 ? undefined : size;
}
