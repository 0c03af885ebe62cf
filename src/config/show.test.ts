// The laws of the configuration: what is shown reads back as the same settings, and no text makes the reader throw.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import type { Address } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import type { Domain } from "../address/domain.ts";
import { parsePrefix } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import { failure, success } from "../base/result.ts";
import { demoSettings, parseSettings } from "./load.ts";
import type { ParseOptions } from "./load.ts";
import { formatProblem } from "./problem.ts";
import { readIp, writeDuration } from "./scalars.ts";
import type {
  DestinationRule,
  DomainSettings,
  PlanSettings,
  EgressSource,
  Endpoint,
  RouteTarget,
  Settings,
  WindowSettings,
  ListenerSettings,
} from "./settings.ts";
import { showEffective } from "./show.ts";

const hidden = "a-secret-that-is-never-shown";
const sources: ParseOptions = {
  read: () => success(""),
  list: () => failure("does not exist"),
  mode: () => success(0o600),
  environment: { SECRET: hidden },
};

/** Reads shown text; the hidden passwords are given a place. */
function parse(text: string): Settings {
  const parsed = parseSettings(
    text.replaceAll('"(secret)"', '{ environment = "SECRET" }'),
    "/etc/sekimori.toml",
    sources,
  );
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.error.map(formatProblem).join("\n"));
  return parsed.value.settings;
}

function domainOf(text: string): Domain {
  const domain = parseDomain(text);
  assert.ok(domain.ok);
  return domain.value;
}

function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  assert.ok(prefix.ok);
  return prefix.value;
}

function addressOf(local: string, domain: Domain): Address {
  return { local, domain, literal: undefined };
}

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/);
const anyDomain = fc
  .tuple(label, fc.constantFrom("jp", "example", "xn--r8jz45g"))
  .map((parts) => domainOf(parts.join(".")));
const anyIp = fc.oneof(fc.ipV4(), fc.ipV6()).map((address) => readIp(address) ?? "");
const anyEndpoint = (port: number): fc.Arbitrary<Endpoint> => anyIp.map((address) => ({ address, port }));
const anyPrefix = fc
  .constantFrom("192.0.2.0/24", "192.0.2.1", "0.0.0.0/0", "2001:db8::/32", "::1")
  .map((text) => prefixOf(text));
const anyPort = fc.integer({ min: 1, max: 65_535 });
const anyPath = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
  .map((text) => `/srv/${text.replaceAll(/[/\0.]|\p{Cs}/gu, "_")}`);
const anySocketPath = fc.stringMatching(/^\/[ !-~]{1,100}$/);
const anyLocal = fc.oneof(label, fc.stringMatching(/^[ !-~]{1,10}$/)).map((local) => local.toLowerCase());
const between = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
const anyText = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !/\0|\p{Cs}/u.test(text));

const anyTarget: fc.Arbitrary<RouteTarget> = fc
  .record({
    host: fc.oneof(anyDomain, anyIp),
    port: anyPort.filter((port) => port !== 465 && port !== 25),
    protocol: fc.constantFrom("smtp", "lmtp"),
    tls: fc.constantFrom("opportunistic", "required", "never"),
    auth: fc.option(
      anyText.map((username) => ({ username, password: hidden })),
      { nil: undefined },
    ),
  })
  .map((target) => (target.auth === undefined ? target : { ...target, tls: "required" }));

const anyStoreTarget: fc.Arbitrary<RouteTarget> = fc.oneof(
  anySocketPath.map((host) => ({ host, port: 0, protocol: "lmtp" as const, tls: "never" as const, auth: undefined })),
  fc.tuple(anyIp, between(26, 65_535)).map(([host, port]) => ({
    host,
    port,
    protocol: "lmtp" as const,
    tls: "opportunistic" as const,
    auth: undefined,
  })),
);

const anyWindows: fc.Arbitrary<readonly WindowSettings[]> = fc
  .uniqueArray(between(1000, 1e10), { minLength: 1, maxLength: 3 })
  .map((lengths) =>
    lengths
      .toSorted((a, b) => a - b)
      .map((length, index) => ({ name: writeDuration(length), length, recipients: 10 ** (index + 1) })),
  );

