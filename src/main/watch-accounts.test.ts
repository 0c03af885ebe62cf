// What is noted for customers when steps are taken: once for each, whatever else happens meanwhile.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Observation } from "../abuse/observation.ts";
import { asRemote } from "../io/rpc.ts";
import { openMemoryStore } from "../store/memory/memory-store.ts";
import type { Store } from "../store/store.ts";
import { watchAccounts } from "./watch-accounts.ts";

const HOUR = 3_600_000;
const START = 20_000 * 24 * HOUR;
const key = "bob@b.test";

function office(act: "notice" | "slow" | "suspend") {
  const store = openMemoryStore();
  store.addAccount({
    key,
    address: "Bob@b.test",
    passwordHash: "",
    aliases: [],
    createdAt: 0,
    suspended: false,
    contact: "bob@example.net",
  });
  const made = { store, stuck: false, noted: 0, events: [] as string[] };
  const open = () =>
    watchAccounts({
      settings: () => ({ abuse: { act, clause: "article 12", help: undefined, countries: undefined } }),
      store: asRemote<Store>(store),
      observer: { emit: (name) => void made.events.push(name) },
      countries: () => undefined,
      loginEnded: () => undefined,
      mail: {
        forgetAccounts: async () => {
          if (made.stuck) throw new Error("the thread is gone");
        },
        endSessions: () => Promise.resolve(),
        changeQueue: () => Promise.resolve({ messages: 0, recipients: 0 }),
      },
      noted: () => void made.noted++,
    });
  const told = (): readonly string[] =>
    store.pendingNotices(100).map(({ to, news }) => `${to} ${news.kind === "taken" ? news.step : news.kind}`);
  return Object.assign(made, { open, told });
}

function unknown(count: number, at = START) {
  return Array.from({ length: count }, (_each, index) => {
    const observation: Observation = { kind: "outcome", at: at + index, result: "unknown" };
    return { account: key, observation, times: 1 };
  });
}

test("each step that is taken is noted once for each reader, with its signs and the clause; a notice is not", async () => {
  const built = office("suspend");
  await built.open().observed(unknown(25));
  assert.deepEqual(built.told(), ["account slow", "contact slow", "account hold", "contact hold", "contact suspend"]);
  assert.equal(built.noted, 3);
  for (const { news, at } of built.store.pendingNotices(100)) {
    assert.ok(news.kind === "taken" && at >= START);
    assert.deepEqual([news.signs, news.clause], [["unknown-recipients"], "article 12"]);
  }
  const quiet = office("notice");
  await quiet.open().observed(unknown(25));
  assert.deepEqual([quiet.told(), quiet.noted], [[], 0]);
});

test("a slowing that is put off is the same one, over a restart too; one that comes after its end is another", async () => {
  const built = office("slow");
  const first = built.open();
  await first.observed(unknown(9));
  assert.deepEqual(built.told(), ["account slow", "contact slow"]);
  const until = (): number | undefined => built.store.findAccount(key)?.restraint?.until;
  const before = until();
  await first.observed(unknown(1, START + 5 * HOUR));
  await first.save();
  await built.open().observed(unknown(1, START + 9 * HOUR));
  assert.ok(until()! > before!, "it was put off");
  assert.equal(built.told().length, 2);
  await built.open().observed(unknown(3, START + 60 * HOUR));
  assert.deepEqual(built.told().slice(2), ["account slow", "contact slow"]);
});

test("a step that is taken again, since something went wrong behind it, is noted once", async () => {
  const built = office("slow");
  built.stuck = true;
  const watch = built.open();
  await watch.observed(unknown(12));
  assert.ok(built.events.filter((name) => name === "internal.failed").length > 1, "it was tried again and again");
  built.stuck = false;
  await watch.observed(unknown(1, START + HOUR));
  assert.ok(built.events.includes("account.suspected"));
  assert.deepEqual(built.told(), ["account slow", "contact slow"]);
});
