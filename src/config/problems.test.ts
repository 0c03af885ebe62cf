// Every kind of mistake, each with the place where an editor should jump to: `▸` in a text marks it.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { failure } from "../base/result.ts";
import { parseSettings } from "./load.ts";
import type { ParseOptions } from "./load.ts";
import { formatProblem } from "./problem.ts";

const sources: ParseOptions = {
  read: () => failure("does not exist"),
  list: () => failure("does not exist"),
  mode: () => failure("does not exist"),
  environment: { SECRET: "open sesame", TOKEN: "0123456789abcdef0123456789abcdef" },
};

const head = `version = 1
hostname = "mx.example.jp"
`;
const domain = `[[domain]]
name = "example.jp"
postmaster = "alice@example.jp"
`;
const listener = `[[listener]]
role = "mx"
listen = ["127.0.0.1:2525"]
`;

function problemsOf(text: string): readonly string[] {
  const parsed = parseSettings(text, "/etc/sekimori.toml", sources);
  return parsed.ok ? [] : parsed.error.map(formatProblem);
}

/** The marks of a text as `file:line:column`, and the text without them. */
function unmark(marked: string): { readonly text: string; readonly places: readonly string[] } {
  const places: string[] = [];
  const lines = marked.split("\n").map((line, index) => {
    let rest = line;
    for (let column = rest.indexOf("▸"); column !== -1; column = rest.indexOf("▸")) {
      places.push(`/etc/sekimori.toml:${index + 1}:${column + 1}`);
      rest = rest.replace("▸", "");
    }
    return rest;
  });
  return { text: lines.join("\n"), places };
}

type Case = readonly [name: string, marked: string, ...messages: readonly string[]];

async function check(cases: readonly Case[]): Promise<void> {
  for (const [name, marked, ...messages] of cases) {
    await it(name, () => {
      const { text, places } = unmark(marked);
      assert.equal(places.length, messages.length, "as many marks as messages");
      assert.deepEqual(
        problemsOf(text),
        messages.map((message, index) => `${places[index]}: ${message}`),
      );
    });
  }
}

const whole = `${head}${domain}${listener}`;
const smtp = (line: string): string => `${whole}[smtp]\n${line}\n`;
const route = (lines: string): string => `${whole}[[route]]\ndomain = "example.org"\n${lines}\n`;

const substitute = (own: string, table: string): string =>
  `${head}${domain}[[listener]]\nrole = "substitute"\nlisten = ["127.0.0.1:2587"]\n${own}\n[substitute]\n${table}\n`;

await describe("the format", () =>
  check([
    [
      "no version",
      `▸${whole.slice(12)}`,
      'the file does not say which version of the format it is written in (begin it with "version = 1")',
    ],
    [
      "a newer version hides everything else",
      'version = ▸2\nhostnam = "x"',
      "the file is written in version 2 of the format, this program reads version 1 (use a newer Sekimori)",
    ],
    ["a version that never was", whole.replace("= 1", "= ▸0"), "there is no such version of the format (version = 1)"],
    ["a version in quotes", whole.replace("= 1", '= ▸"1"'), "there is no such version of the format (version = 1)"],
    [
      "no TOML",
      `${head}smtp ▸size = 1`,
      'not TOML: expected equal (=) token (pairs are written key = value, text in quotes: level = "info")',
    ],
    [
      "a string without an end",
      `${head}x = "abc▸`,
      "not TOML: unterminated string constant (close it with the quotation mark it began with, in the same line)",
    ],
    [
      "a key twice",
      `${whole}[smtp]\nerrors = 1\n▸errors = 2`,
      "not TOML: defining a key multiple times is invalid (each key and each table once; [[name]] adds one more to a list of tables)",
    ],
    [
      "thousands of brackets",
      `▸${head}x = ${"[".repeat(30_000)}${"]".repeat(30_000)}`,
      "brackets are nested too deeply",
    ],
    ["brackets in brackets", `${head}x = ${"[".repeat(15)}▸[1]${"]".repeat(15)}`, "brackets are nested too deeply"],
  ]));

