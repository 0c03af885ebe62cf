// Published vectors, and what is no hash. What other programs make of passwords is in test/e2e/import.test.ts.

import assert from "node:assert/strict";
import { hash as digest } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { hashPassword, mayReplace, verifyPassword } from "../password-hash.ts";
import { readHash, schemeOf } from "./schemes.ts";
import { verifyLegacy } from "./verify.ts";

/** U. Drepper, sha-crypt.txt. */
const published: readonly (readonly [password: string, hash: string])[] = [
  [
    "Hello world!",
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
  ],
  [
    "Hello world!",
    "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
  ],
  [
    "This is just a test",
    "$6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0",
  ],
  [
    "a very much longer text to encrypt.  This one even stretches over morethan one line.",
    "$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1",
  ],
  [
    "we have a short salt string but not a short password",
    "$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0",
  ],
  [
    "a short string",
    "$6$rounds=123456$asaltof16chars..$BtCwjqMJGx5hrJhZywWvt0RLE8uZ4oPwcelCjmw2kSYu.Ec6ycULevoBK25fs2xXgMNrCzIMVcgEJAstJeonj1",
  ],
  [
    "the minimum number is still observed",
    "$6$rounds=1000$roundstoolow$kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX.",
  ],
  // Solar Designer, crypt_blowfish.
  ["U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"],
  ["U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"],
  ["U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"],
  [
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored",
    "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
  ],
];

function stored(text: string): string {
  const read = readHash(text);
  assert.ok(read.ok, read.ok ? "" : `${text}: ${read.error}`);
  return read.value;
}

function salted(scheme: "SSHA" | "SSHA256" | "SSHA512", password: string, salt: Buffer): Buffer {
  const algorithm = { SSHA: "sha1", SSHA256: "sha256", SSHA512: "sha512" }[scheme];
  return Buffer.concat([digest(algorithm, Buffer.concat([Buffer.from(password), salt]), "buffer"), salt]);
}

test("the published hashes are those of their passwords and of no others", () => {
  for (const [password, hash] of published) {
    assert.equal(verifyLegacy(password, stored(hash)), true, hash);
    assert.equal(verifyLegacy(`x${password}`, stored(hash)), false, hash);
    assert.equal(verifyLegacy("", stored(hash)), false, hash);
  }
});

test("bcrypt's letters a, b and y are one scheme", () => {
  for (const letter of ["a", "b", "y"]) {
    const hash = `$2${letter}$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW`;
    assert.equal(verifyLegacy("U*U", stored(`{BLF-CRYPT}${hash}`)), true);
    assert.equal(stored(`{CRYPT}${hash}`), hash);
  }
});

test("salted digests of any password are read in base64, without its padding, and in hexadecimal", () => {
  const scheme = fc.constantFrom("SSHA" as const, "SSHA256" as const, "SSHA512" as const);
  const salt = fc.uint8Array({ minLength: 1, maxLength: 64 });
  fc.assert(
    fc.property(scheme, fc.string({ maxLength: 40, unit: "binary" }), salt, (name, password, octets) => {
      const made = salted(name, password, Buffer.from(octets));
      const base64 = made.toString("base64");
      const texts = [
        `{${name}}${base64}`,
        `{${name}}${base64.replaceAll("=", "")}`,
        `{${name}.b64}${base64}`,
        `{${name.toLowerCase()}.hex}${made.toString("hex")}`,
      ];
      for (const text of texts) {
        assert.equal(stored(text), `{${name}}${base64}`);
        assert.equal(verifyLegacy(password, stored(text)), true);
        assert.equal(verifyLegacy(`${password}!`, stored(text)), false);
      }
    }),
    { numRuns: 50 },
  );
});

