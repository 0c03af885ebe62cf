import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { createCorrespondents } from "../../directory/correspondents.ts";
import type { AccountTerms } from "../../directory/terms.ts";
import { asRemote } from "../../io/rpc.ts";
import { dial, dialAs, HOUR, listen, makeGate, makeMaterial, makeService, message } from "./test-service.ts";
import type { Client, Material, Settings } from "./test-service.ts";

let directory: string;
let material: Material;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "smtp-session-"));
  material = await makeMaterial(directory);
});
after(() => rm(directory, { recursive: true }));

const service = (settings?: Settings) => makeService(material, settings);
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

/** The moment of a reset moves with the clock. */
const withoutTime = (reply: string): string => reply.replace(/again from \S+/, "");

async function open(client: Client, from: string, ...recipients: readonly string[]): Promise<void> {
  assert.equal(await client.ask(`MAIL FROM:<${from}>`), "250 2.1.0 ok");
  for (const recipient of recipients) assert.match(await client.ask(`RCPT TO:<${recipient}>`), /^250 2\.1\.5/);
}

test("quota is reserved at RCPT and given back on RSET, EHLO and a lost connection", async (t) => {
  const house = service();
  const listener = await listen(t, house);
  const client = await dialAs(t, house, listener);
  await open(client, ALICE, "x@example.jp", BOB);
  assert.equal(house.quotaUsed(), 2);
  await client.ask("RSET");
  assert.equal(house.quotaUsed(), 0);
  await open(client, ALICE, "x@example.jp");
  await client.ask("EHLO c.example.jp");
  assert.equal(house.quotaUsed(), 0);
  await open(client, ALICE, "x@example.jp");
  assert.equal(house.quotaUsed(), 1);
  client.socket.destroy();
  await house.until(() => house.named("session.closed").length === 1);
  assert.equal(house.quotaUsed(), 0);
  assert.equal(house.attemptsUsed(), 4);

  const second = await dialAs(t, house, listener);
  await open(second, ALICE, "x@example.jp");
  await second.ask("DATA");
  second.send("From: <");
  second.socket.destroy();
  await house.until(() => house.named("session.closed").length === 2);
  assert.equal(house.quotaUsed(), 0);
  assert.equal(house.services.load.content, 0);
});

test("quota is given back when the content is refused", async (t) => {
  const house = service({ smtp: { messageSize: 500 } });
  const client = await dialAs(t, house, await listen(t, house));
  assert.match(await send(client, message(BOB)), /^550 /);
  assert.equal(house.quotaUsed(), 0);
  assert.match(await send(client, `${message()}${"x".repeat(500)}\r\n`), /^552 5\.3\.4 /);
  assert.equal(house.quotaUsed(), 0);
  assert.match(await send(client, "a\0b\r\n"), /^554 5\.6\.0 /);
  assert.equal(house.quotaUsed(), 0);
  assert.match(await send(client, "a\nb\r\n"), /^521 5\.5\.2 /);
  assert.equal(house.quotaUsed(), 0);
});

test("quota is charged with the 250 and stays charged", async (t) => {
  const house = service();
  const gate = makeGate();
  house.spool.gate = gate.promise;
  const client = await dialAs(t, house, await listen(t, house));
  const answer = send(client, message(), "x@example.jp", BOB);
  await house.until(() => house.spool.asked === 1);
  assert.equal(house.quotaUsed(), 2);
  gate.open();
  assert.match(await answer, /^250 /);
  await client.ask("RSET");
  assert.equal(house.quotaUsed(), 2);
  const { record } = house.spool.appended[0]!;
  assert.deepEqual([record.account, record.receivedAt, record.recipients.length], [ALICE, house.clock.now, 2]);
});

test("a client that leaves before the 250 is charged when its message is kept", async (t) => {
  const house = service();
  const gate = makeGate();
  house.spool.gate = gate.promise;
  const client = await dialAs(t, house, await listen(t, house));
  await open(client, ALICE, "x@example.jp");
  await client.ask("DATA");
  client.send(`${message()}.\r\n`);
  await house.until(() => house.spool.asked === 1);
  client.reset();
  await house.until(() => house.named("session.closed").length === 1);
  assert.equal(house.quotaUsed(), 1);
  gate.open();
  await house.until(() => house.spool.handedOver.length === 1);
  assert.equal(house.quotaUsed(), 1);
  assert.deepEqual(house.named("internal.failed"), []);
});

