// What the lab shows, and what must come out: written down by hand, cell by cell, from what the recommendations of JEAG
// (2005 to 2007) promise, and not computed from the policy. The policy is one file with dates (etc/lab.toml), so a
// scenario is mostly an instant.
//
// Cells: Y a banner came back · R refused at once (TCP reset) · U told that it is prohibited · - nothing came back.
// Both families must agree.

import { apart, limited, submission } from "./conversations.ts";
import type { Conversation } from "./conversations.ts";
import type { LabHost } from "./topology.ts";

/** Whom to connect to, and how the one greets who is meant. */
export interface Destination {
  readonly host: LabHost;
  readonly port: number;
  readonly banner: string;
  /** TLS comes before the banner. */
  readonly tls?: true;
}

/** Columns of the matrix. The MSA on 465 and 587 and the MX are the real server. */
export const destinations: readonly Destination[] = [
  { host: "msa", port: 25, banner: "220 msa greets" },
  { host: "msa", port: 465, banner: "220 msa.isp-a.example ", tls: true },
  { host: "msa", port: 587, banner: "220 msa.isp-a.example " },
  { host: "mta", port: 25, banner: "220 mta greets" },
  { host: "msab", port: 25, banner: "220 msab greets" },
  { host: "msab", port: 587, banner: "220 msab greets" },
  { host: "mx", port: 25, banner: "220 mx.stranger.example " },
  { host: "mx", port: 80, banner: "220 mx greets" },
  { host: "mobile", port: 25, banner: "220 mobile greets" },
  { host: "third", port: 25, banner: "220 third greets" },
  { host: "third", port: 587, banner: "220 third greets" },
];

/** Rows: three dynamic lines, a static one, and the own servers. */
export const sources = ["bot", "subb", "attacker", "biz", "msa", "mta"] as const satisfies readonly LabHost[];

export type Cell = "Y" | "R" | "U" | "-";

export type EdgeVariant =
  | { readonly kind: "nothing" }
  /** The policy at an instant of its own rollout, with another way to block if one is named. */
  | { readonly kind: "policy"; readonly at: string; readonly manner?: "drop" | "admin-prohibited" }
  /** Nothing is loaded: the filter of the scenario before goes on, this many milliseconds later. */
  | { readonly kind: "unchanged"; readonly after: number };

export interface MatrixScenario {
  readonly kind: "matrix";
  readonly id: string;
  readonly title: string;
  readonly edge: EdgeVariant;
  /** By source, in the order of `destinations`. */
  readonly expected: Readonly<Record<(typeof sources)[number], string>>;
}

/** The attacker sends with the address of its dynamic line through another one, and hears the answers on the first. */
export interface AttackScenario {
  readonly kind: "attack";
  readonly id: string;
  readonly title: string;
  readonly edge: EdgeVariant;
  /** Source address validation at the other provider. */
  readonly other: "nothing" | "strict" | "list" | "loose";
  /** Through which line it sends: its static one at the same provider, or the one at another. */
  readonly through: "same provider" | "other provider";
  /** In the order of `targets`. */
  readonly expected: string;
}

export const targets: readonly Destination[] = [
  { host: "mx", port: 25, banner: "220 mx.stranger.example " },
  { host: "mobile", port: 25, banner: "220 mobile greets" },
  { host: "msab", port: 25, banner: "220 msab greets" },
  { host: "mta", port: 25, banner: "220 mta greets" },
];

/** What the real server says, behind the filter. */
export interface ConversationScenario {
  readonly kind: "conversation";
  readonly id: string;
  readonly title: string;
  readonly edge: EdgeVariant;
  readonly conversations: readonly Conversation[];
}

/** The filter is replaced again and again under traffic. */
export interface UpdateScenario {
  readonly kind: "update";
  readonly id: string;
  readonly title: string;
  /** An instant of the policy. */
  readonly at: string;
  readonly updates: number;
  /** Beside those of the policy, in the pool; half of them change with each update. */
  readonly prefixes: number;
  /** Who connects to whom without pause, and what must come of every single connection. */
  readonly probes: readonly {
    readonly from: LabHost;
    readonly to: LabHost;
    readonly expected: "open" | "ECONNREFUSED";
  }[];
  /** One connection that goes on; none of its segments may be lost at the edge. */
  readonly stream: { readonly from: LabHost; readonly to: LabHost };
}

export type Scenario = MatrixScenario | AttackScenario | ConversationScenario | UpdateScenario;

const everything = "Y Y Y Y Y Y Y Y Y Y Y";
const permitted = { biz: everything, msa: everything, mta: everything } as const;
function dynamic(row: string): MatrixScenario["expected"] {
  return { bot: row, subb: row, attacker: row, ...permitted };
}

/** Instants of etc/lab.toml. */
const begun = {
  observe: "2026-04-15T00:00:00Z",
  mobileOnly: "2026-05-15T00:00:00Z",
  full: "2026-06-15T00:00:00Z",
  /** Three seconds before the partner's permit ends. */
  permitEnds: "2027-05-31T14:59:57Z",
  permitOver: "2027-06-01T00:00:00Z",
  inbound: "2027-07-15T00:00:00Z",
  sav: "2027-08-15T00:00:00Z",
} as const;

