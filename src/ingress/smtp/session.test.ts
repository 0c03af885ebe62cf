import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { inTurn } from "../../io/password-hash.ts";
import { createIdentities } from "../../directory/identities.ts";
import { createBudgets } from "./budgets.ts";
import { recipientLookup } from "./recipient-lookup.ts";
import {
  dial,
  dialAs,
  dialSecured,
  listen,
  makeGate,
  makeMaterial,
  makeService,
  message,
  PASSWORD,
  plainLogin,
} from "./test-service.ts";
import type { Client, Material, Settings } from "./test-service.ts";

let directory: string;
let material: Material;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "smtp-session-"));
  material = await makeMaterial(directory);
});
after(() => rm(directory, { recursive: true }));

const service = (settings?: Settings) => makeService(material, settings);
const mx = { role: "mx" } as const;
const encode = (text: string) => Buffer.from(text).toString("base64");
const ALICE = "alice@sekimori.test";
const BOB = "bob@sekimori.test";

/** MAIL, RCPTs, DATA and the message; the last reply. */
async function send(client: Client, content = message(), ...recipients: readonly string[]): Promise<string> {
  assert.equal(await client.ask(`MAIL FROM:<${ALICE}>`), "250 2.1.0 ok");
  for (const recipient of recipients.length > 0 ? recipients : ["x@example.jp"]) {
    assert.match(await client.ask(`RCPT TO:<${recipient}>`), /^250 2\.1\.5/);
  }
  assert.match(await client.ask("DATA"), /^354 /);
  return client.ask(`${content}.`);
}

async function open(client: Client, from: string, ...recipients: readonly string[]): Promise<void> {
  assert.equal(await client.ask(`MAIL FROM:<${from}>`), "250 2.1.0 ok");
  for (const recipient of recipients) assert.match(await client.ask(`RCPT TO:<${recipient}>`), /^250 2\.1\.5/);
}

// --- who may submit ------------------------------------------------------------------------------------------

test("submission offers AUTH only inside TLS and takes no mail without it, for local recipients either", async (t) => {
  const house = service();
  const client = dial(t, await listen(t, house));
  assert.equal(await client.reply(), "220 mx1.sekimori.test ESMTP");
  const plain = await client.ask("EHLO c.example.jp");
  assert.match(plain, /STARTTLS/);
  assert.doesNotMatch(plain, /AUTH/);
  assert.match(await client.ask(`MAIL FROM:<${ALICE}>`), /^530 5\.7\.0 /);
  assert.match(await client.ask(plainLogin(ALICE)), /^538 5\.7\.11 /);
  assert.match(await client.ask("AUTH LOGIN"), /^538 5\.7\.11 /);
  assert.equal(house.logins.count, 0);
  assert.match(await client.ask("STARTTLS"), /^220 /);
  await client.secure(house.certificate);
  assert.match(await client.ask(`MAIL FROM:<${ALICE}>`), /^503 /);
  const inside = await client.ask("EHLO c.example.jp");
  assert.doesNotMatch(inside, /STARTTLS/);
  assert.match(inside, /250 AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN$/);
  assert.match(await client.ask("MAIL FROM:<>"), /^530 5\.7\.0 /);
  assert.match(await client.ask(`RCPT TO:<${BOB}>`), /^503 /);
  assert.equal(await client.ask(plainLogin(ALICE)), "235 2.7.0 authenticated");
  assert.match(await client.ask(plainLogin(ALICE)), /^503 /);
  assert.match(await send(client, message(), BOB), /^250 2\.0\.0 queued as id/);
  assert.equal(house.spool.appended.length, 1);
});

test("a message is stored as it was authorised, and handed over after its 250", async (t) => {
  const house = service();
  const client = await dialAs(t, house, await listen(t, house));
  const answer = await send(client, `Bcc: <secret@example.jp>\r\n${message()}`, BOB, "x@example.jp");
  const { record, content } = house.spool.appended[0]!;
  assert.equal(answer, `250 2.0.0 queued as ${record.id}`);
  assert.deepEqual(record.recipients, [BOB, "x@example.jp"]);
  assert.equal(record.sender, ALICE);
  assert.equal(record.account, ALICE);
  assert.equal(record.origin, "submission");
  assert.equal(record.messageId, "<one@sekimori.test>");
  assert.match(content, /^Received: from c\.example\.jp/);
  assert.match(content, /with ESMTPSA/);
  assert.doesNotMatch(content, /Bcc/);
  assert.match(content, /Subject: one\r\n\r\nbody\r\n$/);
  assert.deepEqual(house.spool.handedOver, [record.id]);
  assert.equal(house.named("message.accepted").length, 1);
  assert.ok(!JSON.stringify(house.events).includes(PASSWORD));
});