test("over the limit a recipient is deferred with the numbers, and the accepted ones still go out", async (t) => {
  const house = service({ quota: [{ name: "1h", length: HOUR, limit: 2 }] });
  const client = await dialAs(t, house, await listen(t, house));
  await open(client, ALICE, "x@example.jp", BOB);
  const over = await client.ask("RCPT TO:<y@example.jp>");
  assert.match(over, /^450 4\.7\.1 recipient limit reached: 2 of 2 in 1h, again from 2026-01-01T01:00:\d\d\.\d{3}Z$/);
  assert.match(await client.ask("RCPT TO:<y@example.jp>"), /^450 4\.7\.1 /);
  await client.ask("DATA");
  assert.match(await client.ask(`${message()}.`), /^250 /);
  assert.deepEqual(house.spool.appended[0]!.record.recipients, ["x@example.jp", BOB]);
  assert.equal(house.quotaUsed(), 2);
  house.clock.now += 2 * HOUR;
  assert.match(await send(client), /^250 /);
});

test("sessions of one account share its limit", async (t) => {
  const house = service({ quota: [{ name: "1h", length: HOUR, limit: 3 }] });
  const listener = await listen(t, house);
  const [one, two] = [await dialAs(t, house, listener), await dialAs(t, house, listener)];
  await open(one, ALICE, "a@example.jp", "b@example.jp");
  await open(two, ALICE, "c@example.jp");
  assert.match(await two.ask("RCPT TO:<d@example.jp>"), /^450 4\.7\.1 /);
  await one.ask("RSET");
  assert.match(await two.ask("RCPT TO:<d@example.jp>"), /^250 /);
  const other = await dialAs(t, house, listener, BOB);
  await open(other, BOB, "x@example.jp");
});

test("every recipient tried counts as an attempt, refused ones too", async (t) => {
  const house = service({ attempts: [{ name: "1h", length: HOUR, limit: 4 }] });
  const client = await dialAs(t, house, await listen(t, house));
  await open(client, ALICE, "x@example.jp");
  for (let index = 0; index < 3; index++) {
    assert.match(await client.ask(`RCPT TO:<nobody${index}@sekimori.test>`), /^550 5\.1\.1 /);
  }
  assert.equal(house.attemptsUsed(), 4);
  assert.equal(house.quotaUsed(), 1);
  assert.match(await client.ask(`RCPT TO:<${BOB}>`), /^450 4\.7\.1 too many recipients tried: 4 of 4 in 1h/);
  await client.ask("RSET");
  assert.equal(house.attemptsUsed(), 4);
});

test("who is restrained has few tries, in one long transaction too, and then every recipient gets one reply", async (t) => {
  for (const [restrained, tries] of [
    ["slow", 1],
    ["hold", 10],
  ] as const) {
    const house = service({ smtp: { errors: 1000 } });
    let now: Partial<AccountTerms> = {};
    const terms = async (account: string): Promise<AccountTerms> => ({
      ...(await house.services.terms(account)),
      ...now,
    });
    // oxlint-disable-next-line no-await-in-loop -- one house at a time
    const client = await dialAs(t, house, await listen(t, { ...house, services: { ...house.services, terms } }));
    // oxlint-disable-next-line no-await-in-loop
    await open(client, ALICE, "x@example.jp");
    now = { restrained };
    const asked = async (recipient: string): Promise<string> => client.ask(`RCPT TO:<${recipient}>`);
    for (let each = 0; each < tries; each++) {
      // oxlint-disable-next-line no-await-in-loop
      assert.match(await asked(`nobody${each}@sekimori.test`), /^550 5\.1\.1 /);
    }
    const replies: string[] = [];
    for (const recipient of ["nobody@sekimori.test", BOB, "y@example.jp"]) {
      // oxlint-disable-next-line no-await-in-loop
      replies.push(await asked(recipient));
    }
    assert.equal(new Set(replies).size, 1, replies.join());
    assert.match(replies[0]!, /^450 4\.7\.1 your account is slowed down/);
    // oxlint-disable-next-line no-await-in-loop
    assert.match(await client.ask("RSET"), /^250 /);
    // oxlint-disable-next-line no-await-in-loop
    await client.ask(`MAIL FROM:<${ALICE}>`);
    // oxlint-disable-next-line no-await-in-loop
    assert.match(await asked(BOB), /^450 4\.7\.1 your account is slowed down/, "a try is never given back");
    assert.equal(house.attemptsUsed(), 1 + tries + 4);
  }
});