const anyPlan: fc.Arbitrary<PlanSettings> = fc
  .record({
    windows: anyWindows,
    messages: fc.oneof(fc.constant([]), anyWindows),
    newRecipients: fc.oneof(fc.constant([]), anyWindows),
    bytes: fc.oneof(fc.constant([]), anyWindows),
    recipientsPerMessage: between(1, 50_000),
    over: fc.constantFrom("defer" as const, "reject" as const, "hold" as const),
    foreignSender: fc.constantFrom("refuse" as const, "tag" as const, "rewrite" as const),
    contentChecks: fc.boolean(),
    identityHeader: fc.constantFrom("none" as const, "plain" as const, "keyed-hash" as const),
    ramp: fc.record({ length: between(0, 365).map((days) => days * 86_400_000), share: between(1, 100) }),
  })
  .map(({ windows, ...rest }) => ({ ...rest, recipients: windows, attempts: windows }))
  // Where mail is held it is known how much of it.
  .filter(({ over, bytes }) => over !== "hold" || bytes.length > 0);

const anyClientLimits: fc.Arbitrary<Settings["limits"]["client"]> = fc.record({
  connections: between(1, 1_000_000),
  connectionRate: fc.oneof(fc.constant([]), anyWindows),
  messages: fc.oneof(fc.constant([]), anyWindows),
  recipients: fc.oneof(fc.constant([]), anyWindows),
  authFailures: fc.oneof(fc.constant([]), anyWindows),
  fail: fc.constantFrom("closed" as const, "open" as const),
  exempt: fc.array(anyPrefix, { maxLength: 2 }),
});

function anyDomains(names: readonly Domain[]): fc.Arbitrary<readonly DomainSettings[]> {
  const anyTargets = fc.array(
    fc.constantFrom(...names).map((name) => addressOf("somebody", name)),
    { minLength: 1, maxLength: 3 },
  );
  const aliases = fc.dictionary(
    anyLocal.filter((local) => local !== "postmaster" && local !== "somebody"),
    anyTargets,
    { maxKeys: 4 },
  );
  const rest = fc.record({
    aliases: aliases.map((entries) => new Map(Object.entries(entries))),
    dkim: fc.option(fc.record({ selector: label, keyFile: anyPath }), { nil: undefined }),
    store: fc.option(
      fc.record({
        target: anyStoreTarget,
        imap: fc.option(anyDomain, { nil: undefined }),
        answerWithin: between(0, 240_000),
      }),
      { nil: undefined },
    ),
    contract: fc.constantFrom({}, { since: { written: "2027-04-01", at: Date.UTC(2027, 3, 1), zoned: false } }),
  });
  const all = names.map((name) =>
    rest.map(({ contract, ...more }) => ({ name, postmaster: addressOf("somebody", name), ...contract, ...more })),
  );
  return fc.tuple(...all);
}

const anySources: fc.Arbitrary<readonly EgressSource[]> = fc
  .uniqueArray(fc.tuple(anyText, anyDomain), {
    maxLength: 3,
    selector: ([name]) => name,
  })
  .chain((named) => {
    const senders = new Set<string>();
    return fc.tuple(
      ...named.map(([name, sender], index) => {
        const fresh = senders.has(sender) ? [] : [sender];
        senders.add(sender);
        return fc.record({
          name: fc.constant(name),
          addresses: fc.array(anyIp, { minLength: 1, maxLength: 2 }),
          hostname: fc.option(anyDomain, { nil: undefined }),
          senders: fc.constant(fresh),
          bulk: index === 0 ? fc.boolean() : fc.constant(false),
          connections: between(1, 100_000),
        });
      }),
    );
  });

