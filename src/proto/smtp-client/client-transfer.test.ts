// How content and its envelope travel beyond plain DATA: DSN parameters, SMTPUTF8, BDAT, LMTP; and what is never written.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { SmtpClient, type ClientOptions } from "./client.ts";
import type { ClientEvent, Outcome, Step, Transaction } from "./transaction.ts";

const content = Buffer.from("Subject: x\r\n\r\n.dot\r\n");
const body = "Subject: x\r\n\r\n..dot\r\n.\r\n";

const base: Transaction<string> = {
  tag: "one",
  sender: "alice@sekimori.test",
  recipients: ["bob@example.jp"],
  size: content.length,
  eightBit: false,
  content: [content],
};

interface Session {
  readonly core: SmtpClient<string>;
  readonly writes: string[];
  readonly events: ClientEvent<string>[];
  /** Refused: the code and status. */
  send(changes: Partial<Transaction<string>>): string | undefined;
  server(text: string): void;
}

function open(extensions: readonly string[], protocol: ClientOptions["protocol"] = "smtp"): Session {
  const core = new SmtpClient<string>({
    hostname: "mx1.sekimori.test",
    protocol,
    tls: "never",
    credentials: undefined,
  });
  const writes: string[] = [];
  const events: ClientEvent<string>[] = [];
  const take = (step: Step<string>): void => {
    if (step.write.length > 0) writes.push(Buffer.concat(step.write).toString("utf8"));
    events.push(...step.events);
  };
  const session: Session = {
    core,
    writes,
    events,
    send: (changes) => {
      const sent = core.send({ ...base, ...changes });
      if (!sent.ok) return `${sent.error.code} ${sent.error.status}`;
      take(sent.value);
      return undefined;
    },
    server: (text) => take(core.receive(Buffer.from(text, "latin1"))),
  };
  session.server("220 mx.example.jp\r\n");
  const lines = ["mx.example.jp", ...extensions];
  session.server(lines.map((line, index) => `250${index === extensions.length ? " " : "-"}${line}\r\n`).join(""));
  return session;
}

function word(outcome: Outcome): string {
  return outcome.kind === "lost" ? `lost ${outcome.content}` : `${outcome.kind} ${outcome.reply.code}`;
}

function words({ events }: Session): readonly string[] {
  return events.flatMap((event) => {
    if (event.kind === "finished") return [`${event.tag}: ${event.outcomes.map(word).join(", ")}`];
    return event.kind === "closed" ? [event.failure?.code ?? "closed"] : [];
  });
}

const notifications = {
  envelopeId: "QQ+2B314159",
  returns: "HDRS",
  recipients: [{ notify: ["SUCCESS", "FAILURE"], originalRecipient: "rfc822;bob+2Blist@example.jp" }, undefined],
} as const;

test("DSN parameters go verbatim to a server that offers DSN, and to no other", () => {
  const offers = open(["PIPELINING", "DSN"]);
  offers.send({ recipients: ["bob@example.jp", "carol@example.jp"], notifications });
  assert.equal(
    offers.writes.at(-1),
    "MAIL FROM:<alice@sekimori.test> RET=HDRS ENVID=QQ+2B314159\r\n" +
      "RCPT TO:<bob@example.jp> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob+2Blist@example.jp\r\n" +
      "RCPT TO:<carol@example.jp>\r\nDATA\r\n",
  );
  const other = open(["PIPELINING"]);
  other.send({ notifications });
  assert.equal(other.writes.at(-1), "MAIL FROM:<alice@sekimori.test>\r\nRCPT TO:<bob@example.jp>\r\nDATA\r\n");
});

test("an address or a header in UTF-8 needs SMTPUTF8, and says so", () => {
  const offers = open(["PIPELINING", "8BITMIME", "SMTPUTF8"]);
  offers.send({ sender: "葉子@sekimori.test", eightBit: true });
  assert.match(offers.writes.at(-1) ?? "", /^MAIL FROM:<葉子@sekimori.test> BODY=8BITMIME SMTPUTF8\r\n/);
  const header = open(["SMTPUTF8"]);
  header.send({ utf8: true });
  assert.equal(header.writes.at(-1), "MAIL FROM:<alice@sekimori.test> SMTPUTF8\r\n");
  const plain = open(["8BITMIME"]);
  assert.equal(plain.send({ sender: "葉子@sekimori.test" }), "non-ascii 5.6.7");
  assert.equal(plain.send({ recipients: ["葉子@example.jp"] }), "non-ascii 5.6.7");
  assert.equal(plain.send({ utf8: true }), "non-ascii 5.6.7");
  assert.equal(open(["SMTPUTF8"]).send({ sender: "葉\r\nDATA@sekimori.test" }), "bad-address 5.1.7");
});

const binary = {
  binary: true,
  eightBit: true,
  content: [Buffer.from("a\n.\r\n.\r\nb\r"), Buffer.from("\0c")],
  size: 12,
};

test("binary content goes by BDAT as it is, once a recipient is accepted", () => {
  const session = open(["PIPELINING", "CHUNKING", "BINARYMIME", "8BITMIME"]);
  session.send({ ...binary, recipients: ["bob@example.jp", "carol@example.jp"] });
  assert.equal(
    session.writes.at(-1),
    "MAIL FROM:<alice@sekimori.test> BODY=BINARYMIME\r\nRCPT TO:<bob@example.jp>\r\nRCPT TO:<carol@example.jp>\r\n",
  );
  session.server("250 ok\r\n550 no\r\n250 ok\r\n");
  assert.equal(session.writes.at(-1), "BDAT 12 LAST\r\na\n.\r\n.\r\nb\r\0c");
  session.send({ tag: "two" });
  assert.match(session.writes.at(-1) ?? "", /^MAIL .*\r\nRCPT .*\r\nDATA\r\n$/);
  session.server("250 taken\r\n");
  assert.deepEqual(words(session), ["one: failed 550, delivered 250"]);
});