test("with its tries used up, its client at the limit, the message full or nobody counting, every recipient gets one reply, and nobody looks", async (t) => {
  const one = [{ name: "1h", length: HOUR, limit: 1 }];
  const uncounted = { kind: "unavailable", cause: "no answer" } as const;
  const counted = service({ smtp: { errors: 1000 } });
  const unanswered = { ...counted.services.limits, attempt: () => Promise.resolve(uncounted) };
  const cases = [
    {
      house: service({ attempts: one, smtp: { errors: 1000 } }),
      reply: /^450 4\.7\.1 too many recipients tried: 1 of 1 in 1h/,
    },
    { house: service({ client: { recipients: one }, smtp: { errors: 1000 } }), reply: /^450 4\.7\.1 / },
    { house: service({ smtp: { recipients: 1, errors: 1000 } }), reply: /^452 4\.5\.3 / },
    { house: service({ terms: { recipientsPerMessage: 1 }, smtp: { errors: 1000 } }), reply: /^452 4\.5\.3 / },
    { house: { ...counted, services: { ...counted.services, limits: unanswered } }, reply: /^451 4\.3\.0 / },
  ];
  for (const { house: here, reply } of cases) {
    // oxlint-disable-next-line no-await-in-loop -- one service after the other
    const client = await dialAs(t, here, await listen(t, here));
    // oxlint-disable-next-line no-await-in-loop
    await client.ask(`MAIL FROM:<${ALICE}>`);
    // oxlint-disable-next-line no-await-in-loop
    await client.ask(`RCPT TO:<${BOB}>`);
    const known = here.store.lookups;
    here.store.failure = "nobody is asked";
    const anybody = fc.oneof(
      fc.constantFrom(BOB, ALICE, "carol@sekimori.test", "sales@sekimori.test", "postmaster@sekimori.test"),
      fc.stringMatching(/^[a-z]{1,12}$/).map((local) => `${local}@sekimori.test`),
      fc.stringMatching(/^[a-z]{1,12}$/).map((local) => `${local}@example.jp`),
    );
    // oxlint-disable-next-line no-await-in-loop
    const first = await client.ask(`RCPT TO:<nobody@sekimori.test>`);
    assert.match(first, reply);
    // oxlint-disable-next-line no-await-in-loop
    await fc.assert(
      fc.asyncProperty(anybody, async (recipient) => {
        assert.equal(withoutTime(await client.ask(`RCPT TO:<${recipient}>`)), withoutTime(first));
      }),
      { numRuns: 15, examples: [[BOB], ["sales@sekimori.test"], ["nobody@sekimori.test"], ["x@example.jp"]] },
    );
    assert.equal(here.store.lookups, known);
  }
});

test("a stranger on the MX that is at its limit is told the same whoever it asks for, relaying too", async (t) => {
  const house = service({ client: { recipients: [{ name: "1h", length: HOUR, limit: 1 }] } });
  const client = dial(t, await listen(t, house, { role: "mx" }));
  await client.reply();
  await client.ask("EHLO c.example.jp");
  await open(client, "x@example.jp", BOB);
  const replies = [];
  for (const recipient of [BOB, "nobody@sekimori.test", "sales@sekimori.test", "x@example.com"]) {
    // oxlint-disable-next-line no-await-in-loop -- one command after the other
    replies.push(await client.ask(`RCPT TO:<${recipient}>`));
  }
  assert.match(replies[0]!, /^450 4\.7\.1 /);
  assert.deepEqual(new Set(replies.map(withoutTime)).size, 1);
});