await describe("keys", () =>
  check([
    [
      "a mistyped key",
      `${head}${domain}▸${listener.replace("role", "▸roll")}`,
      '"role" is missing',
      'unknown key "roll" (did you mean "role"?)',
    ],
    [
      "another spelling",
      `▸stateDirectory = "/var"\n${whole}`,
      'unknown key "stateDirectory" (did you mean "state-directory"?)',
    ],
    [
      "a key of another table",
      `▸message-size = "1MiB"\n${whole}`,
      'unknown key "message-size" (it belongs into [smtp])',
    ],
    [
      "a key of a table within",
      `tls.▸selector = "a"\n${whole}`,
      'unknown key "selector" (it belongs into [domain.dkim])',
    ],
    [
      "a key of several tables",
      `▸username = "u"\n${whole}`,
      'unknown key "username" (it belongs into [delivery.smarthost] or [[route]])',
    ],
    ["a key like nothing", `${whole}[▸zzzzzzzzz]\n`, 'unknown key "zzzzzzzzz"'],
    [
      "a key that every object has",
      `▸constructor = 1\n▸__proto__ = 1\n${whole}`,
      'unknown key "constructor"',
      'unknown key "__proto__"',
    ],
    ["a key with control characters", `▸"\\u001b[2J" = 1\n${whole}`, 'unknown key "\\u001b[2J"'],
    [
      "everything missing",
      "▸▸▸version = 1\n",
      '"hostname" is missing',
      "[[domain]] is missing",
      "[[listener]] is missing",
    ],
    ["a table without its keys", `${whole}▸▸[[route]]\n`, '"domain" is missing', '"host" is missing'],
    ["an inline table without its keys", `${head}${domain}dkim = ▸{}\n${listener}`, '"selector" is missing'],
    ["no listener", `${head}listener = ▸[]\n${domain}`, "the list is empty (at least 1)"],
  ]));