test("binary content in lock-step, and nothing of it when nobody is accepted", () => {
  const session = open(["CHUNKING", "BINARYMIME"]);
  session.send(binary);
  session.server("250 ok\r\n");
  session.server("250 ok\r\n");
  assert.match(session.writes.at(-1) ?? "", /^BDAT 12 LAST\r\n/);
  session.server("552 5.3.4 too large\r\n");
  for (const extensions of [
    ["CHUNKING", "BINARYMIME"],
    ["PIPELINING", "CHUNKING", "BINARYMIME"],
  ]) {
    const refused = open(extensions);
    refused.send(binary);
    refused.server("250 ok\r\n");
    refused.server("550 no\r\n");
    assert.ok(!refused.writes.join("").includes("BDAT"));
    refused.send({ tag: "two" });
    assert.match(refused.writes.at(-1) ?? "", /^RSET\r\n/);
    assert.deepEqual(words(refused), ["one: failed 550"]);
  }
  assert.deepEqual(words(session), ["one: failed 552"]);
});

test("binary content is refused where BDAT or BINARYMIME is missing", () => {
  for (const extensions of [[], ["CHUNKING"], ["BINARYMIME"], ["8BITMIME", "PIPELINING"]]) {
    assert.equal(open(extensions).send(binary), "needs-conversion 5.6.3");
  }
});

// What receivers were seen to take for the end of content, or for a line end (SMTP smuggling, 2023), and its neighbours.
const ends = [
  "\n.\n",
  "\n.\r\n",
  "\r.\r",
  "\r.\r\n",
  "\r\n.\n",
  "\r\n.\r",
  "\n.\r",
  "\r\n\0.\r\n.\n",
  "\r\n.\0\r\n\n.\r\n",
];

test("content with a bare CR or LF is never written by DATA: no end of content but ours leaves here", () => {
  for (const end of ends) {
    const smuggled = Buffer.from(`Subject: x\r\n\r\nhello${end}MAIL FROM:<x@example.org>\r\n`);
    const session = open(["PIPELINING", "CHUNKING", "BINARYMIME"]);
    assert.match(session.send({ content: [smuggled] }) ?? "", /^bare-(carriage-return|line-feed) 5\.6\.0$/);
    assert.ok(!session.writes.join("").includes("hello"));
  }
});

test("whatever content is taken for DATA holds exactly one end of content, and it is the last", () => {
  const pieces = fc.array(fc.constantFrom(...ends, "\r\n", ".", "\r\n.", "\r\n.\r\n", "x", "..", ""), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(pieces, fc.boolean(), (parts, ended) => {
      const session = open(["PIPELINING"]);
      const chunks = [...parts, ended ? "\r\n" : ""].map((part) => Buffer.from(part, "latin1"));
      if (session.send({ content: chunks }) !== undefined) return;
      session.server("250 ok\r\n250 ok\r\n354 go\r\n");
      const written = `\r\n${session.writes.at(-1) ?? ""}`;
      assert.equal(written.indexOf("\r\n.\r\n"), written.length - 5);
      assert.ok(!/(?<!\r)\n|\r(?!\n)/.test(written));
    }),
  );
});

test("LMTP: LHLO, and after the content one reply for each accepted recipient", () => {
  const session = open(["PIPELINING"], "lmtp");
  assert.equal(session.writes[0], "LHLO mx1.sekimori.test\r\n");
  session.send({ recipients: ["a@example.jp", "b@example.jp", "c@example.jp", "d@example.jp"] });
  session.server("250 ok\r\n250 ok\r\n550 5.1.1 unknown\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  assert.equal(session.writes.at(-1), body);
  session.send({ tag: "two" });
  session.server("250 2.0.0 saved\r\n452 4.2.2 over quota\r\n");
  assert.deepEqual(words(session), []);
  session.server("552 5.2.2 full\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  session.server("250 saved\r\n");
  assert.deepEqual(words(session), ["one: delivered 250, failed 550, deferred 452, failed 552", "two: delivered 250"]);
});

test("LMTP: no fallback to another greeting, and 354 without recipients is a protocol error", () => {
  const old = new SmtpClient<string>({ hostname: "h", protocol: "lmtp", tls: "never", credentials: undefined });
  old.receive(Buffer.from("220 x\r\n"));
  const [event] = old.receive(Buffer.from("500 what?\r\n")).events;
  assert.equal(event?.kind === "closed" && event.failure?.code, "refused");
  const session = open(["PIPELINING"], "lmtp");
  session.send({});
  session.server("250 ok\r\n550 no\r\n354 go\r\n");
  assert.deepEqual(words(session), ["one: failed 550", "violation"]);
  assert.ok(!session.writes.includes(".\r\n"));
});

test("LMTP: a connection lost between the replies keeps those that came", () => {
  const session = open(["PIPELINING"], "lmtp");
  session.send({ recipients: ["a@example.jp", "b@example.jp"] });
  session.server("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  session.server("250 saved\r\n");
  session.events.push(...session.core.lost().events);
  assert.deepEqual(words(session), ["one: delivered 250, lost unknown", "closed"]);
});
