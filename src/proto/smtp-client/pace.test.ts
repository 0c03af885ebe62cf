// The pace `recorded`: what a server has and we do not know of is one message a connection at most.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { SmtpClient, type ClientOptions } from "./client.ts";
import type { Step, Transaction } from "./transaction.ts";

const small = Buffer.from("Subject: x\r\n\r\nx\r\n");
const large = Buffer.from(`${"x".repeat(98)}\r\n`.repeat(1000));
const envelope = "MAIL FROM:<alice@sekimori.test>\r\nRCPT TO:<bob@example.jp>\r\nDATA\r\n";
const go = "250 ok\r\n250 ok\r\n354 go\r\n";

function message(tag: string, content: Buffer = small, more: Partial<Transaction<string>> = {}): Transaction<string> {
  const { length: size } = content;
  const recipients = ["bob@example.jp"];
  return { tag, sender: "alice@sekimori.test", recipients, size, eightBit: false, content: [content], ...more };
}

class Shell {
  readonly core: SmtpClient<string>;
  written = "";
  readonly ends: string[] = [];

  constructor(extensions: readonly string[] = ["PIPELINING"], options: Partial<ClientOptions> = {}) {
    const plain: ClientOptions = { hostname: "mx1.sekimori.test", tls: "never", credentials: undefined };
    this.core = new SmtpClient({ ...plain, pace: "recorded", ...options });
    const lines = ["mx.example.jp", ...extensions];
    this.server("220 mx.example.jp\r\n");
    this.server(lines.map((each, index) => `250${index === lines.length - 1 ? " " : "-"}${each}\r\n`).join(""));
    this.written = "";
  }

  take(step: Step<string>): void {
    this.written += Buffer.concat(step.write).toString("latin1");
    for (const event of step.events) {
      if (event.kind !== "finished") continue;
      const words = event.outcomes.map((each) => (each.kind === "lost" ? `lost ${each.content}` : each.kind));
      this.ends.push(`${event.tag}: ${words.join(", ")}`);
    }
  }

  server(text: string): void {
    this.take(this.core.receive(Buffer.from(text, "latin1")));
  }

  send(transaction: Transaction<string>): void {
    const sent = this.core.send(transaction);
    assert.ok(sent.ok);
    this.take(sent.value);
  }

  recorded(): void {
    this.take(this.core.recorded());
  }

  get news(): string {
    const { written } = this;
    this.written = "";
    return written;
  }
}

test("the envelope goes ahead, the content waits for the record of the message before", () => {
  const shell = new Shell();
  shell.send(message("one"));
  shell.send(message("two"));
  shell.server(go);
  assert.equal(shell.news, `${envelope}${small.toString()}.\r\n${envelope}`);
  shell.server(`250 taken\r\n${go}`);
  assert.equal(shell.core.holding, "two");
  shell.send(message("three"));
  assert.equal(shell.news, "");
  shell.recorded();
  assert.equal(shell.core.holding, undefined);
  assert.equal(shell.news, `${small.toString()}.\r\n${envelope}`);
  assert.deepEqual(shell.ends, ["one: delivered"]);
});

test("large content goes ahead, all but its final dot", () => {
  const shell = new Shell();
  shell.send(message("one"));
  shell.send(message("two", large));
  shell.server(go);
  shell.server(`250 taken\r\n${go}`);
  assert.ok(shell.news.endsWith(large.toString()));
  shell.recorded();
  assert.equal(shell.news, ".\r\n");
  shell.server("250 taken\r\n");
  assert.deepEqual(shell.ends, ["one: delivered", "two: delivered"]);
});

test("BDAT waits, too, with and without pipelining", () => {
  for (const extensions of [
    ["PIPELINING", "CHUNKING", "BINARYMIME"],
    ["CHUNKING", "BINARYMIME"],
  ]) {
    const shell = new Shell(extensions);
    const octets = Buffer.from("a\nb");
    for (const tag of ["one", "two"]) {
      shell.send(message(tag, octets, { binary: true }));
      shell.server("250 ok\r\n");
      shell.server("250 ok\r\n");
      if (tag === "one") shell.server("250 taken\r\n");
    }
    assert.ok(!shell.news.endsWith("BDAT 3 LAST\r\na\nb"));
    shell.recorded();
    assert.equal(shell.news, "BDAT 3 LAST\r\na\nb");
  }
});

test("a refused message has nothing to be recorded", () => {
  const shell = new Shell();
  shell.send(message("one"));
  shell.send(message("two"));
  shell.server(go);
  shell.server(`550 no\r\n${go}`);
  assert.ok(shell.news.endsWith(".\r\n"));
  assert.throws(() => shell.recorded());
});

test("what waits when the session ends never left, whatever went ahead of it", () => {
  for (const content of [small, large]) {
    const shell = new Shell();
    shell.send(message("one"));
    shell.send(message("two", content));
    shell.server(go);
    shell.server(`250 taken\r\n${go}`);
    shell.take(shell.core.lost());
    assert.deepEqual(shell.ends, ["one: delivered", "two: lost unsent"]);
    // Its record comes all the same.
    shell.recorded();
  }
});

test("421 and surprises while a message waits end the session like any other time", () => {
  for (const line of ["421 4.3.2 bye\r\n", "250 what?\r\n"]) {
    const shell = new Shell();
    shell.send(message("one"));
    shell.send(message("two"));
    shell.server(go);
    shell.server(`250 taken\r\n${go}`);
    shell.server(line);
    assert.deepEqual(shell.ends, ["one: delivered", "two: lost unsent"]);
  }
});

test("a message delivered over another session holds this one up as well", () => {
  const shell = new Shell();
  shell.core.hold();
  shell.send(message("one"));
  shell.server(go);
  assert.equal(shell.news, envelope);
  shell.recorded();
  assert.equal(shell.news, `${small.toString()}.\r\n`);
});

test("whatever the server says and whenever records come, one message at most is delivered and not recorded", () => {
  const steps = fc.constantFrom("answer", "refuse", "record", "send");
  const property = fc.property(
    fc.array(steps, { maxLength: 200 }),
    fc.constantFrom(["PIPELINING"], ["CHUNKING"], []),
    fc.boolean(),
    (plan, extensions, lmtp) => {
      const shell = new Shell(extensions, lmtp ? { protocol: "lmtp" } : {});
      let sent = 0;
      let recorded = 0;
      const delivered = (): number => shell.ends.filter((end) => end.endsWith(": delivered")).length;
      for (const step of plan) {
        if (step === "send" && shell.core.accepting) shell.send(message(`m${sent++}`, sent % 3 === 0 ? large : small));
        if (step === "record" && shell.core.unrecorded > 0) {
          recorded++;
          shell.recorded();
        }
        const { awaiting } = shell.core;
        if ((step === "answer" || step === "refuse") && awaiting !== undefined) {
          const good = awaiting === "data" ? "354 go" : "250 ok";
          shell.server(`${step === "answer" || awaiting === "rset" ? good : "450 later"}\r\n`);
        }
        // An answer to content is awaited: its end is out, and the server may have it.
        const inDoubt = shell.core.awaiting === "content" ? 1 : 0;
        assert.ok(delivered() - recorded + inDoubt <= 1);
      }
    },
  );
  fc.assert(property, { numRuns: 300 });
});
