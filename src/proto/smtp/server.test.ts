import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reply } from "./reply.ts";
import { SmtpServer } from "./server.ts";
import { drive, EHLO, MAIL, RCPT, reply } from "./test-drive.ts";

// --- every verb in every state -------------------------------------------------------------------------------

const ways: { readonly [S in "start" | "idle" | "mail" | "rcpt" | "chunks"]: string } = {
  start: "",
  idle: EHLO,
  mail: EHLO + MAIL,
  rcpt: EHLO + MAIL + RCPT,
  chunks: `${EHLO}${MAIL}${RCPT}BDAT 0\r\n`,
};

/** Per state: the reply, or where a yes leads when the command is asked about. */
const table: readonly (readonly [
  line: string,
  start: string,
  idle: string,
  mail: string,
  rcpt: string,
  chunks: string,
])[] = [
  ["HELO c", "idle", "idle", "idle", "idle", "idle"],
  ["EHLO c", "idle", "idle", "idle", "idle", "idle"],
  ["STARTTLS", "503", "tls", "503", "503", "503"],
  ["AUTH PLAIN =", "503", "idle", "503", "503", "503"],
  ["MAIL FROM:<>", "503", "mail", "503", "503", "503"],
  ["RCPT TO:<bob@example.jp>", "503", "503", "rcpt", "rcpt", "503"],
  ["DATA", "503", "503", "503", "content", "503"],
  ["BDAT 0", "503", "503", "503", "chunks", "250"],
  ["BDAT 0 LAST", "503", "503", "503", "idle", "idle"],
  ["RSET", "250", "250", "250", "250", "250"],
  ["NOOP", "250", "250", "250", "250", "250"],
  ["VRFY bob", "252", "252", "252", "252", "252"],
  ["HELP", "214", "214", "214", "214", "214"],
  ["QUIT", "221", "221", "221", "221", "221"],
];

for (const [line, ...row] of table) {
  for (const [index, state] of (["start", "idle", "mail", "rcpt", "chunks"] as const).entries()) {
    const expected = row[index]!;
    test(`${line} in state ${state}: ${expected}`, () => {
      const before = drive(ways[state]).trace.length;
      const accepted = drive(`${ways[state]}${line}\r\n`);
      const news = accepted.trace.slice(before);
      if (/^\d/.test(expected)) {
        assert.ok(news[0]!.startsWith(`< ${expected}`), news[0]);
        const ended = line === "RSET" && (state === "mail" || state === "rcpt" || state === "chunks");
        assert.deepEqual(news.slice(1), ended ? ["? abandoned"] : []);
        assert.equal(accepted.core.state, line === "QUIT" ? "closed" : ended ? "idle" : state);
        return;
      }
      assert.ok(news[0]!.startsWith("? "), news[0]);
      assert.equal(accepted.core.state, expected);
      // A no changes nothing, but a chunk that is refused takes its message with it (RFC 3030 §2).
      let asked = 0;
      const wanted = before === 2 ? 2 : [...ways[state].matchAll(/\r\n/g)].length + 2;
      const refused = drive(`${ways[state]}${line}\r\n`, {
        answer: () => (++asked === wanted ? reply(451, "4.3.0") : undefined),
      });
      assert.equal(refused.core.state, line.startsWith("BDAT") ? "idle" : state);
    });
  }
}

// --- what a dialogue cannot show -----------------------------------------------------------------------------

const refuseRecipients = (refusal: Reply) => (request: string) => (request.startsWith("rcpt") ? refusal : undefined);

test("recipients beyond the cap do not count as errors until there are a thousand of them", () => {
  const answer = refuseRecipients(reply(452, "4.5.3"));
  assert.equal(
    drive(`${EHLO}${MAIL}${RCPT.repeat(1001)}NOOP\r\n`, { answer, options: { errors: 2 } }).core.state,
    "mail",
  );
  const over = drive(`${EHLO}${MAIL}${RCPT.repeat(1002)}NOOP\r\n`, { answer, options: { errors: 2 } });
  assert.equal(over.core.state, "closed");
  assert.match(over.trace.at(-1)!, /^< 421 4\.7\.0/);
});

test("other 452 replies count as errors", () => {
  const answer = refuseRecipients(reply(452, "4.3.1"));
  assert.equal(drive(`${EHLO}${MAIL}${RCPT}${RCPT}`, { answer, options: { errors: 2 } }).core.state, "closed");
});

