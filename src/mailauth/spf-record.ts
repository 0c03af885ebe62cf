// An SPF record as a value (RFC 7208 §4.6, §5, §6, §7). A mistake anywhere makes the whole record wrong (§4.6), so it is read to its end
// before anything is asked. What a macro stands for is spf.ts's to say. Of modifiers only `redirect` matters here: `exp` is for
// people whose mail is refused, and is checked for its form alone.

import { parseIp } from "../base/ip.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";

export interface SpfRecord {
  readonly directives: readonly Directive[];
  readonly redirect: MacroString | undefined;
}

export interface Directive {
  /** What a match means. */
  readonly qualifier: "pass" | "fail" | "softfail" | "neutral";
  readonly mechanism: Mechanism;
}

export type Mechanism =
  | { readonly kind: "all" }
  | { readonly kind: "include" | "exists"; readonly domain: MacroString }
  | { readonly kind: "a" | "mx"; readonly domain: MacroString | undefined; readonly four: number; readonly six: number }
  | { readonly kind: "ptr"; readonly domain: MacroString | undefined }
  | { readonly kind: "network"; readonly octets: Uint8Array; readonly length: number };

/** §7.1. */
export type MacroString = readonly MacroPart[];
export type MacroPart =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "macro";
      /** Lower case. */
      readonly letter: string;
      /** As a URL would have it. */
      readonly escaped: boolean;
      /** So many parts on the right; undefined: all. */
      readonly keep: number | undefined;
      readonly reversed: boolean;
      /** Characters that divide the value; "" is the dot. */
      readonly delimiters: string;
    };

/** Whether a TXT record is one at all (§4.5). */
export function isSpfRecord(text: string): boolean {
  return /^v=spf1(?: |$)/i.test(text);
}

/** Of a text that isSpfRecord. The error is for people. */
export function parseSpfRecord(text: string): Result<SpfRecord, string> {
  const directives: Directive[] = [];
  let redirect: MacroString | undefined;
  let explained = false;
  for (const term of text.slice("v=spf1".length).split(/ +/)) {
    if (term === "") continue;
    const modifier = /^([A-Za-z][A-Za-z0-9_.-]*)=(.*)$/s.exec(term);
    if (modifier === null) {
      const directive = parseDirective(term);
      if (directive === undefined) return failure(`${printable(term)} is not a mechanism`);
      directives.push(directive);
      continue;
    }
    const [, name = "", value = ""] = modifier;
    switch (name.toLowerCase()) {
      case "redirect":
        if (redirect !== undefined) return failure("there are two redirects");
        redirect = parseDomainSpec(value);
        if (redirect === undefined) return failure(`${printable(term)} names no domain`);
        break;
      case "exp":
        if (explained || parseDomainSpec(value) === undefined) return failure(`${printable(term)} is wrong`);
        explained = true;
        break;
      default:
        if (parseMacroString(value, anyLetters) === undefined) return failure(`${printable(term)} is wrong`);
    }
  }
  return success({ directives, redirect });
}

const qualifiers = { "+": "pass", "-": "fail", "~": "softfail", "?": "neutral" } as const;

function parseDirective(term: string): Directive | undefined {
  const parts = /^([+?~-]?)([A-Za-z][A-Za-z0-9_.-]*)([:/].*)?$/s.exec(term);
  if (parts === null) return undefined;
  const [, sign = "", name = "", rest = ""] = parts;
  const mechanism = parseMechanism(name.toLowerCase(), rest);
  if (mechanism === undefined) return undefined;
  const qualifier = sign === "+" || sign === "-" || sign === "~" || sign === "?" ? qualifiers[sign] : "pass";
  return { qualifier, mechanism };
}

