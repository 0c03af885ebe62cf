// What a customer is told: once, in order, never too often, and over crashes of all kinds.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { AbuseMail } from "../egress/abuse-mail.ts";
import { asRemote } from "../io/rpc.ts";
import { openMemoryStore } from "../store/memory/memory-store.ts";
import type { AbuseNews, Store } from "../store/store.ts";
import { createAbuseNotices, MOST_NOTICES, noticesTo } from "./abuse-notices.ts";
import type { AbuseNotices } from "./abuse-notices.ts";

const alice = {
  key: "alice@b.test",
  address: "Alice@b.test",
  passwordHash: "",
  aliases: [],
  createdAt: 0,
  suspended: false,
};
const NOW = 1_800_000_000_000;

interface Office {
  readonly store: Store;
  readonly clock: { now: number };
  readonly sent: AbuseMail[];
  readonly events: { readonly event: string }[];
  /** What the spool says, while set. */
  broken: string | undefined;
  /** Of whom no notice can be made, while they are here. */
  readonly unable: string[];
  /** As after a restart. */
  open(): AbuseNotices;
}

function office(contact?: string): Office {
  const store = openMemoryStore();
  store.addAccount(contact === undefined ? alice : { ...alice, contact });
  const clock = { now: NOW };
  const made: Office = {
    store,
    clock,
    sent: [],
    events: [],
    broken: undefined,
    unable: [],
    open: () =>
      createAbuseNotices({
        store: asRemote<Store>(store),
        mail: async (mail) => {
          if (made.broken !== undefined) throw new Error(made.broken);
          if (made.unable.includes(mail.about)) throw new Error(`${mail.about} cannot be told`);
          made.sent.push(mail);
        },
        observer: { emit: (event, fields) => void made.events.push({ event, ...fields }) },
        clock: { wall: () => clock.now },
      }),
  };
  return made;
}

const taken = (step: "slow" | "hold" | "suspend"): AbuseNews => ({ kind: "taken", step, signs: ["new-network"] });
const ended: AbuseNews = { kind: "ended", step: "suspend", mail: "kept" };

function note({ store }: Office, ...news: readonly AbuseNews[]): void {
  for (const each of news) {
    const found = store.findAccount(alice.key)!;
    const since = NOW;
    const restraint = each.kind === "taken" ? { step: each.step, since, score: 13, evidence: [] } : undefined;
    store.setRestraint(alice.key, restraint, noticesTo(found, since, each));
  }
}

const told = ({ sent }: Office): readonly string[] =>
  sent.map(({ to, copy, news }) => `${copy} ${to} ${news.kind === "taken" ? news.step : news.kind}`);

test("each step is told in order: to the mailbox and the second contact, a suspension to the contact alone", async () => {
  const built = office("alice@example.org");
  note(built, taken("slow"), taken("hold"), taken("suspend"), ended);
  await built.open().tell();
  assert.deepEqual(told(built), [
    "account Alice@b.test slow",
    "contact alice@example.org slow",
    "account Alice@b.test hold",
    "contact alice@example.org hold",
    "contact alice@example.org suspend",
    "account Alice@b.test ended",
    "contact alice@example.org ended",
  ]);
  const [first] = built.sent;
  assert.deepEqual([first?.about, first?.account, first?.since], [alice.key, alice.address, NOW]);
});

test("who has no second contact is told in the mailbox, of a suspension too", async () => {
  const built = office();
  note(built, taken("suspend"));
  await built.open().tell();
  assert.deepEqual(told(built), ["account Alice@b.test suspend"]);
});

test("once, however often it is asked and over a restart; what is noted while the server stands is told by the next", async () => {
  const built = office();
  note(built, taken("hold"));
  const first = built.open();
  await Promise.all([first.tell(), first.tell()]);
  await first.tell();
  await first.close();
  note(built, ended);
  await first.tell();
  assert.equal(built.sent.length, 1, "it is closed");
  await built.open().tell();
  assert.deepEqual(told(built), ["account Alice@b.test hold", "account Alice@b.test ended"]);
});