test("nothing received before TLS is up is ever executed (CVE-2011-0411)", () => {
  for (const injected of ["RSET\r\n", `${EHLO}${MAIL}`, "NOO", "\n", "x".repeat(50_000)]) {
    const { core, trace } = drive(`${EHLO}STARTTLS\r\n${injected}`);
    assert.equal(core.state, "tls");
    assert.equal(trace.at(-2), "? starttls");
    assert.match(trace.at(-1)!, /^< 220/);
    assert.equal(core.buffered, 0);
    core.receive(Buffer.from(`${injected}P\r\n`));
    assert.equal(core.next({ commands: 10 }), undefined);
    core.secured();
    assert.equal(core.next({ commands: 10 }), undefined);
    assert.equal(core.takeOutput(), "");
    // Fresh: EHLO comes first again, and the injected beginning of a line is not part of the first command.
    core.receive(Buffer.from(MAIL));
    assert.equal(core.next({ commands: 10 }), undefined);
    assert.match(core.takeOutput(), /^503 5\.5\.1 say EHLO first/);
    core.receive(Buffer.from(EHLO));
    assert.deepEqual(core.next({ commands: 10 }), { kind: "helo", verb: "EHLO", name: "c.example.jp" });
  }
});

test("octets that come while STARTTLS is being decided are dropped too", () => {
  const { core } = drive(EHLO);
  core.receive(Buffer.from("STARTTLS\r\n"));
  assert.deepEqual(core.next({ commands: 10 }), { kind: "starttls" });
  core.receive(Buffer.from("NOOP\r\n"));
  core.answer(reply(220));
  assert.equal(core.takeOutput(), reply(220).wire);
  core.secured();
  assert.equal(core.next({ commands: 10 }), undefined);
  assert.equal(core.takeOutput(), "");
});

test("STARTTLS that is not offered is not asked about", () => {
  const { core } = drive(EHLO);
  core.offer({ starttls: false, mechanisms: [] });
  core.receive(Buffer.from("STARTTLS\r\n"));
  assert.equal(core.next({ commands: 10 }), undefined);
  assert.match(core.takeOutput(), /^502 /);
});

test("TLS without STARTTLS and an answer without a request are bugs", () => {
  const { core } = drive(EHLO);
  assert.throws(() => core.secured());
  assert.throws(() => core.answer(reply(250)));
});

test("octets that wait for an answer keep their order", () => {
  const { core } = drive(EHLO);
  core.receive(Buffer.from("MAIL FROM:<>\r\n"));
  assert.equal(core.next({ commands: 10 })?.kind, "mail");
  core.receive(Buffer.from("RCPT TO:<a@example.jp>\r\n"));
  core.receive(Buffer.from("RCPT TO:<b@example.jp>\r\n"));
  core.answer(reply(250));
  assert.equal(core.next({ commands: 10 })?.kind, "rcpt");
  core.receive(Buffer.from("DATA\r\n"));
  core.answer(reply(250));
  assert.equal(core.next({ commands: 10 })?.kind, "rcpt");
  core.answer(reply(250));
  assert.equal(core.next({ commands: 10 })?.kind, "data");
});

test("a turn ends when its budget is used up and the next one goes on", () => {
  const { core } = drive("");
  core.receive(Buffer.from("NOOP\r\n".repeat(5)));
  const budget = { commands: 2 };
  assert.equal(core.next(budget), undefined);
  assert.equal(budget.commands, 0);
  assert.equal(core.takeOutput().split("\r\n").length - 1, 2);
  assert.equal(core.buffered, 18);
  assert.equal(core.next({ commands: 10 }), undefined);
  assert.equal(core.takeOutput().split("\r\n").length - 1, 3);
  assert.equal(core.commands, 5);
});

test("a line without an end is not kept", () => {
  const { core } = drive("");
  for (let index = 0; index < 100; index++) {
    core.receive(Buffer.alloc(10_000, "x"));
    assert.equal(core.next({ commands: 10 }), undefined);
    assert.ok(core.buffered <= 22_288, `${core.buffered} octets`);
  }
});

test("close says its reply once and ends everything", () => {
  const { core } = drive(`${EHLO}${MAIL}NOO`);
  core.close(reply(421, "4.4.2"));
  core.close(reply(421, "4.4.2"));
  assert.equal(core.takeOutput(), reply(421, "4.4.2").wire);
  core.receive(Buffer.from("P\r\n"));
  assert.equal(core.next({ commands: 10 }), undefined);
  assert.deepEqual([core.state, core.buffered, core.takeOutput()], ["closed", 0, ""]);
});

