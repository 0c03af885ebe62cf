// Each check of the doctor can say yes, perhaps and no, and no answer is never a yes.

import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { demoSettings } from "../config/load.ts";
import type { Settings } from "../config/settings.ts";
import { ensureSelfSigned } from "../io/certificate.ts";
import { ensureDkimKey } from "../io/dkim-key.ts";
import type { DnsAnswer, Resolver } from "../io/dns.ts";
import { examine } from "./doctor.ts";
import type { Finding, Instruments } from "./doctor.ts";
import { stsPolicy, stsRecord } from "./setup/mta-sts.ts";

const now = Date.UTC(2027, 0, 15);
const none = { kind: "none", reason: "nxdomain" } as const;
const failed = { kind: "failed", cause: "SERVFAIL" } as const;

function found<T>(...records: readonly T[]): DnsAnswer<T> {
  return { kind: "found", records, ttl: 60 };
}

interface Zone {
  readonly addresses?: DnsAnswer<{ family: 4; address: string }>;
  readonly ptr?: DnsAnswer<string>;
  readonly mx?: DnsAnswer<{ preference: number; exchange: string }>;
  readonly txt?: Readonly<Record<string, DnsAnswer<string>>>;
}

function resolverOf({ addresses = none, ptr = none, mx = none, txt = {} }: Zone): Resolver {
  return {
    addresses: () => Promise.resolve(addresses),
    ptr: () => Promise.resolve(ptr),
    mx: () => Promise.resolve(mx),
    txt: (name) => Promise.resolve(txt[name] ?? none),
  };
}

interface Case {
  readonly zone?: Zone;
  readonly instruments?: Partial<Instruments>;
  readonly server?: "running" | "stopped";
  readonly settings?: (demo: Settings) => Partial<Settings>;
  readonly probe?: readonly string[];
  readonly prepare?: (state: string) => void;
}

/** The findings of one check, as result and text. */
async function ask(t: TestContext, check: string, options: Case): Promise<readonly string[]> {
  const state = mkdtempSync(join(tmpdir(), "sekimori-doctor-"));
  t.after(() => rmSync(state, { recursive: true }));
  options.prepare?.(state);
  const demo = demoSettings(state);
  const findings = await examine(
    {
      settings: { ...demo, ...options.settings?.(demo) },
      server: options.server ?? "stopped",
      probe: options.probe ?? [],
    },
    {
      resolver: resolverOf(options.zone ?? {}),
      clock: { wall: () => now },
      connect: () => Promise.resolve("connected"),
      bind: () => Promise.resolve("free"),
      timeSource: () => "unknown",
      tryDoveadm: () => Promise.resolve(undefined),
      ...options.instruments,
    },
  );
  for (const { result, advice } of findings) assert.ok(result !== "fail" || advice !== undefined, "says what to do");
  return findings.filter((each: Finding) => each.check === check).map(({ result, text }) => `${result} ${text}`);
}

const here = found({ family: 4 as const, address: "192.0.2.25" });
const host = "DNS of mx.sekimori.test";

test("the host has addresses that lead back to its name", async (t) => {
  assert.deepEqual(await ask(t, host, { zone: { addresses: here, ptr: found("MX.sekimori.test.") } }), [
    "ok 192.0.2.25 and back",
  ]);
  assert.match(
    (await ask(t, host, { zone: { addresses: here, ptr: found("a.example") } }))[0]!,
    /^warn .*leads back to a\.example/,
  );
  assert.match((await ask(t, host, { zone: { addresses: here } }))[0]!, /^warn .*no name/);
  assert.match((await ask(t, host, { zone: { addresses: here, ptr: failed } }))[0]!, /^warn nobody knows/);
  assert.match((await ask(t, host, {}))[0]!, /^fail it has neither A nor AAAA/);
  assert.match((await ask(t, host, { zone: { addresses: failed } }))[0]!, /^warn nobody knows: SERVFAIL/);
});

const mx = (exchange: string): Zone => ({ mx: found({ preference: 10, exchange }) });

test("the MX of a domain names this host", async (t) => {
  assert.deepEqual(await ask(t, "MX of sekimori.test", { zone: mx("mx.sekimori.test") }), ["ok mx.sekimori.test"]);
  assert.match(
    (await ask(t, "MX of sekimori.test", { zone: mx("mx.example.net") }))[0]!,
    /^warn mail goes to mx\.example\.net/,
  );
  assert.match((await ask(t, "MX of sekimori.test", { zone: mx("") }))[0]!, /^warn mail goes to nowhere/);
  assert.deepEqual(await ask(t, "MX of sekimori.test", {}), ["fail there is none"]);
  assert.match((await ask(t, "MX of sekimori.test", { zone: { mx: failed } }))[0]!, /^warn nobody knows/);
});

