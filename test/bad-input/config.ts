// What should not stand in a configuration, and what is said about it: the place in file:line:column, the mistake, and where
// there is more to say a hint in brackets. A row stands for a slip of a person, or for a file that is not what it seems.

export interface BadConfig {
  readonly name: string;
  /** By name; the first is given to `config check`. Text, octets, or null for a directory. */
  readonly files: Readonly<Record<string, string | Buffer | null>>;
  /** Mode of a file, 600 when left out. */
  readonly modes?: Readonly<Record<string, number>>;
  /** Whole lines, the directory left out. */
  readonly expect: readonly string[];
}

const whole = `version = 1
hostname = "mx.example.jp"
[[domain]]
name = "example.jp"
postmaster = "alice@example.jp"
[[listener]]
role = "mx"
listen = ["127.0.0.1:2525"]
`;

type Row = readonly [
  name: string,
  main: string | Buffer,
  expect: string | readonly string[],
  more?: Pick<Partial<BadConfig>, "files" | "modes">,
];

const smarthost = (password: string): string =>
  `${whole}[delivery.smarthost]\nhost = "192.0.2.1"\nusername = "u"\npassword = ${password}\n`;

const rows: readonly Row[] = [
  // --- no text, no TOML
  [
    "an empty file",
    "",
    [
      'sekimori.toml:1:1: the file does not say which version of the format it is written in (begin it with "version = 1")',
      'sekimori.toml:1:1: "hostname" is missing',
      "sekimori.toml:1:1: [[domain]] is missing",
      "sekimori.toml:1:1: [[listener]] is missing",
    ],
  ],
  [
    "octets that are no UTF-8",
    Buffer.from(`${whole}# caf\xe9\n`, "latin1"),
    "sekimori.toml:1:1: the configuration file is not text in UTF-8",
  ],
  ["a file in UTF-16", Buffer.from(whole, "utf16le"), "sekimori.toml:1:1: the configuration file is not text in UTF-8"],
  [
    "a NUL in a comment",
    `${whole}# a\0b\n`,
    "sekimori.toml:9:4: not TOML: control characters (codes < 0x1f and 0x7f) are not allowed (delete it, or write it in quotes as \\u0000)",
  ],
  [
    "carriage returns alone",
    whole.replaceAll("\n", "\r"),
    'sekimori.toml:1:13: not TOML: must be a newline (text stands in quotes, and one pair in a line: level = "info")',
  ],
  [
    "a string without an end",
    `${whole}[log]\nlevel = "info\n`,
    "sekimori.toml:10:14: not TOML: unterminated string constant (close it with the quotation mark it began with, in the same line)",
  ],
  [
    "an escape that is none",
    `${whole}[log]\ndirectory = "C:\\logs"\n`,
    "sekimori.toml:10:17: not TOML: invalid character in escape sequence (in double quotes a backslash is written twice; in single quotes it stands for itself)",
  ],
  [
    "a value without quotes",
    `${whole}[log]\nlevel = info\n`,
    'sekimori.toml:10:12: not TOML: must be a newline (text stands in quotes, and one pair in a line: level = "info")',
  ],
  [
    "a colon for an equals sign",
    `${whole}[log]\nlevel: "info"\n`,
    'sekimori.toml:10:6: not TOML: unexpected character (pairs are written key = value, text in quotes: level = "info")',
  ],
  [
    "a key twice",
    `${whole}[log]\nlevel = "info"\nlevel = "warn"\n`,
    "sekimori.toml:11:1: not TOML: defining a key multiple times is invalid (each key and each table once; [[name]] adds one more to a list of tables)",
  ],
  [
    "a table twice",
    `${whole}[log]\n[log]\n`,
    "sekimori.toml:10:2: not TOML: defining a key multiple times is invalid (each key and each table once; [[name]] adds one more to a list of tables)",
  ],
  [
    "a table and a list of tables",
    `${whole}[listener]\nrole = "mx"\n`,
    "sekimori.toml:9:2: not TOML: defining a key multiple times is invalid (each key and each table once; [[name]] adds one more to a list of tables)",
  ],
  [
    "a line of YAML",
    `hostname: mx.example.jp\n${whole}`,
    'sekimori.toml:1:9: not TOML: unexpected character (pairs are written key = value, text in quotes: level = "info")',
  ],
  [
    "JSON",
    '{ "version": 1 }\n',
    'sekimori.toml:1:1: not TOML: unexpected token (pairs are written key = value, text in quotes: level = "info")',
  ],
  [
    "brackets in brackets",
    `${whole}x = ${"[".repeat(5000)}${"]".repeat(5000)}\n`,
    "sekimori.toml:9:20: brackets are nested too deeply",
  ],

  // --- version
  [
    "no version",
    whole.replace("version = 1\n", ""),
    'sekimori.toml:1:1: the file does not say which version of the format it is written in (begin it with "version = 1")',
  ],
  [
    "a version from the future",
    whole.replace("= 1", "= 7"),
    "sekimori.toml:1:11: the file is written in version 7 of the format, this program reads version 1 (use a newer Sekimori)",
  ],

  // --- keys
  [
    "a mistyped key",
    `${whole}[smtp]\nmesage-size = "1MiB"\n`,
    'sekimori.toml:10:1: unknown key "mesage-size" (did you mean "message-size"?)',
  ],
  [
    "a key in camel case",
    `${whole}[smtp]\nmessageSize = "1MiB"\n`,
    'sekimori.toml:10:1: unknown key "messageSize" (did you mean "message-size"?)',
  ],
  [
    "a key of another table",
    `${whole}[delivery]\nmessage-size = "1MiB"\n`,
    'sekimori.toml:10:1: unknown key "message-size" (it belongs into [smtp])',
  ],
  ["a table nobody knows", `${whole}[smtpd]\n`, 'sekimori.toml:9:2: unknown key "smtpd" (did you mean "smtp"?)'],
  [
    "what is required, missing",
    "version = 1\n",
    [
      'sekimori.toml:1:1: "hostname" is missing',
      "sekimori.toml:1:1: [[domain]] is missing",
      "sekimori.toml:1:1: [[listener]] is missing",
    ],
  ],

  // --- values
  [
    "a number in quotes",
    `${whole}[smtp]\nerrors = "20"\n`,
    "sekimori.toml:10:10: expected a whole number, found text (without quotes)",
  ],
  [
    "a duration without its unit",
    `${whole}[smtp]\ntimeout = 300\n`,
    'sekimori.toml:10:11: expected a duration, found a number (in quotes, with its unit: "15m")',
  ],
  [
    "a size of M",
    `${whole}[smtp]\nmessage-size = "35M"\n`,
    'sekimori.toml:10:16: "35M" is not a size (write a number and a unit: "25MiB" is 26,214,400 octets, "25MB" is 25,000,000)',
  ],
  [
    "a port that is none",
    whole.replace(":2525", ":70000"),
    "sekimori.toml:8:11: port 70000 does not exist (the largest is 65535)",
  ],
  [
    "a number below all",
    `${whole}[smtp]\nrecipients = -1\n`,
    "sekimori.toml:10:14: -1 is out of range (from 1 to 50000)",
  ],
  [
    "a number with a fraction",
    `${whole}[smtp]\nrecipients = 100.5\n`,
    "sekimori.toml:10:14: expected a whole number, found a number with a fraction",
  ],
  ["not a number", `${whole}[smtp]\nrecipients = nan\n`, "sekimori.toml:10:14: expected a whole number, found nan"],
  [
    "a word that is none",
    `${whole}[log]\nlevel = "verbose"\n`,
    'sekimori.toml:10:9: "verbose" is none of "debug", "info", "warn", "error"',
  ],
  [
    "a name for an address to listen on",
    whole.replace('"127.0.0.1:2525"', '"localhost:2525"'),
    'sekimori.toml:8:11: "localhost:2525" is a name, not an IP address (write an IP address and a port: "127.0.0.1:2587", "[::1]:2587")',
  ],
  [
    "a limit that is none",
    `${whole}[limits.account]\nrecipients = ["200 per hour"]\n`,
    'sekimori.toml:10:15: "200 per hour" is not a limit (write how many in how long, at least one second: "200/1h", "1000/1d")',
  ],
  [
    "a prefix with bits behind it",
    `${whole}proxy = ["192.0.2.1/24"]\n`,
    'sekimori.toml:9:10: "192.0.2.1/24" has bits beyond its length: 192.0.2.0/24 is meant? (as in "192.0.2.0/24", "2001:db8::/32")',
  ],
  [
    "an address without a domain",
    whole.replace('"alice@example.jp"', '"alice"'),
    'sekimori.toml:5:14: "alice" is not a mail address: domain expected',
  ],
  [
    "a host name of one label",
    whole.replace('"mx.example.jp"', '"mx"'),
    'sekimori.toml:2:12: "mx" is not fully qualified (give the whole name, as in mx.example.jp)',
  ],

  // --- what refers to what
  [
    "a postmaster elsewhere",
    whole.replace('"alice@example.jp"', '"alice@example.org"'),
    'sekimori.toml:5:14: "example.org" is not a domain of this file (add it as [[domain]])',
  ],
  [
    "aliases in a circle",
    whole.replace("[[listener]]", 'aliases = { a = "b@example.jp", b = "a@example.jp" }\n[[listener]]'),
    "sekimori.toml:6:13: a@example.jp → b@example.jp → a@example.jp goes round in circles",
  ],
  [
    "two listeners on one port",
    `${whole}[[listener]]\nrole = "mx"\nlisten = ["0.0.0.0:2525"]\n`,
    "sekimori.toml:11:11: 0.0.0.0:2525 collides with 127.0.0.1:2525 at line 8:11",
  ],
  [
    "a certificate without a key",
    `${whole}[tls]\ncertificate = "crt.pem"\n`,
    'sekimori.toml:10:15: "certificate" needs "key"',
    { files: { "crt.pem": "x" } },
  ],
  [
    "a certificate that is not there",
    `${whole}[tls]\ncertificate = "crt.pem"\nkey = "key.pem"\n`,
    ['sekimori.toml:10:15: "crt.pem" does not exist', 'sekimori.toml:11:7: "key.pem" does not exist'],
  ],
  [
    "a key that everybody reads",
    `${whole}[tls]\ncertificate = "crt.pem"\nkey = "key.pem"\n`,
    'sekimori.toml:11:7: "key.pem" is open to everybody (mode 644) (chmod 600)',
    { files: { "crt.pem": "x", "key.pem": "x" }, modes: { "key.pem": 0o644 } },
  ],
  [
    "a route for the own domain",
    `${whole}[[route]]\ndomain = "example.jp"\nhost = "192.0.2.1"\n`,
    'sekimori.toml:10:10: "example.jp" is local (line 4:8), its mail does not leave',
  ],
  [
    "a route to the own listener",
    `${whole}[[route]]\ndomain = "example.org"\nhost = "127.0.0.1"\nport = 2525\n`,
    "sekimori.toml:11:8: 127.0.0.1:2525 is a listener of this host: mail would go round in circles",
  ],
  [
    "passwords without TLS",
    `${whole}[[listener]]\nrole = "submission"\nlisten = ["127.0.0.1:587"]\ntls = "none"\n`,
    'sekimori.toml:12:7: a submission listener needs TLS, as passwords pass only inside it ("starttls" or "implicit")',
  ],
  [
    "the API in clear for everybody",
    `${whole}[http]\nlisten = ["0.0.0.0:2080"]\n`,
    'sekimori.toml:10:11: 0.0.0.0:2080 is not on loopback, and tokens would pass there in clear (tls = "implicit", or clear-text = true where something else protects the way)',
  ],

  // --- secrets
  [
    "a password in the file",
    smarthost('"open sesame"'),
    'sekimori.toml:12:12: a secret does not stand in the configuration itself, which gets copied, shown and backed up (write { file = "…" } or { environment = "NAME" })',
  ],
  [
    "a secret nobody set",
    smarthost('{ environment = "SEKIMORI_TEST_NOT_SET" }'),
    'sekimori.toml:12:28: environment variable "SEKIMORI_TEST_NOT_SET" is not set',
  ],
  [
    "a secret in a file that is not there",
    smarthost('{ file = "secret" }'),
    'sekimori.toml:12:21: "secret" does not exist',
  ],
  [
    "a secret that everybody reads",
    smarthost('{ file = "secret" }'),
    'sekimori.toml:12:21: "secret" is open to others than its owner (mode 644) (chmod 600)',
    { files: { secret: "open sesame\n" }, modes: { secret: 0o644 } },
  ],
  [
    "an empty secret",
    smarthost('{ file = "secret" }'),
    'sekimori.toml:12:21: "secret" is empty',
    { files: { secret: "\n" } },
  ],
  [
    "a secret of two lines",
    smarthost('{ file = "secret" }'),
    'sekimori.toml:12:21: "secret" has more than one line',
    { files: { secret: "open\nsesame\n" } },
  ],
  [
    "a secret in a directory",
    smarthost('{ file = "secret" }'),
    'sekimori.toml:12:21: "secret" is open to others than its owner (mode 755) (chmod 600)',
    { files: { secret: null } },
  ],
  [
    "a short token",
    `${whole}[[http.token]]\nname = "a"\nsecret = { file = "token" }\n`,
    "sekimori.toml:11:10: the token is too short, or has characters that cannot stand in a header (at least 20 letters and digits: openssl rand -hex 32)",
    { files: { token: "12345\n" } },
  ],

  // --- several files
  [
    "an include that is not there",
    `include = ["more.toml"]\n${whole}`,
    'sekimori.toml:1:12: "more.toml" does not exist',
  ],
  [
    "an include of itself",
    `include = ["sekimori.toml"]\n${whole}`,
    'sekimori.toml:1:12: "sekimori.toml" includes itself: sekimori.toml → sekimori.toml',
  ],
  [
    "two files that include each other",
    `include = ["more.toml"]\n${whole}`,
    'more.toml:1:12: "sekimori.toml" includes itself: sekimori.toml → more.toml → sekimori.toml',
    { files: { "more.toml": 'include = ["sekimori.toml"]\n' } },
  ],
  [
    "an include twice",
    `include = ["more.toml", "m*.toml"]\n${whole}`,
    'sekimori.toml:1:25: "more.toml" is included twice',
    { files: { "more.toml": "" } },
  ],
  [
    "an include of a directory",
    `include = ["conf.d"]\n${whole}`,
    'sekimori.toml:1:12: "conf.d" is a directory',
    { files: { "conf.d": null } },
  ],
  [
    "a wildcard in a directory",
    `include = ["*/x.toml"]\n${whole}`,
    'sekimori.toml:1:12: "*/x.toml" has a wildcard in a directory (only in the last part of the path)',
  ],
  [
    "an included file with a mistake",
    `include = ["more.toml"]\n${whole}`,
    'more.toml:2:1: unknown key "levle" (did you mean "level"?)',
    { files: { "more.toml": '[log]\nlevle = "info"\n' } },
  ],
  [
    "an included file in Latin-1",
    `include = ["more.toml"]\n${whole}`,
    'sekimori.toml:1:12: "more.toml" is not text in UTF-8',
    { files: { "more.toml": Buffer.from("# \xe9\n", "latin1") } },
  ],
  [
    "a value in two files",
    `include = ["more.toml"]\n${whole}`,
    'more.toml:1:1: "hostname" is already set at sekimori.toml:3:1',
    { files: { "more.toml": 'hostname = "mx2.example.jp"\n' } },
  ],
];

export const badConfigs: readonly BadConfig[] = rows.map(([name, main, expect, { files = {}, modes = {} } = {}]) => ({
  name,
  files: { "sekimori.toml": main, ...files },
  modes,
  expect: typeof expect === "string" ? [expect] : expect,
}));