test("what watches accounts hears whose message it says it is, whatever the envelope says", async (t) => {
  const house = service({ terms: { foreignSender: "tag" } });
  const client = await dialAs(t, house, await listen(t, house));
  for (const header of [
    "From: <x@example.net>, One <x@example.net>, <y@example.net>\r\nSender: <z@example.net>",
    "From: <x@example.net>\r\nResent-From: <w@example.net>",
  ]) {
    // oxlint-disable-next-line no-await-in-loop -- one message after the other
    assert.match(await send(client, message().replace(/^From: .*$/m, header), BOB), /^250 /);
  }
  assert.deepEqual(
    house.named("message.accepted").map((fields) => ("authors" in fields ? fields.authors : undefined)),
    [["x@example.net", "y@example.net"], ["w@example.net"]],
  );
});

test("Received names the account where its plan says so; an address that needs quoting is told by its id", async (t) => {
  const { idOf } = createIdentities("c2VjcmV0");
  for (const [terms, expected] of [
    [{ identityHeader: "none" }, undefined],
    [{ identityHeader: "plain", address: ALICE }, ALICE],
    [{ identityHeader: "plain", address: '"al ice"@sekimori.test' }, idOf(ALICE)],
    [{ identityHeader: "plain", address: "花子@sekimori.test" }, idOf(ALICE)],
    [{ identityHeader: "keyed-hash" }, idOf(ALICE)],
  ] as const) {
    const house = service({ terms });
    // oxlint-disable-next-line no-await-in-loop -- one house at a time
    const client = await dialAs(t, house, await listen(t, house));
    // oxlint-disable-next-line no-await-in-loop
    assert.match(await send(client, message(), BOB), /^250 /);
    const field = /^Received: [^]*?;\r\n/.exec(house.spool.appended[0]!.content)?.[0] ?? "";
    assert.equal(/\(Authenticated sender: (.*?)\)\r\n\tby /.exec(field)?.[1], expected);
    const told = JSON.stringify(house.named("message.accepted"));
    assert.equal(told.includes("Received names the account as"), expected !== undefined);
  }
});

test("implicit TLS needs no STARTTLS and offers none", async (t) => {
  const house = service();
  const client = dial(t, await listen(t, house, { tls: "implicit" }));
  await client.secure(house.certificate);
  assert.match(await client.reply(), /^220 /);
  assert.doesNotMatch(await client.ask("EHLO c.example.jp"), /STARTTLS/);
  assert.match(await client.ask("STARTTLS"), /^502 /);
  assert.equal(await client.ask(plainLogin(ALICE)), "235 2.7.0 authenticated");
});

test("AUTH LOGIN asks twice, and can be given up", async (t) => {
  const house = service();
  const client = await dialSecured(t, house, await listen(t, house));
  assert.equal(await client.ask("AUTH LOGIN"), `334 ${encode("Username:")}`);
  assert.match(await client.ask("*"), /^501 5\.7\.0 /);
  assert.equal(await client.ask("AUTH LOGIN"), `334 ${encode("Username:")}`);
  assert.equal(await client.ask(encode(ALICE)), `334 ${encode("Password:")}`);
  assert.equal(await client.ask(encode(PASSWORD)), "235 2.7.0 authenticated");
});

test("the third wrong password ends the session", async (t) => {
  const house = service();
  const client = await dialSecured(t, house, await listen(t, house));
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const wrong = async (name: string) => {
    const failures = house.named("auth.failed").length;
    const answer = client.ask(plainLogin(name, "wrong"));
    await house.until(() => house.named("auth.failed").length > failures);
    t.mock.timers.tick(1000);
    return answer;
  };
  assert.match(await wrong(ALICE), /^535 5\.7\.8 /);
  assert.match(await wrong("nobody@sekimori.test"), /^535 5\.7\.8 /);
  assert.match(await wrong("carol@sekimori.test"), /^421 4\.7\.0 /);
  assert.equal(await client.rest(), "");
  client.socket.end();
  await house.until(() => house.named("session.closed").length === 1);
});