export const scenarios: readonly Scenario[] = [
  {
    kind: "matrix",
    id: "open",
    title: "nothing is blocked: who can reach whom at all",
    edge: { kind: "nothing" },
    //                  msa:25 465 587 mta msab:25 587 mx:25 :80 mobile third:25 587
    expected: dynamic("Y Y Y Y Y Y Y Y Y Y Y"),
  },
  {
    kind: "matrix",
    id: "observe",
    title: "observe: port 25 is counted, nothing is blocked",
    edge: { kind: "policy", at: begun.observe },
    expected: dynamic("Y Y Y Y Y Y Y Y Y Y Y"),
  },
  {
    kind: "matrix",
    id: "mobile-only",
    title: "recommendation 1: port 25 towards mobile carriers is blocked",
    edge: { kind: "policy", at: begun.mobileOnly },
    expected: dynamic("Y Y Y Y Y Y Y Y R Y Y"),
  },
  {
    kind: "matrix",
    id: "full",
    title: "recommendation 4: port 25 is blocked; the designated MSA and a partner's MSA stay open (model B)",
    edge: { kind: "policy", at: begun.full },
    expected: dynamic("Y Y Y R Y Y R Y R R Y"),
  },
  {
    kind: "conversation",
    id: "submission",
    title: "recommendation 2: port 587, with SMTP AUTH, is open to those whose port 25 is blocked",
    edge: { kind: "policy", at: begun.full },
    conversations: submission,
  },
  {
    kind: "conversation",
    id: "apart",
    title: "recommendation 3: the MSA and the MTA are apart",
    edge: { kind: "policy", at: begun.full },
    conversations: apart,
  },
  {
    kind: "conversation",
    id: "limited",
    title: "recommendation 5: what one account sends is limited, wherever it logs in",
    edge: { kind: "policy", at: begun.full },
    conversations: limited,
  },
  {
    kind: "update",
    id: "hot-update",
    title: "the filter is replaced 60 times under traffic, with 16,384 prefixes",
    at: begun.full,
    updates: 60,
    prefixes: 16_384,
    probes: [
      { from: "bot", to: "third", expected: "ECONNREFUSED" },
      { from: "biz", to: "third", expected: "open" },
    ],
    stream: { from: "mta", to: "mobile" },
  },
  {
    kind: "matrix",
    id: "permit-ends",
    title: "the same, three seconds before the partner's permit ends",
    edge: { kind: "policy", at: begun.permitEnds },
    expected: dynamic("Y Y Y R Y Y R Y R R Y"),
  },
  {
    kind: "matrix",
    id: "permit-over",
    title: "the permit has ended by itself: nothing was loaded since",
    edge: { kind: "unchanged", after: 3500 },
    expected: dynamic("Y Y Y R R Y R Y R R Y"),
  },
  {
    kind: "matrix",
    id: "drop",
    title: "the same policy, silent",
    edge: { kind: "policy", at: begun.permitOver, manner: "drop" },
    expected: dynamic("Y Y Y - - Y - Y - - Y"),
  },
  {
    kind: "matrix",
    id: "admin-prohibited",
    title: "the same policy, answered by ICMP",
    edge: { kind: "policy", at: begun.permitOver, manner: "admin-prohibited" },
    expected: dynamic("Y Y Y U U Y U Y U U Y"),
  },
  {
    kind: "attack",
    id: "attack-nothing",
    title: "asymmetric routing attack, nothing is blocked",
    edge: { kind: "nothing" },
    other: "nothing",
    through: "other provider",
    expected: "Y Y Y Y",
  },
  {
    kind: "attack",
    id: "attack-op25b",
    title: "asymmetric routing attack against OP25B alone: strangers are reached",
    edge: { kind: "policy", at: begun.full },
    other: "nothing",
    through: "other provider",
    expected: "Y Y Y R",
  },
  {
    kind: "attack",
    id: "attack-op25b-same",
    title: "the same through a static line of the same provider: the source is the pool's, so it is blocked",
    edge: { kind: "policy", at: begun.full },
    other: "nothing",
    through: "same provider",
    expected: "R R Y R",
  },
  {
    kind: "attack",
    id: "attack-ip25b",
    title: "with IP25B the answers do not come back",
    edge: { kind: "policy", at: begun.inbound },
    other: "nothing",
    through: "other provider",
    expected: "- - - R",
  },
  {
    kind: "attack",
    id: "attack-sav-loose",
    title: "loose reverse path check at the other provider, without IP25B: no defence",
    edge: { kind: "policy", at: begun.full },
    other: "loose",
    through: "other provider",
    expected: "Y Y Y R",
  },
  {
    kind: "attack",
    id: "attack-sav-strict",
    title: "strict reverse path check at the other provider",
    edge: { kind: "policy", at: begun.full },
    other: "strict",
    through: "other provider",
    expected: "- - - -",
  },
  {
    kind: "attack",
    id: "attack-sav-list",
    title: "prefix list on the line at the other provider, even with nothing else anywhere",
    edge: { kind: "nothing" },
    other: "list",
    through: "other provider",
    expected: "- - - -",
  },
  {
    kind: "attack",
    id: "attack-sav-own",
    title: "source address validation on the own lines, through a static line of the same provider",
    edge: { kind: "policy", at: begun.sav },
    other: "nothing",
    through: "same provider",
    expected: "- - - -",
  },
  {
    kind: "matrix",
    id: "everything",
    title: "all of it: OP25B, IP25B and source address validation",
    edge: { kind: "policy", at: begun.sav },
    expected: dynamic("Y Y Y R R Y R Y R R Y"),
  },
];