test("recipients in one message are bounded by the account's terms: 452 4.5.3, and the next message takes the rest", async (t) => {
  const house = service({ terms: { recipientsPerMessage: 2 } });
  const client = await dialAs(t, house, await listen(t, house));
  await open(client, ALICE, "x@example.jp", "y@example.jp");
  assert.match(await client.ask("RCPT TO:<z@example.jp>"), /^452 4\.5\.3 .*at most 2 /);
  assert.match(await client.ask("DATA"), /^354 /);
  assert.match(await client.ask(`${message()}.`), /^250 /);
  assert.match(await send(client, message(), "z@example.jp"), /^250 /);
});

test("messages are counted at DATA, given back when the message is refused, and told about once", async (t) => {
  const house = service({ perMessage: [{ name: "1h", length: HOUR, limit: 2 }] });
  const client = await dialAs(t, house, await listen(t, house));
  const foreign = message().replace(/^From: .*$/m, "From: <mallory@example.com>");
  assert.match(await send(client, foreign), /^550 5\.7\.1 /);
  assert.match(await send(client), /^250 /);
  assert.match(await send(client), /^250 /);
  await open(client, ALICE, "x@example.jp");
  assert.match(await client.ask("DATA"), /^450 4\.7\.1 message limit reached: 2 of 2 in 1h, again from /);
  assert.match(await client.ask("RSET"), /^250 /);
  await open(client, ALICE, "x@example.jp");
  assert.match(await client.ask("DATA"), /^450 /);
  await client.ask("RSET");
  assert.equal(house.quotaUsed(), 2);
  const notice = { account: ALICE, layer: "messages", window: "1h", used: 2, limit: 2 };
  assert.deepEqual(house.named("limit.reached"), [notice]);
});

test("over = reject answers 550 with the same numbers; a domain's limit is always for later", async (t) => {
  const house = service({ quota: [{ name: "1h", length: HOUR, limit: 1 }], terms: { over: "reject" } });
  const client = await dialAs(t, house, await listen(t, house));
  await open(client, ALICE, "x@example.jp");
  assert.match(await client.ask("RCPT TO:<y@example.jp>"), /^550 5\.7\.1 recipient limit reached: 1 of 1 in 1h/);
  const other = service({ domainQuota: [{ name: "1h", length: HOUR, limit: 1 }], terms: { over: "reject" } });
  const second = await dialAs(t, other, await listen(t, other));
  await open(second, ALICE, "x@example.jp");
  assert.match(await second.ask("RCPT TO:<y@example.jp>"), /^450 4\.7\.1 recipient limit of your domain reached/);
  assert.equal(other.named("limit.reached").length, 1);
});

test("terms that nobody can tell are 451: nothing is let through uncounted", async (t) => {
  const house = service();
  const services = { ...house.services, terms: () => Promise.reject(new Error("no directory")) };
  const client = await dialAs(t, house, await listen(t, { ...house, services }));
  assert.match(await client.ask(`MAIL FROM:<${ALICE}>`), /^451 4\.3\.0 /);
  assert.match(await client.ask("MAIL FROM:<>"), /^451 4\.3\.0 /);
});

test("strangers are limited apart, whom the account knows it reaches, and who may be one waits while nobody can tell", async (t) => {
  const house = service({ newRecipients: [{ name: "1d", length: 24 * HOUR, limit: 2 }] });
  const client = await dialAs(t, house, await listen(t, house));
  const friend = "friend@example.jp";
  house.store.correspondents.add(
    createCorrespondents(asRemote(house.store), house.store.loginSecret()).fingerprint(ALICE, friend),
  );
  await open(client, ALICE, "x@example.jp", "y@example.jp", "X@example.jp", friend);
  assert.match(
    await client.ask("RCPT TO:<z@example.jp>"),
    /^450 4\.7\.1 limit of new recipients reached: 2 of 2 in 1d, again from 2026-01-02T/,
  );
  await client.ask("RSET");
  await open(client, ALICE, "z@example.jp");
  house.store.failure = "the store does not answer";
  assert.match(await client.ask("RCPT TO:<w@example.jp>"), /^451 4\.3\.0/);
  assert.match(await client.ask("RCPT TO:<friend@example.jp>"), /^250 /, "known from before");
  house.store.failure = undefined;
  assert.match(await client.ask("DATA"), /^354 /);
  assert.match(await client.ask(`${message()}.`), /^250 /);
  assert.equal(house.spool.appended[0]!.record.remember, true);
});