test("sender and authors must belong to the account", async (t) => {
  const house = service();
  const client = await dialAs(t, house, await listen(t, house));
  for (const foreign of [BOB, "x@example.jp", "team@sekimori.test", "nobody@sekimori.test", "carol@sekimori.test"]) {
    assert.match(await client.ask(`MAIL FROM:<${foreign}>`), /^550 5\.7\.1 /, foreign);
  }
  for (const own of ["ALICE@sekimori.test", "a.lice@sekimori.test", "sales@sekimori.test", "abuse@sekimori.test"]) {
    assert.equal(await client.ask(`MAIL FROM:<${own}>`), "250 2.1.0 ok", own);
    await client.ask("RSET");
  }
  assert.match(await send(client, message(BOB)), /^550 5\.7\.1 From <bob@sekimori\.test>/);
  assert.match(await send(client, `Resent-From: <${BOB}>\r\n${message()}`), /^550 5\.7\.1 /);
  assert.match(await send(client, "Subject: one\r\n\r\nbody\r\n"), /^554 5\.6\.0 /);
  assert.match(await send(client, `From: <${BOB}>\r\n${message()}`), /^554 5\.6\.0 |^550 5\.7\.1 /);
  assert.equal(house.spool.asked, 0);
  assert.equal(house.quotaUsed(), 0);
  assert.match(await send(client, message("a.lice@sekimori.test")), /^250 /);
  assert.equal(house.quotaUsed(), 1);
});

test("the null sender is allowed to an account and charged to it", async (t) => {
  const house = service();
  const client = await dialAs(t, house, await listen(t, house));
  await open(client, "", "x@example.jp");
  assert.match(await client.ask("DATA"), /^354 /);
  assert.match(await client.ask(`${message()}.`), /^250 /);
  assert.equal(house.spool.appended[0]!.record.sender, "");
  assert.equal(house.quotaUsed(), 1);
});

// --- the MX --------------------------------------------------------------------------------------------------

test("the MX takes mail for who lives here and for nobody else", async (t) => {
  const house = service();
  const client = dial(t, await listen(t, house, mx));
  await client.reply();
  assert.doesNotMatch(await client.ask("EHLO c.example.jp"), /AUTH/);
  assert.match(await client.ask(plainLogin(ALICE)), /^502 5\.5\.1 /);
  assert.equal(house.logins.count, 0);
  assert.match(await client.ask("MAIL FROM:<sender@example.jp>"), /^250 /);
  const expected: readonly (readonly [recipient: string, reply: RegExp])[] = [
    [ALICE, /^250 2\.1\.5 /],
    ["a.lice@sekimori.test", /^250 /],
    ["team@sekimori.test", /^250 /],
    ["postmaster@sekimori.test", /^250 /],
    ["Abuse@sekimori.test", /^250 /],
    ["hostmaster@sekimori.test", /^250 /],
    ["postmaster", /^250 /],
    ["nobody@sekimori.test", /^550 5\.1\.1 <nobody@sekimori\.test> no such mailbox here$/],
    ["carol@sekimori.test", /^450 4\.2\.1 /],
    ["x@example.jp", /^550 5\.7\.1 relaying denied/],
    ["x%example.jp@sekimori.test", /^550 5\.1\.1 /],
    ["x@[127.0.0.1]", /^550 5\.7\.1 /],
    ["@sekimori.test:x@example.jp", /^550 5\.7\.1 /],
  ];
  for (const [recipient, reply] of expected) assert.match(await client.ask(`RCPT TO:<${recipient}>`), reply, recipient);
  assert.match(await client.ask("DATA"), /^354 /);
  assert.match(await client.ask("Subject: one\r\n\r\nbody\r\n."), /^250 2\.0\.0 queued as /);
  const { record, content } = house.spool.appended[0]!;
  assert.equal(record.recipients.length, 7);
  assert.equal(record.origin, "mx");
  assert.equal(record.account, undefined);
  assert.match(content, /^Received: /);
});

