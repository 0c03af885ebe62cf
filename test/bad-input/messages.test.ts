// The table of bad messages against real sessions. What is accepted is kept with its lines whole, can be read again, converted
// without anything that throws, and its Message-ID in the log has no character that means something to a terminal.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";
import { dial, dialAs, listen, makeMaterial, makeService } from "../../src/ingress/smtp/test-service.ts";
import type { Client, Material, Service } from "../../src/ingress/smtp/test-service.ts";
import { isBulk } from "../../src/message/bulk.ts";
import { convertToSevenBit } from "../../src/message/convert.ts";
import { readHeaders } from "../../src/message/headers.ts";
import { badMessages } from "./messages.ts";

let directory: string;
let material: Material;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "bad-message-"));
  material = await makeMaterial(directory);
});
after(() => rm(directory, { recursive: true }));

async function open(t: TestContext, service: Service, role: "submission" | "mx"): Promise<Client> {
  if (role === "submission") {
    return dialAs(t, service, await listen(t, service));
  }
  const client = dial(t, await listen(t, service, { role: "mx", tls: "none" }));
  await client.reply();
  assert.match(await client.ask("EHLO c.example.jp"), /^250/);
  return client;
}

test("the table is not smaller than it was", () => {
  assert.ok(badMessages.length >= 60, `${badMessages.length} rows`);
  assert.equal(new Set(badMessages.map(({ name }) => name)).size, badMessages.length);
});

for (const role of ["submission", "mx"] as const) {
  test(`bad messages on ${role}`, async (t) => {
    const service = makeService(material, { smtp: { messageSize: 2_000_000, errors: 1000, messages: 1000 } });
    const client = await open(t, service, role);
    const { appended } = service.spool;
    for (const { name, content, [role]: expect } of badMessages) {
      // oxlint-disable-next-line no-await-in-loop -- one session for all: whatever came before, it goes on
      await t.test(`${name}: ${expect}`, async () => {
        appended.length = 0;
        assert.match(
          await client.ask(
            role === "mx"
              ? "MAIL FROM:<carol@example.jp> BODY=8BITMIME"
              : "MAIL FROM:<alice@sekimori.test> BODY=8BITMIME",
          ),
          /^250/,
        );
        assert.match(
          await client.ask(role === "mx" ? "RCPT TO:<alice@sekimori.test>" : "RCPT TO:<x@example.jp>"),
          /^250/,
        );
        assert.match(await client.ask("DATA"), /^354/);
        client.send(`${content.replaceAll(/^\./gm, "..")}.\r\n`);
        const reply = await client.reply();
        assert.equal(reply.slice(0, expect.length), expect, reply);
        assert.match(await client.ask("NOOP"), /^250/, "the session goes on");
        assert.deepEqual(service.named("internal.failed"), []);
        assert.equal(appended.length, expect.startsWith("250") ? 1 : 0);
        for (const { content: kept, record } of appended)
          lookAt(kept, record.messageId, role === "mx" ? content : undefined);
      });
    }
  });
}

/** What was accepted. `sent`: all of it must be there, but for a first line that would become a part of our own field. */
function lookAt(kept: string, messageId: string, sent: string | undefined): void {
  assert.match(kept, /^Received: from c\.example\.jp /);
  if (sent !== undefined) assert.ok(kept.endsWith(sent.replace(/^[ \t].*\r\n/, "")));
  assert.doesNotMatch(kept, /[^\r]\n|\r[^\n]|\r$/);
  // oxlint-disable-next-line no-control-regex -- what must not be there
  assert.doesNotMatch(messageId, /[\x00-\x20\x7f-\x9f]/);
  const octets = [Buffer.from(kept, "latin1")];
  const section = readHeaders(octets);
  if (section.ok) isBulk(section.value);
  const converted = convertToSevenBit(octets);
  if (!converted.ok) return;
  const text = Buffer.concat(converted.value.content).toString("latin1");
  // oxlint-disable-next-line no-control-regex -- what seven bits are
  assert.match(text, /^[\x01-\x7f]*$/);
  assert.ok(text.split("\r\n").every((line) => line.length <= 998));
}