test("octets are counted as they are stored: what is too much is refused and has taken nothing", async (t) => {
  const house = service({ bytes: [{ name: "1h", length: HOUR, limit: 1000 }] });
  const client = await dialAs(t, house, await listen(t, house));
  assert.match(await send(client), /^250 /);
  const [first] = house.spool.appended;
  const large = message().replace("body", "x".repeat(600));
  assert.match(
    await send(client, large),
    new RegExp(`^450 4\\.7\\.1 size limit reached: ${first!.content.length} octets of 1000 in 1h`),
  );
  const hopeless = message().replace("body", "x".repeat(1000));
  assert.match(
    await send(client, hopeless),
    /^552 5\.3\.4 message too large for your account: at most 1000 octets in 1h/,
  );
  assert.equal(house.quotaUsed(), 1);
  assert.match(await send(client), /^250 /);
});

test("an announced size without room is refused at MAIL, for good or for now, and takes nothing", async (t) => {
  const house = service({ bytes: [{ name: "1h", length: HOUR, limit: 2000 }] });
  const client = await dialAs(t, house, await listen(t, house));
  assert.equal(
    await client.ask(`MAIL FROM:<${ALICE}> SIZE=2001`),
    "552 5.3.4 message too large for your account: at most 2000 octets in 1h",
  );
  assert.match(await send(client, message().replace("body", "x".repeat(1400))), /^250 /);
  const used = house.spool.appended[0]!.content.length;
  assert.match(
    await client.ask(`MAIL FROM:<${ALICE}> SIZE=600`),
    new RegExp(`^452 4\\.7\\.1 size limit reached: ${used} octets of 2000 in 1h, again from 2026-01-01T01:`),
  );
  assert.equal(await client.ask(`MAIL FROM:<${ALICE}> SIZE=200`), "250 2.1.0 ok");
  await client.ask("RSET");
  house.clock.now += HOUR + 60_000;
  assert.equal(await client.ask(`MAIL FROM:<${ALICE}> SIZE=600`), "250 2.1.0 ok", "there is room again");

  const strict = service({ bytes: [{ name: "1h", length: HOUR, limit: 2000 }], terms: { over: "reject" } });
  const other = await dialAs(t, strict, await listen(t, strict));
  await send(other, message().replace("body", "x".repeat(1400)));
  assert.match(await other.ask(`MAIL FROM:<${ALICE}> SIZE=600`), /^550 5\.7\.1 size limit reached/);
  const held = service({ bytes: [{ name: "1h", length: HOUR, limit: 2000 }], terms: { over: "hold" } });
  assert.match(await (await dialAs(t, held, await listen(t, held))).ask(`MAIL FROM:<${ALICE}> SIZE=9000`), /^250 /);
});

test("clients that nobody can count are served where the operator said so, which is told, and nowhere else", async (t) => {
  const uncounted = { kind: "unavailable", cause: "no answer" } as const;
  const clients = {
    connect: () => ({
      connecting: uncounted,
      message: () => uncounted,
      recipient: () => uncounted,
      failed: () => undefined,
      close: () => undefined,
    }),
  };
  const house = service();
  const closed = { ...house, services: { ...house.services, clients } };
  assert.match(await dial(t, await listen(t, closed)).reply(), /^421 4\.3\.0 /);
  const lenient = { ...house, services: { ...house.services, clients, clientFail: "open" as const } };
  const client = await dialAs(t, lenient, await listen(t, lenient));
  assert.match(await send(client), /^250 /);
  assert.deepEqual(
    house.named("limit.uncounted").map((fields) => ("what" in fields ? fields.what : "")),
    ["connection", "message", "recipient"],
  );
});