test("a claim to be local in MAIL FROM opens no relay", async (t) => {
  const house = service();
  const client = dial(t, await listen(t, house, mx));
  await client.reply();
  await client.ask("EHLO mx1.sekimori.test");
  await open(client, ALICE);
  assert.match(await client.ask("RCPT TO:<x@example.jp>"), /^550 5\.7\.1 /);
  assert.match(await client.ask("DATA"), /^503 /);
});

test("a message that has come round too often is refused", async (t) => {
  const house = service();
  const client = dial(t, await listen(t, house, mx));
  await client.reply();
  await client.ask("EHLO c.example.jp");
  await open(client, "", ALICE);
  await client.ask("DATA");
  assert.match(await client.ask(`${"Received: x\r\n".repeat(100)}\r\n.`), /^554 5\.4\.6 /);
});

test("recipients beyond the cap are left for another transaction", async (t) => {
  const house = service({ smtp: { recipients: 2, errors: 2 } });
  const client = dial(t, await listen(t, house, mx));
  await client.reply();
  await client.ask("EHLO c.example.jp");
  await open(client, "", ALICE, BOB);
  for (let index = 0; index < 5; index++) assert.match(await client.ask(`RCPT TO:<${ALICE}>`), /^452 4\.5\.3 /);
  await client.ask("DATA");
  assert.match(await client.ask("\r\n."), /^250 /);
  assert.deepEqual(house.spool.appended[0]!.record.recipients, [ALICE, BOB]);
});

// --- parts that fail -----------------------------------------------------------------------------------------

test("a store that fails is never a yes", async (t) => {
  const house = service();
  const client = await dialSecured(t, house, await listen(t, house));
  house.store.failure = "disk I/O error";
  assert.match(await client.ask(plainLogin(ALICE)), /^454 4\.7\.0 /);
  assert.match(await client.ask(`MAIL FROM:<${ALICE}>`), /^530 /);
  house.store.failure = undefined;
  assert.equal(await client.ask(plainLogin(ALICE)), "235 2.7.0 authenticated");
  house.store.failure = "disk I/O error";
  assert.match(await client.ask("MAIL FROM:<a.lice@sekimori.test>"), /^451 4\.3\.0 /);
  assert.equal(await client.ask(`MAIL FROM:<${ALICE}>`), "250 2.1.0 ok");
  assert.match(await client.ask(`RCPT TO:<${BOB}>`), /^451 4\.3\.0 /);
  assert.equal(house.quotaUsed(), 0);
  assert.match(await client.ask("RCPT TO:<x@example.jp>"), /^250 /);
  await client.ask("DATA");
  assert.match(await client.ask(`${message("a.lice@sekimori.test")}.`), /^451 4\.3\.0 /);
  assert.equal(house.spool.asked, 0);
  assert.equal(house.quotaUsed(), 0);
  assert.deepEqual(house.named("internal.failed"), []);
});

test("a store that fails defers recipients of the MX", async (t) => {
  const house = service();
  house.store.failure = "disk I/O error";
  const client = dial(t, await listen(t, house, mx));
  await client.reply();
  await client.ask("EHLO c.example.jp");
  await open(client, "");
  for (const local of [ALICE, "nobody@sekimori.test", "postmaster@sekimori.test"]) {
    assert.match(await client.ask(`RCPT TO:<${local}>`), /^451 4\.3\.0 /, local);
  }
  assert.match(await client.ask("RCPT TO:<x@example.jp>"), /^550 5\.7\.1 /);
});

test("a client that leaves during a look-up leaves nothing behind", async (t) => {
  const house = service();
  const client = await dialAs(t, house, await listen(t, house));
  await open(client, ALICE, "x@example.jp");
  const gate = makeGate();
  house.store.gate = gate.promise;
  const { lookups } = house.store;
  client.send(`RCPT TO:<${BOB}>\r\n`);
  while (house.store.lookups === lookups) await new Promise(setImmediate);
  client.reset();
  await house.until(() => house.named("session.closed").length === 1);
  gate.open();
  await new Promise(setImmediate);
  assert.equal(house.quotaUsed(), 0);
  assert.equal(house.attemptsUsed(), 2);
  assert.deepEqual(house.named("internal.failed"), []);
});

