// Programs as texts of this machine's nftables, and what such a text or the kernel's listing says.

import { failure, success } from "../base/result.ts";
import { everywhere } from "../base/address-set.ts";
import type { Program, Scope } from "../compile/ir.ts";
import { describePacket } from "../compile/packet.ts";
import { agedText } from "../compile/targets/nftables/aged.ts";
import { nftables } from "../compile/targets/nftables/index.ts";
import { verify } from "../compile/verify.ts";
import type { EdgeTarget } from "./apply.ts";

export interface EdgeInterfaces {
  readonly customerInterfaces: readonly string[];
  readonly upstreamInterfaces: readonly string[];
}

export interface NftTarget extends EdgeTarget {
  /** All packets, on every line that one of the programs knows. */
  scopeOf(...programs: readonly Program[]): Scope;
}

export function createNftTarget({ customerInterfaces, upstreamInterfaces }: EdgeInterfaces): NftTarget {
  const scopeOf = (...programs: readonly Program[]): Scope => ({
    directions: ["up", "down"],
    lines: [undefined, ...new Set([...customerInterfaces, ...programs.flatMap(linesOf)])],
    upstreams: [undefined, ...upstreamInterfaces],
    sources: everywhere,
    destinations: everywhere,
  });
  return {
    scopeOf,
    table: "sekimori",
    print: (program, { at, validUntil, revision }) => {
      const rendered = nftables.render(program, { revision, at, validUntil, hypotheses: [], strictManner: false });
      if (rendered.ok) return success(rendered.value[0]!.text);
      return failure(
        rendered.error.map(({ rule, message }) => `${rule === undefined ? "" : `${rule}: `}${message}`).join("; "),
      );
    },
    aged: agedText,
    read: (text, at) => {
      const context = { scope: scopeOf(), customerInterfaces, upstreamInterfaces, at };
      const read = nftables.parse([{ path: "sekimori.nft", text }], context);
      return read.ok ? read : failure(`line ${read.error.line}: ${read.error.message}`);
    },
    difference: (wanted, found) => {
      const result = verify(wanted, found, scopeOf(wanted, found));
      if (result.kind === "equal") return undefined;
      const { packet, left, right } = result;
      return `${describePacket(packet)}: meant ${left.action.kind} (${left.rule}), found ${right.action.kind} (${right.rule})`;
    },
  };
}

function linesOf({ validations }: Program): readonly string[] {
  return validations.map(({ line }) => line);
}