const anyDestinations: fc.Arbitrary<readonly DestinationRule[]> = fc
  .uniqueArray(anyDomain, { maxLength: 4 })
  .chain((names) =>
    fc.tuple(
      ...names.map((name) =>
        fc.record({
          domains: fc.constant([name]),
          exchangers: fc.constantFrom([], [domainOf(`mx.${name}`)]),
          connections: between(1, 10_000),
          messagesPerConnection: between(1, 1_000_000),
          rate: anyWindows,
        }),
      ),
    ),
  );

const lastDay = { written: "2027-03-31", at: Date.UTC(2027, 3, 1), zoned: false };

/** Third parties beside the local domains. */
function anySubstitute(local: readonly Domain[]): fc.Arbitrary<Settings["substitute"]> {
  return fc.record({
    sendsFrom: fc.array(anyIp, { minLength: 1, maxLength: 2 }),
    codeLife: between(1000, 7 * 86_400_000),
    codePage: fc.boolean(),
    codes: anyWindows,
    renewal: between(91 * 86_400_000, 1000 * 86_400_000),
    remind: between(1000, 90 * 86_400_000),
    reread: between(1000, 43_200_000),
    keepVerdict: between(86_400_000, 30 * 86_400_000),
    providers: fc.tuple(
      ...local.slice(0, 2).map((name) =>
        fc.record({
          domains: fc.constant([domainOf(`third.${name}`)]),
          relay: fc.option(
            fc.record({
              host: anyDomain,
              port: fc.constant(25),
              tls: fc.constantFrom("opportunistic", "required", "never"),
              protocol: fc.constant("smtp" as const),
              auth: fc.constant(undefined),
            }),
            { nil: undefined },
          ),
          until: fc.constantFrom(undefined, lastDay),
        }),
      ),
    ),
  });
}

