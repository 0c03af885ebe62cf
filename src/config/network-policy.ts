// The tables of `[network]` as a policy: prefixes become sets, days become instants, names are looked up. Positions in
// lists stay what they are, so that a subject of the policy is found in the file (network-places.ts).

import { formatAddress as formatMailbox } from "../address/address.ts";
import { parsePrefixLines } from "../base/address-lines.ts";
import { AddressSetBuilder, nowhere } from "../base/address-set.ts";
import type { AddressSets } from "../base/address-set.ts";
import { formatPrefix } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import { platformNamed } from "../policy/network/platforms.ts";
import { placementAt, targetKinds } from "../policy/network/policy.ts";
import type {
  Carrier,
  Exemption,
  NetworkPolicy,
  Partner,
  PartnerRequest,
  Period,
  Placement,
  Pool,
  TargetKind,
  TargetSettings,
} from "../policy/network/policy.ts";
import { checkTables } from "./check.ts";
import type { Path } from "./check.ts";
import type { ConfigSources } from "./files.ts";
import { exchangersOf } from "./network-lock.ts";
import type { NetworkLock } from "./network-lock.ts";
import { lineWith } from "./network-places.ts";
import type { PolicyPlaces } from "./network-places.ts";
import { partnerRequest } from "./schema/network.ts";
import type { NetworkTables, RequestTables } from "./schema/network.ts";
import { formatPlace, problemAt } from "./problem.ts";
import type { ConfigProblem } from "./problem.ts";
import { quote } from "./scalars.ts";
import type { Moment } from "./settings.ts";
import { readTree } from "./tree.ts";

export interface PolicySources {
  readonly places: PolicyPlaces;
  readonly sources: ConfigSources;
  readonly lock: NetworkLock | undefined;
}

