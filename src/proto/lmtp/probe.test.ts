import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RecipientProbe } from "./probe.ts";
import type { ProbeEvent } from "./probe.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
const greeting = "220 store LMTP\r\n";
const lhlo = "250-store\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n";

function ready(extensions = lhlo): RecipientProbe {
  const probe = new RecipientProbe("mx.example.jp");
  assert.equal(probe.receive(bytes(greeting)).write, "LHLO mx.example.jp\r\n");
  assert.deepEqual(probe.receive(bytes(extensions)).events, [{ kind: "ready" }]);
  return probe;
}

function kinds(events: readonly ProbeEvent[]): readonly string[] {
  return events.map((event) => (event.kind === "answer" ? `answer ${event.reply.code}` : event.kind));
}

test("one write a question, the answer to RCPT is the answer, and the session serves the next", () => {
  const probe = ready();
  for (const [code, text] of [
    [250, "2.1.5 OK"],
    [550, "5.1.1 unknown"],
    [452, "4.2.2 full"],
  ] as const) {
    assert.equal(probe.ask("carol@example.jp"), "MAIL FROM:<>\r\nRCPT TO:<carol@example.jp>\r\nRSET\r\n");
    assert.equal(probe.idle, false);
    const { events, write } = probe.receive(bytes(`250 ok\r\n${code} ${text}\r\n250 ok\r\n`));
    assert.deepEqual(kinds(events), [`answer ${code}`]);
    assert.equal(write, "");
    assert.equal(probe.idle, true);
  }
});

test("what is no answer about the mailbox is a failure of the session", () => {
  const cases = {
    "421 at RCPT": "250 ok\r\n421 4.3.2 shutting down\r\n",
    "MAIL refused": "451 4.3.0 no disk\r\n550 5.5.1 bad sequence\r\n250 ok\r\n",
    "a reply too many": "250 ok\r\n250 ok\r\n250 ok\r\n250 what\r\n",
    "3yz": "354 go on\r\n",
    "not SMTP": "hello\r\n",
    "RSET refused": "250 ok\r\n250 ok\r\n500 what\r\n",
  };
  for (const [name, answer] of Object.entries(cases)) {
    const probe = ready();
    probe.ask("carol@example.jp");
    const { events } = probe.receive(bytes(answer));
    assert.equal(events.at(-1)?.kind, "failed", name);
    assert.equal(probe.idle, false, name);
  }
  const closed = new RecipientProbe("mx.example.jp");
  assert.deepEqual(kinds(closed.receive(bytes("421 busy\r\n")).events), ["failed"]);
});

test("an address outside ASCII is asked about where SMTPUTF8 is offered, and nowhere else", () => {
  assert.equal(ready().canAsk("関守@example.jp"), false);
  const probe = ready("250-store\r\n250 SMTPUTF8\r\n");
  assert.equal(probe.canAsk("関守@example.jp"), true);
  assert.match(probe.ask("関守@example.jp"), /^MAIL FROM:<> SMTPUTF8\r\n/);
  for (const bad of ["", "a b@example.jp", "a>\r\nRCPT TO:<b@example.jp", "a\0@example.jp"]) {
    assert.equal(ready().canAsk(bad), false);
  }
});

test("any octets, cut anywhere: events or nothing, never an exception, at most one answer to a question", () => {
  const reply = fc.constantFrom(
    "250 ok\r\n",
    "550 5.1.1 no\r\n",
    "250-a\r\n",
    "354 go\r\n",
    "421 bye\r\n",
    "x\r\n",
    "\0",
    "2",
  );
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 12 }), fc.array(fc.nat(40), { maxLength: 6 }), (parts, cuts) => {
      const probe = ready();
      probe.ask("carol@example.jp");
      const all = bytes(parts.join(""));
      const events: ProbeEvent[] = [];
      let from = 0;
      for (const cut of [...cuts.toSorted((a, b) => a - b), all.length]) {
        events.push(...probe.receive(all.subarray(from, cut)).events);
        from = Math.max(from, cut);
      }
      assert.ok(events.filter(({ kind }) => kind === "answer").length <= 1);
      assert.ok(events.filter(({ kind }) => kind === "failed").length <= 1);
    }),
  );
});
