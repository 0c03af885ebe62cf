// The policy of MTA-STS (RFC 8461 §3.2) of a domain whose mail comes here, and the TXT record that announces it. The mode
// is `testing` first: senders report and deliver all the same.

import { createHash } from "node:crypto";
import type { Domain } from "../../address/domain.ts";

export type StsMode = "testing" | "enforce" | "none";

/** Lines end with CRLF (RFC 8461 §3.2). */
export function stsPolicy(exchanger: Domain, mode: StsMode): string {
  const age = mode === "enforce" ? 31_557_600 : 604_800;
  return ["version: STSv1", `mode: ${mode}`, `mx: ${exchanger}`, `max_age: ${age}`, ""].join("\r\n");
}

/** Another policy has another id (RFC 8461 §3.1): letters and digits. */
export function stsRecord(policy: string): string {
  return `v=STSv1; id=${createHash("sha256").update(policy).digest("hex").slice(0, 20)};`;
}