test("a spool that fails is 451, charges nothing, and the session goes on", async (t) => {
  const house = service();
  const client = await dialAs(t, house, await listen(t, house));
  house.spool.failure = "ENOSPC";
  assert.match(await send(client), /^451 4\.3\.0 /);
  assert.equal(house.quotaUsed(), 0);
  assert.deepEqual(house.named("spool.failed"), [{ cause: "ENOSPC" }]);
  assert.deepEqual(house.spool.handedOver, []);
  house.spool.failure = undefined;
  assert.match(await send(client), /^250 /);
  assert.equal(house.quotaUsed(), 1);
});

test("a part that throws is 451 and a line for the operator, and the session goes on", async (t) => {
  const house = service();
  const broken = { ...house.services, freeSpace: (): number => assert.fail("broken") };
  const client = dial(t, await listen(t, { ...house, services: broken }, mx));
  await client.reply();
  await client.ask("EHLO c.example.jp");
  assert.match(await client.ask("MAIL FROM:<>"), /^451 4\.3\.0 /);
  assert.match(await client.ask("NOOP"), /^250 /);
  assert.equal(house.named("internal.failed").length, 1);
});

test("a full mailbox is refused at RCPT for now; role addresses are taken", async (t) => {
  const house = service();
  const lookup = recipientLookup({
    directory: house.directory,
    mailboxes: { fits: ({ local }) => local !== "bob" },
    stores: { ask: () => assert.fail("nobody to ask") },
  });
  const services = { ...house.services, directory: { ...house.services.directory, lookup } };
  const client = dial(t, await listen(t, { ...house, services }, mx));
  await client.reply();
  await client.ask("EHLO c.example.jp");
  await open(client, "stranger@example.jp");
  assert.match(await client.ask(`RCPT TO:<${BOB}>`), /^452 4\.2\.2 <bob@sekimori\.test> mailbox is full/);
  assert.match(await client.ask(`RCPT TO:<${ALICE}>`), /^250 /);
  assert.match(await client.ask("RCPT TO:<postmaster@sekimori.test>"), /^250 /);
  assert.equal(house.named("recipient.refused").length, 1);
});

test("above the spool's ceiling MAIL is answered 452, and below it the session goes on", async (t) => {
  const house = service({ smtp: { spoolSize: 1000 } });
  const client = dial(t, await listen(t, house, mx));
  await client.reply();
  await client.ask("EHLO c.example.jp");
  house.space.spooled = 1001;
  assert.match(await client.ask("MAIL FROM:<>"), /^452 4\.3\.1 too much mail waits here/);
  house.space.spooled = 900;
  assert.match(await client.ask("MAIL FROM:<> SIZE=101"), /^452 4\.3\.1 /);
  assert.match(await client.ask("MAIL FROM:<> SIZE=100"), /^250 /);
});

// --- what one client may do ----------------------------------------------------------------------------------

const hourly = (limit: number) => [{ name: "1h", length: 3_600_000, limit }];

test("one client has so many connections at once, the next is told so with 421, and one that ends makes room", async (t) => {
  const house = service({ client: { connections: 2 } });
  const listener = await listen(t, house, mx);
  const [first, second, third] = [dial(t, listener), dial(t, listener), dial(t, listener)];
  assert.match(await first.reply(), /^220 /);
  assert.match(await second.reply(), /^220 /);
  assert.match(await third.reply(), /^421 4\.7\.0 mx1\.sekimori\.test too many connections .* at most 2/);
  first.reset();
  await house.until(() => house.named("session.closed").length === 2);
  assert.match(await dial(t, listener).reply(), /^220 /);
  assert.equal(house.named("session.refused").length, 1);
});

test("messages and recipients of one client are counted over all its sessions, refused ones too", async (t) => {
  const house = service({ client: { messages: hourly(2), recipients: hourly(2) } });
  const listener = await listen(t, house, mx);
  const greeted = async (): Promise<Client> => {
    const client = dial(t, listener);
    await client.reply();
    await client.ask("EHLO c.example.jp");
    return client;
  };
  const first = await greeted();
  await open(first, "");
  assert.match(await first.ask("RCPT TO:<nobody@sekimori.test>"), /^550 /);
  assert.match(await first.ask(`RCPT TO:<${BOB}>`), /^250 /);
  assert.match(await first.ask(`RCPT TO:<${ALICE}>`), /^450 4\.7\.1 too many recipients from your address: 2 of 2/);
  const second = await greeted();
  await open(second, "");
  assert.match(await second.ask(`RCPT TO:<${ALICE}>`), /^450 4\.7\.1 too many recipients/);
  const third = await greeted();
  assert.match(await third.ask("MAIL FROM:<>"), /^450 4\.7\.1 too many messages from your address: 2 of 2 in 1h/);
});

