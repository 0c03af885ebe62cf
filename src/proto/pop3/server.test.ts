import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Pop3Request, Pop3ServerOptions } from "./requests.ts";
import { Pop3Server } from "./server.ts";

const mail = [
  { id: "a1", content: "Subject: one\r\n\r\nfirst\r\n.hidden\r\n..\r\nlast\r\n" },
  { id: "b2", content: "Subject: two\r\n\r\n" },
  { id: "c3", content: "no end of line" },
];

interface Dialogue {
  readonly reply: string;
  readonly requests: readonly Pop3Request[];
}

const nonce = () => "servernonce";
const noKeys = {
  iterations: 4096,
  salt: new Uint8Array(4),
  storedKey: new Uint8Array(32),
  serverKey: new Uint8Array(32),
};

/** Plays the part of the driver: password "secret" opens the mailbox, "busy" finds it locked, "down" nothing. */
function drive(parts: readonly Uint8Array[], options: Partial<Pop3ServerOptions> = {}): Dialogue {
  const core = new Pop3Server({
    hostname: "mx1.sekimori.test",
    tls: "implicit",
    errors: 10,
    authFailures: 3,
    nonce,
    ...options,
  });
  const output: Uint8Array[] = [];
  const requests: Pop3Request[] = [];
  const pump = () => {
    for (;;) {
      const request = core.next();
      output.push(...core.takeOutput());
      if (request === undefined && core.busy) continue;
      if (request === undefined) return;
      if (requests.at(-1)?.kind !== "close") requests.push(request);
      if (request.kind === "close") return;
      answer(core, request);
    }
  };
  pump();
  for (const part of parts) {
    core.receive(part);
    pump();
  }
  return { reply: Buffer.concat(output).toString("latin1"), requests };
}

function answer(core: Pop3Server, request: Exclude<Pop3Request, { kind: "close" }>): void {
  switch (request.kind) {
    case "secure":
      return core.secured();
    case "authenticate":
      if (request.password === "busy") return core.authenticated({ kind: "in-use" });
      if (request.password === "down") return core.authenticated({ kind: "unavailable" });
      if (request.password !== "secret") return core.authenticated({ kind: "refused" });
      return core.authenticated({
        kind: "opened",
        messages: mail.map(({ id, content }) => ({ id, size: content.length })),
      });
    case "find-keys":
      if (request.of === "cram-md5") return core.keys({ inner: Buffer.alloc(16), outer: Buffer.alloc(16) });
      return core.keys(request.login === "down" ? undefined : noKeys);
    case "confirm":
      throw new Error("no proof fits keys of zeros");
    case "refuse":
      return core.authenticated({ kind: "refused" });
    case "retrieve": {
      const message = mail[request.message];
      if (message === undefined) return core.contentMissing();
      for (const octet of Buffer.from(message.content)) if (!core.content(Uint8Array.of(octet))) break;
      return core.contentEnd();
    }
    case "remove":
      return core.removed("all");
  }
}

function lines(...texts: readonly string[]): Uint8Array {
  return Buffer.from(texts.map((text) => `${text}\r\n`).join(""));
}

function talk(texts: readonly string[], options: Partial<Pop3ServerOptions> = {}): readonly string[] {
  return drive([lines(...texts)], options)
    .reply.split("\r\n")
    .slice(1, -1);
}

const login = ["USER alice", "PASS secret"];
const base64 = (text: string) => Buffer.from(text, "latin1").toString("base64");

test("the greeting names the host and offers no APOP timestamp", () => {
  assert.equal(drive([]).reply, "+OK mx1.sekimori.test POP3 server ready\r\n");
});

const everything = [
  "CAPA",
  "AUTH PLAIN",
  base64("\0alice\0wrong"),
  "user alice",
  "pass secret",
  "STAT",
  "LIST",
  "LIST 2",
  "LIST 9",
  "UIDL",
  "UIDL 3",
  "RETR 1",
  "TOP 1 0",
  "TOP 1 2",
  "RETR 3",
  "DELE 2",
  "DELE 2",
  "RETR 2",
  "STAT",
  "LIST",
  "RSET",
  "STAT",
  "NOOP",
  "DELE 1",
  "DELE 3",
  "QUIT",
];