await describe("values", () =>
  check([
    ["text for a number", smtp('errors = ▸"20"'), "expected a whole number, found text (without quotes)"],
    [
      "a number for text",
      `version = 1\nhostname = ▸1\n${domain}${listener}`,
      "expected a domain name in quotes, found a number",
    ],
    ["a fraction", smtp("errors = ▸1.5"), "expected a whole number, found a number with a fraction"],
    [
      "a date",
      smtp("timeout = ▸2026-01-01"),
      'expected a duration, found a date or time (in quotes, with its unit: "15m")',
    ],
    [
      "true for a size",
      smtp("message-size = ▸true"),
      'expected a size, found true (in quotes, with its unit: "25MiB")',
    ],
    ["text for true", `${whole}[log]\nstdout = ▸"yes"`, "expected true or false, found text (without quotes)"],
    ["a table for text", `${whole}[log]\ndirectory = ▸{}`, "expected a path in quotes, found a table"],
    ["text for a list", `${whole}[http]\nlisten = ▸"127.0.0.1:80"`, "expected a list, found text (in brackets: [ … ])"],
    ["text for a table", `smtp = ▸1\n${whole}`, "expected a table, found a number"],
    [
      "one table for a list of tables",
      `${head}${domain}▸${listener.replace("[[listener]]", "[listener]")}`,
      "expected a list, found a table (in brackets: [ … ])",
    ],
    [
      "a number out of range",
      smtp("errors = ▸0\nauth-failures = ▸2"),
      "0 is out of range (from 1 to 10000)",
      "2 is out of range (from 3 to 100)",
    ],
    [
      "a number beyond all",
      smtp("errors = ▸99999999999999999999999"),
      "99999999999999999999999 is out of range (from 1 to 10000)",
    ],
    [
      "no duration",
      smtp('timeout = ▸"5 minutes"'),
      '"5 minutes" is not a duration (write a number and a unit of ms, s, m, h, d or w: "15m", "1h30m", "5d")',
    ],
    ["a duration out of range", smtp('timeout = ▸"2h"'), '"2h" is out of range (from 1s to 1h)'],
    [
      "no size",
      smtp('message-size = ▸"25M"'),
      '"25M" is not a size (write a number and a unit: "25MiB" is 26,214,400 octets, "25MB" is 25,000,000)',
    ],
    ["a size out of range", smtp('message-size = ▸"1kB"'), '"1kB" is out of range (from 64KiB to 1GiB)'],
    ["a size beyond all", smtp('message-size = ▸"9999999999PiB"'), '"9999999999PiB" is too large'],
    [
      "a mistyped word",
      `${whole}[log]\nlevel = ▸"wran"`,
      '"wran" is none of "debug", "info", "warn", "error" (did you mean "warn"?)',
    ],
    [
      "a word that every object has",
      `${whole}[log]\nlevel = ▸"constructor"`,
      '"constructor" is none of "debug", "info", "warn", "error"',
    ],
    ["a number for a word", `${whole}[log]\nlevel = ▸1`, "expected a word in quotes, found a number"],
    ["an empty path", `${whole}[log]\ndirectory = ▸""`, "must not be empty or hold NUL"],
    ["no address", whole.replace('"alice@example.jp"', '▸"alice"'), '"alice" is not a mail address: domain expected'],
    [
      "an address literal",
      whole.replace('"alice@example.jp"', '▸"alice@[192.0.2.1]"'),
      '"alice@[192.0.2.1]" has no domain name',
    ],
    [
      "no domain",
      whole.replace('"example.jp"', '▸"exa mple.jp"'),
      '"exa mple.jp" is not a domain name: character not allowed in a domain',
    ],
    [
      "no host",
      route('host = ▸"smtp.example.net:25"'),
      '"smtp.example.net:25" is neither a host name nor an IP address (the port goes into "port")',
    ],
    [
      "numbers that are no address",
      route('host = ▸"300.1.1.1"'),
      '"300.1.1.1" is neither a host name nor an IP address',
    ],
    [
      "no selector",
      `${head}${domain}dkim = { selector = ▸"a_b" }\n${listener}`,
      '"a_b" is not a DKIM selector (letters, digits and hyphens, as in a host name)',
    ],
    [
      "no limit",
      `${whole}[limits.account]\nrecipients = ["1/1h", ▸"200 per hour"]`,
      '"200 per hour" is not a limit (write how many in how long, at least one second: "200/1h", "1000/1d")',
    ],
    [
      "a whole address as alias",
      `${head}${domain}aliases = { ▸"info@example.jp" = "alice@example.jp" }\n${listener}`,
      '"info@example.jp" is not a local part (only what stands before the @)',
    ],
    [
      "an alias twice",
      `${head}${domain}aliases = { info = "alice@example.jp", ▸INFO = "alice@example.jp" }\n${listener}`,
      '"INFO" is set twice (upper and lower case are the same)',
    ],
    ["an alias to nobody", `${head}${domain}aliases = { info = ▸[] }\n${listener}`, "the list is empty (at least 1)"],
    [
      "an include that is no path",
      `include = [▸1]\n${whole}`,
      '"include" must be a list of paths (include = ["conf.d/*.toml"])',
    ],
    [
      "an include that is no list",
      `include = ▸"a.toml"\n${whole}`,
      '"include" must be a list of paths (include = ["conf.d/*.toml"])',
    ],
  ]));

const prefixHint = '(as in "192.0.2.0/24", "2001:db8::/32")';

await describe("prefixes", () =>
  check(
    (
      [
        ["192.0.2.1/24", `has bits beyond its length: 192.0.2.0/24 is meant? ${prefixHint}`],
        ["::ffff:192.0.2.1", `is an IPv4-mapped address: write 192.0.2.1 ${prefixHint}`],
        ["proxy.example.jp", `is not an IP address or prefix ${prefixHint}`],
      ] as const
    ).map(([text, message]): Case => {
      const marked = `${head}${domain}${listener}proxy = [▸"${text}"]\n`;
      return [text, marked, `"${text}" ${message}`];
    }),
  ));

const endpointHint = '(write an IP address and a port: "127.0.0.1:2587", "[::1]:2587")';

await describe("endpoints", () =>
  check(
    (
      [
        ["localhost:25", `is a name, not an IP address ${endpointHint}`],
        ["127.0.0.1", `has no port ${endpointHint}`],
        ["::1", `has no brackets ${endpointHint}`],
        ["[::1]", `has no port ${endpointHint}`],
        ["[127.0.0.1]:25", `is not an address with a port ${endpointHint}`],
        ["010.0.0.1:25", `is not an address with a port ${endpointHint}`],
        ["[fe80::1%lo]:25", `is not an address with a port ${endpointHint}`],
        ["127.0.0.1:", `is not an address with a port ${endpointHint}`],
        ["", `is not an address with a port ${endpointHint}`],
      ] as const
    ).map(([written, complaint]): Case => {
      return [`"${written}"`, whole.replace('"127.0.0.1:2525"', `▸"${written}"`), `"${written}" ${complaint}`];
    }),
  ));

