import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile, chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { verifyPassword } from "../io/password-hash.ts";
import type { CredentialView } from "./control.ts";
import { compareDovecotUsers, dovecotUsers, endedSince, writeDovecotUsers } from "./dovecot-users.ts";

const hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$dGFndGFndGFndGFndGFn";
const named = (address: string, more: Partial<CredentialView> = {}): CredentialView => ({
  address,
  aliases: [],
  suspended: false,
  passwordHash: hash,
  appPasswords: 0,
  ...more,
});

test("one line for each name, an alias leads to its account, and what is left out is counted", async () => {
  const users = await dovecotUsers(
    [named("alice@a.test", { aliases: ["info@a.test"], appPasswords: 2 }), named("bob@b.test")],
    [],
  );
  assert.equal(
    users.text,
    `alice@a.test:{ARGON2ID}${hash}::::::\ninfo@a.test:{ARGON2ID}${hash}::::::user=alice@a.test\nbob@b.test:{ARGON2ID}${hash}::::::\n`,
  );
  assert.deepEqual([users.accounts, users.suspended, users.appPasswords], [2, 0, 2]);
  assert.equal((await dovecotUsers([named("alice@a.test"), named("bob@b.test")], ["B.test"])).accounts, 1);
});

test("a suspended account has a hash like all others, of a password that nobody knows", async () => {
  const { text, suspended } = await dovecotUsers([named("alice@a.test", { suspended: true })], []);
  const [, other = ""] = /^alice@a\.test:\{ARGON2ID\}(\S+)::::::$/m.exec(text) ?? [];
  assert.equal(suspended, 1);
  assert.notEqual(other, hash);
  assert.equal(await verifyPassword("", other), false);
});

test("hashes of other kinds say which they are, and one of no kind that Dovecot knows lets nobody in", async () => {
  for (const [stored, written] of [
    ["$6$salt$tag", "{SHA512-CRYPT}$6$salt$tag"],
    ["$2y$05$tag", "{BLF-CRYPT}$2y$05$tag"],
    ["{SSHA}dGFn", "{SSHA}dGFn"],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- a few
    const { text } = await dovecotUsers([named("alice@a.test", { passwordHash: stored })], []);
    assert.equal(text, `alice@a.test:${written}::::::\n`);
  }
  const { text, unknown } = await dovecotUsers([named("alice@a.test", { passwordHash: "plain text" })], []);
  assert.deepEqual(unknown, ["alice@a.test"]);
  assert.match(text, /^alice@a\.test:\{ARGON2ID\}\$argon2id\$/);
});

test("a name that would be another line or another field is left out and told", async () => {
  for (const name of ['"a:b"@a.test', '"a b"@a.test', "#a@a.test"]) {
    // oxlint-disable-next-line no-await-in-loop -- a few
    const { text, unnamable } = await dovecotUsers([named(name), named("bob@b.test", { aliases: [name] })], []);
    assert.deepEqual([text.split("\n").length, unnamable], [2, [name, name]]);
  }
});

test("a new file is for its owner alone; an old one keeps its mode, and is not written where everybody may read it", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "dovecot-users-"));
  t.after(() => rm(directory, { recursive: true }));
  const users = await dovecotUsers([named("alice@a.test")], []);
  const fresh = join(directory, "fresh");
  await writeDovecotUsers(fresh, users);
  assert.deepEqual([(await stat(fresh)).mode & 0o777, await readFile(fresh, "utf8")], [0o600, users.text]);
  await chmod(fresh, 0o640);
  const before = await stat(fresh);
  await writeDovecotUsers(fresh, users);
  assert.notEqual(Math.floor((await stat(fresh)).mtimeMs / 1000), Math.floor(before.mtimeMs / 1000));
  assert.equal((await stat(fresh)).mode & 0o777, 0o640);
  const open = join(directory, "open");
  await writeFile(open, "as it was", { mode: 0o644 });
  await assert.rejects(writeDovecotUsers(open, users), /open to everybody \(mode 644\)/);
  assert.equal(await readFile(open, "utf8"), "as it was");
});

test("a file as it was written does not differ; what changed since is named, and nothing else", async () => {
  const person = fc.record({
    suspended: fc.boolean(),
    aliases: fc.boolean(),
    change: fc.constantFrom("none", "suspended", "password", "deleted", "added", "alias"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(person, { maxLength: 6 }), async (people) => {
      const before: CredentialView[] = [];
      const now: CredentialView[] = [];
      const expected = {
        suspended: [] as string[],
        other: [] as string[],
        gone: [] as string[],
        missing: [] as string[],
      };
      for (const [index, { suspended, aliases, change }] of people.entries()) {
        const address = `p${index}@a.test`;
        const alias = `alias${index}@a.test`;
        const was = named(address, { suspended, aliases: aliases ? [alias] : [] });
        const names = [address, ...was.aliases];
        if (change !== "added") before.push(was);
        switch (change) {
          case "none":
            now.push(was);
            break;
          case "suspended":
            now.push({ ...was, suspended: true });
            if (!suspended) expected.suspended.push(...names);
            break;
          case "password":
            now.push({ ...was, passwordHash: `${hash}${index}` });
            if (!suspended) expected.other.push(...names);
            break;
          case "deleted":
            expected.gone.push(...names);
            break;
          case "added":
            now.push(was);
            expected.missing.push(...names);
            break;
          case "alias":
            now.push({ ...was, aliases: [`new${index}@a.test`] });
            expected.missing.push(`new${index}@a.test`);
            expected.gone.push(...was.aliases);
            break;
        }
      }
      const { text } = await dovecotUsers(before, []);
      const { names: count, ...found } = compareDovecotUsers(text, now);
      assert.equal(count, text.split("\n").length - 1);
      assert.deepEqual(found, expected);
    }),
    // Each makes a hash that nobody has.
    { numRuns: 30 },
  );
});

test("whoever is in the file as he is now is left alone; an account that changed is ended by all names it had", async () => {
  const before = [
    named("alice@a.test", { aliases: ["info@a.test"] }),
    named("bob@a.test", { aliases: ["b@a.test", "bobby@a.test"] }),
    named("carol@a.test", { passwordHash: "plain text" }),
    named("dave@a.test", { suspended: true }),
  ];
  const { text } = await dovecotUsers(before, []);
  assert.deepEqual(endedSince(text, before), []);
  assert.deepEqual(endedSince("", before), []);
  // Without an alias or with one more it opens what it did.
  const [alice, bob, carol, dave] = before.map((each) => ({ ...each }));
  const after = [
    { ...alice!, aliases: ["sales@a.test"] },
    { ...bob!, aliases: ["b@a.test", "new@a.test"], passwordHash: `${hash}x` },
    carol!,
    dave!,
  ];
  assert.deepEqual(endedSince(text, after), [
    { account: "bob@a.test", names: ["bob@a.test", "b@a.test", "new@a.test", "bobby@a.test"] },
  ]);
  assert.deepEqual(endedSince(text, [{ ...alice!, suspended: true }, bob!, carol!, dave!]), [
    { account: "alice@a.test", names: ["alice@a.test", "info@a.test"] },
  ]);
});