test("a session from CAPA to QUIT", () => {
  assert.deepEqual(talk(everything), [
    "+OK Capability list follows",
    "TOP",
    "UIDL",
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "PIPELINING",
    "EXPIRE NEVER",
    "USER",
    "SASL SCRAM-SHA-256 PLAIN LOGIN",
    ".",
    "+ ",
    "-ERR [AUTH] Login refused",
    "+OK Send the password",
    "+OK Logged in",
    "+OK 3 72",
    "+OK 3 messages (72 octets)",
    "1 42",
    "2 16",
    "3 14",
    ".",
    "+OK 2 16",
    "-ERR No such message",
    "+OK Unique-id listing follows",
    "1 a1",
    "2 b2",
    "3 c3",
    ".",
    "+OK 3 c3",
    "+OK 42 octets",
    "Subject: one",
    "",
    "first",
    "..hidden",
    "...",
    "last",
    ".",
    "+OK Top of message follows",
    "Subject: one",
    "",
    ".",
    "+OK Top of message follows",
    "Subject: one",
    "",
    "first",
    "..hidden",
    ".",
    "+OK 14 octets",
    "no end of line",
    ".",
    "+OK",
    "-ERR No such message",
    "-ERR No such message",
    "+OK 2 56",
    "+OK 2 messages (56 octets)",
    "1 42",
    "3 14",
    ".",
    "+OK 3 messages (72 octets)",
    "+OK 3 72",
    "+OK",
    "+OK",
    "+OK",
    "+OK Bye",
  ]);
});

test("QUIT asks for the removal of what is marked, and of nothing when nothing is", () => {
  const { requests } = drive([lines(...login, "DELE 1", "DELE 3", "QUIT")]);
  assert.deepEqual(requests.slice(1), [
    { kind: "remove", messages: [0, 2] },
    { kind: "close", cause: "quit" },
  ]);
  assert.deepEqual(drive([lines(...login, "DELE 1", "RSET", "QUIT")]).requests.at(-2)?.kind, "authenticate");
  assert.deepEqual(drive([lines(...login, "DELE 1")]).requests.length, 1);
});

test("a dialogue is the same whole, octet by octet, and cut anywhere", () => {
  const octets = lines(...everything);
  const whole = drive([octets]);
  assert.deepEqual(drive([...octets].map((octet) => Uint8Array.of(octet))), whole);
  fc.assert(
    fc.property(fc.array(fc.nat(octets.length), { maxLength: 20 }), (cuts) => {
      const ends = [...cuts, octets.length].toSorted((a, b) => a - b);
      assert.deepEqual(drive(ends.map((end, index) => octets.subarray(ends[index - 1] ?? 0, end))), whole);
    }),
  );
});

test("no password is asked for, taken or judged outside TLS", () => {
  const attempts = [
    ...login,
    "AUTH PLAIN",
    `AUTH PLAIN ${base64("\0alice\0secret")}`,
    "AUTH LOGIN",
    "AUTH",
    "APOP a b",
  ];
  const { reply, requests } = drive([lines("CAPA", ...attempts)], { tls: "starttls" });
  assert.deepEqual(requests, []);
  assert.match(reply, /\r\nSTLS\r\n\.\r\n/);
  assert.doesNotMatch(reply, /\r\n(USER|SASL)/);
  assert.equal(reply.match(/-ERR \[AUTH\] A login needs TLS first/g)?.length, 5);
});

test("what follows STLS in the clear is dropped, and so is what came before", () => {
  const { reply, requests } = drive(
    [lines("STLS", "USER alice", "PASS secret"), lines("PASS secret", "CAPA", "STLS")],
    {
      tls: "starttls",
    },
  );
  assert.deepEqual(requests, [{ kind: "secure" }]);
  assert.deepEqual(reply.split("\r\n").slice(1, 3), ["+OK Begin TLS negotiation now", "-ERR Not now"]);
  assert.match(reply, /SASL SCRAM-SHA-256 PLAIN LOGIN\r\n\.\r\n-ERR TLS is not offered/);
});

