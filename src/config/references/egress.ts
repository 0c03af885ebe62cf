// Rules about the way out: threads and their parts, routes, source addresses, destinations.

import type { CheckedTree, Path } from "../check.ts";
import { formatPlace } from "../problem.ts";
import { quote, writeDuration, writeEndpoint } from "../scalars.ts";
import type { Endpoint } from "../settings.ts";
import { checkUnique, present } from "./rules.ts";
import type { Rules } from "./rules.ts";

/** Every thread has its part of what may be opened and sent at once: at least one of each. */
export function checkThreads(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const threads = draft.process?.["mail-threads"];
  if (threads === undefined) return;
  const bound = (most: number | undefined, what: string): void => {
    if (most === undefined || most >= threads) return;
    rules.report(placeOf("process", "mail-threads"), `"mail-threads" is more than ${what}, ${most}`);
  };
  bound(draft.delivery?.connections, '"connections" of [delivery]');
  bound(draft.delivery?.["connections-per-destination"], '"connections-per-destination" of [delivery]');
  for (const [, { connections }] of present(draft.egress)) bound(connections, '"connections" of an [[egress]]');
  for (const [, { connections, rate }] of present(draft.destination)) {
    bound(connections, '"connections" of a [[destination]]');
    for (const [, window] of present(rate)) bound(window.recipients, '"rate" of a [[destination]]');
  }
}

export function checkDelivery(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const delivery: Partial<NonNullable<typeof draft.delivery>> = draft.delivery ?? {};
  const { connections, retry, smarthost, "give-up": giveUp, "connections-per-destination": perDestination } = delivery;
  if (connections !== undefined && perDestination !== undefined && connections < perDestination) {
    const message = `connections ${connections} is less than connections-per-destination ${perDestination}`;
    rules.report(placeOf("delivery", "connections"), message);
  }
  const first = retry?.[0];
  if (first !== undefined && giveUp !== undefined && giveUp <= first) {
    rules.report(
      placeOf("delivery", "give-up"),
      `would give up before the second attempt after ${writeDuration(first)}`,
    );
  }
  if (smarthost !== undefined) checkTarget(rules, smarthost, ["delivery", "smarthost"]);
  for (const [index, { relay }] of present(draft.substitute?.provider)) {
    if (relay === undefined) continue;
    const target = {
      ...relay,
      protocol: "smtp",
      username: undefined,
      password: undefined,
      mechanism: undefined,
    } as const;
    checkTarget(rules, target, ["substitute", "provider", index, "relay"]);
  }
  const local = new Map(present(draft.domain).map(([index, domain]) => [domain.name, index]));
  const routes = present(draft.route);
  for (const [index, route] of routes) {
    checkTarget(rules, route, ["route", index]);
    const owner = route.domain === undefined ? undefined : local.get(route.domain);
    if (owner === undefined) continue;
    const place = placeOf("route", index, "domain");
    const where = formatPlace(placeOf("domain", owner, "name"), place);
    rules.report(place, `${quote(route.domain ?? "")} is local (${where}), its mail does not leave`);
  }
  checkUnique(
    rules,
    routes.flatMap(([index, { domain }]) =>
      domain === undefined
        ? []
        : [[domain, placeOf("route", index, "domain"), `a route for ${quote(domain)}`] as const],
    ),
  );
}

/** What `[[egress]]` and `[[destination]]` say among themselves and to `[delivery]`. */
export function checkWays(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const sources = present(draft.egress);
  checkUnique(
    rules,
    sources.flatMap(([index, { name }]) =>
      name === undefined ? [] : [[name, placeOf("egress", index, "name"), `egress ${quote(name)}`] as const],
    ),
  );
  checkUnique(
    rules,
    sources.flatMap(([index, { senders }]) =>
      present(senders).map(
        ([position, domain]) =>
          [domain, placeOf("egress", index, "senders", position), `the egress of ${quote(domain)}`] as const,
      ),
    ),
  );
  checkUnique(
    rules,
    sources.flatMap(([index, { bulk }]) =>
      bulk === true ? [["bulk", placeOf("egress", index, "bulk"), "the egress of bulk mail"] as const] : [],
    ),
  );
  const known = new Set(sources.map(([, { name }]) => name));
  const complete = sources.length === draft.egress?.length && !known.has(undefined);
  const mustBeKnown = (name: string | undefined, at: Path): void => {
    if (name === undefined || known.has(name) || !complete) return;
    rules.report(placeOf(...at, "egress"), `there is no egress ${quote(name)}`, "add it as [[egress]]");
  };
  mustBeKnown(draft.delivery?.smarthost?.egress, ["delivery", "smarthost"]);
  for (const [index, { egress }] of present(draft.route)) mustBeKnown(egress, ["route", index]);

  const destinations = present(draft.destination);
  for (const kind of ["domains", "exchangers"] as const) {
    checkUnique(
      rules,
      destinations.flatMap(([index, rule]) =>
        present(rule[kind]).map(
          ([position, name]) =>
            [name, placeOf("destination", index, kind, position), `a destination ${quote(name)}`] as const,
        ),
      ),
    );
  }
  for (const [index, { domains, exchangers }] of destinations) {
    if (domains?.length === 0 && exchangers?.length === 0) {
      rules.report(placeOf("destination", index), "a destination needs domains or exchangers");
    }
  }
}

function checkTarget(rules: Rules, target: TargetDraft, at: Path): void {
  const { draft, placeOf, keyPlaceOf } = rules.tree;
  const { host, port, protocol, tls, username } = target;
  // The password may be there and wrong, which has its own problem.
  const hasPassword = keyPlaceOf(...at, "password") !== keyPlaceOf(...at);
  const hasUsername = keyPlaceOf(...at, "username") !== keyPlaceOf(...at);
  if (hasUsername && !hasPassword) rules.report(placeOf(...at, "username"), '"username" needs "password"');
  if (hasPassword && !hasUsername) rules.report(keyPlaceOf(...at, "password"), '"password" needs "username"');
  if (username !== undefined && tls !== undefined && tls !== "required") {
    rules.report(placeOf(...at, "tls"), `a password is not sent with tls = "${tls}"`, 'tls = "required"');
  }
  if (protocol === "lmtp" && port === 25) {
    rules.report(placeOf(...at, "port"), "LMTP is not spoken on port 25 (RFC 2033 §5)", "port 24 is the usual one");
  }
  if (port === 465) {
    rules.report(placeOf(...at, "port"), "implicit TLS to a next hop is not supported", "use port 587, with STARTTLS");
  }
  if (host !== undefined && host === draft.hostname) {
    rules.report(placeOf(...at, "host"), `${quote(host)} is this host: mail would go round in circles`);
    return;
  }
  const effectivePort = port ?? (protocol === "lmtp" ? 24 : username === undefined ? 25 : 587);
  const own = present(draft.listener)
    .flatMap(([, listener]) => present(listener.listen))
    .find(([, endpoint]) => endpoint.port === effectivePort && host !== undefined && reaches(host, endpoint));
  if (own !== undefined) {
    rules.report(
      placeOf(...at, "host"),
      `${writeEndpoint(own[1])} is a listener of this host: mail would go round in circles`,
    );
  }
}

type TargetDraft = NonNullable<NonNullable<CheckedTree["draft"]["delivery"]>["smarthost"]>;

export function reaches(host: string, { address }: Endpoint): boolean {
  if (host === address) return true;
  if (address === "0.0.0.0") return host.startsWith("127.");
  return address === "::" && host === "::1";
}
