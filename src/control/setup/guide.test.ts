// What is promised to users is what the configuration serves, and nothing else; requests in the forms that programs document.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDomain } from "../../address/domain.ts";
import type { Domain } from "../../address/domain.ts";
import { demoSettings } from "../../config/load.ts";
import type { DomainSettings, ListenerSettings, Settings } from "../../config/settings.ts";
import { createGuide, pagePaths } from "./guide.ts";
import type { Guide } from "./guide.ts";
import { clients, languages } from "./texts.ts";
import { zonesOf, zoneText } from "./zone.ts";

const demo = demoSettings("/nowhere");

function nameOf(text: string): Domain {
  const parsed = parseDomain(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

function listener(role: ListenerSettings["role"], tls: ListenerSettings["tls"], ...ports: number[]): ListenerSettings {
  const endpoints = ports.map((port) => ({ address: "192.0.2.1", port }));
  return { role, tls, mechanisms: ["plain"], proxies: [], endpoints };
}

function offering(...mechanisms: ListenerSettings["mechanisms"]): (one: ListenerSettings) => ListenerSettings {
  return (one) => ({ ...one, mechanisms });
}

function domainNamed(text: string, more: Partial<DomainSettings> = {}): DomainSettings {
  return { ...demo.domains[0]!, name: nameOf(text), dkim: undefined, store: undefined, ...more };
}

function settingsWith(more: Partial<Settings>): Settings {
  const web = {
    listen: [{ address: "0.0.0.0", port: 443 }],
    tls: "implicit",
    forwardedBy: [],
    outsideHosts: [],
    mtaSts: "testing",
  } as const;
  return {
    ...demo,
    hostname: nameOf("mx.example.jp"),
    domains: [domainNamed("example.jp")],
    listeners: [
      listener("mx", "starttls", 25),
      listener("submission", "starttls", 2587, 587),
      listener("submission", "implicit", 465),
      listener("pop3", "implicit", 995),
    ],
    web,
    ...more,
  };
}

function guideOf(settings: Settings): Guide {
  return createGuide({ settings: () => settings, certificate: () => ({ certificate: "", key: "" }) });
}

const outlookRequest = (address: string, schema: string): string => `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/${schema}/requestschema/2006">
  <Request>
    <EMailAddress>${address}</EMailAddress>
    <AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/${schema}/responseschema/2006a</AcceptableResponseSchema>
  </Request>
</Autodiscover>`;
const now = new Date(0);

test("autoconfiguration names the usual ports, better encryption first", () => {
  const text = guideOf(settingsWith({})).autoconfig("autoconfig.example.jp", "alice@example.jp") ?? "";
  const servers = [...text.matchAll(/<(incoming|outgoing)Server type="(\w+)">.*?<port>(\d+)<.*?<socketType>(\w+)</gs)];
  assert.deepEqual(
    servers.map(([, way, type, port, socket]) => [way, type, port, socket].join(" ")),
    ["incoming pop3 995 SSL", "outgoing smtp 465 SSL", "outgoing smtp 587 STARTTLS"],
  );
  assert.match(text, /<username>alice@example\.jp<\/username>/);
});

test("Outlook is told SSL only where TLS is there from the first octet", () => {
  const both = guideOf(settingsWith({})).autodiscover("", outlookRequest("alice@example.jp", "outlook"), now);
  assert.match(both, /<Type>SMTP<\/Type>.*<Port>465<.*<SSL>on<\/SSL>/s);
  const settings = settingsWith({ listeners: [listener("submission", "starttls", 587)] });
  const one = guideOf(settings).autodiscover("", outlookRequest("alice@example.jp", "outlook"), now);
  assert.match(one, /<Port>587<.*<SSL>off<\/SSL>\s*<Encryption>TLS<\/Encryption>/s);
  assert.doesNotMatch(one, /<SSL>on|POP3/);
});

/** Of what each format announces: port and login, of the servers for sending. */
function toldBy(guide: Guide): Readonly<Record<"autoconfig" | "outlook" | "apple", readonly string[] | undefined>> {
  const address = "alice@example.jp";
  const mozilla = guide.autoconfig("", address);
  const outlook = guide.autodiscover("", outlookRequest(address, "outlook"), now);
  const apple = guide.profile(address);
  const profile = apple === undefined ? undefined : Buffer.from(apple.octets).toString();
  const valueOf = (key: string): string =>
    new RegExp(`<key>${key}</key>\\s*<\\w+>([^<]*)<`).exec(profile ?? "")?.[1] ?? "";
  return {
    autoconfig:
      mozilla === undefined
        ? undefined
        : [...mozilla.matchAll(/<outgoingServer.*?<port>(\d+)<.*?<authentication>([^<]+)</gs)].map(
            ([, port, login]) => `${port} ${login}`,
          ),
    outlook: outlook.includes("<Error")
      ? undefined
      : [...outlook.matchAll(/<Type>SMTP<.*?<Port>(\d+)<.*?<SPA>(\w+)</gs)].map(([, port, spa]) => `${port} ${spa}`),
    apple:
      profile === undefined
        ? undefined
        : [`${valueOf("OutgoingMailServerPortNumber")} ${valueOf("OutgoingMailServerAuthentication")}`],
  };
}

test("only a login that the listener offers is announced, and a server that programs could not log in to is left out", () => {
  const implicit = listener("submission", "implicit", 465);
  const starttls = listener("submission", "starttls", 587);
  const pop = listener("pop3", "implicit", 995);
  const cases: readonly (readonly [string, readonly ListenerSettings[], ReturnType<typeof toldBy>])[] = [
    [
      "LOGIN is the password as well",
      [offering("login")(implicit), offering("scram-sha-256", "plain", "cram-md5")(starttls)],
      {
        autoconfig: ["465 password-cleartext", "587 password-cleartext"],
        outlook: ["465 off"],
        apple: ["465 EmailAuthPassword"],
      },
    ],
    [
      "CRAM-MD5 has a name at Mozilla's and at Apple's",
      [offering("scram-sha-256", "cram-md5")(implicit)],
      { autoconfig: ["465 password-encrypted"], outlook: undefined, apple: ["465 EmailAuthCRAMMD5"] },
    ],
    [
      "SCRAM has none",
      [offering("scram-sha-256")(implicit), offering("scram-sha-256")(starttls)],
      { autoconfig: undefined, outlook: undefined, apple: undefined },
    ],
    [
      "the better encryption is left out where only SCRAM works",
      [offering("scram-sha-256")(implicit), starttls],
      { autoconfig: ["587 password-cleartext"], outlook: ["587 off"], apple: ["587 EmailAuthPassword"] },
    ],
    [
      "a port with more logins goes before the usual one",
      [offering("scram-sha-256")(starttls), listener("submission", "starttls", 2587)],
      { autoconfig: ["2587 password-cleartext"], outlook: ["2587 off"], apple: ["2587 EmailAuthPassword"] },
    ],
    [
      "what works on one of two addresses only is not promised",
      [starttls, offering("scram-sha-256", "cram-md5")(starttls)],
      { autoconfig: undefined, outlook: undefined, apple: undefined },
    ],
  ];
  for (const [name, submission, wanted] of cases) {
    assert.deepEqual(toldBy(guideOf(settingsWith({ listeners: [...submission, pop] }))), wanted, name);
  }
});

test("the mailbox is read with the password, whatever AUTH of POP3 offers: USER is there besides", () => {
  const listeners = [
    listener("submission", "implicit", 465),
    offering("scram-sha-256")(listener("pop3", "implicit", 995)),
  ];
  const text = guideOf(settingsWith({ listeners })).autoconfig("", "alice@example.jp") ?? "";
  assert.match(text, /type="pop3">.*?<authentication>password-cleartext</s);
});

test("pages name the login of each server, and say where few programs have it", () => {
  const scram = settingsWith({ listeners: [offering("scram-sha-256")(listener("submission", "starttls", 587))] });
  const hashed = settingsWith({ listeners: [offering("cram-md5")(listener("submission", "starttls", 587))] });
  for (const language of languages) {
    const few = /Many do not have it|対応していないメールソフト/;
    for (const name of ["settings", "thunderbird"] as const) {
      const text = guideOf(scram).page(name, "", language) ?? "";
      assert.match(text, /SCRAM-SHA-256<\/td>/);
      assert.match(text, few);
      assert.doesNotMatch(guideOf(settingsWith({})).page(name, "", language) ?? "", few);
    }
    assert.match(
      guideOf(hashed).page("thunderbird", "", language) ?? "",
      /<li>.*(?:Encrypted password|暗号化された).*<\/li>/,
    );
    assert.doesNotMatch(guideOf(hashed).page("thunderbird", "", language) ?? "", /\{authentication\}|Normal|通常の/);
  }
});

test("what is no request for this site gets the documented error", () => {
  const guide = guideOf(settingsWith({}));
  const code = (body: string): string | undefined => /<ErrorCode>(\d+)</.exec(guide.autodiscover("", body, now))?.[1];
  assert.equal(code(outlookRequest("alice@example.jp", "mobilesync")), "601");
  assert.equal(code(outlookRequest("alice@elsewhere.example", "outlook")), "600");
  assert.equal(code('<!DOCTYPE x [<!ENTITY a "b">]><EMailAddress>alice@example.jp</EMailAddress>'), "600");
  assert.equal(code(""), "600");
  assert.equal(guide.autoconfig("autoconfig.example.jp", "alice@elsewhere.example"), undefined);
  assert.equal(guide.profile("alice@elsewhere.example"), undefined);
});

test("mailboxes behind another program are read there, or nowhere that we know", () => {
  const { target } = {
    target: { host: "127.0.0.1", port: 24, protocol: "lmtp", tls: "never", auth: undefined },
  } as const;
  const stored = (imap: string | undefined): Guide =>
    guideOf(settingsWith({ domains: [domainNamed("example.jp", { store: { target, imap, answerWithin: 0 } })] }));
  assert.match(
    stored("imap.example.jp").autoconfig("", "a@example.jp")!,
    /type="imap">\s*<hostname>imap\.example\.jp</,
  );
  assert.doesNotMatch(stored("imap.example.jp").autoconfig("", "a@example.jp")!, /pop3/);
  assert.doesNotMatch(stored(undefined).autoconfig("", "a@example.jp")!, /incomingServer/);
  assert.equal(stored(undefined).profile("a@example.jp"), undefined);
  const profile = Buffer.from(stored("imap.example.jp").profile("a@example.jp")!.octets).toString();
  assert.match(profile, /EmailTypeIMAP/);
});

const tested = (imap: string): string => {
  const target = { host: "127.0.0.1", port: 24, protocol: "lmtp", tls: "never", auth: undefined } as const;
  const domains = [domainNamed("example.jp", { store: { target, imap, answerWithin: 0 } })];
  return guideOf(settingsWith({ domains })).page("ports", "mx.example.jp", "en")!;
};

test("the test of ports tries IMAP where it is at this host, and nobody else's", () => {
  assert.match(tested("mx.example.jp"), /\b993\b/);
  assert.doesNotMatch(tested("imap.example.net"), /\b993\b/);
});

test("an address cannot write XML", () => {
  const text = guideOf(settingsWith({})).autoconfig("", `<b>&"@example.jp`) ?? "";
  assert.match(text, /<username>&lt;b&gt;&amp;&quot;@example\.jp</);
});

test("the policy of MTA-STS is served under its own name only, in the mode of the configuration", () => {
  const guide = guideOf(settingsWith({}));
  const lines = "version: STSv1\r\nmode: testing\r\nmx: mx.example.jp\r\nmax_age: 604800\r\n";
  assert.equal(guide.stsPolicy("mta-sts.example.jp"), lines);
  for (const host of ["example.jp", "mx.example.jp", "mta-sts.example.org", ""])
    assert.equal(guide.stsPolicy(host), undefined);
  const noMx = settingsWith({ listeners: [listener("submission", "implicit", 465)] });
  assert.equal(guideOf(noMx).stsPolicy("mta-sts.example.jp"), undefined);
});

test("every page is there in both languages, alone in one document, and names what is offered", () => {
  const guide = guideOf(settingsWith({}));
  for (const name of pagePaths.values()) {
    for (const language of languages) {
      const text = guide.page(name, "mx.example.jp", language)!;
      assert.match(text, new RegExp(`<html lang="${language}">`));
      assert.doesNotMatch(text, /<script|https?:\/\/|undefined|\{client\}/, name);
      assert.match(text, /587/, name);
    }
  }
  assert.equal([...pagePaths.keys()].filter((path) => path.startsWith("/setup/")).length, clients.length);
  assert.equal(guide.page("settings", "", "en")?.includes("995"), true);
});

test("with several domains a page is for the host that was asked", () => {
  const guide = guideOf(settingsWith({ domains: [domainNamed("example.jp"), domainNamed("example.org")] }));
  assert.match(guide.page("settings", "autoconfig.example.org", "en")!, /example\.org/);
  assert.equal(guide.page("settings", "192.0.2.1", "en"), undefined);
});

test("the zone has what is served, and says where something is not", () => {
  const facts = { dkim: new Map([[nameOf("example.jp"), "v=DKIM1; p=" + "A".repeat(400)]]), keys: ["ab", "cd"] };
  const signed = domainNamed("example.jp", { dkim: { selector: "s1", keyFile: "" } });
  const settings = settingsWith({ domains: [signed] });
  const text = zoneText(zonesOf({ settings, ...facts, dnssec: { kind: "secure" } }));
  for (const line of [
    /^example\.jp\. +IN MX +10 mx\.example\.jp\.$/m,
    /^example\.jp\. +IN TXT +"v=spf1 mx -all"$/m,
    /^s1\._domainkey\.example\.jp\. +IN TXT +"[^"]{255}" "[^"]{1,255}"$/m,
    /^_dmarc\.example\.jp\. +IN TXT +"v=DMARC1; p=none; /m,
    /^_submissions\._tcp\.example\.jp\. +IN SRV +0 1 465 mx\.example\.jp\.$/m,
    /^_submission\._tcp\.example\.jp\. +IN SRV +10 1 587 mx\.example\.jp\.$/m,
    /^_imap\._tcp\.example\.jp\. +IN SRV +0 0 0 \.$/m,
    /^_mta-sts\.example\.jp\. +IN TXT +"v=STSv1; id=[0-9a-f]{20};"$/m,
    /^_smtp\._tls\.example\.jp\. +IN TXT +"v=TLSRPTv1; /m,
    /^_25\._tcp\.mx\.example\.jp\. +IN TLSA +3 1 1 ab$/m,
    /^_25\._tcp\.mx\.example\.jp\. +IN TLSA +3 1 1 cd$/m,
  ]) {
    assert.match(text, line);
  }

  const bare = settingsWith({
    listeners: [listener("submission", "implicit", 465)],
    web: { ...settings.web, listen: [] },
  });
  const less = zoneText(zonesOf({ settings: bare, ...facts, dnssec: { kind: "insecure" } }));
  assert.doesNotMatch(less, /IN MX|TLSRPT|mta-sts\.|autoconfig\.|IN TLSA|_domainkey/);
  assert.match(less, /"v=spf1 a:mx\.example\.jp -all"/);
});

const zoneOf = (...mechanisms: ListenerSettings["mechanisms"]): string =>
  zoneText(
    zonesOf({
      settings: settingsWith({ listeners: [offering(...mechanisms)(listener("submission", "starttls", 587))] }),
      dkim: new Map(),
      keys: [],
      dnssec: { kind: "insecure" },
    }),
  );

test("names that nobody would be answered under are not published, and the zone says why", () => {
  const scram = zoneOf("scram-sha-256");
  // Who finds the server in DNS asks it what it offers.
  assert.match(scram, /^_submission\._tcp\.example\.jp\. +IN SRV +10 1 587 /m);
  assert.match(scram, /^; autoconfig and Autodiscover have no name for SCRAM/m);
  assert.doesNotMatch(scram, /^_?auto(?:config|discover)\./m);
  const hashed = zoneOf("cram-md5");
  assert.match(hashed, /^; Autodiscover has no name for CRAM-MD5/m);
  assert.match(hashed, /^autoconfig\.example\.jp\./m);
  assert.doesNotMatch(hashed, /^_?autodiscover\./m);
  assert.match(zoneOf("login"), /^_autodiscover\._tcp\.example\.jp\./m);
});

function policyIdIn(mtaSts: Settings["web"]["mtaSts"]): string | undefined {
  const settings = settingsWith({});
  const zones = zonesOf({
    settings: { ...settings, web: { ...settings.web, mtaSts } },
    dkim: new Map(),
    keys: [],
    dnssec: { kind: "insecure" },
  });
  return /STSv1; id=(\w+)/.exec(zoneText(zones))?.[1];
}

test("what changes in the policy changes its id", () => {
  assert.notEqual(policyIdIn("testing"), undefined);
  assert.notEqual(policyIdIn("testing"), policyIdIn("enforce"));
});