test("STLS inside TLS and after a login is refused", () => {
  assert.match(talk(["STLS"])[0] ?? "", /^-ERR TLS/);
  assert.equal(talk([...login, "STLS"]).at(-1), "-ERR Not now");
});

test("AUTH takes PLAIN and LOGIN with and without an initial response", () => {
  const plain = base64("\0alice\0secret");
  for (const dialogue of [
    [`AUTH PLAIN ${plain}`],
    ["auth plain", plain],
    ["AUTH LOGIN", base64("alice"), base64("secret")],
    [`AUTH LOGIN ${base64("alice")}`, base64("secret")],
  ]) {
    const { reply, requests } = drive([lines(...dialogue)]);
    assert.match(reply, /\+OK Logged in\r\n$/);
    const request = requests[0];
    assert.ok(request?.kind === "authenticate");
    assert.deepEqual([request.login, request.password], ["alice", "secret"]);
  }
});

test("a SCRAM exchange asks for keys and refuses a proof that does not fit as a wrong password", () => {
  const first = base64("n,,n=alice@sekimori.test,r=abc");
  const proof = base64(`c=biws,r=abcservernonce,p=${Buffer.alloc(32).toString("base64")}`);
  const { reply, requests } = drive([lines(`AUTH SCRAM-SHA-256 ${first}`, proof, "NOOP")]);
  assert.deepEqual(requests, [
    { kind: "find-keys", mechanism: "SCRAM-SHA-256", login: "alice@sekimori.test", of: "scram" },
    { kind: "refuse", mechanism: "SCRAM-SHA-256", login: "alice@sekimori.test" },
  ]);
  assert.ok(reply.includes(`\r\n+ ${base64("r=abcservernonce,s=AAAAAA==,i=4096")}\r\n-ERR [AUTH] Login refused\r\n`));
  assert.match(
    drive([lines(`AUTH SCRAM-SHA-256 ${base64("n,,n=down,r=abc")}`)]).reply,
    /-ERR \[SYS\/TEMP\] [^\n]+\r\n$/,
  );
  assert.match(drive([lines(`AUTH SCRAM-SHA-256 ${first}`, "*")]).reply, /-ERR Authentication cancelled\r\n$/);
});

test("CRAM-MD5 is there where it is switched on: it asks first, then for keys, and refuses what is no proof", () => {
  const mechanisms = ["plain", "cram-md5"] as const;
  const digest = "b913a602c7eda7a495b4e6e7334d3890";
  const { reply, requests } = drive([lines("CAPA", "AUTH CRAM-MD5", base64(`alice@sekimori.test ${digest}`), "NOOP")], {
    mechanisms,
  });
  assert.deepEqual(requests, [
    { kind: "find-keys", mechanism: "CRAM-MD5", login: "alice@sekimori.test", of: "cram-md5" },
    { kind: "refuse", mechanism: "CRAM-MD5", login: "alice@sekimori.test" },
  ]);
  assert.match(reply, /\r\nSASL PLAIN CRAM-MD5\r\n/);
  assert.ok(reply.includes(`\r\n+ ${base64("<servernonce@mx1.sekimori.test>")}\r\n-ERR [AUTH] Login refused\r\n`));
  const early = drive([lines(`AUTH CRAM-MD5 ${base64(`alice ${digest}`)}`)], { mechanisms });
  assert.match(early.reply, /-ERR Invalid authentication message\r\n$/);
});

