import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { test } from "node:test";
import { decoyScramKeys, makeScramKeys, parseScramKeys, scramIterations } from "./scram-keys.ts";

test("the keys are those of RFC 5802 section 3, under a fresh salt each time", async () => {
  const [stored, other] = [await makeScramKeys("pencil"), await makeScramKeys("pencil")];
  assert.match(stored, /^SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]{24}\$[A-Za-z0-9+/=]{44}:[A-Za-z0-9+/=]{44}$/);
  assert.notEqual(stored, other);
  const { iterations, salt, storedKey, serverKey } = parseScramKeys(stored);
  assert.ok(iterations >= 4096);
  const salted = pbkdf2Sync("pencil", salt, iterations, 32, "sha256");
  const mac = (text: string): Buffer => createHmac("sha256", salted).update(text).digest();
  assert.deepEqual(storedKey, createHash("sha256").update(mac("Client Key")).digest());
  assert.deepEqual(serverKey, mac("Server Key"));
});

// The keys of RFC 7677 section 3 (user "user", password "pencil") as PostgreSQL and Dovecot write them.
const published =
  "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

test("what others wrote is understood", () => {
  const { salt, storedKey, serverKey, iterations } = parseScramKeys(published);
  assert.equal(iterations, 4096);
  const salted = pbkdf2Sync("pencil", salt, iterations, 32, "sha256");
  const mac = (text: string): Buffer => createHmac("sha256", salted).update(text).digest();
  assert.deepEqual(storedKey, createHash("sha256").update(mac("Client Key")).digest());
  assert.deepEqual(serverKey, mac("Server Key"));
});

test("a damaged text is an error, not a key", () => {
  for (const damaged of [
    "",
    published.slice(0, -1),
    published.slice(0, -4),
    published.replace("SHA-256", "SHA-1"),
    published.replace("4096", "1"),
    published.replace("4096", "4095"),
    published.replace("gQ==", "gR=="),
    `${published}\n`,
  ]) {
    assert.throws(() => parseScramKeys(damaged), /SCRAM keys/, damaged);
  }
});

test("made-up keys keep their salt under one secret, and nothing else", () => {
  const [one, two] = [decoyScramKeys("c2VjcmV0", "a@b.test"), decoyScramKeys("c2VjcmV0", "a@b.test")];
  assert.deepEqual(one.salt, two.salt);
  assert.equal(one.iterations, scramIterations);
  assert.notDeepEqual(one.storedKey, two.storedKey);
  assert.notDeepEqual(one.salt, decoyScramKeys("b3RoZXI=", "a@b.test").salt);
  assert.notDeepEqual(one.salt, decoyScramKeys("c2VjcmV0", "b@b.test").salt);
});
