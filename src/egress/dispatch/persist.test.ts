import assert from "node:assert/strict";
import { test } from "node:test";
import { createPersistence } from "./persist.ts";

test("what is refused is tried again until it succeeds, and told once", async () => {
  const { persist } = createPersistence({ first: 1, longest: 4 });
  const told: unknown[] = [];
  let tries = 0;
  const write = (): Promise<string> =>
    ++tries < 6 ? Promise.reject(new Error(`no space ${tries}`)) : Promise.resolve("written");
  assert.equal(await persist(write, (error) => told.push(String(error))), "written");
  assert.deepEqual([tries, told], [6, ["Error: no space 1"]]);
});

test("when it is closed nothing is tried again: what waits is given up with the last refusal", async () => {
  const { persist, close } = createPersistence({ first: 60_000, longest: 60_000 });
  let tries = 0;
  const write = (): Promise<never> => Promise.reject(new Error(`no space ${++tries}`));
  const refused = Promise.withResolvers<unknown>();
  const waiting = persist(write, refused.resolve);
  await refused.promise;
  close();
  await assert.rejects(waiting, /no space 1/);
  await assert.rejects(
    persist(write, () => undefined),
    /no space 2/,
  );
  assert.equal(tries, 2);
});
