import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { largestPasswdFile, readPasswdFile } from "./passwd-file.ts";
import type { PasswdLine } from "./passwd-file.ts";

const hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

function lines(text: string | Uint8Array, domain?: string): readonly PasswdLine[] {
  const read = readPasswdFile(typeof text === "string" ? Buffer.from(text) : text, domain);
  assert.ok(read.ok);
  return read.value;
}

function only(text: string | Uint8Array, domain?: string): PasswdLine {
  const [line, ...others] = lines(text, domain);
  assert.ok(line !== undefined && others.length === 0);
  return line;
}

test("lines of Dovecot are accounts; comments and empty lines are nothing", () => {
  const text = [
    "# users",
    "",
    `alice@example.jp:{BLF-CRYPT}${hash}`,
    `bob@example.jp:${hash}:1000:1000::/home/bob::userdb_quota_rule=*:storage=1G`,
    `carol@example.jp:{CRYPT}${hash}::::::\r`,
  ].join("\n");
  assert.deepEqual(
    lines(text),
    [3, 4, 5].map((line, index) => ({
      kind: "account",
      line,
      address: `${["alice", "bob", "carol"][index]}@example.jp`,
      hash,
    })),
  );
  assert.deepEqual(lines(`${text}\n`), lines(text));
  assert.deepEqual(lines(`\ufeff${text}`), lines(text), "a byte order mark is no part of the first user");
  assert.deepEqual(lines(""), []);
});

test("lines of shadow(5) are accounts of the domain that is named, and locked ones are not", () => {
  const text = [
    "root:*:19000:0:99999:7:::",
    "daemon:!:19000:0:99999:7:::",
    `mallory:!${hash}:19000:0:99999:7:::`,
    `alice:${hash}:19000:0:99999:7:::`,
  ].join("\n");
  assert.deepEqual(
    lines(text, "example.jp").map(({ kind, line }) => `${line} ${kind}`),
    ["1 locked", "2 locked", "3 locked", "4 account"],
  );
  assert.deepEqual(only(`alice:${hash}`, "example.jp"), {
    kind: "account",
    line: 1,
    address: "alice@example.jp",
    hash,
  });
  assert.deepEqual(only(`a@b.example:${hash}`, "example.jp"), {
    kind: "account",
    line: 1,
    address: "a@b.example",
    hash,
  });
});

test("who is kept out by another field is not let in", () => {
  assert.equal(only(`alice@example.jp:${hash}::::::nologin`).kind, "locked");
  assert.equal(only(`alice@example.jp:${hash}::::::userdb_x=y nologin=y`).kind, "locked");
});

const latin1 = Buffer.from(`al\xefce@example.jp:${hash}`, "latin1");
for (const [what, line, why] of [
  ["no colon", "alice@example.jp", /not `user:hash/],
  ["no user", `:${hash}`, /no user/],
  ["no hash, which shadow(5) lets in without a password", "alice@example.jp:", /no password hash/],
  ["no domain", `alice:${hash}`, /--domain/],
  ["no address", `al ice@example.jp:${hash}`, /./],
  ["a NUL", `alice@example.jp:${hash}\0`, /a NUL octet/],
  ["not UTF-8", latin1, /not UTF-8/],
  ["an endless line", `alice@example.jp:${"x".repeat(9000)}`, /at most 8192/],
  ["a corrupt hash", `alice@example.jp:${hash.slice(0, -2)}`, /damaged or cut/],
  ["a cost of 31", `alice@example.jp:${hash.replace("$05$", "$31$")}`, /cost 31 would make logins wait/],
  ["rounds without end", `alice@example.jp:$6$rounds=999999999$s$${"a".repeat(85)}.`, /rounds=999999999 would/],
  ["an unknown scheme", "alice@example.jp:{LANMAN}x", /\{LANMAN\} is not read here/],
  ["a bound to networks", `alice@example.jp:${hash}::::::allow_nets=192.0.2.0/24`, /open from everywhere/],
  ["an end", `alice@example.jp:${hash}:19000:0:99999:7::20000:`, /ends on a day/],
] as const) {
  test(`a fault in its line: ${what}`, () => {
    const before = Buffer.from(`bob@example.jp:${hash}\n`);
    const [first, second, third, ...others] = lines(
      Buffer.concat([before, Buffer.from(line), Buffer.from(`\ncarol@example.jp:${hash}\n`)]),
    );
    assert.deepEqual([first?.kind, second?.kind, third?.kind, others], ["account", "fault", "account", []]);
    assert.ok(second?.kind === "fault");
    assert.match(second.why, why);
    assert.equal(second.line, 2);
  });
}

test("the same account twice is a fault of the second line, in whatever case", () => {
  const [, second] = lines(`alice@example.jp:${hash}\nALICE@Example.JP:${hash}\n`);
  assert.ok(second?.kind === "fault");
  assert.match(second.why, /line 1$/);
});

test("a file without end is refused before it is read", () => {
  const read = readPasswdFile(new Uint8Array(largestPasswdFile + 1), undefined);
  assert.ok(!read.ok);
  assert.match(read.error, /larger than 64 MiB/);
});

test("whatever the octets are, every line is an account, locked, a fault, or says nothing", () => {
  const piece = fc.constantFrom("alice", "@example.jp", ":", hash, "{SSHA}", "\n", "\r\n", "#", "!", "\0", "\xff", "é");
  const text = fc.array(piece, { maxLength: 30 }).map((parts) => Buffer.from(parts.join(""), "latin1"));
  fc.assert(
    fc.property(fc.oneof(text, fc.uint8Array()), (octets) => {
      const found = lines(octets);
      const numbers = found.map(({ line }) => line);
      assert.deepEqual(
        numbers,
        [...new Set(numbers)].toSorted((one, other) => one - other),
      );
    }),
  );
});
