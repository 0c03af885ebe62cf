// A packet as far as a policy can tell packets apart, and what the policy says about one.

import type { Address, Family } from "../../base/address.ts";
import type { Manner } from "./policy.ts";

export const tcp = 6;

export interface Packet {
  readonly family: Family;
  readonly source: Address;
  readonly destination: Address;
  /** Number of the protocol above IP; for IPv6 the one after all extension headers. */
  readonly protocol: number;
  /** TCP and UDP only, and not in later fragments. */
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
  /** TCP: the first segment of a connection, or any other. */
  readonly flags: "syn" | "other";
  /** `rest` is every fragment but the first; it carries no ports. */
  readonly fragment: "whole" | "first" | "rest";
  /** `up` comes from customers, `down` goes to them. */
  readonly direction: "up" | "down";
  /** Customer interface by which it came up, where the filter knows it. */
  readonly line: string | undefined;
  /** Subscriber of the session, where the filter knows it. */
  readonly subscriber: string | undefined;
}

export interface Decision {
  readonly decision: "pass" | "block";
  /** How it is blocked, if the target can; undefined when it passes. */
  readonly manner: Manner | undefined;
  /** Stable name of the rule that decided. */
  readonly rule: string;
  /** A sentence for people. */
  readonly why: string;
}