function parseMechanism(name: string, rest: string): Mechanism | undefined {
  switch (name) {
    case "all":
      return rest === "" ? { kind: "all" } : undefined;
    case "include":
    case "exists": {
      const domain = rest.startsWith(":") ? parseDomainSpec(rest.slice(1)) : undefined;
      return domain === undefined ? undefined : { kind: name, domain };
    }
    case "a":
    case "mx":
      return parseHosts(name, rest);
    case "ptr": {
      if (rest === "") return { kind: "ptr", domain: undefined };
      const domain = rest.startsWith(":") ? parseDomainSpec(rest.slice(1)) : undefined;
      return domain === undefined ? undefined : { kind: "ptr", domain };
    }
    case "ip4":
      return parseNetwork(rest, 4);
    case "ip6":
      return parseNetwork(rest, 16);
    default:
      return undefined;
  }
}

/** `a` and `mx`: a domain, and lengths for both families (§5.6, "dual-cidr-length"). */
function parseHosts(kind: "a" | "mx", rest: string): Mechanism | undefined {
  const [, written = "", shorter, longer] = /^(.*?)(?:\/(\d+))?(?:\/\/(\d+))?$/s.exec(rest) ?? [];
  const four = lengthOf(shorter, 32);
  const six = lengthOf(longer, 128);
  if (four === undefined || six === undefined) return undefined;
  if (written === "") return { kind, domain: undefined, four, six };
  const domain = written.startsWith(":") ? parseDomainSpec(written.slice(1)) : undefined;
  return domain === undefined ? undefined : { kind, domain, four, six };
}

function parseNetwork(rest: string, octetsOfFamily: 4 | 16): Mechanism | undefined {
  const [, address = "", digits] = /^:([^/]*)(?:\/(\d+))?$/s.exec(rest) ?? [];
  const octets = parseIp(address);
  const length = lengthOf(digits, octetsOfFamily * 8);
  if (octets?.length !== octetsOfFamily || length === undefined) return undefined;
  return { kind: "network", octets, length };
}

/** Without leading zeros. */
function lengthOf(digits: string | undefined, most: number): number | undefined {
  if (digits === undefined) return most;
  return /^(?:0|[1-9]\d{0,2})$/.test(digits) && Number(digits) <= most ? Number(digits) : undefined;
}

/** §7.2: c, r and t are for the texts of explanations. */
const domainLetters = "slodiphv";
const anyLetters = "slodiphvcrt";

/** §7.1: it ends in a macro, or in a dot and a name that is no number. */
function parseDomainSpec(text: string): MacroString | undefined {
  const parts = parseMacroString(text, domainLetters);
  if (parts === undefined || text === "") return undefined;
  const tail = /(?:%\{[^}]*\}|%[%_-])?([^%]*)$/.exec(text)?.[1] ?? "";
  if (tail === "" || /\.(?=[A-Za-z0-9]*[A-Za-z-])[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?$/.test(tail)) return parts;
  return undefined;
}

const signs: Readonly<Record<string, string>> = { "%": "%", _: " ", "-": "%20" };

function parseMacroString(text: string, letters: string): MacroString | undefined {
  const parts: MacroPart[] = [];
  const pattern = /([\x21-\x24\x26-\x7e]+)|%([%_-])|%\{([A-Za-z])(\d*)(r?)([.+,/_=-]*)\}/iy;
  while (pattern.lastIndex < text.length) {
    const found = pattern.exec(text);
    if (found === null) return undefined;
    const [, literal, sign, letter = "", digits = "", reversed = "", delimiters = ""] = found;
    if (literal !== undefined) parts.push({ kind: "text", text: literal });
    else if (sign !== undefined) parts.push({ kind: "text", text: signs[sign] ?? "" });
    else {
      const small = letter.toLowerCase();
      if (!letters.includes(small) || (digits !== "" && Number(digits) === 0)) return undefined;
      parts.push({
        kind: "macro",
        letter: small,
        escaped: letter !== small,
        keep: digits === "" ? undefined : Number(digits),
        reversed: reversed !== "",
        delimiters,
      });
    }
  }
  return parts;
}

/** For people: a record may hold anything. */
function printable(term: string): string {
  return JSON.stringify(term.length > 60 ? `${term.slice(0, 60)}…` : term);
}