const anySettings: fc.Arbitrary<Settings> = fc
  .uniqueArray(anyDomain, { minLength: 2, maxLength: 5 })
  .chain(([hostname, ...names]) => {
    const own = names.map((name) => domainOf(`local.${name}`));
    const anyPlace = {
      endpoints: fc.array(anyEndpoint(0), { minLength: 1, maxLength: 2 }),
      tls: fc.constant("starttls" as const),
      proxies: fc.array(anyPrefix, { maxLength: 2 }),
    };
    const mechanisms = fc.uniqueArray(
      fc.constantFrom("scram-sha-256" as const, "plain" as const, "login" as const, "cram-md5" as const),
      { minLength: 1 },
    );
    return fc.record<Settings>({
      version: fc.constant(1),
      hostname: fc.constant(domainOf(`mx.local.${hostname ?? ""}`)),
      state: anyPath,
      retention: fc.record({
        log: between(1, 3650).map((days) => days * 86_400_000),
        correspondents: between(7, 3650).map((days) => days * 86_400_000),
      }),
      abuse: fc.record({
        act: fc.constantFrom("none", "notice", "slow", "hold", "suspend"),
        clause: fc.option(anyText, { nil: undefined }),
        help: fc.option(anyText, { nil: undefined }),
        countries: fc.option(anyPath, { nil: undefined }),
      }),
      process: fc.option(fc.record({ user: anyText, group: anyText }), { nil: undefined }),
      mailThreads: fc.constantFrom(undefined, 1),
      log: fc.record({
        level: fc.constantFrom("debug", "info", "warn", "error"),
        directory: anyPath,
        stdout: fc.boolean(),
      }),
      http: fc.record({
        listen: fc.array(anyEndpoint(0), { maxLength: 2 }),
        tls: fc.constantFrom("none", "implicit"),
        clearText: fc.constant(true),
        names: fc.array(anyDomain, { maxLength: 2 }),
        tokens: fc.uniqueArray(
          fc.record({ name: label, secret: fc.constant(hidden), rights: fc.constantFrom("read", "change") }),
          { maxLength: 2, selector: ({ name }) => name },
        ),
      }),
      web: fc.record({
        listen: fc.array(anyEndpoint(0), { maxLength: 2 }),
        tls: fc.constantFrom("none", "implicit"),
        forwardedBy: fc.array(anyPrefix, { maxLength: 2 }),
        outsideHosts: fc.array(anyDomain, { maxLength: 2 }),
        mtaSts: fc.constantFrom("none", "testing", "enforce"),
      }),
      dovecot: fc.record({
        listen: fc.array(anyEndpoint(0), { maxLength: 2 }),
        tls: fc.constantFrom("none", "implicit"),
        clearText: fc.constant(true),
        token: fc.constant(hidden),
        users: fc.option(anyPath, { nil: undefined }),
        doveadm: fc.option(
          fc.record({
            host: anyDomain,
            port: fc.integer({ min: 1, max: 65_535 }),
            tls: fc.constant("implicit" as const),
            ca: fc.option(anyPath, { nil: undefined }),
            key: fc.constant(hidden),
          }),
          { nil: undefined },
        ),
      }),
      tls: fc.record({
        kind: fc.constant("files"),
        certificate: anyPath,
        key: anyPath,
        nextKey: fc.option(anyPath, { nil: undefined }),
      }),
      domains: anyDomains(own),
      listeners: fc.array(
        fc.oneof(
          fc.record(
            {
              role: fc.constant("mx" as const),
              ...anyPlace,
              mechanisms: fc.constant([]),
              sessions: between(1, 20),
              contentMemory: between(2 ** 30, 2 ** 31),
            },
            { requiredKeys: ["role", "endpoints", "tls", "proxies", "mechanisms"] },
          ),
          fc.record<ListenerSettings>({ role: fc.constantFrom("submission", "pop3"), ...anyPlace, mechanisms }),
          fc.record<ListenerSettings>({
            role: fc.constant("legacy"),
            ...anyPlace,
            mechanisms,
            legacy: fc.record({
              until: fc.constantFrom(undefined, lastDay),
              visits: fc.option(
                fc.record({
                  networks: fc.array(anyPrefix, { minLength: 1, maxLength: 2 }),
                  for: between(60_000, 3_600_000),
                  shared: fc.array(anyPrefix, { maxLength: 2 }),
                  ipv6: fc.constantFrom("address", "network"),
                }),
                { nil: undefined },
              ),
            }),
          }),
          fc.record<ListenerSettings>({
            role: fc.constant("substitute"),
            ...anyPlace,
            mechanisms,
            substitute: fc.constant({ until: lastDay }),
          }),
        ),
        { minLength: 1, maxLength: 4 },
      ),
      smtp: fc.record({
        messageSize: between(2 ** 16, 2 ** 30),
        recipients: between(100, 50_000),
        errors: between(1, 10_000),
        authFailures: between(3, 100),
        messages: between(1, 1_000_000),
        timeout: between(1000, 3_600_000),
        contentRate: between(0, 1_000_000),
        contentTime: between(1000, 86_400_000),
        sessions: between(100, 1_000_000),
        contentMemory: between(2 ** 34, 2 ** 40),
        freeSpace: between(2 ** 20, 2 ** 50),
        spoolSize: fc.option(between(2 ** 26, 2 ** 50), { nil: Number.POSITIVE_INFINITY }),
      }),
      mailbox: fc.record({ quota: fc.option(between(2 ** 16, 2 ** 50), { nil: undefined }) }),
      limits: fc.record({
        standard: anyPlan,
        plans: fc
          .uniqueArray(fc.tuple(fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/), anyPlan), {
            maxLength: 2,
            selector: ([name]) => name,
          })
          .map((plans) => new Map(plans)),
        domain: fc.oneof(fc.constant([]), anyWindows),
        domainRamp: fc.record({ length: between(0, 365).map((days) => days * 86_400_000), share: between(1, 100) }),
        client: anyClientLimits,
      }),
      delivery: fc.record({
        smarthost: fc.option(anyTarget, { nil: undefined }),
        routes: fc.array(fc.tuple(anyDomain, anyTarget), { maxLength: 3 }).map((routes) => new Map(routes)),
        retry: fc.array(between(1000, 86_400_000), { minLength: 1, maxLength: 6 }),
        giveUp: between(86_400_001, 30 * 86_400_000),
        delayNotice: between(1000, 30 * 86_400_000),
        paused: fc.boolean(),
        connectionsPerDestination: between(1, 100),
        connections: between(100, 100_000),
        tls: fc.constantFrom("opportunistic", "never"),
        port: anyPort,
        messagesPerConnection: between(1, 1_000_000),
        sources: anySources,
        destinations: anyDestinations,
      }),
      substitute: anySubstitute(own),
      network: fc.constant(undefined),
      dns: fc.record({
        servers: fc.array(anyPort.chain(anyEndpoint), { maxLength: 3 }),
        timeout: between(100, 120_000),
      }),
    });
  })
  .map((settings) => {
    // A page for codes needs something that serves it inside TLS.
    const { listen, tls, forwardedBy } = settings.web;
    const canServe = listen.length > 0 && (tls === "implicit" || forwardedBy.length > 0);
    return { ...settings, substitute: { ...settings.substitute, codePage: settings.substitute.codePage && canServe } };
  });