const spf = (...texts: readonly string[]): Case => ({ zone: { txt: { "sekimori.test": found(...texts) } } });

test("there is one SPF record", async (t) => {
  assert.deepEqual(await ask(t, "SPF of sekimori.test", spf("other", "v=spf1 mx -all")), ["ok v=spf1 mx -all"]);
  assert.match((await ask(t, "SPF of sekimori.test", spf("v=spf1 mx", "V=SPF1 a")))[0]!, /^fail 2 records/);
  assert.deepEqual(await ask(t, "SPF of sekimori.test", spf("v=spf10")), ["warn there is none"]);
});

test("the published DKIM key is ours", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sekimori-doctor-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const keyFile = join(directory, "key.pem");
  const { publicRecord } = await ensureDkimKey(keyFile);
  const published = (record: DnsAnswer<string>): Case => ({
    settings: ({ domains }) => ({
      domains: domains.map((domain) => ({ ...domain, dkim: { selector: "s1", keyFile } })),
    }),
    zone: { txt: { "s1._domainkey.sekimori.test": record } },
  });
  const spaced = publicRecord.replace("; p=", ";  p= ");
  assert.match((await ask(t, "DKIM of sekimori.test", published(found(spaced))))[0]!, /^ok /);
  assert.match((await ask(t, "DKIM of sekimori.test", published(found("v=DKIM1; p=AAAA"))))[0]!, /^fail .*another key/);
  assert.match((await ask(t, "DKIM of sekimori.test", published(none)))[0]!, /^fail .*not published/);
  assert.match((await ask(t, "DKIM of sekimori.test", published(failed)))[0]!, /^warn nobody knows/);
  assert.match((await ask(t, "DKIM of sekimori.test", {}))[0]!, /^warn .*does not exist yet/);
  const unsigned = {
    settings: ({ domains }: Settings) => ({ domains: domains.map((domain) => ({ ...domain, dkim: undefined })) }),
  };
  assert.deepEqual(await ask(t, "DKIM of sekimori.test", unsigned), ["warn mail is not signed"]);
});

test("the certificate is for the host and has time left", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sekimori-doctor-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const day = 86_400_000;
  const made = await ensureSelfSigned(directory, ["mx.sekimori.test"], now);
  const settings = () => ({
    tls: { kind: "files", certificate: made.certificate, key: made.key, nextKey: undefined } as const,
  });
  const at = (time: number): Case => ({ settings, instruments: { clock: { wall: () => time } } });
  assert.match((await ask(t, "certificate", at(now)))[0]!, /^ok for mx\.sekimori\.test/);
  assert.match((await ask(t, "certificate", at(now + 390 * day)))[0]!, /^warn .*in [67] days/);
  assert.match((await ask(t, "certificate", at(now + 400 * day)))[0]!, /^fail .*ended on/);
  assert.match((await ask(t, "certificate", at(now - day)))[0]!, /^fail .*not valid before/);
  const other = () => ({ ...settings(), hostname: demoSettings(directory).domains[0]!.name });
  assert.match((await ask(t, "certificate", { settings: other }))[0]!, /^fail .*not for sekimori\.test/);
  writeFileSync(made.certificate, "nonsense");
  assert.match((await ask(t, "certificate", { settings }))[0]!, /^fail .*cannot be read/);
  assert.match((await ask(t, "certificate", {}))[0]!, /^warn self-signed/);
});

test("the certificate belongs to the key, has its chain, and is for the names of the pages", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sekimori-doctor-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const made = await ensureSelfSigned(directory, ["mx.sekimori.test"], now);
  const other = await ensureSelfSigned(join(directory, "other"), ["mx.sekimori.test"], now);
  const asked = async (certificate: string, more: Partial<Settings> = {}): Promise<string> => {
    const tls = { kind: "files", certificate, key: made.key, nextKey: undefined } as const;
    return (await ask(t, "certificate", { settings: () => ({ tls, ...more }) })).join("\n");
  };
  assert.match(await asked(made.certificate), /^ok/);
  assert.match(await asked(other.certificate), /^fail .*is not the key of/);
  const both = join(directory, "both.crt");
  writeFileSync(both, readFileSync(made.certificate, "utf8") + readFileSync(other.certificate, "utf8"));
  assert.match(await asked(both), /^fail .*certificate 2 did not issue certificate 1/);
  const web = {
    listen: [{ address: "0.0.0.0", port: 443 }],
    tls: "implicit",
    forwardedBy: [],
    outsideHosts: [],
    mtaSts: "testing",
  } as const;
  const { listeners } = demoSettings("/nowhere");
  const outside = listeners.map((each) => ({ ...each, endpoints: [{ address: "192.0.2.1", port: 587 }] }));
  assert.match(
    await asked(made.certificate, { web, listeners: outside }),
    /^warn .*mta-sts\.sekimori\.test, autoconfig\.sekimori\.test, autodiscover\./,
  );
  assert.match(await asked(made.certificate, { web: { ...web, tls: "none" } }), /^ok/);
});

