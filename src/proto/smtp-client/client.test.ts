import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { SmtpClient, type ClientOptions } from "./client.ts";
import type { ClientEvent, Outcome, Step, Transaction } from "./transaction.ts";

const plain: ClientOptions = { hostname: "mx1.sekimori.test", tls: "never", credentials: undefined };
const content = Buffer.from("Subject: x\r\n\r\n.dot\r\n");

function message(tag: string, ...recipients: readonly string[]): Transaction<string> {
  const to = recipients.length > 0 ? recipients : ["bob@example.jp"];
  const size = content.length;
  return { tag, sender: "alice@sekimori.test", recipients: to, size, eightBit: false, content: [content] };
}

/** A shell that keeps what the core says. */
class Shell {
  readonly core: SmtpClient<string>;
  /** One entry a write. */
  readonly writes: string[] = [];
  readonly events: ClientEvent<string>[] = [];

  constructor(options: Partial<ClientOptions> = {}) {
    this.core = new SmtpClient({ ...plain, ...options });
  }

  take(step: Step<string>): void {
    if (step.write.length > 0) this.writes.push(Buffer.concat(step.write).toString("latin1"));
    this.events.push(...step.events);
  }

  server(...chunks: readonly string[]): this {
    for (const chunk of chunks) this.take(this.core.receive(Buffer.from(chunk, "latin1")));
    return this;
  }

  send(transaction: Transaction<string>): this {
    const sent = this.core.send(transaction);
    assert.ok(sent.ok);
    this.take(sent.value);
    return this;
  }

  get written(): string {
    return this.writes.splice(0).join("|");
  }

  get ends(): readonly string[] {
    return this.events.flatMap((event) =>
      event.kind === "finished" ? [`${event.tag}: ${event.outcomes.map(words).join(", ")}`] : [],
    );
  }

  get failure(): string | undefined {
    const closed = this.events.find((event) => event.kind === "closed");
    return closed === undefined ? undefined : (closed.failure?.code ?? "none");
  }
}

function words(outcome: Outcome): string {
  if (outcome.kind === "lost") return `lost ${outcome.content}`;
  return `${outcome.kind} ${outcome.reply.code}${outcome.kind === "delivered" ? "" : ` at ${outcome.stage}`}`;
}

const banner = "220 mx.example.jp ESMTP\r\n";

/** A session that is ready for mail. */
function ready(extensions: readonly string[] = ["PIPELINING"], options: Partial<ClientOptions> = {}): Shell {
  const shell = new Shell(options).server(banner, ehlo(...extensions));
  shell.writes.length = 0;
  return shell;
}

function ehlo(...extensions: readonly string[]): string {
  return ["mx.example.jp", ...extensions]
    .map((each, index) => `250${index === extensions.length ? " " : "-"}${each}\r\n`)
    .join("");
}

const envelope = "MAIL FROM:<alice@sekimori.test>\r\nRCPT TO:<bob@example.jp>\r\nDATA\r\n";
const body = "Subject: x\r\n\r\n..dot\r\n.\r\n";

test("the session opens with EHLO, falls back to HELO, and is ready", () => {
  const shell = new Shell().server(banner);
  assert.equal(shell.written, "EHLO mx1.sekimori.test\r\n");
  shell.server("502 5.5.1 what?\r\n");
  assert.equal(shell.written, "HELO mx1.sekimori.test\r\n");
  shell.server("250 mx.example.jp\r\n");
  assert.deepEqual(
    shell.events.map(({ kind }) => kind),
    ["ready"],
  );
  assert.equal(shell.core.accepting, true);
});

