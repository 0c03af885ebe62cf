// Why a connection ended: as a status, and in words for reports and the log.

import type { SessionFailure } from "../proto/smtp-client/transaction.ts";

export interface ConnectionFailure {
  readonly cause: "unreachable" | "timeout" | "lost" | "tls" | "loop" | "shutdown" | SessionFailure["code"];
  /** RFC 3463; class 5 only where no later attempt can do better. */
  readonly status: string;
  readonly text: string;
}

export function fromSession(failure: SessionFailure): ConnectionFailure {
  const { code, message, reply } = failure;
  const text = message;
  switch (code) {
    case "refused":
      // RFC 7504: 521 is a host that takes no mail, ever. Other refusals of a session may be about this hour or this host.
      return { cause: code, status: reply?.code === 521 ? "5.3.2" : transient(reply, "4.4.2"), text };
    case "closing":
      return { cause: code, status: transient(reply, "4.4.2"), text };
    case "violation":
      return { cause: code, status: "4.5.0", text };
    case "tls-unavailable":
    case "auth-unavailable":
      return { cause: code, status: "4.7.4", text };
    case "auth-refused":
      // Our configuration is wrong, not the mail: it waits.
      return { cause: code, status: "4.7.8", text };
    default:
      return code satisfies never;
  }
}

function transient(reply: SessionFailure["reply"], fallback: string): string {
  return reply?.enhanced === undefined ? fallback : `4${reply.enhanced.slice(1)}`;
}

const descriptions: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ETIMEDOUT: "connection timed out",
  ENETUNREACH: "no route to the network",
  EHOSTUNREACH: "no route to the host",
  ECONNRESET: "connection reset by the server",
  EADDRNOTAVAIL: "the source address is not one of this host",
  EPIPE: "connection reset by the server",
};

export function describe(error: NodeJS.ErrnoException): string {
  return descriptions[error.code ?? ""] ?? error.message;
}