test("failed logins of one client are counted over its sessions; beyond the limit the MX does not serve it, and AUTH those known there only", async (t) => {
  const house = service({ client: { authFailures: hourly(2) } });
  const listener = await listen(t, house);
  // Bob was here before.
  assert.match(await (await dialSecured(t, house, listener)).ask(plainLogin(BOB)), /^235 /);
  house.clock.now += 10 * 60_000;
  for (let round = 0; round < 2; round++) {
    const client = await dialSecured(t, house, listener);
    await client.ask("EHLO c.example.jp");
    assert.match(await client.ask(plainLogin(ALICE, "wrong")), /^535 /);
  }
  const refusal = /^421 4\.7\.0 .* too many failed logins from your address: at most 2 in 1h/;
  assert.match(await dial(t, await listen(t, house, mx)).reply(), refusal);
  const stranger = await dialSecured(t, house, listener);
  assert.match(await stranger.ask(plainLogin(ALICE)), refusal);
  assert.equal(await stranger.rest(), "");
  assert.equal(
    house.named("auth.failed").filter((event) => Reflect.get(event, "reason") === "auth.client-logins").length,
    1,
  );
  assert.match(await (await dialSecured(t, house, listener)).ask(plainLogin(BOB)), /^235 /);
});

test("while too many passwords wait, a stranger hears 454 4.7.0, and who is known at his address logs in", async (t) => {
  const house = service();
  const listener = await listen(t, house);
  assert.match(await (await dialSecured(t, house, listener)).ask(plainLogin(BOB)), /^235 /);
  house.clock.now += 10 * 60_000;
  const gate = makeGate();
  const waiting = Array.from({ length: 51 }, () => inTurn(() => gate.promise, "last"));
  const client = await dialSecured(t, house, listener);
  assert.equal(await client.ask(plainLogin(ALICE)), "454 4.7.0 too many logins at once, try again later");
  const reasons = house.named("auth.failed").map((event) => Reflect.get(event, "reason"));
  assert.deepEqual(reasons, ["auth.busy"]);
  assert.match(await (await dialSecured(t, house, listener)).ask(plainLogin(BOB)), /^235 /);
  gate.open();
  await Promise.all(waiting);
  assert.match(await client.ask(plainLogin(ALICE)), /^235 /, "the session went on");
});

// --- what the machine has ------------------------------------------------------------------------------------

test("DATA waits while too much content is in memory, messages on their way to disk included", async (t) => {
  const house = service({ smtp: { contentMemory: 1000 } });
  const gate = makeGate();
  house.spool.gate = gate.promise;
  const listener = await listen(t, house, mx);
  const [one, two] = [dial(t, listener), dial(t, listener)];
  for (const client of [one, two]) {
    await client.reply();
    await client.ask("EHLO c.example.jp");
    await open(client, "", ALICE);
  }
  await one.ask("DATA");
  const answer = one.ask(`Subject: one\r\n\r\n${"x".repeat(1000)}\r\n.`);
  await house.until(() => house.spool.asked === 1);
  assert.ok(house.services.load.content > 1000);
  assert.match(await two.ask("DATA"), /^452 4\.3\.1 /);
  gate.open();
  assert.match(await answer, /^250 /);
  assert.equal(house.services.load.content, 0);
  assert.match(await two.ask("DATA"), /^354 /);
  assert.match(await two.ask("\r\n."), /^250 /);
});

test("a declared size that does not fit into memory now is deferred at DATA", async (t) => {
  const house = service({ smtp: { contentMemory: 1000 } });
  const client = await dialAs(t, house, await listen(t, house));
  await client.ask(`MAIL FROM:<${ALICE}> SIZE=1000`);
  await client.ask("RCPT TO:<x@example.jp>");
  assert.match(await client.ask("DATA"), /^452 4\.3\.1 /);
  assert.equal(house.named("message.refused").length, 1);
  await client.ask("RSET");
  assert.equal(house.quotaUsed(), 0);
});

