// What POP3 clients should not send, and what they are told: the first reply to `send`, said in the named situation. `session`: is
// it still there? The mailbox has one message.

export interface BadDialogue {
  readonly name: string;
  /** `clear`: nothing said, no TLS. `greeting`: inside TLS. `user`: after USER. `sasl`: after AUTH PLAIN. `proof`: after the server's first message of SCRAM. `account`: logged in. */
  readonly after: "clear" | "greeting" | "user" | "sasl" | "proof" | "account";
  /** One character an octet. */
  readonly send: string;
  readonly expect: string;
  readonly session: "open" | "closed";
}

type Row = readonly [name: string, after: BadDialogue["after"], send: string, expect: string, session?: "closed"];

const unknown = "-ERR Unknown command";
const badArguments = "-ERR Invalid arguments";
const notNow = "-ERR Not now";
const refused = "-ERR [AUTH] Login refused";

const ALICE = "alice@sekimori.test";
const sasl = (text: string): string => Buffer.from(text).toString("base64");
/** What `proof` has said before. */
export const firstOfScram = sasl(`n,,n=${ALICE},r=abcdefghijklmnop`);
const nothing = Buffer.alloc(32).toString("base64");

const rows: readonly Row[] = [
  // --- lines
  ["LF ends no line", "greeting", "CAPA\n", "-ERR Lines end with CRLF", "closed"],
  ["CR ends no line", "greeting", "CAPA\rCAPA\r\n", "-ERR Lines end with CRLF", "closed"],
  ["CR CR LF", "account", "NOOP\r\r\n", "-ERR Lines end with CRLF", "closed"],
  ["a line without an end", "greeting", "x".repeat(10_000), "-ERR Line too long", "closed"],
  ["a line that is too long", "greeting", `USER ${"x".repeat(9000)}\r\n`, "-ERR Line too long", "closed"],
  ["an empty line", "greeting", "\r\n", unknown],
  ["a space before the keyword", "greeting", " CAPA\r\n", unknown],
  ["a tab behind the keyword", "account", "RETR\t1\r\n", unknown],
  ["a NUL in the keyword", "greeting", "CA\0PA\r\n", unknown],
  ["a keyword in full-width letters", "greeting", "\xef\xbc\xa3APA\r\n", unknown],
  ["octets that are no UTF-8", "greeting", "USER \xff\r\n", badArguments],
  ["a keyword of the JavaScript prototype", "greeting", "toString x\r\n", unknown],
  ["HTTP", "greeting", "GET / HTTP/1.1\r\n", unknown],
  ["SMTP", "greeting", "EHLO client.example.org\r\n", unknown],
  ["IMAP", "greeting", "a1 LOGIN alice secret\r\n", unknown],
  ["a TLS hello inside TLS", "greeting", "\x16\x03\x01\x02\x00\x01\r\n", unknown],

  // --- before TLS
  ["a login in clear", "clear", "USER alice@sekimori.test\r\n", "-ERR [AUTH] A login needs TLS first"],
  ["a password in clear", "clear", "PASS secret\r\n", notNow],
  ["AUTH in clear", "clear", "AUTH PLAIN AGEAYg==\r\n", "-ERR [AUTH] A login needs TLS first"],
  ["APOP", "clear", "APOP alice c4c9334bac560ecc979e58001b3e22fb\r\n", "-ERR APOP is not offered"],
  ["STLS twice", "greeting", "STLS\r\n", "-ERR TLS is not offered here or in use already"],

  // --- out of turn
  ["RETR before the login", "greeting", "RETR 1\r\n", notNow],
  ["DELE before the login", "greeting", "DELE 1\r\n", notNow],
  ["PASS before USER", "greeting", "PASS secret\r\n", notNow],
  ["USER after the login", "account", "USER bob@sekimori.test\r\n", notNow],
  ["AUTH after the login", "account", "AUTH PLAIN AGEAYg==\r\n", notNow],
  ["STAT between USER and PASS", "user", "STAT\r\n", notNow],

  // --- arguments
  ["USER without a name", "greeting", "USER\r\n", badArguments],
  ["PASS without a password", "user", "PASS\r\n", badArguments],
  ["CAPA with an argument", "greeting", "CAPA all\r\n", badArguments],
  ["QUIT with an argument", "greeting", "QUIT now\r\n", badArguments],
  ["AUTH with three words", "greeting", "AUTH PLAIN AGEAYg== x\r\n", badArguments],
  ["RETR without a number", "account", "RETR\r\n", badArguments],
  ["RETR of a word", "account", "RETR one\r\n", badArguments],
  ["RETR of 1e0", "account", "RETR 1e0\r\n", badArguments],
  ["RETR of a negative number", "account", "RETR -1\r\n", badArguments],
  ["RETR of a number beyond any double", "account", "RETR 99999999999999999999\r\n", badArguments],
  ["RETR of two messages", "account", "RETR 1 1\r\n", badArguments],
  ["RETR of a path", "account", "RETR ../../etc/passwd\r\n", badArguments],
  ["RETR of nothing", "account", "RETR 0\r\n", "-ERR No such message"],
  ["RETR of one too many", "account", "RETR 2\r\n", "-ERR No such message"],
  ["DELE of one too many", "account", "DELE 2\r\n", "-ERR No such message"],
  ["LIST of one too many", "account", "LIST 2\r\n", "-ERR No such message"],
  ["UIDL of one too many", "account", "UIDL 2\r\n", "-ERR No such message"],
  ["TOP without lines", "account", "TOP 1\r\n", badArguments],
  ["TOP of negative lines", "account", "TOP 1 -1\r\n", badArguments],

  // --- logins
  ["a wrong password", "user", "PASS wrong\r\n", refused],
  ["a password and a space", "user", "PASS secret \r\n", refused],
  ["a mechanism that is none", "greeting", "AUTH NOBODY\r\n", "-ERR Unknown authentication mechanism"],
  [
    "a mechanism of the JavaScript prototype",
    "greeting",
    "AUTH __proto__\r\n",
    "-ERR Unknown authentication mechanism",
  ],
  ["no base64", "sasl", "!!!!\r\n", "-ERR Invalid base64"],
  ["base64 with something behind it", "sasl", "AGEAYg==AGEAYg==\r\n", "-ERR Invalid base64"],
  ["PLAIN without its NULs", "sasl", "YWJj\r\n", "-ERR Invalid authentication message"],
  [
    "PLAIN for somebody else",
    "sasl",
    `${Buffer.from("bob@sekimori.test\0alice@sekimori.test\0secret").toString("base64")}\r\n`,
    "-ERR Invalid authentication message",
  ],
  ["PLAIN without a user", "sasl", `${sasl("\0\0secret")}\r\n`, "-ERR Invalid authentication message"],
  ["PLAIN without a password", "sasl", `${sasl(`\0${ALICE}\0`)}\r\n`, "-ERR Invalid authentication message"],
  [
    "PLAIN with a NUL in the password",
    "sasl",
    `${sasl(`\0${ALICE}\0sec\0ret`)}\r\n`,
    "-ERR Invalid authentication message",
  ],
  [
    "PLAIN with a bell in the user",
    "sasl",
    `${sasl("\0ali\u0007ce\0secret")}\r\n`,
    "-ERR Invalid authentication message",
  ],
  ["PLAIN of an empty initial response", "greeting", "AUTH PLAIN =\r\n", "-ERR Invalid authentication message"],
  ["PLAIN of an equals sign", "sasl", "=\r\n", "-ERR Invalid authentication message"],
  ["PLAIN of nothing", "sasl", "\r\n", "-ERR Invalid authentication message"],
  ["PLAIN of a wrong password", "sasl", `${sasl(`\0${ALICE}\0wrong`)}\r\n`, refused],
  [
    "PLAIN in the words of SASLprep",
    "sasl",
    `${sasl("\0al\u00adice@sekimori.test\0\uff53ecret")}\r\n`,
    "+OK Logged in",
  ],
  ["a response that is too long", "sasl", `${"A".repeat(9000)}\r\n`, "-ERR Line too long", "closed"],
  ["a response of 10 MB", "sasl", "A".repeat(10_000_000), "-ERR Line too long", "closed"],
  ["a user of 10 MB", "greeting", `USER ${"x".repeat(10_000_000)}`, "-ERR Line too long", "closed"],
  ["a NUL in the user", "greeting", "USER ali\0ce\r\n", badArguments],
  ["a NUL in the password", "user", "PASS sec\0ret\r\n", refused],
  ["a bell in the password", "user", "PASS sec\x07ret\r\n", refused],
  ["a password of one space", "user", "PASS  \r\n", refused],
  ["a user whose password comes by SASL", "user", `AUTH PLAIN ${sasl(`\0${ALICE}\0wrong`)}\r\n`, refused],
  ["APOP inside TLS", "greeting", "APOP alice c4c9334bac560ecc979e58001b3e22fb\r\n", "-ERR APOP is not offered"],
  ["APOP after the login", "account", "APOP alice c4c9334bac560ecc979e58001b3e22fb\r\n", "-ERR APOP is not offered"],
  ["SCRAM that was told of no binding", "greeting", `AUTH SCRAM-SHA-256 ${sasl(`y,,n=${ALICE},r=abc`)}\r\n`, refused],
  [
    "SCRAM acting as somebody else",
    "greeting",
    `AUTH SCRAM-SHA-256 ${sasl(`n,a=bob,n=${ALICE},r=abc`)}\r\n`,
    "-ERR Invalid authentication message",
  ],
  [
    "SCRAM-PLUS with a binding of TLS 1.2",
    "greeting",
    `AUTH SCRAM-SHA-256-PLUS ${sasl(`p=tls-unique,,n=${ALICE},r=abc`)}\r\n`,
    refused,
  ],
  ["a proof for another nonce", "proof", `${sasl(`c=biws,r=abcdefghijklmnop,p=${nothing}`)}\r\n`, refused],
  ["a proof for another channel", "proof", `${sasl(`c=eSws,r=abcdefghijklmnop,p=${nothing}`)}\r\n`, refused],
  ["a proof of nonsense", "proof", `${sasl("xyz")}\r\n`, "-ERR Invalid authentication message"],
  ["a proof that is given up", "proof", "*\r\n", "-ERR Authentication cancelled"],
  ["a cancelled login", "sasl", "*\r\n", "-ERR Authentication cancelled"],
  [
    "SCRAM of nonsense",
    "greeting",
    `AUTH SCRAM-SHA-256 ${Buffer.from("n,,x").toString("base64")}\r\n`,
    "-ERR Invalid authentication message",
  ],
];

export const badDialogues: readonly BadDialogue[] = rows.map(([name, after, send, expect, session]) => ({
  name,
  after,
  send,
  expect,
  session: session ?? "open",
}));