test("AUTH alone lists the mechanisms, and what is no exchange is refused", () => {
  assert.deepEqual(talk(["AUTH"]), ["+OK Mechanisms follow", "SCRAM-SHA-256", "PLAIN", "LOGIN", "."]);
  assert.deepEqual(talk(["AUTH CRAM-MD5"]), ["-ERR Unknown authentication mechanism"]);
  assert.deepEqual(talk(["AUTH PLAIN", "*", "NOOP"]), ["+ ", "-ERR Authentication cancelled", "-ERR Not now"]);
  assert.deepEqual(talk(["AUTH PLAIN not/base64"]), ["-ERR Invalid base64"]);
  assert.deepEqual(talk(["AUTH PLAIN ="]), ["-ERR Invalid authentication message"]);
  assert.deepEqual(talk([`AUTH PLAIN ${base64("bob\0alice\0secret")}`]), ["-ERR Invalid authentication message"]);
});

test("APOP is refused with its reason", () => {
  assert.match(talk(["APOP alice c4c9334bac560ecc979e58001b3e22fb"])[0] ?? "", /^-ERR APOP .*MD5/);
});

test("a password is handed on as it was sent, with its spaces; the name is prepared", () => {
  const { requests } = drive([lines("USER alice", "PASS  a b ")]);
  assert.deepEqual(requests[0], { kind: "authenticate", mechanism: "USER", login: "alice", password: " a b " });
  const wide = drive([lines("USER ａｌｉｃｅ", "PASS ｓｅｃｒｅｔ")]);
  assert.deepEqual(wide.requests[0], {
    kind: "authenticate",
    mechanism: "USER",
    login: "alice",
    password: "ｓｅｃｒｅｔ",
  });
});

test("refused logins all read alike, and the third ends the session", () => {
  const attempts = ["USER alice", "PASS wrong", "USER nobody", "PASS wrong", "USER alice", "PASS \u0007", "NOOP"];
  const { reply, requests } = drive([lines(...attempts)]);
  assert.equal(reply.match(/-ERR \[AUTH\] Login refused\r\n/g)?.length, 3);
  assert.doesNotMatch(reply, /Not now/);
  assert.deepEqual(requests.at(-1), { kind: "close", cause: "auth-failures" });
});

test("a locked mailbox and an unreachable directory are told apart from a wrong password", () => {
  assert.equal(talk(["USER alice", "PASS busy"]).at(-1), "-ERR [IN-USE] Another session has the mailbox");
  assert.match(talk(["USER alice", "PASS down"]).at(-1) ?? "", /^-ERR \[SYS\/TEMP\]/);
});

test("PASS counts only directly after USER", () => {
  assert.deepEqual(talk(["PASS secret", "USER alice", "NOOP", "PASS secret"]), [
    "-ERR Not now",
    "+OK Send the password",
    "-ERR Not now",
    "-ERR Not now",
  ]);
});

test("commands of the other state are refused", () => {
  for (const command of ["STAT", "LIST", "UIDL", "RETR 1", "TOP 1 1", "DELE 1", "RSET", "NOOP"]) {
    assert.deepEqual(talk([command]), ["-ERR Not now"], command);
  }
  for (const command of ["USER bob", "PASS x", "AUTH PLAIN"]) {
    assert.equal(talk([...login, command]).at(-1), "-ERR Not now", command);
  }
});

test("arguments that are none are refused", () => {
  for (const command of [
    "RETR",
    "RETR x",
    "RETR -1",
    "RETR 1 2",
    "TOP 1",
    "TOP 1 -1",
    "LIST 1 2",
    "DELE 1.0",
    "STAT 1",
  ]) {
    assert.equal(talk([...login, command]).at(-1), "-ERR Invalid arguments", command);
  }
  assert.equal(talk([...login, "RETR 0"]).at(-1), "-ERR No such message");
  assert.equal(talk([...login, "RETR 999999999"]).at(-1), "-ERR No such message");
  assert.equal(talk(["XTND XMIT"]).at(-1), "-ERR Unknown command");
});

test("a bare LF, a bare CR and an endless line end the session", () => {
  for (const text of ["NOOP\n", "USER a\rb\r\n", "QUIT\r\r\n", "\n", "A".repeat(9000), `${"A".repeat(9000)}\r\n`]) {
    const { reply, requests } = drive([Buffer.from(text), lines("QUIT")]);
    assert.match(reply, /\r\n-ERR (Lines end with CRLF|Line too long)\r\n$/);
    assert.deepEqual(requests, [{ kind: "close", cause: "bad-line" }]);
  }
});