const bad: readonly (readonly [text: string, why: RegExp])[] = [
  ["", /no password hash/],
  ["x".repeat(513), /at most 512/],
  ["$6$salt$\0", /printable ASCII/],
  ["$6$sält$x", /printable ASCII/],
  [
    "$6$rounds=999999999$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
    /rounds=999999999 would make logins wait/,
  ],
  [
    "$6$rounds=999$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
    /no fewer than 1000/,
  ],
  [
    "$6$rounds=$s$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
    /damaged or cut/,
  ],
  ["$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO", /damaged or cut/],
  [
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz2",
    /damaged or cut/,
  ],
  ["$2y$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", /cost 31 would make logins wait/],
  ["$2y$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", /no cost below 4/],
  ["$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe", /damaged or cut/],
  ["$2y$05$CCCCCCCCCCCCCCCCCCCCCCE5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", /damaged or cut/],
  ["$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeX", /damaged or cut/],
  ["$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", /faulty bcrypt of 2011 is not read here/],
  [
    "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    /would make logins wait/,
  ],
  [
    "$argon2id$v=19$m=19456,t=999,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    /would make logins wait/,
  ],
  ["$argon2id$v=16$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", /another version/],
  ["$argon2id$v=19$m=4,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", /damaged/],
  ["$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHR$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", /damaged/],
  ["$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", /ARGON2I is not read here/],
  ["$1$salt$qJH7.N4xYta3aEG/dfqo/0", /MD5-CRYPT is not read here/],
  ["$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7", /yescrypt is not read here/],
  ["abJnggxhB/yWI", /the scheme is not known/],
  ["{SSHA", /the scheme has no end/],
  ["{}x", /the scheme is not known|no end/],
  ["{SSHA}", /damaged or cut/],
  ["{SSHA}AAAA", /damaged or cut/],
  ["{SSHA}6oWg9JVr3BqjqCRlEtPOBr9CI9o=", /damaged or cut/],
  ["{SSHA}6oWg9JVr3BqjqCRlEtPOBr9CI9pzYWx0=", /damaged or cut/],
  ["{SSHA.hex}zz", /damaged or cut/],
  ["{SSHA512}6oWg9JVr3BqjqCRlEtPOBr9CI9pzYWx0", /damaged or cut/],
  ["{MD5-CRYPT}$1$salt$qJH7.N4xYta3aEG/dfqo/0", /\{MD5-CRYPT\} is not read here/],
  ["{SCHEME}x", /\{SCHEME\} is not read here/],
  ["{PLAIN}secret", /is the password itself/],
  ["{SHA512-CRYPT}$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", /not of that scheme/],
  ["{BLF-CRYPT}secret", /not of that scheme/],
];

for (const [text, why] of bad) {
  test(`no hash: ${text.slice(0, 40)} (${why.source})`, async () => {
    const read = readHash(text);
    assert.equal(read.ok, false);
    assert.match(read.ok ? "" : read.error, why);
    assert.throws(() => verifyLegacy("secret", text), "a damaged store, not a wrong password");
    // Argon2id with other parameters is ours: only a file is held to the bounds.
    if (!text.startsWith("$argon2id$")) await assert.rejects(verifyPassword("secret", text));
  });
}

test("whatever is given, it is read as a hash of some scheme or refused", () => {
  const piece = fc.constantFrom(
    "$6$",
    "$2y$",
    "05$",
    "rounds=5000$",
    "{SSHA}",
    "{",
    "}",
    "salt",
    "$",
    "AAAA",
    "=",
    "é",
    "\0",
  );
  const text = fc.oneof(
    fc.array(piece, { maxLength: 8 }).map((parts) => parts.join("")),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (given) => {
      const read = readHash(given);
      if (read.ok) assert.notEqual(schemeOf(read.value), undefined);
    }),
  );
});

test("an imported hash is checked beside this thread, in the queue of all passwords, and a damaged one is no wrong password", async () => {
  const hash = stored(published[5]![1]);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const [right, wrong] = await Promise.all([verifyPassword("a short string", hash), verifyPassword("a string", hash)]);
  clearInterval(timer);
  assert.deepEqual([right, wrong], [true, false]);
  assert.ok(turns > 0, "other work went on meanwhile");
  await assert.rejects(verifyPassword("a short string", hash.slice(0, -1)), /cannot be used/);
  assert.equal(await verifyPassword("a short string", hash), true, "the next one is checked all the same");
});

test("what was right takes the place of the imported hash, but no tail that bcrypt has not looked at", async () => {
  const bcrypt = published.at(-1)!;
  assert.equal(mayReplace(stored(published[0]![1]), "Hello world!"), true);
  assert.equal(mayReplace(bcrypt[1], bcrypt[0]), false);
  assert.equal(mayReplace(bcrypt[1], bcrypt[0].slice(0, 72)), true);
  assert.equal(mayReplace(await hashPassword("x"), "x"), false);
});
