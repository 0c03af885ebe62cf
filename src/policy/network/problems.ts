// What can be wrong with a policy, each with a stable name. An error makes `net check` say no (exit code 2). Most errors
// also stop texts from being made; an expired permit does not, since the text without it is the right one, and somebody
// has to take it off the devices.

import type { Address } from "../../base/address.ts";

interface Kind {
  readonly severity: "error" | "warning";
  /** Whether no filter may be made of such a policy. */
  readonly stops: boolean;
  /** What to do. */
  readonly hint: string;
}

const error = (hint: string): Kind => ({ severity: "error", stops: true, hint });
const lapsed = (hint: string): Kind => ({ severity: "error", stops: false, hint });
const warning = (hint: string): Kind => ({ severity: "warning", stops: false, hint });

export const problemKinds = {
  "empty-set": error("name its prefixes, or take it out: an empty set never means everybody"),
  "pools-overlap": error("an address belongs to one pool: part the prefixes"),
  "one-family": warning("name the prefixes of the other family too, or bots move there"),
  "static-blocked": error("static customers are never blocked: make it a dynamic pool, or take this out"),
  "server-in-pool": error("give the server an address outside of the dynamic pools"),
  "cgn-exemption": error("subscribers share these addresses: exempt the subscriber, or give him an address of his own"),
  "cgn-at-edge": warning("the filter must stand before the translation: use a target with interfaces, or RADIUS"),
  "inbound-nowhere": warning("give it a target at an edge, at interfaces or at lines that see both directions"),
  "other-port": error("only port 25 is blocked; 587 must stay open (RFC 5068 §3.1), and so do 465, 993 and 995"),
  "permit-without-end": error("say until when: it ends by itself"),
  "permit-expired": lapsed("renew it, or take it out"),
  "period-reversed": error("put the beginning before the end"),
  "permit-too-long": error("at most 400 days, or write the reason down"),
  "permit-too-wide": error("not shorter than /24 or /48: name the MSA's own prefixes, or write the reason down"),
  "permit-holds-exchanger": error(
    "a permit for an MX lets every bot through to it: take it out, or write the reason down",
  ),
  "permit-shadowed": error("take one of the two out"),
  "permit-without-effect": error("take it out: nothing blocks it"),
  "permit-beyond-request": error("not longer than what was asked for"),
  "third-party-without-reason": error("offer submission for that sender (substitute MSA), or say why not"),
  "exemption-incomplete": error("owner, reason and ticket: somebody will ask"),
  "subscriber-unsayable": error("only RADIUS targets know subscribers: exempt an address, or use such targets only"),
  "request-unsigned": warning("have it signed off before the date"),
  "request-differs": error("the request and the own msa25 servers must name the same prefixes"),
  "migration-late": warning("move the users to 587 before the other side blocks port 25"),
  "own-mx-open": warning('bots in the pools can send to the own domains: better own-mx = "blocked"'),
  "no-submission": error("users need a server on 587 or 465 before port 25 is blocked"),
  "no-carriers": error("name the carriers' mail servers, or leave the stage out"),
  "carrier-unresolved": error("run `net refresh`"),
  "inbound-wider": error("IP25B begins with the stage that blocks, or later, and ends before it"),
  "answer-cut": error("let OP25B and IP25B permit the same, in the same places"),
  "stage-unobserved": warning("begin with `observe`: it shows who would be hit"),
  "sav-without-line": error("name the customer interfaces of the pool"),
  "sav-loose": error('the loose check lets every routed source pass: sav = "list"'),
  "sav-multihomed": error('the strict check drops honest packets there: sav = "list", or single-homed = true if it is'),
  "line-contradiction": error("one interface, one way to validate: say the same in all pools"),
  "justification-missing": error("write it into [network.justification]: it is what makes blocking lawful"),
  "justification-thin": warning("write it into [network.justification]"),
  "notice-late": error("tell the users before the stage begins, and say when"),
  "flowspec-validation": error(
    "a source-scoped rule fails default validation (RFC 8955 §6): switch it off for these sessions, then say validation-off = true",
  ),
  "target-incomplete": error("say what the target needs"),
} as const satisfies Readonly<Record<string, Kind>>;

export type ProblemId = keyof typeof problemKinds;

export interface PolicyProblem {
  readonly id: ProblemId;
  /** What it is about: steps from the policy, as in `["pool", 2, "stage", 1]`, by the names of the file. */
  readonly at: readonly (string | number)[];
  /** The address that makes it so. */
  readonly address: Address | undefined;
  readonly message: string;
}

/** Whether a filter made of the policy would be wrong. */
export function stops({ id }: PolicyProblem): boolean {
  return problemKinds[id].stops;
}