test("pipelining: the envelope is one write, content and the next envelope are the next", () => {
  const shell = ready().send(message("one"));
  assert.equal(shell.written, envelope);
  assert.equal(shell.core.accepting, true);
  shell.send(message("two"));
  assert.equal(shell.written, "");
  assert.equal(shell.core.accepting, false);
  shell.server("250 ok\r\n250 ok\r\n354 go\r\n");
  assert.equal(shell.written, body + envelope);
  shell.server("250 2.0.0 queued\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  assert.equal(shell.written, body);
  shell.server("250 queued\r\n");
  assert.deepEqual(shell.ends, ["one: delivered 250", "two: delivered 250"]);
  assert.equal(shell.core.awaiting, undefined);
});

test("pipelining: an envelope that comes while content is answered goes out at once", () => {
  const shell = ready().send(message("one")).server("250 ok\r\n250 ok\r\n354 go\r\n");
  shell.writes.length = 0;
  assert.equal(shell.send(message("two")).written, envelope);
});

test("without pipelining each command waits for the reply before it", () => {
  const shell = ready([])
    .send(message("one", "bob@example.jp", "carol@example.jp"))
    .send(message("two"));
  assert.equal(shell.written, "MAIL FROM:<alice@sekimori.test>\r\n");
  assert.equal(shell.server("250 ok\r\n").written, "RCPT TO:<bob@example.jp>\r\n");
  assert.equal(shell.server("550 no\r\n").written, "RCPT TO:<carol@example.jp>\r\n");
  assert.equal(shell.server("250 ok\r\n").written, "DATA\r\n");
  assert.equal(shell.server("354 go\r\n").written, body);
  assert.equal(shell.server("250 ok\r\n").written, "MAIL FROM:<alice@sekimori.test>\r\n");
  assert.deepEqual(shell.ends, ["one: failed 550 at RCPT, delivered 250"]);
});

test("without pipelining: no recipient taken, no DATA; RSET goes before the next MAIL", () => {
  const shell = ready([]).send(message("one")).send(message("two")).server("250 ok\r\n");
  shell.writes.length = 0;
  assert.equal(shell.server("550 no\r\n").written, "RSET\r\n");
  assert.equal(shell.server("250 ok\r\n").written, "MAIL FROM:<alice@sekimori.test>\r\n");
});

test("each recipient has its own end", () => {
  const shell = ready().send(message("one", "a@example.jp", "b@example.jp", "c@example.jp", "d@example.jp"));
  shell.server("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n452 full\r\n552 too many\r\n354 go\r\n250 ok\r\n".slice(0, -8));
  shell.server("250 ok\r\n");
  // RFC 5321 §4.5.3.1.10: 552 to RCPT is for now.
  assert.deepEqual(shell.ends, ["one: delivered 250, failed 550 at RCPT, deferred 452 at RCPT, deferred 552 at RCPT"]);
});

test("MAIL refused is every recipient's end, whatever RCPT and DATA get", () => {
  for (const rest of ["503 no\r\n503 no\r\n", "250 ok\r\n503 no\r\n"]) {
    const shell = ready().send(message("one")).server(`451 later\r\n${rest}`);
    assert.deepEqual(shell.ends, ["one: deferred 451 at MAIL"]);
    shell.writes.length = 0;
    assert.equal(shell.send(message("two")).written, `RSET\r\n${envelope}`);
  }
});

test("354 although no recipient was taken gets a lone dot, and its 250 delivers nothing (RFC 2920 §3.1)", () => {
  for (const replies of ["250 ok\r\n550 no\r\n", "550 no\r\n250 ok\r\n"]) {
    const shell = ready().send(message("one"));
    shell.writes.length = 0;
    assert.equal(shell.server(`${replies}354 go\r\n`).written, ".\r\n");
    shell.server("250 ok\r\n");
    assert.match(shell.ends[0] ?? "", /^one: failed 550 at (RCPT|MAIL)$/);
  }
});

test("DATA refused is the end of those RCPT had taken", () => {
  const shell = ready().send(message("one", "a@example.jp", "b@example.jp"));
  shell.server("250 ok\r\n250 ok\r\n550 no\r\n451 later\r\n");
  assert.deepEqual(shell.ends, ["one: deferred 451 at DATA, failed 550 at RCPT"]);
});

test("content refused is the end of those RCPT had taken, and needs no RSET", () => {
  const shell = ready().send(message("one")).server("250 ok\r\n250 ok\r\n354 go\r\n").server("554 5.7.1 spam\r\n");
  assert.deepEqual(shell.ends, ["one: failed 554 at content"]);
  shell.writes.length = 0;
  assert.equal(shell.send(message("two")).written, envelope);
});

test("parameters are those the server offers; a message it cannot take is refused before MAIL", () => {
  const offers = ready(["PIPELINING", "SIZE 100", "8BITMIME"]);
  offers.send({ ...message("one"), eightBit: true });
  assert.match(offers.written, /^MAIL FROM:<alice@sekimori.test> SIZE=20 BODY=8BITMIME\r\n/);
  const refusal = (shell: Shell, change: Partial<Transaction<string>>) => {
    const sent = shell.core.send({ ...message("no"), ...change });
    assert.equal(shell.written, "");
    return sent.ok ? "sent" : `${sent.error.code} ${sent.error.status}`;
  };
  assert.equal(refusal(ready(["SIZE 100"]), { size: 101 }), "too-large 5.3.4");
  assert.equal(refusal(ready(), { eightBit: true }), "needs-conversion 5.6.3");
  assert.equal(refusal(ready(), { recipients: ["a@b.test\r\nDATA"] }), "bad-address 5.1.3");
  assert.equal(refusal(ready(), { recipients: [""] }), "bad-address 5.1.3");
  assert.equal(refusal(ready(), { sender: "a b@c.test" }), "bad-address 5.1.7");
  assert.equal(refusal(ready(), { sender: "é@c.test" }), "non-ascii 5.6.7");
  // SMTP smuggling: what is between the dots must never be for the next server to guess.
  assert.equal(refusal(ready(), { content: [Buffer.from("a\n.\r\nMAIL")] }), "bare-line-feed 5.6.0");
  assert.equal(refusal(ready(), { content: [Buffer.from("a\r.\r\n")] }), "bare-carriage-return 5.6.0");
  assert.equal(refusal(ready(), { content: [Buffer.from("a")] }), "unterminated 5.6.0");
  const shell = ready();
  assert.equal(refusal(shell, { sender: "<" }), "bad-address 5.1.7");
  assert.equal(shell.send(message("next")).written, envelope);
});

const tls: Partial<ClientOptions> = { tls: "opportunistic" };

test("STARTTLS: what was learned in the clear is forgotten", () => {
  const shell = ready(["STARTTLS", "PIPELINING", "SIZE 1"], tls);
  assert.equal(shell.core.awaiting, "starttls");
  shell.server("220 go\r\n");
  assert.equal(shell.events.at(-1)?.kind, "start-tls");
  shell.take(shell.core.secured());
  assert.equal(shell.written, "EHLO mx1.sekimori.test\r\n");
  shell.server(ehlo());
  assert.equal(shell.send(message("one")).written, "MAIL FROM:<alice@sekimori.test>\r\n");
});

test("text in the clear behind the reply to STARTTLS is a protocol error, whole or begun (RFC 3207 §6)", () => {
  for (const injected of ["250 ok\r\n", "2", "250-mx.example.jp\r\n250 AUTH PLAIN\r\n"]) {
    const shell = ready(["STARTTLS"], tls).server(`220 go\r\n${injected}`);
    assert.equal(shell.failure, "violation", injected);
    assert.ok(!shell.events.some(({ kind }) => kind === "start-tls"));
  }
  assert.equal(ready(["STARTTLS"], tls).server("220 go\r\n", "250 late\r\n").failure, "violation");
});

test("STARTTLS refused: opportunistic goes on in the clear, required ends", () => {
  assert.equal(ready(["STARTTLS"], tls).server("454 not now\r\n").core.accepting, true);
  assert.equal(ready(["STARTTLS"], { tls: "required" }).server("454 not now\r\n").failure, "tls-unavailable");
  assert.equal(ready([], { tls: "required" }).failure, "tls-unavailable");
  assert.equal(ready([], tls).core.accepting, true);
});

const credentials = { username: "u", password: "p" };

function secured(...extensions: readonly string[]): Shell {
  const shell = ready(["STARTTLS", "AUTH PLAIN"], { tls: "required", credentials }).server("220 go\r\n");
  shell.take(shell.core.secured());
  shell.server(ehlo(...extensions));
  shell.writes.splice(0, shell.writes.length - 1);
  return shell;
}

test("a password is written inside TLS only", () => {
  const shell = ready(["AUTH PLAIN LOGIN"], { tls: "opportunistic", credentials });
  assert.equal(shell.failure, "auth-unavailable");
  assert.equal(shell.written, "");
});

test("AUTH PLAIN and LOGIN", () => {
  const withPlain = secured("AUTH LOGIN PLAIN");
  assert.equal(withPlain.written, "AUTH PLAIN AHUAcA==\r\n");
  assert.equal(withPlain.server("235 ok\r\n").core.accepting, true);
  const login = secured("AUTH LOGIN");
  assert.equal(login.written, "AUTH LOGIN\r\n");
  assert.equal(login.server("334 VXNlcm5hbWU6\r\n").written, "dQ==\r\n");
  assert.equal(login.server("334 UGFzc3dvcmQ6\r\n").written, "cA==\r\n");
  assert.equal(login.server("235 ok\r\n").core.accepting, true);
  assert.equal(secured("AUTH LOGIN").server("334 x\r\n", "334 x\r\n", "334 x\r\n").failure, "violation");
  assert.equal(secured("AUTH PLAIN").server("535 5.7.8 no\r\n").failure, "auth-refused");
  assert.equal(secured().failure, "auth-unavailable");
});

test("a refused greeting, EHLO or HELO ends the session with the server's words", () => {
  for (const replies of [
    ["554 no\r\n"],
    [banner, "421 busy\r\n"],
    [banner, "451 x\r\n"],
    [banner, "500 x\r\n", "550 x\r\n"],
  ]) {
    const shell = new Shell().server(...replies);
    const closed = shell.events.find((event) => event.kind === "closed");
    assert.ok(closed?.failure?.reply);
  }
});

test("421 ends the session: what it answers is deferred with it, what lies behind can go elsewhere", () => {
  const shell = ready()
    .send(message("one", "a@example.jp", "b@example.jp"))
    .send(message("two"));
  shell.server("250 ok\r\n550 no\r\n421 4.3.2 closing\r\n");
  assert.equal(shell.failure, "closing");
  assert.deepEqual(shell.ends, ["one: failed 550 at RCPT, deferred 421 at RCPT", "two: lost unsent"]);
  assert.equal(ready().server("421 idle too long\r\n").failure, "closing");
});

test("a lost connection: unsent before the content, unknown after it", () => {
  const shell = ready().send(message("one")).server("250 ok\r\n250 ok\r\n354 go\r\n");
  shell.send(message("two")).send(message("three"));
  shell.take(shell.core.lost());
  assert.deepEqual(shell.ends, ["one: lost unknown", "two: lost unsent", "three: lost unsent"]);
  const refused = ready()
    .send(message("one", "a@example.jp", "b@example.jp"))
    .server("250 ok\r\n550 no\r\n");
  refused.take(refused.core.lost());
  assert.deepEqual(refused.ends, ["one: failed 550 at RCPT, lost unsent"]);
});

test("a reply before its command is a protocol error", () => {
  assert.equal(new Shell().server(`${banner}250 ok\r\n`).failure, "violation");
  assert.equal(ready().server("250 ok\r\n").failure, "violation");
  // All replies at once: the last cannot be about content that was not written yet.
  const shell = ready().send(message("one"));
  shell.writes.length = 0;
  shell.server("250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n");
  assert.equal(shell.failure, "violation");
  assert.equal(shell.written, "");
  assert.deepEqual(shell.ends, ["one: lost unknown"]);
});

test("354 to everything, 1yz codes, NUL, endless lines: protocol errors", () => {
  for (const reply of ["354 go\r\n", "150 wait\r\n", "250 \0\r\n", "x".repeat(5000), "250-x\r\n".repeat(20_000)]) {
    assert.equal(new Shell().server(reply).failure, "violation");
    const shell = ready().send(message("one")).server(reply);
    assert.equal(shell.failure, "violation");
    assert.deepEqual(shell.ends, ["one: lost unsent"]);
  }
  assert.equal(ready().send(message("one")).server("250 ok\r\n250 ok\r\n250 ok\r\n").failure, "violation");
});

test("QUIT ends without a failure, and nothing is heard after the end", () => {
  const shell = ready();
  shell.take(shell.core.quit());
  assert.equal(shell.written, "QUIT\r\n");
  shell.server("221 bye\r\n", "250 more\r\n", "nonsense");
  assert.equal(shell.failure, "none");
  assert.equal(shell.events.length, 2);
});

/** Plays a session by answering what is awaited, cutting the answers as told. */
function play(answers: readonly string[], cut: (text: string) => readonly string[]): Shell {
  const shell = new Shell();
  let next = 0;
  let tag = 0;
  for (let turn = 0; turn < 40 && shell.failure === undefined; turn++) {
    if (shell.core.accepting && tag < 3) shell.send(message(`m${tag++}`, "a@example.jp", "b@example.jp"));
    else if (shell.core.awaiting === undefined) break;
    else if (shell.core.awaiting === "banner") shell.server(...cut(banner));
    else if (shell.core.awaiting === "ehlo") shell.server(...cut(ehlo("PIPELINING")));
    else shell.server(...cut(answers[next++ % answers.length] ?? ""));
  }
  if (shell.failure === undefined) shell.take(shell.core.lost());
  return shell;
}

const anyReply = fc.constantFrom(
  "250 ok\r\n",
  "250-a\r\n250 b\r\n",
  "354 go\r\n",
  "450 x\r\n",
  "550 y\r\n",
  "421 z\r\n",
);

test("any dialogue comes out the same whole, byte by byte or cut at random, and every transaction ends once", () => {
  fc.assert(
    fc.property(fc.array(anyReply, { minLength: 1 }), fc.integer({ min: 1, max: 9 }), (answers, size) => {
      const whole = play(answers, (text) => [text]);
      const bytewise = play(answers, (text) => Array.from(text));
      const cut = play(answers, (text) => text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? []);
      for (const other of [bytewise, cut]) {
        assert.deepEqual(other.ends, whole.ends);
        assert.deepEqual(other.writes, whole.writes);
        assert.equal(other.failure, whole.failure);
      }
      const tags = whole.ends.map((end) => end.slice(0, 2));
      assert.equal(new Set(tags).size, tags.length);
    }),
  );
});

test("garbage in: a protocol error or nothing, never an exception; every transaction ends once", () => {
  const noise = fc.oneof(anyReply, fc.string({ unit: "binary", maxLength: 20 }));
  fc.assert(
    fc.property(fc.array(noise), (chunks) => {
      const shell = ready().send(message("one")).send(message("two"));
      shell.server(...chunks);
      shell.take(shell.core.lost());
      assert.deepEqual(
        shell.ends.map((end) => end.slice(0, 3)),
        ["one", "two"],
      );
      assert.equal(shell.events.filter(({ kind }) => kind === "closed").length, 1);
      assert.equal(shell.core.accepting, false);
    }),
  );
});
