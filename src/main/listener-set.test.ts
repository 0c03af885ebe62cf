import assert from "node:assert/strict";
import { test } from "node:test";
import type { ListenerSettings } from "../config/settings.ts";
import { createListenerSet } from "./listener-set.ts";

const mx = (port: number, role: ListenerSettings["role"] = "mx"): ListenerSettings => ({
  role,
  tls: "starttls",
  mechanisms: [],
  proxies: [],
  endpoints: [{ address: "192.0.2.1", port }],
});

function host(refused: ReadonlyMap<number, string> = new Map()) {
  const journal: string[] = [];
  const set = createListenerSet(({ role, endpoint: { address, port } }) => {
    const code = refused.get(port);
    if (code !== undefined) return Promise.reject(Object.assign(new Error(`listen ${code}`), { code }));
    journal.push(`open ${role} ${port}`);
    return Promise.resolve({
      address,
      port,
      stopAccepting: () => void journal.push(`stop ${port}`),
      endSessions: (accounts) => void journal.push(`end ${[...accounts].join()} ${port}`),
      close: () => Promise.resolve(void journal.push(`close ${port}`)),
    });
  });
  return { set, journal };
}

test("what is new is opened before what is gone stops; what is the same is not touched", async () => {
  const { set, journal } = host();
  (await set.prepare([mx(25), mx(26)])).commit();
  const change = await set.prepare([mx(26), mx(27)]);
  assert.deepEqual(change.restart, []);
  assert.deepEqual(
    change.opened.map(({ port }) => port),
    [27],
  );
  assert.deepEqual(
    change.commit().map(({ port }) => port),
    [25],
  );
  assert.deepEqual(journal, ["open mx 25", "open mx 26", "open mx 27", "stop 25"]);
  await set.close(0);
  assert.deepEqual(journal.slice(4).toSorted(), ["close 25", "close 26", "close 27"]);
});

test("an endpoint that cannot be had closes what was opened with it and leaves the rest", async () => {
  const { set, journal } = host(new Map([[29, "EADDRINUSE"]]));
  (await set.prepare([mx(25)])).commit();
  await assert.rejects(set.prepare([mx(28), mx(29)]), /EADDRINUSE/);
  assert.deepEqual(journal, ["open mx 25", "open mx 28", "close 28"]);
  assert.deepEqual((await set.prepare([mx(25)])).commit(), []);
});

test("a privileged port needs a restart later on, and fails the start", async () => {
  const refused = new Map([[25, "EACCES"]]);
  const { set, journal } = host(refused);
  await assert.rejects(set.prepare([mx(25)]), /EACCES/);
  (await set.prepare([mx(2525)])).commit();
  const change = await set.prepare([mx(2525), mx(25)]);
  assert.match(change.restart.join(), /^listener mx on 192\.0\.2\.1:25: a port below 1024 needs privileges$/);
  assert.deepEqual(change.commit(), []);
  assert.deepEqual(journal, ["open mx 2525"]);
});

test("an open port in another role is named and goes on as it was", async () => {
  const { set, journal } = host();
  (await set.prepare([mx(25)])).commit();
  const change = await set.prepare([mx(25, "submission")]);
  assert.equal(change.restart.length, 1);
  assert.deepEqual(change.commit(), []);
  assert.deepEqual(journal, ["open mx 25"]);
});
