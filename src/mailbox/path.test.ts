import assert from "node:assert/strict";
import { basename, join, resolve, sep } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { addressKey, type Address } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import { mailboxPath, pathComponent } from "./path.ts";

function account(local: string): Address {
  const domain = parseDomain("sekimori.test");
  assert.ok(domain.ok);
  return { local, domain: domain.value, literal: undefined };
}

/** Strings that try hard: path syntax, the encoder's own marks, cases, look-alikes, lengths around the cut. */
const hostile = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: fc.constantFrom(".", "/", "\\", "%", "2", "F", "s", "a", "A", "\0", " ", "-", "é", "e\u0301") }),
  fc.string({ unit: fc.constantFrom("a", "/"), minLength: 60, maxLength: 300 }),
);

test("ordinary local parts are readable folder names", () => {
  assert.deepEqual(mailboxPath(account("alice")), ["sekimori.test", "alice", "Maildir"]);
  assert.deepEqual(mailboxPath(account("Alice.B+lists_1-x")), ["sekimori.test", "alice.b+lists_1-x", "Maildir"]);
});

test("local parts that mean something to a file system are encoded", () => {
  assert.equal(pathComponent(".."), "%2E%2E");
  assert.equal(pathComponent("."), "%2E");
  assert.equal(pathComponent(""), "%");
  assert.equal(pathComponent("a/b"), "a%2Fb");
  assert.equal(pathComponent("-rf"), "%2Drf");
  assert.equal(pathComponent("john doe\\"), "john%20doe%5C");
  assert.equal(pathComponent("%2E"), "%252%45");
  assert.equal(pathComponent("関"), "%E9%96%A2");
});

test("no local part leaves its domain's folder", () => {
  fc.assert(
    fc.property(hostile, (local) => {
      const root = resolve("/var/mail");
      const names = mailboxPath(account(local));
      assert.equal(names.length, 3);
      const path = join(root, ...names);
      assert.ok(path.startsWith(join(root, "sekimori.test") + sep));
      assert.equal(path.split(sep).length, root.split(sep).length + 3);
      assert.equal(basename(path), "Maildir");
      assert.match(names[1], /^[a-z0-9_+%A-F][a-z0-9_+.%A-F-]*$/);
      assert.ok(names[1].length <= 200);
    }),
    { numRuns: 1000 },
  );
});

test("different strings have different names, also on a file system that ignores case", () => {
  fc.assert(
    fc.property(hostile, hostile, (a, b) => {
      assert.equal(a === b, pathComponent(a) === pathComponent(b));
      assert.equal(a === b, pathComponent(a).toLowerCase() === pathComponent(b).toLowerCase());
    }),
    { numRuns: 1000 },
  );
});

test("names beside a long one's hash do not collide with it", () => {
  const long = "x".repeat(201);
  const name = pathComponent(long);
  assert.notEqual(pathComponent(name), name);
  assert.notEqual(pathComponent(`${long}y`), name);
});

test("two addresses share a folder exactly when they have the same key", () => {
  assert.deepEqual(mailboxPath(account("ALICE")), mailboxPath(account("alice")));
  fc.assert(
    fc.property(hostile, hostile, (a, b) => {
      const sameFolder = mailboxPath(account(a))[1] === mailboxPath(account(b))[1];
      assert.equal(sameFolder, addressKey(account(a)) === addressKey(account(b)));
    }),
  );
});

test("an address without a domain has no mailbox", () => {
  assert.throws(() => mailboxPath({ local: "postmaster", domain: undefined, literal: undefined }), TypeError);
});