await describe("references", () =>
  check([
    [
      "a host name of one label",
      whole.replace('"mx.example.jp"', '▸"mx"'),
      '"mx" is not fully qualified (give the whole name, as in mx.example.jp)',
    ],
    [
      "a postmaster elsewhere",
      whole.replace('"alice@example.jp"', '▸"alice@example.org"'),
      '"example.org" is not a domain of this file (add it as [[domain]])',
    ],
    [
      "an alias to elsewhere",
      `${head}${domain}aliases = { info = ["alice@example.jp", ▸"bob@example.org"] }\n${listener}`,
      '"example.org" is not a domain of this file (add it as [[domain]])',
    ],
    [
      "a domain twice, in other letters",
      `${whole}[[domain]]\nname = ▸"EXAMPLE.jp"\npostmaster = "alice@example.jp"\n`,
      'domain "example.jp" is already at line 4:8',
    ],
    [
      "a wrong domain name is one mistake, not three",
      whole.replace('"example.jp"', '▸"-"'),
      '"-" is not a domain name: domain label starts or ends with a hyphen',
    ],
    [
      "an alias for postmaster",
      `${head}${domain}aliases = { ▸postmaster = "bob@example.jp" }\n${listener}`,
      'postmaster is not an alias (set "postmaster" of the domain)',
    ],
    [
      "a postmaster who is postmaster",
      whole.replace('"alice@example.jp"', '▸"abuse@example.jp"'),
      "abuse@example.jp → abuse@example.jp goes round in circles",
    ],
    [
      "aliases in a circle",
      `${head}${domain}[domain.aliases]\n▸a = "b@example.jp"\nb = ["alice@example.jp", "c@example.jp"]\nc = "A@example.jp"\n${listener}`,
      "a@example.jp → b@example.jp → c@example.jp → a@example.jp goes round in circles",
    ],
    [
      "a certificate without a key",
      `${whole}[tls]\ncertificate = ▸▸"crt"\n`,
      '"certificate" needs "key"',
      '"/etc/crt" does not exist',
    ],
    [
      "a key without a certificate",
      `${whole}[tls]\nkey = ▸▸"key"\n`,
      '"key" needs "certificate"',
      '"/etc/key" does not exist',
    ],
    ["a group without a user", `${whole}[process]\ngroup = ▸"mail"\n`, '"group" needs "user"'],
    [
      "an mx listener with implicit TLS",
      `${whole}tls = ▸"implicit"\n`,
      "an mx listener has no implicit TLS (other servers only know STARTTLS (RFC 3207))",
    ],
    [
      "a submission listener without TLS",
      `${whole.replace('"mx"', '"submission"')}tls = ▸"none"\n`,
      'a submission listener needs TLS, as passwords pass only inside it ("starttls" or "implicit")',
    ],
    [
      "a pop3 listener without TLS",
      `${whole.replace('"mx"', '"pop3"')}tls = ▸"none"\n`,
      'a pop3 listener needs TLS, as passwords pass only inside it ("starttls" or "implicit")',
    ],
    [
      "port 465 with STARTTLS",
      whole.replace('"mx"', '"submission"').replace('"127.0.0.1:2525"', '"127.0.0.1:587", ▸"127.0.0.1:465"'),
      'clients expect tls = "implicit" on port 465 (make it a listener of its own)',
    ],
    [
      "two listeners on one endpoint",
      `${whole}${listener.replace('"1', '▸"1')}`,
      "127.0.0.1:2525 collides with 127.0.0.1:2525 at line 8:11",
    ],
    [
      "one listener twice on one endpoint",
      whole.replace('2525"', '2525", ▸"127.0.0.1:2525"'),
      "127.0.0.1:2525 collides with 127.0.0.1:2525 at line 8:11",
    ],
    [
      "a wildcard and an address",
      `${whole}[http]\nclear-text = true\nlisten = [▸"0.0.0.0:2525", "[::]:2525"]\n`,
      "0.0.0.0:2525 collides with 127.0.0.1:2525 at line 8:11",
    ],
    [
      "a mailbox store on port 25",
      whole.replace("[[listener]]", 'mailboxes = { lmtp = ▸"192.0.2.1:25" }\n[[listener]]'),
      "LMTP is not spoken on port 25 (RFC 2033 §5) (port 24 is the usual one)",
    ],
    [
      "a mailbox store that is this server",
      whole.replace("[[listener]]", 'mailboxes = { lmtp = ▸"127.0.0.1:2525" }\n[[listener]]'),
      "127.0.0.1:2525 is a listener of this host: mail would go round in circles",
    ],
    [
      "a mailbox store without a place",
      whole.replace("[[listener]]", 'mailboxes = { lmtp = ▸"dovecot.example.jp" }\n[[listener]]'),
      '"dovecot.example.jp" is a name, not an IP address (write an IP address and a port: "127.0.0.1:2587", "[::1]:2587")',
    ],
    [
      "an API in clear for everybody",
      `${whole}[http]\nlisten = ["127.0.0.2:81", ▸"0.0.0.0:80", ▸"[2001:db8::1]:80", "[::1]:80"]\n`,
      '0.0.0.0:80 is not on loopback, and tokens would pass there in clear (tls = "implicit", or clear-text = true where something else protects the way)',
      '[2001:db8::1]:80 is not on loopback, and tokens would pass there in clear (tls = "implicit", or clear-text = true where something else protects the way)',
    ],
    [
      "Dovecot heard without a token, and in clear from elsewhere",
      `${whole}[dovecot]\nlisten = ▸["127.0.0.1:2084", ▸"192.0.2.1:2084"]\n`,
      '"listen" needs "token" (token = { file = "…" }, and the same in Dovecot)',
      '192.0.2.1:2084 is not on loopback, and tokens would pass there in clear (tls = "implicit", or clear-text = true where something else protects the way)',
    ],
    [
      "a token for Dovecot that is too short",
      `${whole}[dovecot]\nlisten = ["127.0.0.1:2084"]\ntoken = ▸{ environment = "SECRET" }\n`,
      "the token is too short, or has characters that cannot stand in a header (at least 20 letters and digits: openssl rand -hex 32)",
    ],
    [
      "the key for doveadm that is too short, and in clear to elsewhere",
      `${whole}[dovecot]\ndoveadm = { host = ▸"imap.example.net", port = 8080, key = ▸{ environment = "SECRET" } }\n`,
      '"imap.example.net" is not an address on loopback, and the key would pass in clear (tls = "implicit")',
      "the token is too short, or has characters that cannot stand in a header (at least 20 letters and digits: openssl rand -hex 32)",
    ],
    [
      "a token that is too short",
      `${whole}[[http.token]]\nname = "a"\nsecret = ▸{ environment = "SECRET" }\n`,
      "the token is too short, or has characters that cannot stand in a header (at least 20 letters and digits: openssl rand -hex 32)",
    ],
    [
      "two tokens of one name, and one with a space",
      `${whole}[[http.token]]\nname = "a"\nsecret = { environment = "TOKEN" }\n[[http.token]]\nname = ▸"a"\nsecret = { environment = "TOKEN" }\n[[http.token]]\nname = ▸"b c"\nsecret = { environment = "TOKEN" }\n`,
      'token "a" is already at line 10:8',
      '"b c" is not a name of a token (letters, digits, dots, hyphens and underscores, at most 64)',
    ],
    [
      "a token in the configuration itself",
      `${whole}[[http.token]]\nname = "a"\nsecret = ▸"0123456789abcdef0123456789abcdef"\n`,
      'a secret does not stand in the configuration itself, which gets copied, shown and backed up (write { file = "…" } or { environment = "NAME" })',
    ],
    [
      "too few recipients for an mx",
      smtp("recipients = ▸99"),
      "99 is too few for an mx listener (at least 100 (RFC 5321 §4.5.3.1.8))",
    ],
    [
      "no room for one message",
      smtp('content-memory = ▸"10MiB"'),
      "content-memory 10MiB has no room for one message of message-size 35MiB",
    ],
    [
      "no room for one message of each role",
      `${whole}[[listener]]\nrole = "submission"\nlisten = ["127.0.0.1:2587"]\n[smtp]\ncontent-memory = ▸"60MiB"\n`,
      "content-memory 60MiB is too little: submission and mx need one message of message-size 35MiB each",
    ],
    [
      "a larger message than the default memory has room for",
      `${whole}[[listener]]\nrole = "submission"\nlisten = ["127.0.0.1:2587"]\n▸[smtp]\nmessage-size = "200MiB"\n`,
      "content-memory 256MiB is too little: submission and mx need one message of message-size 200MiB each",
    ],
    [
      "more of their own than there is",
      `${whole}sessions = 8\ncontent-memory = "64MiB"\n[smtp]\nsessions = ▸7\n`,
      "sessions 7 is too little: its listeners name more",
    ],
    [
      "a listener's own without room for one message",
      `${whole}content-memory = ▸"1MiB"\n`,
      "content-memory 1MiB has no room for one message of message-size 35MiB",
    ],
    [
      "a budget of a listener that takes no mail",
      `${whole.replace('"mx"', '"pop3"')}sessions = ▸5\n`,
      '"sessions" is for listeners that take mail, and pop3 takes none',
    ],
    [
      "two limits over one interval",
      `${whole}[limits.account]\nrecipients = ["5/1d", ▸"9/24h"]`,
      "a limit over 1d is already at line 10:15",
    ],
    [
      "mail held without end",
      `${whole}[limits.account]\nover = ▸"hold"`,
      'over = "hold" needs "bytes": without it one account fills the disk with held mail (for example bytes = ["1GB/1d"]; as much again is held)',
    ],
    [
      "a plan that takes away what bounds held mail",
      `${whole}[limits.account]\nover = "hold"\nbytes = ["1GB/1d"]\n[[plan]]\nname = "a"\n[[plan]]\nname = "b"\nbytes = ▸[]`,
      'over = "hold" needs "bytes": without it one account fills the disk with held mail (for example bytes = ["1GB/1d"]; as much again is held)',
    ],
    [
      "a limit never reached",
      `${whole}[limits.account]\nrecipients = [▸"200/1h", "200/1d"]`,
      "200/1h is never reached, 200/1d comes first",
    ],
    [
      "fewer attempts than recipients",
      `${whole}[limits.account]\nattempts = [▸"100/1h"]`,
      '100/1h lets nobody use the 200/1h of "recipients"',
    ],
    [
      "fewer connections than one destination may have",
      `${whole}[delivery]\nconnections = ▸10`,
      "connections 10 is less than connections-per-destination 20",
    ],
    ["giving up at once", `${whole}[delivery]\ngive-up = ▸"5m"`, "would give up before the second attempt after 5m"],
    [
      "a route twice",
      `${route('host = "192.0.2.1"')}[[route]]\ndomain = ▸"example.org"\nhost = "192.0.2.2"`,
      'a route for "example.org" is already at line 10:10',
    ],
    [
      "two egresses of one name, one sender, one class",
      `${whole}[[egress]]\nname = "a"\naddresses = "192.0.2.1"\nsenders = "example.org"\nbulk = true\n` +
        `[[egress]]\nname = ▸"a"\naddresses = "192.0.2.2"\nsenders = ▸"example.org"\nbulk = ▸true`,
      'egress "a" is already at line 10:8',
      'the egress of "example.org" is already at line 12:11',
      "the egress of bulk mail is already at line 13:8",
    ],
    [
      "an egress that is not there",
      route('host = "192.0.2.1"\negress = ▸"bulk"'),
      'there is no egress "bulk" (add it as [[egress]])',
    ],
    [
      "an egress without an address",
      `${whole}[[egress]]\nname = "a"\naddresses = ▸"out.example.jp"`,
      '"out.example.jp" is not an IP address (as in "192.0.2.25", "2001:db8::25")',
    ],
    [
      "a destination of nothing",
      `${whole}▸[[destination]]\nconnections = 3`,
      "a destination needs domains or exchangers",
    ],
    [
      "a destination twice",
      `${whole}[[destination]]\ndomains = "example.org"\n[[destination]]\ndomains = ▸"example.org"`,
      'a destination "example.org" is already at line 10:11',
    ],
    [
      "a route for a local domain",
      `${whole}[[route]]\ndomain = ▸"example.jp"\nhost = "192.0.2.2"`,
      '"example.jp" is local (line 4:8), its mail does not leave',
    ],
    [
      "a route to this host by name",
      route('host = ▸"MX.example.jp"'),
      '"mx.example.jp" is this host: mail would go round in circles',
    ],
    [
      "LMTP on the port of SMTP",
      route('host = "192.0.2.1"\nprotocol = "lmtp"\nport = ▸25'),
      "LMTP is not spoken on port 25 (RFC 2033 §5) (port 24 is the usual one)",
    ],
    [
      "a route to an own listener",
      route('host = ▸"127.0.0.1"\nport = 2525'),
      "127.0.0.1:2525 is a listener of this host: mail would go round in circles",
    ],
    [
      "a route to an own wildcard listener",
      route('host = ▸"127.0.0.2"\nport = 2525').replace('"127.0.0.1:', '"0.0.0.0:'),
      "0.0.0.0:2525 is a listener of this host: mail would go round in circles",
    ],
    ["a user name without password", route('host = "192.0.2.1"\nusername = ▸"u"'), '"username" needs "password"'],
    [
      "a POP login that opens a submission listener",
      `${head}${domain}[[listener]]\nrole = "submission"\nlisten = ["127.0.0.1:587"]\npop-before-smtp = ▸{ networks = ["192.0.2.0/24"] }\n`,
      '"pop-before-smtp" is for role "legacy": whoever shares the address could send as well; on every other listener people log in to send',
    ],
    [
      "AUTH on an mx listener",
      `${whole}mechanisms = ▸["plain"]\n`,
      "an mx listener offers no AUTH (people log in on a submission listener)",
    ],
    [
      "an end of an mx listener",
      `${whole}until = ▸"2027-03-31"\n`,
      '"until" is for roles "legacy" and "substitute": no other listener ends',
    ],
    [
      "a substitute listener without an end",
      substitute("", 'sends-from = "192.0.2.1"').replace('"substitute"', '▸"substitute"'),
      'a substitute listener needs "until" (the day on which the third parties have a submission service of their own)',
    ],
    [
      "a substitute listener, and nobody knows where mail leaves from",
      substitute('until = "2027-03-31"', "").replace('"substitute"', '▸"substitute"'),
      'nobody knows from which addresses mail leaves, so SPF cannot be judged (set "sends-from" of [substitute] to the addresses from which others see your mail come)',
    ],
    [
      "a substitute listener before a smarthost",
      substitute('until = "2027-03-31"', '[delivery.smarthost]\nhost = "192.0.2.9"').replace(
        '"substitute"',
        '▸"substitute"',
      ),
      'nobody knows from which addresses the smarthost sends (set "sends-from" of [substitute] to the addresses from which others see your mail come)',
    ],
    [
      "POP-before-SMTP on a substitute listener",
      substitute(
        'until = "2027-03-31"\npop-before-smtp = ▸{ networks = ["192.0.2.0/24"] }',
        'sends-from = "192.0.2.1"',
      ),
      '"pop-before-smtp" is for role "legacy": whoever shares the address could send as well; on every other listener people log in to send',
    ],
    [
      "a substitute listener in clear",
      substitute('until = "2027-03-31"\ntls = ▸"none"', 'sends-from = "192.0.2.1"'),
      'a substitute listener needs TLS, as passwords pass only inside it ("starttls" or "implicit")',
    ],
    [
      "a page for codes that nothing serves",
      substitute('until = "2027-03-31"', 'sends-from = "192.0.2.1"\ncode-page = ▸true'),
      'nothing serves the page for codes (set "listen" of [web])',
    ],
    [
      "a page for codes in clear",
      substitute(
        'until = "2027-03-31"',
        'sends-from = "192.0.2.1"\ncode-page = ▸true\n[web]\nlisten = ["127.0.0.1:2081"]\ntls = "none"',
      ),
      'passwords would pass in clear to the page for codes, as [web] has no TLS (tls = "implicit" in [web], or name the reverse proxy that has it in "forwarded-by")',
    ],
    [
      "a page for codes behind a reverse proxy",
      substitute(
        'until = "2027-03-31"',
        'sends-from = "192.0.2.1"\ncode-page = true\n[web]\nlisten = ["127.0.0.1:2081"]\ntls = "none"\nforwarded-by = "127.0.0.1"',
      ),
    ],
    [
      "a third party that is local",
      `${whole}[[substitute.provider]]\ndomains = [▸"example.jp"]\n`,
      '"example.jp" is local (line 4:8), no third party\'s',
    ],
    [
      "a third party twice",
      `${whole}[[substitute.provider]]\ndomains = ["a.example", ▸"a.example"]\n`,
      'the provider of "a.example" is already at line 10:12',
    ],
    [
      "a third party's server that is here",
      `${whole}[[substitute.provider]]\ndomains = ["a.example"]\nrelay = { host = ▸"127.0.0.1", port = 2525 }\n`,
      "127.0.0.1:2525 is a listener of this host: mail would go round in circles",
    ],
    [
      "a third party's server with a password",
      `${whole}[[substitute.provider]]\ndomains = ["a.example"]\nrelay = { host = "192.0.2.1", ▸username = "u" }\n`,
      'unknown key "username" (it belongs into [delivery.smarthost] or [[route]])',
    ],
    [
      "a third party's server over an egress that is not there",
      `${whole}[[substitute.provider]]\ndomains = ["a.example"]\nrelay = { host = "192.0.2.1", egress = ▸"x" }\n`,
      'there is no egress "x" (add it as [[egress]])',
    ],
    [
      "a notice of the end at the beginning",
      `${whole}[substitute]\nrenewal = "20d"\nremind = ▸"20d"\n`,
      "a proof would be told to end when it begins, as it holds for 20d",
    ],
    [
      "verdicts that are forgotten before they are read again",
      `${whole}[substitute]\nkeep-verdict = ▸"1h"\n`,
      'a verdict would be forgotten before it is read again: at least twice the 1d of "reread"',
    ],
    [
      "a password without user name",
      route('host = "192.0.2.1"\n▸password = { environment = "SECRET" }'),
      '"password" needs "username"',
    ],
    [
      "a password in clear",
      route('host = "192.0.2.1"\nusername = "u"\npassword = { environment = "SECRET" }\ntls = ▸"opportunistic"'),
      'a password is not sent with tls = "opportunistic" (tls = "required")',
    ],
    [
      "a next hop on port 465",
      route('host = "192.0.2.1"\nport = ▸465'),
      "implicit TLS to a next hop is not supported (use port 587, with STARTTLS)",
    ],
  ]));

