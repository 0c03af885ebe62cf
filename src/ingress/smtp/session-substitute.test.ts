// A substitute listener: whose addresses are used there, what is answered when they may not be, and what the message says of its way.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";
import { addressKey } from "../../address/address.ts";
import type { EnrolmentFact } from "../../verdict/facts.ts";
import type { SmtpServices } from "./services.ts";
import { dial, dialAs, listen, makeMaterial, makeService } from "./test-service.ts";
import type { Client, Material } from "./test-service.ts";

let directory: string;
let material: Material;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "smtp-session-"));
  material = await makeMaterial(directory);
});
after(() => rm(directory, { recursive: true }));

const ALICE = "alice@sekimori.test";
const until = { written: "2099-12-31", at: Date.UTC(2100, 0, 1), zoned: false };

/** Of alice alone. */
const facts: Readonly<Record<string, EnrolmentFact>> = {
  "a@direct.example": { kind: "valid", way: "direct" },
  "a@relay.example": { kind: "valid", way: "relay" },
  "a@old.example": { kind: "expired", since: "2026-12-31" },
  "a@unfit.example": { kind: "unfit", words: "SPF of unfit.example forbids mail from 192.0.2.1" },
  "a@unread.example": { kind: "unread", cause: "timeout" },
  "a@over.example": { kind: "over", until: "2027-03-31" },
};
const enrolment: SmtpServices["enrolment"] = (account, address) =>
  Promise.resolve((account === ALICE ? facts[addressKey(address)] : undefined) ?? { kind: "none" });

async function open(t: TestContext) {
  const house = makeService(material, { enrolment });
  const listener = await listen(t, house, { substitute: { until } });
  return { house, client: await dialAs(t, house, listener) };
}

async function send(client: Client, sender: string, from: string): Promise<string> {
  assert.match(await client.ask(`MAIL FROM:<${sender}>`), /^250 2\.1\.0 ok/);
  assert.match(await client.ask("RCPT TO:<x@example.jp>"), /^250 2\.1\.5/);
  assert.match(await client.ask("DATA"), /^354 /);
  return client.ask(`From: ${from}\r\n\r\nhello\r\n.`);
}

test("MAIL: what is proved passes, everything else is told what to do", async (t) => {
  const { client } = await open(t);
  const answers = {
    "a@direct.example": /^250 2\.1\.0 ok/,
    "a@relay.example": /^250 2\.1\.0 ok/,
    [ALICE]: /^250 2\.1\.0 ok/,
    "": /^250 2\.1\.0 ok/,
    "a@nobody.example": /^550 5\.7\.1 <a@nobody\.example> is not enrolled/,
    "bob@sekimori.test": /^550 5\.7\.1 <bob@sekimori\.test> is not enrolled/,
    "a@old.example": /^550 5\.7\.1 the proof that <a@old\.example> is yours ended on 2026-12-31: .*new code/,
    "a@unfit.example":
      /^550 5\.7\.1 receivers would refuse mail of unfit\.example from here \(SPF of unfit\.example forbids/,
    "a@unread.example": /^451 4\.4\.3 SPF and DMARC of unread\.example cannot be looked up now/,
    "a@over.example": /^550 5\.7\.1 mail of over\.example was carried here until 2027-03-31/,
  };
  for (const [sender, answer] of Object.entries(answers)) {
    // oxlint-disable-next-line no-await-in-loop -- one session
    assert.match(await client.ask(`MAIL FROM:<${sender}>`), answer, sender);
    // oxlint-disable-next-line no-await-in-loop
    await client.ask("RSET");
  }
});

test("the message: every author is proved and in the domain of the sender, nothing is added, its way is kept", async (t) => {
  const { house, client } = await open(t);
  assert.match(await send(client, "a@direct.example", "A <a@direct.example>"), /^250 /);
  assert.match(await send(client, "a@relay.example", "a@relay.example"), /^250 /);
  assert.match(await send(client, ALICE, ALICE), /^250 /);
  const records = house.spool.appended.map(({ record: { sender, relay, account } }) => [sender, relay, account]);
  assert.deepEqual(records, [
    ["a@direct.example", undefined, ALICE],
    ["a@relay.example", "relay.example", ALICE],
    [ALICE, undefined, ALICE],
  ]);
  for (const { content } of house.spool.appended) assert.doesNotMatch(content, /^Sender:/m);
  assert.equal(house.quotaUsed(), 3);

  const refusals = [
    [
      "a@direct.example",
      "a@relay.example",
      /^550 5\.7\.1 the author <a@relay\.example> and the envelope sender <a@direct\.example>/,
    ],
    ["", "a@direct.example", /^550 5\.7\.1 the author <a@direct\.example> and the envelope sender <>/],
    [ALICE, "a@direct.example", /^550 5\.7\.1 the author /],
    ["a@direct.example", "a@nobody.example", /^550 5\.7\.1 <a@nobody\.example> is not enrolled/],
    ["a@direct.example", "a@unread.example", /^451 4\.4\.3 /],
  ] as const;
  for (const [sender, from, answer] of refusals) {
    // oxlint-disable-next-line no-await-in-loop -- one session
    assert.match(await send(client, sender, from), answer);
  }
  assert.equal(house.quotaUsed(), 3, "what is refused is given back");
});

test("nobody uses another's proof, and on a submission listener a proof is worth nothing", async (t) => {
  const house = makeService(material, { enrolment });
  const substitute = await listen(t, house, { substitute: { until } });
  const bob = await dialAs(t, house, substitute, "bob@sekimori.test");
  assert.match(await bob.ask("MAIL FROM:<a@direct.example>"), /^550 5\.7\.1 <a@direct\.example> is not enrolled/);
  const alice = await dialAs(t, house, await listen(t, house));
  assert.match(await alice.ask("MAIL FROM:<a@direct.example>"), /^550 5\.7\.1 <a@direct\.example> does not belong/);
});

test("without a login, and without TLS, nothing is taken; a store that does not answer says no to nobody", async (t) => {
  const house = makeService(material, { enrolment: () => Promise.reject(new Error("the store is away")) });
  const listener = await listen(t, house, { substitute: { until } });
  const client = dial(t, listener);
  assert.match(await client.reply(), /^220 /);
  const hello = await client.ask("EHLO c.example");
  assert.doesNotMatch(hello, /AUTH/);
  assert.match(await client.ask("AUTH PLAIN AGEAYg=="), /^538 5\.7\.11/);
  assert.match(await client.ask("MAIL FROM:<a@direct.example>"), /^530 /);
  const alice = await dialAs(t, house, listener);
  assert.match(await alice.ask("MAIL FROM:<a@direct.example>"), /^451 /);
});

test("after the last day every connection is told what to use", async (t) => {
  const house = makeService(material, { enrolment });
  const over = { written: "2020-01-31", at: Date.UTC(2020, 1, 1), zoned: false };
  const client = dial(t, await listen(t, house, { substitute: { until: over } }));
  assert.match(
    await client.reply(),
    /^554 5\.7\.0 .* carried mail of other providers until 2020-01-31: set your mail provider's own server/,
  );
});
