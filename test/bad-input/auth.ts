// What clients should not say when they log in by SMTP, and some things they may: the first reply to `send`, said in the named
// situation, and under which reason it is logged. `session`: is it still there? The accounts are those of the test service: alice,
// bob, and carol, who is suspended.

export interface BadLogin {
  readonly name: string;
  /**
   * `clear`: EHLO without TLS. `hello`: inside TLS, nothing said. `tls`: EHLO as well. `plain`, `login`, `password`, `scram`: after the 334 that
   * wants what they are named after. `proof`: after the server's first message of SCRAM. `account`: logged in. `mail`: and MAIL said.
   * `mx`: inside TLS on the MX.
   */
  readonly after:
    | "clear"
    | "hello"
    | "tls"
    | "plain"
    | "login"
    | "password"
    | "scram"
    | "proof"
    | "account"
    | "mail"
    | "mx";
  /** One character an octet. */
  readonly send: string;
  readonly expect: string;
  /** Reason of auth.failed; `succeeded`: auth.succeeded; `counted`: among the errors of session.closed. */
  readonly logged: string;
  readonly session: "open" | "closed";
}

type Row = readonly [
  name: string,
  after: BadLogin["after"],
  send: string,
  expect: string,
  logged: string,
  session?: "closed",
];

const ALICE = "alice@sekimori.test";
const PASSWORD = "open sesame";
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const plain = (name: string, password = PASSWORD, acting = ""): string => base64(`${acting}\0${name}\0${password}`);
const right = plain(ALICE);
/** What `proof` has said before. */
export const firstOfScram = `n,,n=${ALICE},r=abcdefghijklmnop`;
const scram = (first: string): string => `AUTH SCRAM-SHA-256 ${base64(first)}\r\n`;
const nothing = Buffer.alloc(32).toString("base64");
const TEN_MEGABYTES = 10_000_000;