await describe("what is no mistake", async () => {
  for (const [name, text] of [
    ["two listeners on port 0", `${whole}${listener}`.replaceAll("2525", "0")],
    ["the same port over IPv4 and IPv6", whole.replace('"127.0.0.1:2525"', '"0.0.0.0:2525", "[::]:2525"')],
    ["an mx listener in clear", `${whole}tls = "none"\n`],
    ["an alias for abuse", `${head}${domain}aliases = { abuse = "bob@example.jp" }\n${listener}`],
    [
      "two aliases that meet",
      `${head}${domain}aliases = { a = ["b@example.jp", "c@example.jp"], b = "d@example.jp", c = "d@example.jp", d = "alice@example.jp" }\n${listener}`,
    ],
    [
      "few recipients without an mx",
      `${head}${domain}${listener.replace('"mx"', '"submission"')}[smtp]\nrecipients = 10\n`,
    ],
  ] as const) {
    await it(name, () => assert.deepEqual(problemsOf(text), []));
  }

  await it("all mistakes are told at once, in the order of the file", () => {
    const { text, places } = unmark(
      smtp("▸erors = 1\ntimeout = ▸5")
        .replace('"mx.example.jp"', '▸"mx"')
        .replace('"alice@example.jp"', '▸"alice@example.org"'),
    );
    assert.deepEqual(
      problemsOf(text).map((line) => line.slice(0, line.indexOf(": "))),
      places,
    );
  });
});