test("undeclared content that outgrows the memory is thrown away and deferred at its end", async (t) => {
  const house = service({ smtp: { contentMemory: 1000 } });
  const client = await dialAs(t, house, await listen(t, house));
  await open(client, ALICE, "x@example.jp");
  await client.ask("DATA");
  client.send(`${message()}${`${"x".repeat(70)}\r\n`.repeat(100)}`);
  assert.match(await client.ask("."), /^452 4\.3\.1 /);
  assert.equal(house.services.load.content, 0);
  assert.equal(house.quotaUsed(), 0);
  assert.match(await send(client), /^250 /);
});

test("strangers on the MX fill their own part of memory and sessions, and nobody who sends notices; nor the other way round", async (t) => {
  const house = service();
  const listeners = (["mx", "submission"] as const).map((role, index) => ({
    role,
    endpoints: [{ address: "127.0.0.1", port: index }],
    tls: "starttls" as const,
    mechanisms: [],
    proxies: [],
  }));
  const budgetOf = createBudgets(listeners, { sessions: 4, contentMemory: 2000 });
  const divided = { ...house, services: { ...house.services, budgetOf } };
  const inward = await listen(t, divided, { ...mx, place: "mx 127.0.0.1 0" });
  const submission = await listen(t, divided, { place: "submission 127.0.0.1 1" });
  const strangers = [dial(t, inward), dial(t, inward)];
  for (const client of strangers) {
    assert.match(await client.reply(), /^220 /);
    await client.ask("EHLO c.example.jp");
    await open(client, "", ALICE);
    assert.match(await client.ask(`BDAT 900\r\n${"x".repeat(898)}`), /^250 /);
  }
  const late = dial(t, inward);
  assert.match(await late.reply(), /^421 4\.3\.2 /);

  const honest = await dialAs(t, divided, submission);
  assert.match(await send(honest), /^250 /);
  await honest.ask(`MAIL FROM:<${ALICE}> SIZE=900`);
  await honest.ask("RCPT TO:<x@example.jp>");
  assert.match(await honest.ask("DATA"), /^354 /);
  assert.match(await honest.ask(`${message()}.`), /^250 /);
  const second = await dialAs(t, divided, submission);
  assert.match(await dial(t, submission).reply(), /^421 4\.3\.2 /, "theirs is as bounded");
  assert.match(await send(second), /^250 /);
  for (const client of strangers) assert.match(await client.ask("BDAT 0 LAST"), /^250 /, "strangers kept theirs");
});

test("without free space MAIL is deferred, and too large a SIZE is refused", async (t) => {
  const house = service();
  const client = await dialAs(t, house, await listen(t, house));
  house.space.free = 1500;
  assert.match(await client.ask(`MAIL FROM:<${ALICE}> SIZE=501`), /^452 4\.3\.1 /);
  assert.match(await client.ask(`MAIL FROM:<${ALICE}> SIZE=1000001`), /^552 5\.3\.4 /);
  assert.equal(await client.ask(`MAIL FROM:<${ALICE}> SIZE=500`), "250 2.1.0 ok");
});

test("one session more than allowed gets 421, and the next may come when one has left", async (t) => {
  const house = service({ smtp: { sessions: 1 } });
  const listener = await listen(t, house, mx);
  const one = dial(t, listener);
  assert.match(await one.reply(), /^220 /);
  const two = dial(t, listener);
  assert.match(await two.reply(), /^421 4\.3\.2 /);
  assert.equal(await two.rest(), "");
  two.socket.end();
  await one.ask("QUIT");
  one.socket.end();
  await house.until(() => house.named("session.closed").length === 2);
  assert.equal(house.services.load.sessions, 0);
  assert.match(await dial(t, listener).reply(), /^220 /);
});

test("a session ends after its share of messages", async (t) => {
  const house = service({ smtp: { messages: 1 } });
  const client = await dialAs(t, house, await listen(t, house));
  assert.match(await send(client), /^250 /);
  assert.match(await client.ask(`MAIL FROM:<${ALICE}>`), /^421 4\.7\.0 /);
});