const rows: readonly Row[] = [
  // --- base64
  ["no base64", "tls", "AUTH PLAIN !!!!\r\n", "501 5.5.2", "auth.malformed"],
  ["base64 without its padding", "tls", "AUTH PLAIN AGEAYg\r\n", "501 5.5.2", "auth.malformed"],
  ["base64 with something behind its padding", "tls", "AUTH PLAIN AGEAYg==AGEA\r\n", "501 5.5.2", "auth.malformed"],
  ["base64 with bits left over", "tls", "AUTH PLAIN AGEAYh==\r\n", "501 5.5.2", "auth.malformed"],
  ["base64 of another alphabet", "tls", "AUTH PLAIN AP__-w==\r\n", "501 5.5.2", "auth.malformed"],
  ["base64 with a space in it", "tls", "AUTH PLAIN AGEA Yg==\r\n", "501 5.5.4", "counted"],
  ["no base64 in the exchange", "plain", "not base64\r\n", "501 5.5.2", "auth.malformed"],
  ["UTF-8 in place of base64", "plain", "\xe9\x96\xa2\xe5\xae\x88\r\n", "501 5.5.2", "auth.malformed"],
  ["a NUL in place of base64", "plain", "AGEA\0Yg=\r\n", "501 5.5.2", "auth.malformed"],
  ["a command in the exchange", "plain", `MAIL FROM:<${ALICE}>\r\n`, "501 5.5.2", "auth.malformed"],
  ["a response that ends in LF", "plain", `${right}\n`, "521 5.5.2", "counted", "closed"],

  // --- "*" and "="
  ["a login that is given up", "plain", "*\r\n", "501 5.7.0", "auth.cancelled"],
  ["a login that is given up at the password", "password", "*\r\n", "501 5.7.0", "auth.cancelled"],
  ["a proof that is given up", "proof", "*\r\n", "501 5.7.0", "auth.cancelled"],
  ["two stars", "plain", "**\r\n", "501 5.5.2", "auth.malformed"],
  ["an empty initial response", "tls", "AUTH PLAIN =\r\n", "501 5.5.2", "auth.malformed"],
  ["a star as initial response", "tls", "AUTH PLAIN *\r\n", "501 5.5.2", "auth.malformed"],
  ["an equals sign as response", "plain", "=\r\n", "501 5.5.2", "auth.malformed"],
  ["an empty response", "plain", "\r\n", "501 5.5.2", "auth.malformed"],

  // --- PLAIN
  ["PLAIN without its NULs", "plain", `${base64("abc")}\r\n`, "501 5.5.2", "auth.malformed"],
  ["PLAIN with one NUL", "plain", `${base64(`\0${ALICE}`)}\r\n`, "501 5.5.2", "auth.malformed"],
  ["PLAIN without a user", "plain", `${plain("")}\r\n`, "501 5.5.2", "auth.malformed"],
  ["PLAIN without a password", "plain", `${plain(ALICE, "")}\r\n`, "501 5.5.2", "auth.malformed"],
  ["a NUL in the password", "plain", `${plain(ALICE, "open\0sesame")}\r\n`, "501 5.5.2", "auth.malformed"],
  ["a NUL behind the password", "plain", `${plain(ALICE, `${PASSWORD}\0`)}\r\n`, "501 5.5.2", "auth.malformed"],
  ["a NUL in the user", "plain", `${plain("ali\0ce@sekimori.test")}\r\n`, "501 5.5.2", "auth.malformed"],
  ["a bell in the user", "plain", `${plain("ali\u0007ce@sekimori.test")}\r\n`, "501 5.5.2", "auth.malformed"],
  ["a line end in the password", "plain", `${plain(ALICE, "open\r\nsesame")}\r\n`, "501 5.5.2", "auth.malformed"],
  ["a text that turns around", "plain", `${plain("\u202ealice@sekimori.test")}\r\n`, "501 5.5.2", "auth.malformed"],
  [
    "no UTF-8",
    "plain",
    `${Buffer.from(`\0${ALICE}\0p\xe4ss`, "latin1").toString("base64")}\r\n`,
    "501 5.5.2",
    "auth.malformed",
  ],
  [
    "a surrogate in UTF-8",
    "plain",
    `${Buffer.from("\0a\0\xed\xa0\x80", "latin1").toString("base64")}\r\n`,
    "501 5.5.2",
    "auth.malformed",
  ],
  ["a user of nothing that is seen", "plain", `${plain("\u00ad\u200b")}\r\n`, "501 5.5.2", "auth.malformed"],
  ["a password of 1025 octets", "plain", `${plain(ALICE, "x".repeat(1025))}\r\n`, "501 5.5.2", "auth.malformed"],
  [
    "acting as somebody else",
    "plain",
    `${plain(ALICE, PASSWORD, "bob@sekimori.test")}\r\n`,
    "535 5.7.8",
    "auth.credentials",
  ],
  ["acting as oneself", "plain", `${plain(ALICE, PASSWORD, ALICE)}\r\n`, "235 2.7.0", "succeeded"],
  ["a wrong password", "plain", `${plain(ALICE, "wrong")}\r\n`, "535 5.7.8", "auth.credentials"],
  ["a bell in the password", "plain", `${plain(ALICE, "open\u0007sesame")}\r\n`, "535 5.7.8", "auth.credentials"],
  ["a password of nothing that is seen", "plain", `${plain(ALICE, "\u00ad")}\r\n`, "535 5.7.8", "auth.credentials"],
  [
    "a bell in the password of nobody",
    "plain",
    `${plain("nobody@sekimori.test", "open\u0007sesame")}\r\n`,
    "535 5.7.8",
    "auth.credentials",
  ],
  ["a password and a space", "plain", `${plain(ALICE, `${PASSWORD} `)}\r\n`, "535 5.7.8", "auth.credentials"],
  ["a password in capitals", "plain", `${plain(ALICE, "OPEN SESAME")}\r\n`, "535 5.7.8", "auth.credentials"],
  ["a user without a domain", "plain", `${plain("alice")}\r\n`, "535 5.7.8", "auth.credentials"],
  ["a user that is SQL", "plain", `${plain("' OR 1=1 --")}\r\n`, "535 5.7.8", "auth.credentials"],
  ["a user of the JavaScript prototype", "plain", `${plain("__proto__")}\r\n`, "535 5.7.8", "auth.credentials"],
  ["a suspended account", "plain", `${plain("carol@sekimori.test")}\r\n`, "535 5.7.8", "auth.credentials"],

  // --- SASLprep (RFC 4013): what is prepared is what was meant
  ["a soft hyphen in the user", "plain", `${plain("al\u00adice@sekimori.test")}\r\n`, "235 2.7.0", "succeeded"],
  ["full-width letters in the user", "plain", `${plain("\uff21lice@sekimori.test")}\r\n`, "235 2.7.0", "succeeded"],
  ["a no-break space in the password", "plain", `${plain(ALICE, "open\u00a0sesame")}\r\n`, "235 2.7.0", "succeeded"],
  [
    "an ideographic space in the password",
    "plain",
    `${plain(ALICE, "open\u3000sesame")}\r\n`,
    "235 2.7.0",
    "succeeded",
  ],
  ["a user in other case", "plain", `${plain("Alice@Sekimori.TEST")}\r\n`, "235 2.7.0", "succeeded"],

  // --- LOGIN
  ["LOGIN without a user", "login", `\r\n${base64(PASSWORD)}\r\n`, "334", "auth.malformed"],
  ["LOGIN without a password", "password", "\r\n", "501 5.5.2", "auth.malformed"],
  ["LOGIN with a NUL in the password", "password", `${base64("open\0sesame")}\r\n`, "501 5.5.2", "auth.malformed"],
  ["LOGIN with a wrong password", "password", `${base64("wrong")}\r\n`, "535 5.7.8", "auth.credentials"],
  ["LOGIN with the user in clear", "login", `${ALICE}\r\n`, "501 5.5.2", "auth.malformed"],

  // --- lines
  ["an initial response that is too long", "tls", `AUTH PLAIN ${"A".repeat(13_000)}\r\n`, "500 5.5.2", "counted"],
  ["an initial response of 10 MB", "tls", `AUTH PLAIN ${"A".repeat(TEN_MEGABYTES)}\r\n`, "500 5.5.2", "counted"],
  ["a response that is too long", "plain", `${"A".repeat(13_000)}\r\n`, "500 5.5.6", "auth.too-long"],
  ["a response of 10 MB", "plain", `${"A".repeat(TEN_MEGABYTES)}\r\n`, "500 5.5.6", "auth.too-long"],
  ["a password of 10 MB", "password", `${"A".repeat(TEN_MEGABYTES)}\r\n`, "500 5.5.6", "auth.too-long"],
  ["a user of 9000 octets", "plain", `${plain("a".repeat(9000))}\r\n`, "501 5.5.2", "auth.malformed"],
  ["10 MB of spaces behind AUTH", "tls", `AUTH${" ".repeat(TEN_MEGABYTES)}PLAIN\r\n`, "500 5.5.2", "counted"],

  // --- mechanisms
  ["AUTH without a mechanism", "tls", "AUTH\r\n", "501 5.5.4", "counted"],
  ["a mechanism of 21 letters", "tls", "AUTH ABCDEFGHIJKLMNOPQRSTU\r\n", "501 5.5.4", "counted"],
  ["a mechanism in full-width letters", "tls", "AUTH \xef\xbc\xb0LAIN\r\n", "501 5.5.4", "counted"],
  ["an unknown mechanism", "tls", "AUTH XOAUTH2 AGEAYg==\r\n", "504 5.5.4", "auth.mechanism"],
  ["a mechanism that is not safe", "tls", "AUTH DIGEST-MD5\r\n", "504 5.5.4 DIGEST-MD5", "auth.mechanism"],
  ["a mechanism of the JavaScript prototype", "tls", "AUTH __proto__\r\n", "504 5.5.4", "auth.mechanism"],
  ["nobody in particular", "tls", "AUTH ANONYMOUS\r\n", "504 5.5.4", "auth.mechanism"],
  ["who the TLS layer says", "tls", "AUTH EXTERNAL =\r\n", "504 5.5.4", "auth.mechanism"],
  ["a mechanism in lower case", "tls", `auth plain ${right}\r\n`, "235 2.7.0", "succeeded"],

  // --- out of turn
  ["AUTH in clear", "clear", `AUTH PLAIN ${right}\r\n`, "538 5.7.11", "auth.needs-tls"],
  ["AUTH of an unknown mechanism in clear", "clear", "AUTH XYZZY\r\n", "538 5.7.11", "auth.needs-tls"],
  ["AUTH before EHLO", "hello", `AUTH PLAIN ${right}\r\n`, "503 5.5.1", "counted"],
  ["AUTH twice", "account", `AUTH PLAIN ${right}\r\n`, "503 5.5.1", "counted"],
  [
    "AUTH as another, once logged in",
    "account",
    `AUTH PLAIN ${plain("bob@sekimori.test")}\r\n`,
    "503 5.5.1",
    "counted",
  ],
  ["AUTH within a transaction", "mail", `AUTH PLAIN ${right}\r\n`, "503 5.5.1", "counted"],
  ["AUTH on the MX", "mx", `AUTH PLAIN ${right}\r\n`, "502 5.5.1", "auth.not-here"],
  ["STARTTLS inside TLS", "tls", "STARTTLS\r\n", "502 5.5.1", "counted"],
  ["STARTTLS in the exchange", "plain", "STARTTLS\r\n", "501 5.5.2", "auth.malformed"],

  // --- SCRAM
  ["SCRAM of nonsense", "tls", scram("n,,x"), "501 5.5.2", "auth.malformed"],
  ["SCRAM without a nonce", "tls", scram(`n,,n=${ALICE}`), "501 5.5.2", "auth.malformed"],
  [
    "SCRAM with an extension that must be known",
    "tls",
    scram(`n,,m=x,n=${ALICE},r=abc`),
    "501 5.5.2",
    "auth.malformed",
  ],
  ["SCRAM with a NUL", "tls", scram(`n,,n=ali\0ce,r=abc`), "501 5.5.2", "auth.malformed"],
  ["SCRAM with an equals sign in the name", "tls", scram("n,,n=a=b,r=abc"), "501 5.5.2", "auth.malformed"],
  ["SCRAM with a bell in the name", "tls", scram("n,,n=ali\u0007ce,r=abc"), "501 5.5.2", "auth.malformed"],
  ["SCRAM of 5000 octets", "scram", `${base64(`n,,n=${"a".repeat(5000)},r=abc`)}\r\n`, "501 5.5.2", "auth.malformed"],
  [
    "SCRAM acting as somebody else",
    "tls",
    scram(`n,a=bob@sekimori.test,n=${ALICE},r=abc`),
    "535 5.7.8",
    "auth.credentials",
  ],
  ["SCRAM that was told of no binding", "tls", scram(`y,,n=${ALICE},r=abc`), "535 5.7.8", "auth.credentials"],
  [
    "SCRAM with a binding it did not ask for",
    "tls",
    scram(`p=tls-exporter,,n=${ALICE},r=abc`),
    "535 5.7.8",
    "auth.credentials",
  ],
  [
    "SCRAM-PLUS with a binding of TLS 1.2",
    "tls",
    `AUTH SCRAM-SHA-256-PLUS ${base64(`p=tls-unique,,n=${ALICE},r=abc`)}\r\n`,
    "535 5.7.8",
    "auth.credentials",
  ],
  [
    "SCRAM-PLUS without a binding",
    "tls",
    `AUTH SCRAM-SHA-256-PLUS ${base64(firstOfScram)}\r\n`,
    "535 5.7.8",
    "auth.credentials",
  ],
  ["a proof of nonsense", "proof", `${base64("xyz")}\r\n`, "501 5.5.2", "auth.malformed"],
  ["a proof that is cut", "proof", `${base64("c=biws,r=abc,p=AAAA")}\r\n`, "501 5.5.2", "auth.malformed"],
  [
    "a proof for another nonce",
    "proof",
    `${base64(`c=biws,r=abcdefghijklmnop,p=${nothing}`)}\r\n`,
    "535 5.7.8",
    "auth.credentials",
  ],
  [
    "a proof for another channel",
    "proof",
    `${base64(`c=eSws,r=abcdefghijklmnop,p=${nothing}`)}\r\n`,
    "535 5.7.8",
    "auth.credentials",
  ],
];

export const badLogins: readonly BadLogin[] = rows.map(([name, after, send, expect, logged, session]) => ({
  name,
  after,
  send,
  expect,
  logged,
  session: session ?? "open",
}));