test("what cannot be written is told when it can, and somebody hears of it", async () => {
  const built = office("alice@example.org");
  built.broken = "disk full";
  note(built, taken("hold"));
  const notices = built.open();
  await notices.tell();
  assert.deepEqual(built.events, [{ event: "internal.failed", where: "notices of abuse", cause: "Error: disk full" }]);
  built.broken = undefined;
  await notices.tell();
  assert.deepEqual(told(built), ["account Alice@b.test hold", "contact alice@example.org hold"]);
});

test("a crash between the note and the spool loses that notice and sends none twice", async () => {
  const built = office();
  note(built, taken("hold"), ended);
  const [first] = built.store.pendingNotices(1);
  built.store.noteTold(first!.id, NOW);
  await built.open().tell();
  assert.deepEqual(told(built), ["account Alice@b.test ended"]);
});

test("never more than so many in a day, and that is an event; the next day begins anew", async () => {
  const built = office();
  const notices = built.open();
  for (let round = 0; round < 3; round++) note(built, taken("slow"), taken("hold"), taken("suspend"), ended);
  await notices.tell();
  assert.equal(built.sent.length, MOST_NOTICES);
  assert.deepEqual(
    built.events,
    ["slow", "hold", "suspend", "ended"].map((step) => ({
      event: "notice.withheld",
      account: alice.key,
      step,
      to: "account",
      most: MOST_NOTICES,
    })),
  );
  built.clock.now += 86_400_000;
  note(built, taken("hold"));
  await notices.tell();
  assert.equal(built.sent.length, MOST_NOTICES + 1);
});

test("a contact that was taken away and an account that is gone are told nothing", async () => {
  const built = office("alice@example.org");
  note(built, taken("suspend"));
  built.store.setContact(alice.key, undefined);
  await built.open().tell();
  assert.deepEqual([told(built), built.store.pendingNotices(10)], [[], []]);
  note(built, ended);
  built.store.deleteAccount(alice.key);
  await built.open().tell();
  assert.deepEqual(told(built), []);
});

test("a notice that cannot be made stops no other account's, and what follows it for the same account waits", async () => {
  const place = office();
  const others = ["bob@b.test", "carol@b.test", "dave@b.test"];
  for (const key of others) place.store.addAccount({ ...alice, key, address: key });
  place.unable.push(alice.key, "bob@b.test");
  note(place, taken("slow"), taken("hold"));
  for (const key of others) {
    place.store.setRestraint(key, undefined, noticesTo({}, NOW, taken("slow")));
  }
  const notices = place.open();
  // Two accounts in a row fail: it may be the disk, and the round ends. They are the last in the next.
  await notices.tell();
  assert.deepEqual(place.sent, []);
  await notices.tell();
  const steps = (): readonly string[] => place.sent.map(({ about, news }) => `${about} ${news.step}`);
  assert.deepEqual(steps(), ["carol@b.test slow", "dave@b.test slow"]);
  place.unable.shift();
  await notices.tell();
  assert.deepEqual(steps().slice(2), ["alice@b.test slow", "alice@b.test hold"]);
  place.unable.shift();
  await notices.tell();
  assert.deepEqual(steps().slice(4), ["bob@b.test slow"]);
  assert.deepEqual(place.store.pendingNotices(10), []);
});

test("more notices than are read at once end, also when every other account's cannot be made", async () => {
  const place = office();
  for (let index = 0; index < 150; index++) {
    const key = `user${index}@b.test`;
    place.store.addAccount({ ...alice, key, address: key });
    place.store.setRestraint(key, undefined, noticesTo({}, NOW, taken("slow")));
    if (index % 2 === 1) place.unable.push(key);
  }
  await place.open().tell();
  assert.equal(place.sent.length, 75);
});
