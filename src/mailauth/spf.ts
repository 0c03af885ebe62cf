// Would this address pass? check_host() of RFC 7208 §4, as steps that ask for DNS (dns-steps.ts). All mechanisms and macros but those of
// explanations. The limits of §4.6.4 hold: ten terms that ask, ten exchanges of an `mx`, ten names of an address, two terms
// that find nothing; beyond them it is permerror. Nothing here is sent, judged or remembered.

import { isMapped, parseIp, unmapIp } from "../base/ip.ts";
import type { DnsSteps } from "./dns-steps.ts";
import { isSpfRecord, parseSpfRecord } from "./spf-record.ts";
import type { MacroPart, MacroString, Mechanism, SpfRecord } from "./spf-record.ts";

export type SpfResult = "none" | "neutral" | "pass" | "fail" | "softfail" | "temperror" | "permerror";

export interface SpfRequest {
  /** The address that would send. */
  readonly ip: string;
  /** Local part and domain of MAIL FROM. */
  readonly local: string;
  readonly domain: string;
  readonly helo: string;
}

export interface SpfAnswer {
  readonly result: SpfResult;
  /** Of temperror and permerror, for people. */
  readonly cause?: string;
}

const mostTerms = 10;
const mostVoid = 2;
const mostNames = 10;

/** Throws when `ip` is no address: that is a mistake of the caller. */
export function* checkSpf(request: SpfRequest): DnsSteps<SpfAnswer> {
  const parsed = parseIp(request.ip);
  if (parsed === undefined) throw new RangeError(`${request.ip} is not an IP address`);
  const octets = isMapped(parsed) ? unmapIp(parsed) : parsed;
  const run: Run = { ...request, octets, terms: 0, voids: 0 };
  try {
    return { result: yield* evaluate(run, request.domain) };
  } catch (error) {
    if (error instanceof Stop) return { result: error.result, cause: error.message };
    throw error;
  }
}

interface Run extends SpfRequest {
  readonly octets: Uint8Array;
  terms: number;
  voids: number;
}

/** It ends at once, however deep: an error of an included record is the error of the whole (§5.2). */
class Stop extends Error {
  readonly result: "temperror" | "permerror";
  constructor(result: "temperror" | "permerror", cause: string) {
    super(cause);
    this.result = result;
  }
}

function* evaluate(run: Run, domain: string): DnsSteps<Exclude<SpfResult, "temperror" | "permerror">> {
  if (!mayHaveRecord(domain)) return "none";
  const record = yield* recordOf(domain);
  if (record === undefined) return "none";
  for (const { qualifier, mechanism } of record.directives) {
    if (yield* matches(run, domain, mechanism)) return qualifier;
  }
  if (record.redirect === undefined) return "neutral";
  spend(run);
  const target = yield* expand(run, domain, record.redirect);
  const result = yield* evaluate(run, target);
  if (result === "none") throw new Stop("permerror", `redirect of ${domain} leads to no SPF record`);
  return result;
}

/** §4.3: several labels, none of them empty or too long. */
function mayHaveRecord(domain: string): boolean {
  const name = domain.replace(/\.$/, "");
  return name.length <= 253 && /^[^.]{1,63}(?:\.[^.]{1,63})+$/.test(name) && !name.startsWith("[");
}

function* recordOf(domain: string): DnsSteps<SpfRecord | undefined> {
  const reply = yield { type: "txt", name: domain };
  if (reply.kind === "failed") throw new Stop("temperror", reply.cause);
  const records = reply.kind === "found" ? reply.records.filter(isSpfRecord) : [];
  const [text, second] = records;
  if (text === undefined) return undefined;
  if (second !== undefined) throw new Stop("permerror", `${domain} has ${records.length} SPF records`);
  const record = parseSpfRecord(text);
  if (!record.ok) throw new Stop("permerror", `SPF record of ${domain}: ${record.error}`);
  return record.value;
}

function spend(run: Run): void {
  run.terms++;
  if (run.terms > mostTerms) throw new Stop("permerror", `more than ${mostTerms} terms that ask for DNS`);
}

function foundNothing(run: Run): void {
  run.voids++;
  if (run.voids > mostVoid) throw new Stop("permerror", `more than ${mostVoid} terms that find nothing in DNS`);
}

function* matches(run: Run, domain: string, mechanism: Mechanism): DnsSteps<boolean> {
  switch (mechanism.kind) {
    case "all":
      return true;
    case "network":
      return isIn(run.octets, mechanism.octets, mechanism.length);
    case "include": {
      spend(run);
      const target = yield* expand(run, domain, mechanism.domain);
      const result = yield* evaluate(run, target);
      if (result === "none") throw new Stop("permerror", `include of ${domain} leads to no SPF record`);
      return result === "pass";
    }
    case "exists": {
      spend(run);
      // An A record, whatever family the sender has (§5.7).
      return (yield* addressesOf(run, yield* expand(run, domain, mechanism.domain), 4)).length > 0;
    }
    case "a": {
      spend(run);
      const target = yield* targetOf(run, domain, mechanism.domain);
      const found = yield* addressesOf(run, target, family(run));
      return found.some((octets) => isIn(run.octets, octets, lengthFor(run, mechanism)));
    }
    case "mx": {
      spend(run);
      return yield* matchesExchange(run, yield* targetOf(run, domain, mechanism.domain), lengthFor(run, mechanism));
    }
    case "ptr": {
      spend(run);
      const target = (yield* targetOf(run, domain, mechanism.domain)).toLowerCase();
      const names = yield* namesOf(run);
      return names.some((name) => name === target || name.endsWith(`.${target}`));
    }
  }
}