await describe("showEffective", async () => {
  await it("reads back as the same settings, whatever they are", () => {
    fc.assert(
      fc.property(anySettings, (generated) => {
        // The generator's objects have no prototype.
        const settings = structuredClone(generated);
        const shown = showEffective(settings);
        assert.ok(!shown.includes(hidden));
        assert.deepEqual(parse(shown), settings);
      }),
    );
  });

  await it("shows the demonstration with every key, and again the same", () => {
    const shown = showEffective(demoSettings("/srv/var"));
    assert.match(shown, /^attempts = \["400\/1h", "2000\/1d"\]$/m);
    assert.equal(showEffective(parse(shown)), shown);
  });
});

/** Settings that can be shown and read again, or problems that lie within the text. */
function checkAnswer(text: string): void {
  const parsed = parseSettings(text, "/etc/sekimori.toml", sources);
  if (parsed.ok) {
    assert.deepEqual(parse(showEffective(parsed.value.settings)), parsed.value.settings);
    return;
  }
  assert.ok(parsed.error.length > 0);
  const lines = text.split("\n");
  for (const problem of parsed.error) {
    assert.ok(problem.line >= 1 && problem.line <= lines.length, formatProblem(problem));
    const line = lines[problem.line - 1] ?? "";
    assert.ok(problem.column >= 1 && problem.column <= line.length + 2, formatProblem(problem));
  }
}

await describe("parseSettings", async () => {
  const example = readFileSync(new URL("../../etc/example.toml", import.meta.url), "utf8");

  await it("answers any text with settings or with problems inside the text", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" })), checkAnswer));
  });

  await it("answers any damage to a good file so", () => {
    const anyDamage = fc.tuple(
      fc.nat(example.length),
      fc.nat(40),
      fc.oneof(fc.string(), fc.constantFrom("[", "{", '"', "\n", "[[", "1", "= {}", "\r")),
    );
    fc.assert(
      fc.property(anyDamage, ([at, length, put]) =>
        checkAnswer(`${example.slice(0, at)}${put}${example.slice(at + length)}`),
      ),
      { numRuns: 200 },
    );
  });

  await it("answers any value at any key so", () => {
    const keys = [...example.matchAll(/^([a-z-]+) = (.*)$/gm)];
    const anyValue = fc.oneof(
      fc.constantFrom(
        "true",
        "{}",
        "[]",
        "[[]]",
        "1979-05-27",
        "inf",
        "0x7f",
        "-1",
        "[{}]",
        "{ a.b.c = 1 }",
        '{ file = "x" }',
      ),
      fc.string().map((text) => JSON.stringify(text)),
    );
    fc.assert(
      fc.property(fc.constantFrom(...keys), anyValue, (match, value) => {
        const at = match.index + `${match[1]} = `.length;
        checkAnswer(`${example.slice(0, at)}${value}${example.slice(at + (match[2] ?? "").length)}`);
      }),
      { numRuns: 300 },
    );
  });
});