test("over = hold takes what is beyond a limit, says so, counts it, and marks exactly those recipients", async (t) => {
  const house = service({ quota: [{ name: "1h", length: HOUR, limit: 2 }], terms: { over: "hold" } });
  const client = await dialAs(t, house, await listen(t, house));
  await open(client, ALICE, "a@example.jp");
  await client.ask("RSET");
  await open(client, ALICE, "a@example.jp", "b@example.jp");
  const held = "250 2.1.5 ok, will be held: recipient limit reached, 2 of 2 in 1h";
  assert.equal(await client.ask("RCPT TO:<c@example.jp>"), held);
  assert.match(await client.ask("DATA"), /^354 /);
  assert.match(await client.ask(`${message()}.`), /^250 2\.0\.0 queued as id\d+, 1 of 3 recipients held for review$/);
  assert.deepEqual(house.spool.appended[0]!.record.hold, {
    why: "recipient.limit-held: 2 of 2 in 1h",
    recipients: [2],
  });
  assert.equal(house.quotaUsed(), 3, "held is used");
  assert.equal(house.named("message.held").length, 1);
  assert.equal(house.named("limit.reached").length, 1);
  assert.deepEqual(house.spool.notices, [`${ALICE} reached recipients`]);
  await open(client, ALICE, "d@example.jp");
  await client.ask("RSET");
  assert.equal(house.quotaUsed(), 3, "and given back like the rest");
});

test("over = hold takes twice the octets of the limit and no more: held mail of one account does not fill the disk", async (t) => {
  const house = service({ bytes: [{ name: "1h", length: HOUR, limit: 2000 }], terms: { over: "hold" } });
  const client = await dialAs(t, house, await listen(t, house));
  const large = message().replace("body", "x".repeat(900));
  const replies = [];
  for (let count = 0; count < 6; count++) {
    // oxlint-disable-next-line no-await-in-loop -- one message after the other
    replies.push(await send(client, large));
  }
  const sizes = house.spool.appended.map(({ content }) => content.length);
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) <= 4000);
  assert.equal(sizes.length, 3, "each has some 1100 octets");
  assert.match(replies[0]!, /^250 [^,]+$/);
  assert.match(replies[2]!, /^250 .* 1 of 1 recipients held/);
  for (const reply of replies.slice(3)) {
    assert.match(reply, /^450 4\.7\.1 size limit reached: \d+ octets of 4000 in 1h, again from 2026-01-01T01:/);
  }
  assert.match(await send(client, message().replace("body", "x".repeat(4000))), /^552 5\.3\.4 .*at most 4000 octets/);
  house.clock.now += HOUR + 60_000;
  assert.match(await send(client, large), /^250 [^,]+$/);
});

test("a message beyond the limit of messages or octets is held as a whole; others' limits are never gone beyond", async (t) => {
  const small = [{ name: "1h", length: HOUR, limit: 1 }];
  // One message fits into it, and two into what may be held.
  const octets = [{ name: "1h", length: HOUR, limit: 400 }];
  for (const limit of [{ perMessage: small }, { bytes: octets }]) {
    const house = service({ ...limit, terms: { over: "hold" } });
    // oxlint-disable-next-line no-await-in-loop -- one service after the other
    const client = await dialAs(t, house, await listen(t, house));
    // oxlint-disable-next-line no-await-in-loop
    await send(client);
    // oxlint-disable-next-line no-await-in-loop
    assert.match(await send(client, message(), "x@example.jp", "y@example.jp"), /2 of 2 recipients held/);
    assert.deepEqual(house.spool.appended[1]!.record.hold?.recipients, [0, 1]);
  }
  const house = service({ domainQuota: small, terms: { over: "hold" } });
  const client = await dialAs(t, house, await listen(t, house));
  await open(client, ALICE, "a@example.jp");
  assert.match(await client.ask("RCPT TO:<b@example.jp>"), /^450 4\.7\.1 recipient limit of your domain/);
});
