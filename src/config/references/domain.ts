// Rules about local domains: names that lead to each other, who has the mailboxes, the certificate.

import { addressKey } from "../../address/address.ts";
import type { Domain } from "../../address/domain.ts";
import type { Path } from "../check.ts";
import type { Place } from "../problem.ts";
import { quote, writeEndpoint } from "../scalars.ts";
import { reaches } from "./egress.ts";
import { checkUnique, present } from "./rules.ts";
import type { Rules } from "./rules.ts";

type Leads = ReadonlyMap<string, { readonly to: readonly string[]; readonly place: Place }>;

export function checkDomains(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const domains = present(draft.domain);
  const local = new Set(domains.map(([, domain]) => domain.name));
  // A domain with a mistake in its name would make everything that refers to it wrong as well.
  const complete = domains.length === draft.domain?.length && !local.has(undefined);
  checkUnique(
    rules,
    domains.flatMap(([index, { name }]) =>
      name === undefined ? [] : [[name, placeOf("domain", index, "name"), `domain ${quote(name)}`] as const],
    ),
  );
  const leads = new Map<string, { readonly to: readonly string[]; readonly place: Place }>();
  for (const [index, { name, postmaster, aliases }] of domains) {
    const at: Path = ["domain", index];
    const mustBeLocal = (target: { readonly domain: Domain | undefined }, place: Place): void => {
      if (!complete || local.has(target.domain)) return;
      rules.report(place, `${quote(target.domain ?? "")} is not a domain of this file`, "add it as [[domain]]");
    };
    checkStore(rules, index);
    if (postmaster !== undefined) mustBeLocal(postmaster, placeOf(...at, "postmaster"));
    if (name !== undefined && postmaster !== undefined) {
      const place = placeOf(...at, "postmaster");
      for (const role of roleNames) leads.set(keyOf(role, name), { to: [addressKey(postmaster)], place });
    }
    for (const [key, targets] of aliases ?? []) {
      const place = rules.tree.keyPlaceOf(...at, "aliases", key);
      if (key === "postmaster") rules.report(place, "postmaster is not an alias", 'set "postmaster" of the domain');
      for (const [position, target] of present(targets)) {
        mustBeLocal(target, placeOf(...at, "aliases", key, position));
      }
      const to = present(targets).map(([, target]) => addressKey(target));
      if (name !== undefined && key !== "postmaster") leads.set(keyOf(key, name), { to, place });
    }
  }
  for (const loop of loopsOf(leads)) rules.report(loop.place, `${loop.path.join(" → ")} goes round in circles`);
}

function checkStore(rules: Rules, index: number): void {
  const { draft, placeOf } = rules.tree;
  const lmtp = draft.domain?.[index]?.mailboxes?.lmtp;
  if (lmtp === undefined || !("port" in lmtp)) return;
  const place = placeOf("domain", index, "mailboxes", "lmtp");
  if (lmtp.port === 25) {
    rules.report(place, "LMTP is not spoken on port 25 (RFC 2033 §5)", "port 24 is the usual one");
  }
  const own = present(draft.listener)
    .flatMap(([, listener]) => present(listener.listen))
    .find(([, endpoint]) => endpoint.port === lmtp.port && reaches(lmtp.address, endpoint));
  if (own !== undefined) {
    rules.report(place, `${writeEndpoint(own[1])} is a listener of this host: mail would go round in circles`);
  }
}

/** RFC 2142 and RFC 5321 §4.5.1: what `postmaster` of a domain stands for. */
const roleNames = ["postmaster", "abuse", "hostmaster"];

function keyOf(local: string, domain: Domain): string {
  return addressKey({ local, domain, literal: undefined });
}

/** Every circle once, at the first alias of it in the file. */
function loopsOf(leads: Leads): readonly { readonly path: readonly string[]; readonly place: Place }[] {
  const loops: { path: readonly string[]; place: Place }[] = [];
  const done = new Set<string>();
  for (const start of leads.keys()) {
    // Depth first without recursion: an operator may chain thousands of aliases.
    const path: string[] = [];
    const pending: { name: string; depth: number }[] = [{ name: start, depth: 0 }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      for (const finished of path.splice(next.depth)) done.add(finished);
      const { name } = next;
      const lead = leads.get(name);
      if (lead === undefined || done.has(name)) continue;
      const circle = path.indexOf(name);
      if (circle !== -1) {
        loops.push({ path: [...path.slice(circle), name], place: lead.place });
        continue;
      }
      path.push(name);
      for (const target of lead.to) pending.push({ name: target, depth: path.length });
    }
    for (const finished of path) done.add(finished);
  }
  return loops;
}

export function checkCertificate(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const { certificate, key, "next-key": nextKey } = draft.tls ?? {};
  if (certificate !== undefined && key === undefined)
    rules.report(placeOf("tls", "certificate"), '"certificate" needs "key"');
  if (certificate === undefined && key !== undefined) rules.report(placeOf("tls", "key"), '"key" needs "certificate"');
  if (certificate === undefined && nextKey !== undefined) {
    rules.report(placeOf("tls", "next-key"), '"next-key" needs "certificate": the key of a self-signed one stays');
  }
  if (certificate !== undefined) {
    const text = rules.sources.read(certificate);
    if (!text.ok) rules.report(placeOf("tls", "certificate"), `${quote(certificate)} ${text.error}`);
  }
  for (const [name, file] of [
    ["key", key],
    ["next-key", nextKey],
  ] as const) {
    if (file === undefined) continue;
    const place = placeOf("tls", name);
    const text = rules.sources.read(file);
    const mode = rules.sources.mode(file);
    if (!text.ok) rules.report(place, `${quote(file)} ${text.error}`);
    // The group may read it: Debian keeps keys for its group ssl-cert.
    else if (mode.ok && (mode.value & 0o007) !== 0) {
      rules.report(place, `${quote(file)} is open to everybody (mode ${mode.value.toString(8)})`, "chmod 600");
    }
  }
}
