// Rules that involve more than one value: what refers to what, what excludes what, what would loop. Works on a
// draft, in which anything may be missing; each rule looks only at what is there.

import { addressKey } from "../address/address.ts";
import type { Domain } from "../address/domain.ts";
import type { CheckedTree, Path } from "./check.ts";
import { listenerTlsOf } from "./convert.ts";
import type { ConfigSources } from "./files.ts";
import { formatPlace, problemAt } from "./problem.ts";
import type { ConfigProblem, Place } from "./problem.ts";
import { checkSubstitute } from "./references-substitute.ts";
import { quote, writeDuration, writeEndpoint, writeSize, writeSizeWindow, writeWindow } from "./scalars.ts";
import type { Endpoint, WindowSettings } from "./settings.ts";

interface Rules {
  readonly tree: CheckedTree;
  readonly sources: ConfigSources;
  report(place: Place, message: string, hint?: string): void;
}

export function checkReferences(tree: CheckedTree, sources: ConfigSources): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const rules: Rules = {
    tree,
    sources,
    report: (place, message, hint) => void problems.push(problemAt(place, message, hint)),
  };
  const { draft, placeOf } = tree;
  if (draft.hostname?.includes(".") === false) {
    rules.report(
      placeOf("hostname"),
      `${quote(draft.hostname)} is not fully qualified`,
      "give the whole name, as in mx.example.jp",
    );
  }
  if (draft.process?.group !== undefined && draft.process.user === undefined) {
    rules.report(placeOf("process", "group"), '"group" needs "user"');
  }
  checkThreads(rules);
  checkDomains(rules);
  checkCertificate(rules);
  checkListeners(rules);
  checkHttp(rules);
  checkDovecot(rules);
  checkCountries(rules);
  checkSession(rules);
  checkLimits(rules);
  checkDelivery(rules);
  checkWays(rules);
  checkSubstitute(rules);
  return problems;
}