function* matchesExchange(run: Run, domain: string, length: number): DnsSteps<boolean> {
  const reply = yield { type: "mx", name: domain };
  if (reply.kind === "failed") throw new Stop("temperror", reply.cause);
  if (reply.kind === "none") {
    foundNothing(run);
    return false;
  }
  if (reply.records.length > mostNames) throw new Stop("permerror", `${domain} has more than ${mostNames} exchanges`);
  for (const exchange of reply.records) {
    // The null MX (RFC 7505) names nobody.
    if (exchange === "") continue;
    const addresses = yield { type: "addresses", name: exchange };
    if (addresses.kind === "failed") throw new Stop("temperror", addresses.cause);
    if (octetsIn(addresses, family(run)).some((octets) => isIn(run.octets, octets, length))) return true;
  }
  return false;
}

function family({ octets }: Run): 4 | 6 {
  return octets.length === 4 ? 4 : 6;
}

function lengthFor(run: Run, { four, six }: { readonly four: number; readonly six: number }): number {
  return family(run) === 4 ? four : six;
}

function* targetOf(run: Run, domain: string, written: MacroString | undefined): DnsSteps<string> {
  return written === undefined ? domain : yield* expand(run, domain, written);
}

function* addressesOf(run: Run, name: string, wanted: 4 | 6): DnsSteps<readonly Uint8Array[]> {
  const reply = yield { type: "addresses", name };
  if (reply.kind === "failed") throw new Stop("temperror", reply.cause);
  const found = octetsIn(reply, wanted);
  if (found.length === 0) foundNothing(run);
  return found;
}

function octetsIn(reply: { readonly kind: string; readonly records?: readonly string[] }, wanted: 4 | 6): Uint8Array[] {
  return (reply.records ?? []).flatMap((text) => {
    const octets = parseIp(text);
    return octets?.length === (wanted === 4 ? 4 : 16) ? [octets] : [];
  });
}

/** Names that the address has, and that have the address (§5.5). What cannot be looked up is no name. */
function* namesOf(run: Run): DnsSteps<readonly string[]> {
  const reply = yield { type: "ptr", address: run.ip };
  if (reply.kind !== "found") return [];
  const validated: string[] = [];
  for (const name of reply.records.slice(0, mostNames)) {
    const addresses = yield { type: "addresses", name };
    if (octetsIn(addresses, family(run)).some((octets) => isIn(run.octets, octets, 128))) {
      validated.push(name.toLowerCase().replace(/\.$/, ""));
    }
  }
  return validated;
}

/** The first `length` bits agree. */
function isIn(octets: Uint8Array, network: Uint8Array, length: number): boolean {
  if (octets.length !== network.length) return false;
  return octets.every((octet, index) => {
    const bits = Math.min(Math.max(length - 8 * index, 0), 8);
    return (octet ^ network[index]!) >> (8 - bits) === 0;
  });
}

// --- macros (§7) -----------------------------------------------------------------------------------------------

function* expand(run: Run, domain: string, written: MacroString): DnsSteps<string> {
  let name = "";
  for (const part of written) name += part.kind === "text" ? part.text : yield* expandMacro(run, domain, part);
  name = name.replace(/\.$/, "");
  // §7.3: what is too long loses labels on the left.
  while (name.length > 253 && name.includes(".")) name = name.slice(name.indexOf(".") + 1);
  return name;
}

function* expandMacro(run: Run, domain: string, macro: Extract<MacroPart, { kind: "macro" }>): DnsSteps<string> {
  const value = yield* valueOf(run, domain, macro.letter);
  const divider = macro.delimiters === "" ? "." : macro.delimiters;
  const parts: string[] = [""];
  for (const character of value) {
    if (divider.includes(character)) parts.push("");
    else parts[parts.length - 1] += character;
  }
  if (macro.reversed) parts.reverse();
  const text = parts.slice(macro.keep === undefined ? 0 : -macro.keep).join(".");
  return macro.escaped ? text.replace(/[^A-Za-z0-9._~-]/gu, (character) => encodeURIComponent(character)) : text;
}

function* valueOf(run: Run, domain: string, letter: string): DnsSteps<string> {
  switch (letter) {
    case "s":
      return `${run.local}@${run.domain}`;
    case "l":
      return run.local;
    case "o":
      return run.domain;
    case "d":
      return domain;
    case "i":
      return dotted(run.octets);
    case "v":
      return family(run) === 4 ? "in-addr" : "ip6";
    case "h":
      return run.helo;
    case "p": {
      const names = yield* namesOf(run);
      const own = domain.toLowerCase();
      return (
        names.find((name) => name === own) ?? names.find((name) => name.endsWith(`.${own}`)) ?? names[0] ?? "unknown"
      );
    }
    default:
      throw new Stop("permerror", `macro ${letter} is for explanations`);
  }
}

function dotted(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join(".");
  return Array.from(Buffer.from(octets).toString("hex")).join(".");
}