export function toPolicy(
  tables: NetworkTables,
  { places, sources, lock }: PolicySources,
): { readonly policy: NetworkPolicy; readonly problems: readonly ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  const offset = tables["utc-offset"];

  function report(path: Path, message: string, hint?: string): void {
    problems.push(problemAt(places(path), message, hint));
  }

  function instantOf(moment: Moment): number {
    return moment.zoned ? moment.at : moment.at - offset * 60_000;
  }

  function periodOf(written: { readonly from: Moment | undefined; readonly until: Moment | undefined }): Period {
    const { from, until } = written;
    return {
      from: from === undefined ? undefined : instantOf(from),
      until: until === undefined ? undefined : instantOf(until),
    };
  }

  /** With the prefixes of files, where the table has some. */
  function addressesOf(written: WrittenAddresses, path: Path): AddressSets {
    const builder = new AddressSetBuilder();
    for (const prefix of [...written.ipv4, ...written.ipv6]) addPrefix(builder, prefix);
    for (const [key, family] of [
      ["ipv4-files", 4],
      ["ipv6-files", 6],
    ] as const) {
      for (const [index, file] of (written[key] ?? []).entries())
        readFile(file, family, [...path, key, index], builder);
    }
    return builder.build();
  }

  function readFile(file: string, family: 4 | 6, path: Path, builder: AddressSetBuilder): void {
    const text = sources.read(file);
    if (!text.ok) return report(path, `${quote(file)} ${text.error}`);
    const { addresses, problems: wrong } = parsePrefixLines(text.value);
    for (const { line, text: written, message } of wrong) {
      problems.push(problemAt({ file, line, column: 1 }, `${quote(written)} ${message}`, "one prefix a line"));
    }
    const other = family === 4 ? addresses.v6 : addresses.v4;
    if (!other.isEmpty) {
      const line = lineWith(text.value, (_words, _length, found) => found !== family) ?? 1;
      const message = `the line is not IPv${family}, and the file is one of ipv${family}-files`;
      problems.push(problemAt({ file, line, column: 1 }, message, `name the file in ipv${family === 4 ? 6 : 4}-files`));
    }
    builder.addSet(family === 4 ? addresses.v4 : addresses.v6);
  }

  function poolOf(written: NetworkTables["pool"][number], index: number): Pool {
    const at: Path = ["pool", index];
    const stages = written.stage.map(({ begin, stage }) => ({ at: instantOf(begin), stage }));
    for (const [position, { at: begins }] of stages.entries()) {
      const before = stages[position - 1];
      if (before !== undefined && begins <= before.at) {
        report(
          [...at, "stage", position, "begin"],
          "the stage does not begin after the one before it",
          "in order of time",
        );
      }
    }
    return {
      name: written.name,
      kind: written.kind,
      addresses: addressesOf(written, at),
      cgn: written.cgn,
      radiusProfile: written["radius-profile"],
      stages,
      inbound: written["inbound-25"] === undefined ? undefined : periodOf(written["inbound-25"]),
      sav: written.sav === undefined ? undefined : periodOf(written.sav),
      lines: written.line.map((line, position) => ({
        name: line.name,
        singleHomed: line["single-homed"],
        sav: line.sav,
        addresses: line.ipv4.length + line.ipv6.length === 0 ? undefined : addressesOf(line, [...at, "line", position]),
      })),
    };
  }

  function partnerOf(written: NetworkTables["partner"][number], index: number): Partner {
    const at: Path = ["partner", index];
    const { name, reason } = written;
    const request = written.request === undefined ? undefined : requestOf(written.request, [...at, "request"]);
    if (written.relation === "depends") {
      const { state, announced, moved } = written.migration;
      const when = announced === undefined ? undefined : instantOf(announced);
      return { relation: "depends", name, request, migration: { state, announced: when, moved } };
    }
    const builder = new AddressSetBuilder();
    builder.addSets(addressesOf(written, at));
    if (request !== undefined) builder.addSets(request.msa);
    const exchangers = new AddressSetBuilder();
    for (const domain of written.domains) exchangers.addSets(exchangersOf(lock, domain) ?? nowhere);
    return {
      relation: "gives",
      name,
      reason,
      request,
      msa: builder.build(),
      period: periodOf(written),
      exchangers: exchangers.build(),
    };
  }

  function requestOf(file: string, path: Path): PartnerRequest | undefined {
    const text = sources.read(file);
    if (!text.ok) {
      report(path, `${quote(file)} ${text.error}`);
      return undefined;
    }
    const root = readTree(text.value, file);
    if (!root.ok) {
      problems.push(root.error);
      return undefined;
    }
    const { draft, problems: wrong } = checkTables<RequestTables>(root.value, partnerRequest, sources);
    problems.push(...wrong);
    if (wrong.length > 0) return undefined;
    const { from, to, contact, begins, until, "signed-off": signed } = draft;
    return {
      from,
      to,
      contact: formatMailbox(contact),
      msa: addressesOf(draft, path),
      begins: instantOf(begins),
      until: instantOf(until),
      signedOff: signed === undefined ? undefined : { by: signed.by, at: instantOf(signed.on) },
    };
  }

  function carrierOf(written: NetworkTables["carrier"][number], index: number): Carrier {
    const builder = new AddressSetBuilder();
    builder.addSets(addressesOf(written, ["carrier", index]));
    for (const domain of written.domains) builder.addSets(exchangersOf(lock, domain) ?? nowhere);
    const { name, domains } = written;
    const unresolved = domains.filter((domain) => exchangersOf(lock, domain) === undefined);
    return { name, domains, unresolved, addresses: builder.build() };
  }

  function thirdPartyOf(written: NetworkTables["third-party"][number], index: number) {
    const at: Path = ["third-party", index];
    for (const [key, bits] of [
      ["ipv4", 32],
      ["ipv6", 128],
    ] as const) {
      for (const [position, { length }] of written[key].entries()) {
        if (length === bits) continue;
        report([...at, key, position], "an exception is for one host, not for a network", "single addresses");
      }
    }
    const { name, reason } = written;
    return { name, reason, addresses: addressesOf(written, at), period: periodOf(written) };
  }

  function exemptionOf(written: NetworkTables["exemption"][number], index: number): Exemption {
    const { addresses, subscriber, owner, reason, ticket } = written;
    if ((addresses === undefined) === (subscriber === undefined)) {
      report(["exemption", index], 'an exemption is for "addresses" or for a "subscriber"', "exactly one of them");
    }
    const builder = new AddressSetBuilder();
    for (const prefix of addresses ?? []) addPrefix(builder, prefix);
    return {
      id: written.id ?? `${index + 1}`,
      subject:
        subscriber === undefined
          ? { kind: "addresses", addresses: builder.build() }
          : { kind: "subscriber", subscriber },
      owner,
      reason,
      ticket,
      period: periodOf(written),
    };
  }

  function targetOf(name: string, written: WrittenTarget): TargetSettings {
    const at: Path = ["targets", name];
    const kind = written.kind ?? (isTargetKind(name) ? name : undefined);
    if (kind === undefined) report(at, `the target ${quote(name)} has no "kind"`, 'as in kind = "nftables"');
    const { pool } = written;
    if (pool !== undefined && !tables.pool.some((each) => each.name === pool)) {
      report([...at, "pool"], `there is no pool ${quote(pool)}`);
    }
    const isLine = written.placement === "line" || written.placement === "line-out";
    if (isLine && pool === undefined) {
      report([...at, "placement"], `a target in the place ${quote(written.placement)} needs "pool"`);
    } else if (!isLine && pool !== undefined) {
      report([...at, "pool"], '"pool" needs placement = "line"');
    }
    const { platform } = written;
    if (platform !== undefined && kind !== undefined && platformNamed(platform).kind !== kind) {
      report([...at, "platform"], `${quote(platform)} is hardware of ${platformNamed(platform).kind}, not of ${kind}`);
    }
    return {
      name,
      kind: kind ?? "json",
      placement: placementOf(written),
      customerInterfaces: written["customer-interfaces"],
      upstreamInterfaces: written["upstream-interfaces"],
      budget: written.budget,
      platform,
      nas: written.nas,
      validationOff: written["validation-off"],
      zone: written.zone,
      nameServers: written["name-servers"],
      ptrDomain: written["ptr-domain"],
    };
  }

  function checkNames(): void {
    for (const key of ["pool", "server", "partner", "carrier", "third-party"] as const) {
      const first = new Map<string, number>();
      for (const [index, { name }] of tables[key].entries()) {
        const other = first.get(name);
        if (other === undefined) first.set(name, index);
        else taken([key, index, "name"], `${key} ${quote(name)}`, [key, other, "name"]);
      }
    }
    const ids = new Map<string, number>();
    for (const [index, { id }] of tables.exemption.entries()) {
      const other = id === undefined ? undefined : ids.get(id);
      if (other !== undefined)
        taken(["exemption", index, "id"], `exemption ${quote(id ?? "")}`, ["exemption", other, "id"]);
      else if (id !== undefined) ids.set(id, index);
    }
  }

  function taken(path: Path, what: string, first: Path): void {
    report(path, `${what} is already at ${formatPlace(places(first), places(path))}`, "give it another name");
  }

  checkNames();
  const { verdict, justification } = tables;
  const policy: NetworkPolicy = {
    operator: tables.operator,
    pools: tables.pool.map(poolOf),
    servers: tables.server.map((server, index) => ({
      name: server.name,
      role: server.role,
      addresses: addressesOf(server, ["server", index]),
    })),
    ownMx: tables["own-mx"],
    partners: tables.partner.map(partnerOf),
    carriers: tables.carrier.map(carrierOf),
    thirdParties: tables["third-party"].map(thirdPartyOf),
    exemptions: tables.exemption.map(exemptionOf),
    verdict: { outbound: verdict.outbound, inbound: verdict.inbound, strict: verdict["strict-manner"] },
    blockedPorts: tables["block-ports"],
    countedPorts: tables["count-ports"],
    justification: {
      ...justification,
      notice: justification.notice === undefined ? undefined : instantOf(justification.notice),
    },
    targets: [...tables.targets].map(([name, target]) => targetOf(name, target)),
  };
  return { policy, problems };
}

type WrittenTarget = NetworkTables["targets"] extends ReadonlyMap<string, infer T> ? T : never;

interface WrittenAddresses {
  readonly ipv4: readonly Prefix[];
  readonly ipv6: readonly Prefix[];
  readonly "ipv4-files"?: readonly string[];
  readonly "ipv6-files"?: readonly string[];
}

function addPrefix(builder: AddressSetBuilder, prefix: Prefix): void {
  builder.addText(formatPrefix(prefix));
}

function isTargetKind(name: string): name is TargetKind {
  return targetKinds.some((kind) => kind === name);
}

function placementOf({ placement, pool }: WrittenTarget): Placement | undefined {
  return placement === undefined ? undefined : placementAt(placement, pool ?? "");
}
