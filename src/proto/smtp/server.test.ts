import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reply } from "./reply.ts";
import { SmtpServer } from "./server.ts";
import { drive, EHLO, MAIL, RCPT, reply } from "./test-drive.ts";

// --- every verb in every state -------------------------------------------------------------------------------

const ways: { readonly [S in "start" | "idle" | "mail" | "rcpt"]: string } = {
  start: "",
  idle: EHLO,
  mail: EHLO + MAIL,
  rcpt: EHLO + MAIL + RCPT,
};

/** Per state: the reply, or where a yes leads when the command is asked about. */
const table: readonly (readonly [line: string, start: string, idle: string, mail: string, rcpt: string])[] = [
  ["HELO c", "idle", "idle", "idle", "idle"],
  ["EHLO c", "idle", "idle", "idle", "idle"],
  ["STARTTLS", "503", "tls", "503", "503"],
  ["AUTH PLAIN =", "503", "idle", "503", "503"],
  ["MAIL FROM:<>", "503", "mail", "503", "503"],
  ["RCPT TO:<bob@example.jp>", "503", "503", "rcpt", "rcpt"],
  ["DATA", "503", "503", "503", "content"],
  ["RSET", "250", "250", "250", "250"],
  ["NOOP", "250", "250", "250", "250"],
  ["VRFY bob", "252", "252", "252", "252"],
  ["HELP", "214", "214", "214", "214"],
  ["QUIT", "221", "221", "221", "221"],
];

for (const [line, ...row] of table) {
  for (const [index, state] of (["start", "idle", "mail", "rcpt"] as const).entries()) {
    const expected = row[index]!;
    test(`${line} in state ${state}: ${expected}`, () => {
      const before = drive(ways[state]).trace.length;
      const accepted = drive(`${ways[state]}${line}\r\n`);
      const news = accepted.trace.slice(before);
      if (/^\d/.test(expected)) {
        assert.ok(news[0]!.startsWith(`< ${expected}`), news[0]);
        const ended = line === "RSET" && (state === "mail" || state === "rcpt");
        assert.deepEqual(news.slice(1), ended ? ["? abandoned"] : []);
        assert.equal(accepted.core.state, line === "QUIT" ? "closed" : ended ? "idle" : state);
        return;
      }
      assert.ok(news[0]!.startsWith("? "), news[0]);
      assert.equal(accepted.core.state, expected);
      // A no changes nothing.
      let asked = 0;
      const wanted = before === 2 ? 2 : [...ways[state].matchAll(/\r\n/g)].length + 2;
      const refused = drive(`${ways[state]}${line}\r\n`, {
        answer: () => (++asked === wanted ? reply(451, "4.3.0") : undefined),
      });
      assert.equal(refused.core.state, state);
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
