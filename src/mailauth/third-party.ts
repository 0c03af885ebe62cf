// Mail of somebody else's domain, sent from here: would receivers take it? Read from what the domain publishes. We do not sign for it,
// so that only SPF can pass, and with it DMARC, since MAIL FROM and From are in the same domain. A pure judgement and, around
// it, the steps that ask for DNS.

import type { DnsSteps } from "./dns-steps.ts";
import { findDmarc } from "./dmarc.ts";
import type { DmarcAnswer } from "./dmarc.ts";
import { checkSpf } from "./spf.ts";
import type { SpfResult } from "./spf.ts";

/** passes: SPF names our addresses. tolerated: it does not, and nobody is asked to refuse that. fails: receivers would refuse it, or hide it. */
export type Fit = "passes" | "tolerated" | "fails";

export type Judgement =
  /** `words`: what the domain publishes; for a reply, so they are ours alone. */
  | { readonly kind: "known"; readonly fit: Fit; readonly words: string }
  | { readonly kind: "unknown"; readonly cause: string };

export interface AddressResult {
  readonly ip: string;
  readonly result: SpfResult;
  readonly cause?: string;
}

/** `addresses`: all those that the world may see our mail come from; at least one. The worst of them decides. */
export function* judgeDomain(domain: string, addresses: readonly string[], helo: string): DnsSteps<Judgement> {
  const results: AddressResult[] = [];
  // Without a local part it is postmaster's (RFC 7208 §4.3): records that tell users apart by macro are read as for him.
  for (const ip of addresses) results.push({ ip, ...(yield* checkSpf({ ip, local: "postmaster", domain, helo })) });
  const worst = judgeSpf(domain, results);
  if (worst !== undefined) return worst;
  return judgeBoth(domain, results, yield* findDmarc(domain));
}

/** What SPF alone decides, whatever DMARC says. */
function judgeSpf(domain: string, results: readonly AddressResult[]): Judgement | undefined {
  const failed = results.find(({ result }) => result === "fail");
  if (failed !== undefined) {
    return { kind: "known", fit: "fails", words: `SPF of ${domain} forbids mail from ${failed.ip}` };
  }
  const unknown = results.find(({ result }) => result === "temperror");
  if (unknown !== undefined) return { kind: "unknown", cause: unknown.cause ?? `SPF of ${domain}` };
  if (results.every(({ result }) => result === "pass")) {
    return { kind: "known", fit: "passes", words: `SPF of ${domain} allows mail from here` };
  }
  return undefined;
}

function judgeBoth(domain: string, results: readonly AddressResult[], dmarc: DmarcAnswer): Judgement {
  const { ip, result } = results.find((each) => each.result !== "pass") ?? { ip: "", result: "none" };
  const spf = `SPF of ${domain} says ${result} about ${ip}`;
  switch (dmarc.kind) {
    case "failed":
      return { kind: "unknown", cause: dmarc.cause };
    case "none":
      return { kind: "known", fit: "tolerated", words: `${spf}, and it has no DMARC policy` };
    case "found": {
      const { policy } = dmarc;
      const words = `${spf}, and its DMARC policy is ${policy}`;
      return { kind: "known", fit: policy === "none" ? "tolerated" : "fails", words };
    }
  }
}