function textAt(name: string, ...texts: readonly string[]): Case {
  return { zone: { txt: { [name]: found(...texts) } } };
}

test("DMARC is published, and MTA-STS as it is served", async (t) => {
  const dmarc = "DMARC of sekimori.test";
  assert.match((await ask(t, dmarc, textAt("_dmarc.sekimori.test", "v=DMARC1; p=none")))[0]!, /^ok/);
  assert.deepEqual(await ask(t, dmarc, textAt("_dmarc.sekimori.test", "v=DMARC10")), ["warn there is none"]);
  const twice = textAt("_dmarc.sekimori.test", "v=DMARC1; p=none", "v=DMARC1; p=reject");
  assert.match((await ask(t, dmarc, twice))[0]!, /^warn 2 records/);

  const sts = "MTA-STS of sekimori.test";
  const web = {
    listen: [{ address: "0.0.0.0", port: 443 }],
    tls: "implicit",
    forwardedBy: [],
    outsideHosts: [],
    mtaSts: "testing",
  } as const;
  const served = (...texts: readonly string[]): Case => ({
    ...textAt("_mta-sts.sekimori.test", ...texts),
    settings: () => ({ web }),
  });
  assert.deepEqual(await ask(t, sts, {}), []);
  assert.match((await ask(t, sts, served()))[0]!, /^warn it is not announced/);
  assert.match((await ask(t, sts, served("v=STSv1; id=1;")))[0]!, /^warn .*another policy/);
  const record = stsRecord(stsPolicy(demoSettings("/nowhere").hostname, "testing"));
  assert.match((await ask(t, sts, served(record)))[0]!, /^ok/);
});

const codes = (address: string, role: "substitute" | "submission"): Case => ({
  settings: ({ listeners, web, substitute }) => ({
    web: { ...web, listen: [{ address, port: 443 }] },
    substitute: { ...substitute, codePage: true },
    listeners: listeners.filter((each) => each.role === "submission").map((each) => ({ ...each, role })),
  }),
});

test("others cannot look into the state, and users are not left to think that mail is scanned", async (t) => {
  const opened: Case = { prepare: (state) => chmodSync(state, 0o755) };
  assert.match((await ask(t, "permissions", opened))[0]!, /^warn .*open to everybody/);
  assert.match((await ask(t, "permissions", {}))[0]!, /^ok/);
  assert.match((await ask(t, "scanning", {}))[0]!, /^warn/);
  const noPop: Case = {
    settings: ({ listeners }) => ({ listeners: listeners.filter(({ role }) => role !== "pop3") }),
  };
  assert.deepEqual(await ask(t, "scanning", noPop), []);
  const scramOnly: Case = {
    settings: ({ listeners, web }) => ({
      web: { ...web, listen: [{ address: "0.0.0.0", port: 443 }] },
      listeners: listeners
        .filter(({ role }) => role === "submission")
        .map((each) => ({
          ...each,
          mechanisms: ["scram-sha-256"] as const,
          endpoints: [{ address: "192.0.2.1", port: each.tls === "implicit" ? 465 : 587 }],
        })),
    }),
  };
  assert.match((await ask(t, "mail programs", scramOnly))[0]!, /^warn .*no name for SCRAM/);
  assert.deepEqual(await ask(t, "mail programs", {}), []);
  assert.match((await ask(t, "page for codes", codes("127.0.0.1", "substitute")))[0]!, /^warn nobody outside/);
  assert.match((await ask(t, "page for codes", codes("0.0.0.0", "submission")))[0]!, /^warn there is no listener/);
  assert.deepEqual(await ask(t, "page for codes", codes("0.0.0.0", "substitute")), []);
  assert.deepEqual(await ask(t, "page for codes", {}), []);
  const alone: Case = { instruments: { timeSource: () => "alone" } };
  assert.match((await ask(t, "time source", alone))[0]!, /^warn/);
  assert.deepEqual(await ask(t, "time source", {}), []);
});

const doveadm = { host: "127.0.0.1", port: 8080, tls: "none", ca: undefined, key: "k" } as const;

test("the file of accounts for Dovecot is closed to others", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sekimori-doctor-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const users = join(directory, "users");
  const named: Case = { settings: ({ dovecot }) => ({ dovecot: { ...dovecot, users } }) };
  const check = "file for Dovecot";
  assert.deepEqual(await ask(t, check, {}), []);
  assert.deepEqual(await ask(t, check, named), [], "whether it is missing is seen with the accounts");
  writeFileSync(users, "", { mode: 0o640 });
  chmodSync(users, 0o640);
  assert.match((await ask(t, check, named))[0]!, /^ok .*mode 640/);
  chmodSync(users, 0o644);
  assert.match((await ask(t, check, named))[0]!, /^fail .*open to everybody \(mode 644\)/);
});

