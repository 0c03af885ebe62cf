// What the golden dialogues cannot show of the extensions: counters, memory, events.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { dial, dialAs, listen, makeMaterial, makeService, message } from "./test-service.ts";
import type { Client, Material } from "./test-service.ts";

let directory: string;
let material: Material;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "smtp-extensions-"));
  material = await makeMaterial(directory);
});
after(() => rm(directory, { recursive: true }));

const octets = (text: string) => Buffer.from(text).toString("latin1");

async function begin(client: Client, parameters = ""): Promise<void> {
  assert.match(await client.ask(`MAIL FROM:<alice@sekimori.test>${parameters}`), /^250 /);
  assert.match(await client.ask("RCPT TO:<x@example.jp>"), /^250 /);
}

test("a message by chunks is charged once, and one that fails or is given up is not", async (t) => {
  const house = makeService(material);
  const client = await dialAs(t, house, await listen(t, house));
  await begin(client);
  client.send(`BDAT 10\r\n${message().slice(0, 10)}`);
  assert.match(await client.reply(), /^250 /);
  client.send(`BDAT ${message().length - 10} LAST\r\n${message().slice(10)}`);
  assert.match(await client.reply(), /^250 2\.0\.0 queued/);
  assert.equal(house.quotaUsed(), 1);
  await begin(client);
  assert.equal(house.quotaUsed(), 2);
  client.send("BDAT 3\r\na\nb");
  assert.match(await client.reply(), /^554 /);
  assert.equal(house.quotaUsed(), 1);
  await begin(client);
  client.send("BDAT 3\r\nabc");
  assert.match(await client.reply(), /^250 /);
  assert.match(await client.ask("RSET"), /^250 /);
  assert.equal(house.quotaUsed(), 1);
  assert.equal(house.services.load.content, 0);
});

test("chunks count as memory between them, and a client that leaves gives it back", async (t) => {
  const house = makeService(material);
  const client = await dialAs(t, house, await listen(t, house));
  await begin(client);
  client.send(`BDAT 5000\r\n${"x".repeat(5000)}`);
  assert.match(await client.reply(), /^250 /);
  assert.equal(house.services.load.content, 5000);
  client.reset();
  await house.until(() => house.named("session.closed").length === 1);
  assert.equal(house.services.load.content, 0);
  assert.equal(house.quotaUsed(), 0);
});

test("without memory the first chunk is read away and gets 452", async (t) => {
  const house = makeService(material, { smtp: { contentMemory: 10 } });
  const client = await dialAs(t, house, await listen(t, house));
  await begin(client, " SIZE=100");
  client.send("BDAT 6 LAST\r\nQUIT\r\n");
  assert.match(await client.reply(), /^452 4\.3\.1 /);
  assert.match(await client.ask("NOOP"), /^250 /);
  assert.equal(house.quotaUsed(), 0);
  assert.equal(house.named("message.refused").length, 1);
});

test("events show an address as it is, replies say it in ASCII", async (t) => {
  const house = makeService(material);
  const client = dial(t, await listen(t, house, { role: "mx" }));
  await client.reply();
  await client.ask("EHLO c.example.jp");
  assert.match(await client.ask(octets("MAIL FROM:<関守@example.jp> SMTPUTF8")), /^250 /);
  assert.equal(
    await client.ask(octets("RCPT TO:<ünal@sekimori.test>")),
    "550 5.1.1 <?nal@sekimori.test> no such mailbox here",
  );
  const [refused] = house.named("recipient.refused");
  assert.deepEqual(
    { sender: Reflect.get(refused!, "sender"), recipient: Reflect.get(refused!, "recipient") },
    { sender: "関守@example.jp", recipient: "ünal@sekimori.test" },
  );
});

test("a foreign author in UTF-8 is refused as foreign, not as unreadable, where SMTPUTF8 lets it be read", async (t) => {
  const house = makeService(material);
  const client = await dialAs(t, house, await listen(t, house));
  await begin(client, " SMTPUTF8");
  await client.ask("DATA");
  assert.match(
    await client.ask(octets(`${message("ünal@sekimori.test")}.`)),
    /^550 5\.7\.1 From <\?nal@.* does not belong/,
  );
});

test("mail delivered here twice does not come in a third time", async (t) => {
  const house = makeService(material);
  const client = dial(t, await listen(t, house, { role: "mx" }));
  await client.reply();
  await client.ask("EHLO c.example.jp");
  const trace = "Delivered-To: bob@sekimori.test\r\n";
  for (const [times, expected] of [
    [1, /^250 /],
    [2, /^554 5\.4\.6 mail loop/],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    for (const line of ["MAIL FROM:<>", "RCPT TO:<alice@sekimori.test>", "RCPT TO:<bob@sekimori.test>", "DATA"]) {
      // oxlint-disable-next-line no-await-in-loop
      assert.match(await client.ask(line), /^[23]/);
    }
    // oxlint-disable-next-line no-await-in-loop
    assert.match(await client.ask(`${trace.repeat(times)}${message()}.`), expected);
  }
});
