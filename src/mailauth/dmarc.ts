// What a domain asks receivers to do with mail of its own that does not pass (RFC 9989 §4.7, §4.10): its own record, else that of its
// organizational domain, found by walking up the tree. As steps that ask for DNS (dns-steps.ts).
// `pct`, `t` and `np` are not looked at: who judges whether mail would arrive takes the policy at its word.

import type { DnsSteps } from "./dns-steps.ts";

export type DmarcPolicy = "none" | "quarantine" | "reject";

export type DmarcAnswer =
  /** `domain`: whose record says so. */
  | { readonly kind: "found"; readonly domain: string; readonly policy: DmarcPolicy }
  | { readonly kind: "none" }
  | { readonly kind: "failed"; readonly cause: string };

/** RFC 9989 §4.10.1: so many questions, whatever length the name has. */
const mostLabels = 8;

interface DmarcRecord {
  readonly domain: string;
  readonly policy: DmarcPolicy;
  readonly below: DmarcPolicy;
  readonly psd: string;
}

export function* findDmarc(domain: string): DnsSteps<DmarcAnswer> {
  const found = new Map<string, DmarcRecord>();
  for (const name of walk(domain)) {
    const reply = yield { type: "txt", name: `_dmarc.${name}` };
    if (reply.kind === "failed") return reply;
    const records = reply.kind === "found" ? reply.records.flatMap((text) => readRecord(name, text)) : [];
    const [record, second] = records;
    // Two are as good as none (§4.7).
    if (record === undefined || second !== undefined) continue;
    if (name === domain) return { kind: "found", domain, policy: record.policy };
    found.set(name, record);
    if (record.psd === "n") return said(record);
    if (record.psd === "y") return said(found.get(childOf(name, domain)) ?? record);
  }
  // The highest one that was found.
  const last = [...found.values()].at(-1);
  return last === undefined ? { kind: "none" } : said(last);
}

function said({ domain, below }: DmarcRecord): DmarcAnswer {
  return { kind: "found", domain, policy: below };
}

/** The domain, and its parents; from a name of many labels to its last seven. */
function* walk(domain: string): Generator<string> {
  const labels = domain.split(".");
  yield domain;
  let start = labels.length > mostLabels ? labels.length - (mostLabels - 1) : 1;
  for (; start < labels.length; start++) yield labels.slice(start).join(".");
}

/** The one below `parent` on the way to `domain`. */
function childOf(parent: string, domain: string): string {
  const labels = domain.split(".");
  return labels.slice(Math.max(0, labels.length - parent.split(".").length - 1)).join(".");
}

function readRecord(domain: string, text: string): readonly DmarcRecord[] {
  if (!/^v\s*=\s*DMARC1\s*(?:;|$)/.test(text)) return [];
  const tags = new Map<string, string>();
  for (const part of text.split(";")) {
    const [, name, value] = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/s.exec(part) ?? [];
    if (name !== undefined && value !== undefined && !tags.has(name.toLowerCase())) tags.set(name.toLowerCase(), value);
  }
  // Without a policy that can be read it asks for nothing (§4.7).
  const policy = readPolicy(tags.get("p")) ?? "none";
  const below = readPolicy(tags.get("sp")) ?? policy;
  return [{ domain, policy, below, psd: (tags.get("psd") ?? "u").toLowerCase() }];
}

function readPolicy(text: string | undefined): DmarcPolicy | undefined {
  const word = text?.toLowerCase();
  return word === "none" || word === "quarantine" || word === "reject" ? word : undefined;
}