test("sessions at Dovecot would be ended, or it says why not", async (t) => {
  const check = "sessions at Dovecot";
  const asked = (tryDoveadm: Instruments["tryDoveadm"]): Promise<readonly string[]> =>
    ask(t, check, {
      settings: ({ dovecot }) => ({ dovecot: { ...dovecot, doveadm } }),
      instruments: { tryDoveadm },
    });
  assert.deepEqual(await ask(t, check, { instruments: { tryDoveadm: () => assert.fail("nothing to ask") } }), []);
  assert.match((await asked(() => Promise.resolve(undefined)))[0]!, /^ok doveadm at 127\.0\.0\.1:8080/);
  for (const [trouble, expected] of [
    [{ kind: "unreached", cause: "ECONNREFUSED" }, /^fail .*does not answer \(ECONNREFUSED\)/],
    [{ kind: "refused", cause: "Dovecot does not take the key" }, /^fail .*does not take the key/],
    [{ kind: "forbidden", cause: "Dovecot does not do kick" }, /^fail .*does not do kick/],
    [{ kind: "exit", code: 75 }, /^fail .*ended with 75/],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- a few
    assert.match((await asked(() => Promise.resolve(trouble)))[0]!, expected);
  }
});

const connect = (answer: "connected" | "refused"): Case => ({
  server: "running",
  instruments: { connect: () => Promise.resolve(answer) },
});

const bind = (answer: Awaited<ReturnType<Instruments["bind"]>>): Case => ({
  instruments: { bind: () => Promise.resolve(answer) },
});

test("ports answer while the server runs, and are free while it does not", async (t) => {
  for (const [options, expected] of [
    [connect("connected"), /^ok mx on 127\.0\.0\.1:2525 answers/],
    [connect("refused"), /^fail .*does not answer/],
    [bind("free"), /^ok .*is free/],
    [bind("taken"), /^fail .*another program/],
    [bind("forbidden"), /^warn .*privileges/],
    [bind("no such address"), /^fail .*no such address/],
  ] as const) {
    assert.match((await ask(t, "port 2525", options))[0]!, expected);
  }
});

const free = (freeSpace: number): Case => ({ settings: ({ smtp }) => ({ smtp: { ...smtp, freeSpace } }) });

test("room on the disk is measured against what the server keeps free", async (t) => {
  assert.match((await ask(t, "disk", free(1)))[0]!, /^ok/);
  assert.match((await ask(t, "disk", free(2 ** 60)))[0]!, /^fail .*answered 452/);
  assert.match((await ask(t, "disk", { settings: () => ({ state: "/nonexistent" }) }))[0]!, /^warn/);
});

test("a clock behind the log, or before this program was written, is wrong", async (t) => {
  assert.match((await ask(t, "clock", {}))[0]!, /^ok 2027-01-15/);
  assert.match((await ask(t, "clock", { instruments: { clock: { wall: () => 0 } } }))[0]!, /^fail/);
  const logged: Case = {
    settings: ({ log }) => {
      const directory = mkdtempSync(join(tmpdir(), "sekimori-doctor-"));
      t.after(() => rmSync(directory, { recursive: true }));
      writeFileSync(join(directory, "2027-01-16.jsonl"), "");
      return { log: { ...log, directory } };
    },
  };
  assert.match((await ask(t, "clock", logged))[0]!, /^fail .*before days in the log/);
});

test("the way out is tried only when asked, and a blocked port 25 has its own advice", async (t) => {
  const tried: number[] = [];
  const reach = (open: readonly number[]): Case => ({
    probe: ["mx.example.net"],
    zone: { addresses: here },
    instruments: {
      connect: ({ port }) => {
        tried.push(port);
        return Promise.resolve(open.includes(port) ? "connected" : "unreachable");
      },
    },
  });
  const check = "way out to mx.example.net";
  assert.deepEqual(await ask(t, check, { ...reach([]), probe: [] }), []);
  assert.deepEqual(tried, []);
  assert.deepEqual(await ask(t, check, reach([25, 465, 587])), [
    "ok port 25 is reached",
    "ok port 465 is reached",
    "ok port 587 is reached",
  ]);
  assert.match((await ask(t, check, reach([465, 587])))[0]!, /^fail port 25 .*OP25B/);
  assert.match((await ask(t, check, reach([25])))[2]!, /^warn port 587/);
  assert.match((await ask(t, check, { probe: ["mx.example.net"] }))[0]!, /^fail it has no address/);
});
