// The server's part of a SCRAM nonce (RFC 5802 §5.1): 144 bits, in characters that it allows.

import { randomBytes } from "node:crypto";

export function newNonce(): string {
  return randomBytes(18).toString("base64");
}