test("an answer that comes after close changes nothing", () => {
  for (const [before, code] of [
    [EHLO, 250],
    [EHLO + MAIL + RCPT, 354],
  ] as const) {
    const { core } = drive(before);
    core.receive(Buffer.from(code === 354 ? "DATA\r\n" : MAIL));
    assert.ok(core.next({ commands: 10 }) !== undefined);
    core.close(reply(421, "4.3.2"));
    core.takeOutput();
    core.answer(reply(code));
    core.answerPending(reply(451));
    core.receive(Buffer.from("NOOP\r\n"));
    assert.equal(core.next({ commands: 10 }), undefined);
    assert.deepEqual([core.state, core.takeOutput()], ["closed", ""]);
  }
});

test("content that is refused while it comes is read to its end and answered with the reason", () => {
  const { core } = drive(`${EHLO}${MAIL}${RCPT}DATA\r\nSubject: one\r\n`);
  assert.equal(core.contentHeld, 14);
  core.refuseContent(reply(452, "4.3.1"));
  assert.equal(core.contentHeld, 0);
  core.receive(Buffer.from("MAIL FROM:<>\r\n.\r\nNOOP\r\n"));
  assert.deepEqual(core.next({ commands: 10 }), { kind: "abandoned" });
  assert.equal(core.takeOutput(), reply(452, "4.3.1").wire);
  assert.equal(core.next({ commands: 10 }), undefined);
  assert.match(core.takeOutput(), /^250 /);
  assert.equal(core.state, "idle");
});

test("the reason of one refused content is not that of the next", () => {
  const message = `${MAIL}${RCPT}DATA\r\n0123456789\r\n`;
  const { core } = drive(`${EHLO}${message}`, { options: { messageSize: 20 } });
  core.refuseContent(reply(452, "4.3.1"));
  core.receive(Buffer.from(".\r\n"));
  assert.equal(core.next({ commands: 10 })?.kind, "abandoned");
  assert.match(core.takeOutput(), /^452 /);
  assert.equal(new SmtpServer({ messageSize: 1, errors: 1 }).contentHeld, 0);
});

// --- chunks --------------------------------------------------------------------------------------------------

const begun = `${EHLO}${MAIL}${RCPT}`;

test("a first chunk that may not come is read away and takes the transaction with it", () => {
  const { core, trace } = drive(`${begun}BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n`, {
    answer: (request) => (request === "data" ? reply(452, "4.3.1") : undefined),
  });
  assert.deepEqual(trace.slice(-5), [
    "? data",
    "< 452 4.3.1 text",
    "? abandoned",
    "< 503 5.5.1 no message is being received: chunk thrown away",
    "< 250 2.0.0 ok",
  ]);
  assert.equal(core.state, "idle");
});

test("content refused between or within chunks is answered at the end of the next", () => {
  for (const before of [`${begun}BDAT 3\r\nabc`, `${begun}BDAT 9\r\nabc`]) {
    const { core } = drive(before);
    assert.equal(core.contentHeld, 3);
    core.refuseContent(reply(452, "4.3.1"));
    assert.equal(core.contentHeld, 0);
    core.receive(Buffer.from(before.includes("BDAT 9") ? "defghi" : "BDAT 6\r\nQUIT\r\n"));
    assert.deepEqual(core.next({ commands: 10 }), { kind: "abandoned" });
    assert.equal(core.takeOutput(), reply(452, "4.3.1").wire);
    assert.equal(core.state, "idle");
  }
});

test("chunks sent ahead of a refusal do not count as errors until there are a thousand of them", () => {
  for (const [count, state] of [
    [1000, "idle"],
    [1001, "closed"],
  ] as const) {
    const input = `${begun}BDAT 1\r\n\0${"BDAT 1\r\nx".repeat(count)}NOOP\r\n`;
    assert.equal(drive(input, { options: { errors: 2 } }).core.state, state);
  }
});

test("a message begun by BDAT is gone after EHLO, and no octet of it comes into the next", () => {
  const { trace } = drive(`${begun}BDAT 3\r\nabc${begun}BDAT 3 LAST\r\ndef`);
  assert.equal(trace.at(-2), '? message "def\\r\\n" 7bit');
});

test("an empty chunk is answered although nothing is left to read and the turn is over", () => {
  const { core } = drive(`${begun}BDAT 1\r\nx`);
  core.receive(Buffer.from("BDAT 0\r\n"));
  assert.equal(core.next({ commands: 1 }), undefined);
  assert.match(core.takeOutput(), /^250 2\.0\.0 chunk taken/);
  core.receive(Buffer.from("BDAT 0 LAST\r\n"));
  assert.equal(core.next({ commands: 1 })?.kind, "message");
});
