import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import type { Settings } from "../config/settings.ts";
import type { Account } from "../store/store.ts";
import type { EndedLogin } from "./dovecot-sessions.ts";
import { keepDovecotUsers } from "./keep-dovecot-users.ts";

const hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$dGFndGFndGFndGFndGFn";

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  // oxlint-disable-next-line no-await-in-loop -- polling
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, "not within 20 s");
    // oxlint-disable-next-line no-await-in-loop
    await sleep(10);
  }
}

const doveadm = { host: "127.0.0.1", port: 8080, tls: "none", ca: undefined, key: "k" } as const;

async function house(t: TestContext, named: "named" | "not named" = "named", told: "told" | "not told" = "not told") {
  const directory = await mkdtemp(join(tmpdir(), "kept-users-"));
  t.after(() => rm(directory, { recursive: true }));
  const file = join(directory, "users");
  const accounts: Account[] = [];
  const asked = { count: 0, gate: Promise.resolve() };
  const failures: string[] = [];
  const dovecot: Settings["dovecot"] = {
    listen: [],
    tls: "none",
    clearText: false,
    token: undefined,
    users: named === "named" ? file : undefined,
    doveadm: told === "told" ? doveadm : undefined,
  };
  /** Whose sessions end, and what the file was then. */
  const ends: string[] = [];
  const users = keepDovecotUsers({
    settings: () => ({ dovecot }),
    store: {
      listAccounts: async ({ after, limit }) => {
        asked.count++;
        const found = accounts.filter(({ key }) => key > after).slice(0, limit);
        await asked.gate;
        return found;
      },
    },
    sessions: {
      end: (logins: readonly EndedLogin[]) => {
        if (logins.length === 0) return;
        const names = logins.map((login) => login.names.join(" ")).join(", ");
        const text = existsSync(file) ? readFileSync(file, "utf8") : "";
        ends.push(`${names} | ${text.match(/^[^@]+/gm)?.join(" ") ?? ""}`);
      },
    },
    failed: (cause) => void failures.push(String(cause)),
  });
  t.after(() => users.close());
  const add = (name: string, suspended = false): void => {
    const key = `${name}@a.test`;
    accounts.push({ key, address: key, passwordHash: hash, aliases: [], createdAt: 0, suspended });
    users.changed();
  };
  const remove = (name: string): void => {
    const key = `${name}@a.test`;
    accounts.splice(
      accounts.findIndex((each) => each.key === key),
      1,
    );
    users.changed();
    users.ended({ account: key, names: [key] });
  };
  const names = async (): Promise<string> =>
    [...(await readFile(file, "utf8").catch(() => "")).matchAll(/^([^@]+)@/gm)].map(([, name]) => name).join(" ");
  return { users, file, add, remove, asked, failures, ends, names };
}

test("changes that come together are written once, and those that come meanwhile are not forgotten", async (t) => {
  const { add, asked, names } = await house(t);
  const { promise, resolve } = Promise.withResolvers<void>();
  asked.gate = promise;
  add("alice");
  add("bob");
  await until(() => asked.count === 1);
  add("carol");
  resolve();
  await until(async () => (await names()) === "alice bob carol");
  assert.equal(asked.count, 2);
});

test("what cannot be written is told and tried again with the next change; the old file stays", async (t) => {
  const { add, file, failures, names } = await house(t);
  await writeFile(file, "old@a.test:::::::\n", { mode: 0o644 });
  add("alice");
  await until(() => failures.length === 1);
  assert.match(failures[0]!, /open to everybody/);
  assert.equal(await names(), "old");
  await chmod(file, 0o600);
  add("bob");
  await until(async () => (await names()) === "alice bob");
});

