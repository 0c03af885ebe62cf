// Whatever Dovecot answers: what is ended, what is tried again, and what is told. The real one is in test/e2e/dovecot-sessions.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Settings } from "../config/settings.ts";
import type { DoveadmAnswer } from "../io/doveadm.ts";
import { createDovecotSessions, tryDovecotSessions } from "./dovecot-sessions.ts";

const place = { host: "127.0.0.1", port: 8080, tls: "none", ca: undefined, key: "the key" } as const;
const nothing: DoveadmAnswer = { kind: "exit", code: 68 };
const rows = (...found: readonly object[]): DoveadmAnswer => ({ kind: "rows", rows: found });
const down: DoveadmAnswer = { kind: "unreached", cause: "connect ECONNREFUSED" };
const cut = rows({ result: "carol@a.test" });

type Script = (command: string, who: string, count: number) => DoveadmAnswer;

/** `script`: what Dovecot says; `count`: so many times it was asked this of these names before. */
function house(t: TestContext, script: Script, configured: "yes" | "no" = "yes") {
  const asked: string[] = [];
  const events: string[] = [];
  const where = { doveadm: configured === "yes" ? place : undefined };
  const dovecot: Settings["dovecot"] = {
    listen: [],
    tls: "none",
    clearText: false,
    token: undefined,
    users: undefined,
    ...where,
  };
  const sessions = createDovecotSessions({
    settings: () => ({ dovecot }),
    ask: async (asking, command, parameters) => {
      assert.equal(asking, place);
      const who = Object.values(parameters).flat().join(" ");
      const question = `${command} ${who}`;
      const count = asked.filter((each) => each === question).length;
      asked.push(question);
      // A turn of the loop, so that a test may come between.
      await sleep(0);
      return script(command, who, count);
    },
    observer: {
      emit: (name, fields) => {
        const { hint: _, ...rest } = { hint: "", ...fields };
        events.push(`${name} ${JSON.stringify(rest)}`);
      },
    },
    waits: { again: 1, retries: [1, 1] },
  });
  t.after(() => sessions.close());
  const until = async (holds: () => boolean): Promise<void> => {
    const deadline = performance.now() + 20_000;
    while (!holds()) {
      assert.ok(performance.now() < deadline, `not within 20 s: ${asked.join(", ")}; ${events.join(", ")}`);
      // oxlint-disable-next-line no-await-in-loop -- polling
      await sleep(1);
    }
  };
  return { sessions, asked, events, until, dovecot };
}

const carol = { account: "carol@a.test", names: ["carol@a.test", "c@a.test"] };
const dave = { account: "dave@a.test", names: ["dave@a.test"] };

test("what is remembered of all names goes before the connections, and all of it twice", async (t) => {
  const { sessions, asked, events, until } = house(t, (command, _who, count) =>
    command === "authCacheFlush" ? rows({ entries: "0" }) : command === "who" ? rows() : count === 0 ? cut : nothing,
  );
  sessions.end([carol]);
  await until(() => asked.length === 5);
  assert.deepEqual(asked, [
    "authCacheFlush carol@a.test c@a.test",
    "kick carol@a.test",
    "authCacheFlush carol@a.test c@a.test",
    "kick carol@a.test",
    "who carol@a.test",
  ]);
  await sessions.close();
  assert.deepEqual(events, ['dovecot.kicked {"account":"carol@a.test"}']);
});

test("a Dovecot that was away is asked again; one that stays away is told of once, for all, with what to do", async (t) => {
  const back = house(t, (command, _who, count) =>
    command === "authCacheFlush" ? (count < 2 ? down : rows()) : command === "kick" ? cut : rows(),
  );
  back.sessions.end([carol]);
  await back.until(() => back.asked.filter((each) => each.startsWith("kick")).length === 2);
  await back.until(() => back.events.length === 2);
  assert.ok(back.events.every((event) => event.startsWith("dovecot.kicked")));

  const away = house(t, () => down);
  away.sessions.end([carol, dave]);
  await away.until(() => away.events.length === 1);
  await away.sessions.close();
  // Nobody waits for dave where carol has shown it.
  assert.deepEqual(new Set(away.asked), new Set(["authCacheFlush carol@a.test c@a.test"]));
  assert.equal(away.asked.length, 3);
  assert.deepEqual(away.events, [
    'dovecot.failed {"accounts":["carol@a.test","dave@a.test"],"count":2,"cause":"connect ECONNREFUSED"}',
  ]);
});

test("nobody cut while somebody is there is a failure, of this account alone", async (t) => {
  const { sessions, events, until } = house(t, (command, who) => {
    if (command === "authCacheFlush") return rows();
    if (command === "who") return who === carol.account ? rows({ username: who }) : rows();
    return nothing;
  });
  sessions.end([carol, dave]);
  await until(() => events.length === 1);
  assert.match(
    events[0]!,
    /^dovecot\.failed \{"accounts":\["carol@a\.test"\],"count":1,"cause":".*must run as root"\}$/,
  );
});

test("connections are cut although the cache cannot be emptied, and that is told", async (t) => {
  const forbidden: DoveadmAnswer = { kind: "forbidden", cause: "not this command" };
  const { sessions, asked, events, until } = house(t, (command) =>
    command === "authCacheFlush" ? forbidden : command === "kick" ? rows({ count: "1" }) : rows(),
  );
  sessions.end([carol]);
  await until(() => events.some((event) => event.startsWith("dovecot.failed")));
  assert.equal(asked.filter((each) => each === "kick carol@a.test").length, 3);
  assert.match(events.at(-1)!, /not this command/);
});

test("without [dovecot] doveadm nobody is asked; after the end neither, and what waits then is left", async (t) => {
  const unset = house(t, () => down, "no");
  unset.sessions.end([carol]);
  await unset.sessions.close();
  assert.deepEqual([unset.asked, unset.events], [[], []]);

  const closed = house(t, () => down);
  closed.sessions.end([carol]);
  await closed.until(() => closed.asked.length === 1);
  await closed.sessions.close();
  const { length } = closed.asked;
  closed.sessions.end([dave]);
  // Whatever that had begun would be over.
  await closed.sessions.close();
  assert.deepEqual([closed.asked.length, closed.events], [length, []]);
});

/** What was asked, and what kept it from working. */
async function look(script: (command: string) => DoveadmAnswer): Promise<unknown> {
  const asked: string[] = [];
  const found = await tryDovecotSessions(place, (_place, command, parameters) => {
    assert.deepEqual(Object.values(parameters).flat(), ["nobody@sekimori.invalid"]);
    asked.push(command);
    return Promise.resolve(script(command));
  });
  return [asked.join(" "), found?.kind];
}

test("a look cuts nobody off, and says what would fail", async () => {
  assert.deepEqual(await look((command) => (command === "kick" ? nothing : rows())), [
    "authCacheFlush kick who",
    undefined,
  ]);
  assert.deepEqual(await look(() => ({ kind: "refused", cause: "key" })), ["authCacheFlush", "refused"]);
  assert.deepEqual(await look((command) => (command === "who" ? { kind: "exit", code: 75 } : rows())), [
    "authCacheFlush kick who",
    "exit",
  ]);
});