test("too many errors end the session", () => {
  const { reply, requests } = drive([lines("GET / HTTP/1.1", "Host: a", "a", "b", "QUIT")], { errors: 3 });
  assert.match(reply, /-ERR Too many errors\r\n$/);
  assert.deepEqual(requests, [{ kind: "close", cause: "errors" }]);
});

test("one turn makes a bounded amount of output, however much is asked for", () => {
  const core = new Pop3Server({ hostname: "h", tls: "implicit", errors: 10, authFailures: 3, nonce });
  core.receive(lines(...login));
  assert.equal(core.next()?.kind, "authenticate");
  const messages = Array.from({ length: 50_000 }, (_, index) => ({ id: `unique-${index}`, size: index }));
  core.authenticated({ kind: "opened", messages });
  core.takeOutput();
  core.receive(lines("UIDL", ...Array.from({ length: 500 }, () => "NOOP")));
  let total = "";
  let turns = 0;
  do {
    assert.equal(core.next(), undefined);
    const part = Buffer.concat(core.takeOutput());
    assert.ok(part.length < 140_000);
    total += part.toString();
    turns += 1;
  } while (core.busy);
  assert.ok(turns > 10);
  assert.equal(total.split("\r\n").length, 1 + 50_000 + 1 + 500 + 1);
  assert.ok(total.endsWith("50000 unique-49999\r\n.\r\n" + "+OK\r\n".repeat(500)));
});

test("a message that cannot be opened is an error, not an empty message", () => {
  const core = new Pop3Server({ hostname: "h", tls: "implicit", errors: 10, authFailures: 3, nonce });
  core.receive(lines(...login, "RETR 1"));
  core.next();
  core.authenticated({ kind: "opened", messages: [{ id: "a", size: 1 }] });
  assert.deepEqual(core.next(), { kind: "retrieve", message: 0 });
  core.takeOutput();
  core.contentMissing();
  assert.match(Buffer.concat(core.takeOutput()).toString(), /^-ERR \[SYS\/TEMP\]/);
});

test("an answer nobody asked for is a bug", () => {
  const core = new Pop3Server({ hostname: "h", tls: "implicit", errors: 10, authFailures: 3, nonce });
  assert.throws(() => core.secured());
  assert.throws(() => core.contentEnd());
  assert.throws(() => core.authenticated({ kind: "refused" }));
});

test("whatever comes in, there are only replies, never an exception", () => {
  const vocabulary =
    "CAPA STLS USER PASS AUTH QUIT STAT LIST UIDL RETR TOP DELE RSET NOOP APOP PLAIN LOGIN SCRAM-SHA-256 alice secret 1 3 9999999999 = *";
  const sasl = ["\0alice\0secret", "n,,n=alice,r=abc", "c=biws,r=abcservernonce,p=AAAA"].map(base64);
  const marks = ["\r\n", "\r\n", "\r\n", "\n", "\r", "\0", "\u00ff", ...sasl];
  const words = fc.constantFrom(...vocabulary.split(" "), ...marks);
  const text = fc
    .array(words, { maxLength: 60 })
    .map((parts) => Buffer.from(parts.join(" ").replaceAll(" \r\n ", "\r\n")));
  const chunks = fc.array(fc.oneof(fc.uint8Array({ maxLength: 200 }), text), { maxLength: 6 });
  fc.assert(
    fc.property(
      chunks,
      fc.constantFrom("implicit" as const, "starttls" as const),
      fc.boolean(),
      (parts, tls, known) => {
        const { reply } = drive(known ? [lines("STLS"), lines(...login), ...parts] : parts, { tls, errors: 50 });
        assert.ok(reply.endsWith("\r\n"));
        assert.doesNotMatch(reply, /[^\r]\n|\r[^\n]/);
      },
    ),
    { numRuns: 500 },
  );
});