test("what cannot be written is tried again without a change as well", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { add, file, failures, names } = await house(t);
  await writeFile(file, "old@a.test:::::::\n", { mode: 0o644 });
  add("alice");
  for (const [tries, wait] of [300, 10_000, 20_000, 40_000].entries()) {
    t.mock.timers.tick(wait - 1);
    assert.equal(failures.length, tries, "not before");
    t.mock.timers.tick(1);
    await until(() => failures.length === tries + 1);
    // The next one is set once this one is over.
    await setImmediate();
  }
  await chmod(file, 0o600);
  t.mock.timers.tick(80_000);
  await until(async () => (await names()) === "alice");
});

test("nothing is written where no file is named, and nothing after the end", async (t) => {
  const unnamed = await house(t, "not named");
  unnamed.add("alice");
  const ended = await house(t);
  await ended.users.close();
  ended.add("alice");
  const third = await house(t);
  third.add("alice");
  // By then the others would have been written: they came before.
  await until(async () => (await third.names()) === "alice");
  assert.deepEqual([unnamed.asked.count, ended.asked.count], [0, 0]);
});

test("sessions end once the file is there without the account, whenever it went; at the start those of all who are suspended", async (t) => {
  const { add, remove, asked, ends } = await house(t, "named", "told");
  add("alice");
  add("bob", true);
  add("carol");
  await until(() => ends.length === 1);
  assert.deepEqual(ends, ["bob@a.test | alice bob carol"]);
  const { promise, resolve } = Promise.withResolvers<void>();
  asked.gate = promise;
  const before = asked.count;
  remove("carol");
  await until(() => asked.count > before);
  // Too late for what is being written.
  remove("alice");
  resolve();
  await until(() => ends.length === 3);
  assert.deepEqual(ends.slice(1), ["carol@a.test | alice bob", "alice@a.test | bob"]);
});

test("where the file cannot be written sessions end all the same, and again once it can", async (t) => {
  const { add, remove, file, failures, ends } = await house(t, "named", "told");
  add("alice");
  add("bob");
  await until(async () => (await readFile(file, "utf8").catch(() => "")) !== "");
  await chmod(file, 0o644);
  remove("bob");
  await until(() => failures.length === 1 && ends.length === 1);
  await chmod(file, 0o600);
  add("carol");
  await until(() => ends.length === 2);
  assert.deepEqual(ends, ["bob@a.test | alice bob", "bob@a.test | alice carol"]);
});

test("without a file of ours sessions end as well; where nobody is told nothing is kept", async (t) => {
  const unnamed = await house(t, "not named", "told");
  unnamed.add("alice", true);
  await until(() => unnamed.ends.length === 1);
  unnamed.remove("alice");
  await until(() => unnamed.ends.length === 2);
  assert.deepEqual(unnamed.ends, ["alice@a.test | ", "alice@a.test | "]);
  assert.equal(unnamed.asked.count, 1);
  const untold = await house(t, "not named");
  untold.add("alice", true);
  untold.remove("alice");
  await untold.users.close();
  assert.deepEqual([untold.asked.count, untold.ends], [0, []]);
});

const line = (name: string, of: string, user = ""): string => `${name}@a.test:{ARGON2ID}${of}::::::${user}\n`;

test("at the start sessions end of whoever the old file lets in with what opens nothing now", async (t) => {
  const { add, file, ends } = await house(t, "named", "told");
  const old = hash.replace("dGFn", "b2xk");
  const lines = [line("alice", hash), line("bob", old), line("carol", hash), line("c", hash, "user=carol@a.test")];
  await writeFile(file, [...lines, line("dave", hash), "*:{PLAIN}x::::::\n"].join(""), { mode: 0o600 });
  add("alice");
  add("bob");
  add("dave", true);
  add("erin");
  await until(() => ends.length === 1);
  assert.deepEqual(ends, ["bob@a.test, carol@a.test c@a.test, dave@a.test | alice bob dave erin"]);
  // Only what was so before: each change tells by itself.
  add("frank");
  await until(() => readFileSync(file, "utf8").includes("frank"));
  assert.equal(ends.length, 1);
});