/** Every thread has its part of what may be opened and sent at once: at least one of each. */
function checkThreads(rules: Rules): void {
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

/** Keys of a table that are all there, with the index of the table in its list. */
function present<T>(list: readonly (T | undefined)[] | undefined): readonly (readonly [index: number, item: T])[] {
  return (list ?? []).flatMap((item, index) => (item === undefined ? [] : [[index, item] as const]));
}

/** Reports every item whose key came before, naming both places. */
function checkUnique(rules: Rules, items: Iterable<readonly [key: string, place: Place, name: string]>): void {
  const seen = new Map<string, Place>();
  for (const [key, place, name] of items) {
    const first = seen.get(key);
    if (first === undefined) seen.set(key, place);
    else rules.report(place, `${name} is already at ${formatPlace(first, place)}`);
  }
}

function checkDomains(rules: Rules): void {
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

type Leads = ReadonlyMap<string, { readonly to: readonly string[]; readonly place: Place }>;

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

/** Its format is looked at when it is read: at the start. */
function checkCountries(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const file = draft.abuse?.countries;
  if (file === undefined) return;
  const mode = rules.sources.mode(file);
  if (!mode.ok) rules.report(placeOf("abuse", "countries"), `${quote(file)} ${mode.error}`);
}

function checkCertificate(rules: Rules): void {
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

/** Ports on which clients expect one way of TLS (RFC 8314 §7, IANA registry). */
const usualTls: Readonly<Record<string, "starttls" | "implicit">> = {
  "submission 465": "implicit",
  "submission 587": "starttls",
  "substitute 465": "implicit",
  "substitute 587": "starttls",
  "pop3 995": "implicit",
  "pop3 110": "starttls",
};

function checkListeners(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const endpoints: (readonly [endpoint: Endpoint, place: Place])[] = [];
  for (const [index, listener] of present(draft.listener)) {
    const at: Path = ["listener", index];
    const { role, tls } = listener;
    for (const key of ["until", "pop-before-smtp"] as const) {
      if (role === undefined || role === "legacy" || listener[key] === undefined) continue;
      if (key === "until") {
        if (role === "substitute") continue;
        rules.report(placeOf(...at, key), '"until" is for roles "legacy" and "substitute": no other listener ends');
        continue;
      }
      const why = "whoever shares the address could send as well; on every other listener people log in to send";
      rules.report(placeOf(...at, key), `"${key}" is for role "legacy": ${why}`);
    }
    if (role === "mx" && listener.mechanisms !== undefined) {
      rules.report(
        placeOf(...at, "mechanisms"),
        "an mx listener offers no AUTH",
        "people log in on a submission listener",
      );
    }
    const place = placeOf(...at, "tls");
    if (role === "mx" && tls === "implicit") {
      rules.report(place, "an mx listener has no implicit TLS", "other servers only know STARTTLS (RFC 3207)");
    } else if (role !== undefined && role !== "mx" && tls === "none") {
      rules.report(place, `a ${role} listener needs TLS, as passwords pass only inside it`, '"starttls" or "implicit"');
    }
    for (const [position, endpoint] of present(listener.listen)) {
      const endpointPlace = placeOf(...at, "listen", position);
      endpoints.push([endpoint, endpointPlace]);
      const usual = usualTls[`${role} ${endpoint.port}`];
      if (role === undefined || usual === undefined) continue;
      const effective = listenerTlsOf({ role, tls });
      if (effective === usual || effective === "none") continue;
      rules.report(
        endpointPlace,
        `clients expect tls = "${usual}" on port ${endpoint.port}`,
        "make it a listener of its own",
      );
    }
  }
  for (const table of ["http", "web", "dovecot"] as const) {
    for (const [position, endpoint] of present(draft[table]?.listen)) {
      endpoints.push([endpoint, placeOf(table, "listen", position)]);
    }
  }
  for (const [index, [endpoint, place]] of endpoints.entries()) {
    const other = endpoints.slice(0, index).find(([earlier]) => collide(earlier, endpoint));
    if (other === undefined) continue;
    const name = writeEndpoint(endpoint);
    rules.report(place, `${name} collides with ${writeEndpoint(other[0])} at ${formatPlace(other[1], place)}`);
  }
}

/** Who holds a token may do everything: it passes in clear on loopback only, unless somebody says that he knows. */
function checkHttp(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const { token } = draft.http ?? {};
  checkClearText(rules, "http");
  const tokens = present(token);
  for (const [index, { name, secret }] of tokens) {
    if (name !== undefined && !/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
      rules.report(
        placeOf("http", "token", index, "name"),
        `${quote(name)} is not a name of a token`,
        "letters, digits, dots, hyphens and underscores, at most 64",
      );
    }
    checkToken(rules, secret, placeOf("http", "token", index, "secret"));
  }
  checkUnique(
    rules,
    tokens.flatMap(([index, { name }]) =>
      name === undefined ? [] : [[name, placeOf("http", "token", index, "name"), `token ${quote(name)}`] as const],
    ),
  );
}

/** Whoever has the token says who logged in: without one nobody is heard. */
function checkDovecot(rules: Rules): void {
  const { draft, placeOf, keyPlaceOf } = rules.tree;
  const { listen, token } = draft.dovecot ?? {};
  checkClearText(rules, "dovecot");
  checkToken(rules, token, placeOf("dovecot", "token"));
  // It may be there and wrong, which has its own problem.
  const hasToken = keyPlaceOf("dovecot", "token") !== placeOf("dovecot");
  if (present(listen).length > 0 && !hasToken) {
    rules.report(
      placeOf("dovecot", "listen"),
      '"listen" needs "token"',
      'token = { file = "…" }, and the same in Dovecot',
    );
  }
}

function checkClearText(rules: Rules, table: "http" | "dovecot"): void {
  const { draft, placeOf } = rules.tree;
  const { listen, tls, "clear-text": clearText } = (table === "http" ? draft.http : draft.dovecot) ?? {};
  if (tls !== "none" || clearText !== false) return;
  for (const [position, endpoint] of present(listen)) {
    if (isLoopback(endpoint.address)) continue;
    rules.report(
      placeOf(table, "listen", position),
      `${writeEndpoint(endpoint)} is not on loopback, and tokens would pass there in clear`,
      'tls = "implicit", or clear-text = true where something else protects the way',
    );
  }
}

/** RFC 6750 §2.1: b64token. */
function checkToken(rules: Rules, secret: string | undefined, place: Place): void {
  if (secret === undefined || /^[A-Za-z0-9._~+/-]{20,512}=*$/.test(secret)) return;
  rules.report(
    place,
    "the token is too short, or has characters that cannot stand in a header",
    "at least 20 letters and digits: openssl rand -hex 32",
  );
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

/** A wildcard takes the port on every address of its family; port 0 never collides. */
function collide(a: Endpoint, b: Endpoint): boolean {
  if (a.port !== b.port || a.port === 0 || a.address.includes(":") !== b.address.includes(":")) return false;
  return a.address === b.address || [a.address, b.address].some((address) => address === "0.0.0.0" || address === "::");
}

function checkSession(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const { recipients, "content-memory": memory, "message-size": size } = draft.smtp ?? {};
  const isExchanger = present(draft.listener).some(([, listener]) => listener.role === "mx");
  if (isExchanger && recipients !== undefined && recipients < 100) {
    rules.report(
      placeOf("smtp", "recipients"),
      `${recipients} is too few for an mx listener`,
      "at least 100 (RFC 5321 §4.5.3.1.8)",
    );
  }
  if (memory !== undefined && size !== undefined && memory < size) {
    const message = `content-memory ${writeSize(memory)} has no room for one message of message-size ${writeSize(size)}`;
    rules.report(placeOf("smtp", "content-memory"), message);
  }
}

function checkLimits(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const plans = present(draft.plan);
  checkUnique(
    rules,
    plans.flatMap(([index, { name }]) =>
      name === undefined ? [] : [[name, placeOf("plan", index, "name"), `a plan ${quote(name)}`] as const],
    ),
  );
  checkPlan(rules, draft.limits?.account ?? {}, ["limits", "account"]);
  for (const [index, plan] of plans) checkPlan(rules, plan, ["plan", index]);
  checkWindows(rules, draft.limits?.domain?.recipients, ["limits", "domain", "recipients"]);
}

type WindowList = readonly (WindowSettings | undefined)[] | undefined;

function checkPlan(
  rules: Rules,
  plan: {
    recipients?: WindowList;
    attempts?: WindowList;
    messages?: WindowList;
    "new-recipients"?: WindowList;
    bytes?: WindowList;
  },
  at: Path,
): void {
  const { recipients, attempts, messages } = plan;
  checkWindows(rules, recipients, [...at, "recipients"]);
  checkWindows(rules, attempts, [...at, "attempts"]);
  checkWindows(rules, messages, [...at, "messages"]);
  checkWindows(rules, plan["new-recipients"], [...at, "new-recipients"]);
  checkWindows(rules, plan.bytes, [...at, "bytes"], writeSizeWindow);
  for (const [index, window] of present(attempts)) {
    const quota = present(recipients).find(([, other]) => other.length === window.length)?.[1];
    if (quota !== undefined && window.recipients < quota.recipients) {
      const place = rules.tree.placeOf(...at, "attempts", index);
      rules.report(place, `${writeWindow(window)} lets nobody use the ${writeWindow(quota)} of "recipients"`);
    }
  }
}

function checkWindows(rules: Rules, list: WindowList, at: Path, write = writeWindow): void {
  const windows = present(list);
  const place = (index: number): Place => rules.tree.placeOf(...at, index);
  checkUnique(
    rules,
    windows.map(([index, window]) => [window.name, place(index), `a limit over ${window.name}`] as const),
  );
  for (const [index, window] of windows) {
    const stricter = windows.find(([, other]) => isNeverReached(window, other))?.[1];
    if (stricter !== undefined) {
      rules.report(place(index), `${write(window)} is never reached, ${write(stricter)} comes first`);
    }
  }
}

/** A longer window with no more room makes the shorter one idle. */
function isNeverReached(window: WindowSettings, other: WindowSettings): boolean {
  return other.length > window.length && other.recipients <= window.recipients;
}

function checkDelivery(rules: Rules): void {
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
function checkWays(rules: Rules): void {
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

type TargetDraft = NonNullable<NonNullable<CheckedTree["draft"]["delivery"]>["smarthost"]>;

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

function reaches(host: string, { address }: Endpoint): boolean {
  if (host === address) return true;
  if (address === "0.0.0.0") return host.startsWith("127.");
  return address === "::" && host === "::1";
}
