import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { decodeBase64 } from "./base64.ts";
import { mechanismNames, startMechanism, usualMechanisms, type Step } from "./mechanism.ts";
import { prepare } from "../../base/saslprep.ts";

const octets = (text: string) => new TextEncoder().encode(text);

const hostname = "mx.sekimori.test";
const unbound = { nonce: () => "nonce", binding: undefined, offered: usualMechanisms, hostname };

function start(name: string) {
  const exchange = startMechanism(name, unbound);
  assert.ok(exchange);
  return exchange;
}

function challenge(step: Step): string {
  assert.equal(step.kind, "challenge");
  return step.kind === "challenge" ? Buffer.from(step.data).toString() : "";
}

const alice: Step = {
  kind: "credentials",
  authorization: "alice@sekimori.test",
  authentication: "alice@sekimori.test",
  password: "open sesame",
};

test("PLAIN takes an initial response", () => {
  assert.deepEqual(start("PLAIN").step(octets("\0alice@sekimori.test\0open sesame")), alice);
});

test("PLAIN without an initial response asks with an empty challenge", () => {
  const exchange = start("plain");
  assert.equal(challenge(exchange.step(undefined)), "");
  assert.deepEqual(exchange.step(octets("alice@sekimori.test\0alice@sekimori.test\0open sesame")), alice);
});

test("LOGIN asks for name and password, with and without an initial response", () => {
  const asked = start("LOGIN");
  assert.equal(challenge(asked.step(undefined)), "Username:");
  assert.equal(challenge(asked.step(octets("alice@sekimori.test"))), "Password:");
  assert.deepEqual(asked.step(octets("open sesame")), alice);
  const told = start("Login");
  assert.equal(challenge(told.step(octets("alice@sekimori.test"))), "Password:");
  assert.deepEqual(told.step(octets("open sesame")), alice);
});

test("an authorization identity that is somebody else is refused", () => {
  const step = start("PLAIN").step(octets("bob@sekimori.test\0alice@sekimori.test\0open sesame"));
  assert.deepEqual(step, { kind: "failed", cause: "other-identity" });
});

test("PLAIN refuses messages of another shape", () => {
  for (const message of ["", "alice", "alice\0secret", "\0alice\0", "\0\0secret", "\0a\0b\0c", "\0\0"]) {
    assert.deepEqual(start("PLAIN").step(octets(message)), { kind: "failed", cause: "malformed" }, message);
  }
});

test("text that SASLprep prohibits, bad UTF-8 and endless fields are refused", () => {
  assert.deepEqual(start("PLAIN").step(octets("\0alice\r\n\0secret")), { kind: "failed", cause: "bad-text" });
  assert.deepEqual(start("PLAIN").step(octets("\0ali\u0007ce\0secret")), { kind: "failed", cause: "bad-text" });
  assert.deepEqual(start("PLAIN").step(Uint8Array.of(0, 0xff, 0, 65)), { kind: "failed", cause: "bad-text" });
  const long = octets(`\0alice\0${"x".repeat(1025)}`);
  assert.deepEqual(start("PLAIN").step(long), { kind: "failed", cause: "too-long" });
});

test("a password is handed on as it was sent, unless nobody can have typed it", () => {
  for (const password of ["sec\u0007ret", "\uff53ecret\u00a0", "\u00ad", "\u202eterces", "pass\tword"]) {
    for (const step of [
      start("PLAIN").step(octets(`\0\uff21lice\0${password}`)),
      (() => {
        const exchange = start("LOGIN");
        exchange.step(octets("\uff21lice"));
        return exchange.step(octets(password));
      })(),
    ]) {
      assert.deepEqual(step, { kind: "credentials", authorization: "Alice", authentication: "Alice", password });
    }
  }
  for (const password of ["sec\0ret", "sec\rret", "secret\n"]) {
    const exchange = start("LOGIN");
    exchange.step(octets("alice"));
    assert.deepEqual(exchange.step(octets(password)), { kind: "failed", cause: "bad-text" });
  }
  assert.equal(start("PLAIN").step(Uint8Array.of(0, 65, 0, 0xff)).kind, "failed", "no UTF-8");
});

test("an unknown mechanism is undefined and the announced ones are known", () => {
  assert.equal(startMechanism("CRAM-MD5", unbound), undefined);
  for (const name of mechanismNames(unbound)) assert.equal(start(name).mechanism, name);
  assert.equal(startMechanism("SCRAM-SHA-256-PLUS", unbound), undefined, "nothing to bind to");
  const bound = { ...unbound, binding: new Uint8Array(32) };
  assert.deepEqual(mechanismNames(bound), ["SCRAM-SHA-256-PLUS", ...mechanismNames(unbound)]);
  for (const name of mechanismNames(bound)) assert.equal(startMechanism(name, bound)?.mechanism, name);
  const some = { ...bound, offered: ["cram-md5", "login"] } as const;
  assert.deepEqual(mechanismNames(some), ["LOGIN", "CRAM-MD5"]);
  assert.equal(startMechanism("PLAIN", some), undefined);
  assert.equal(startMechanism("SCRAM-SHA-256-PLUS", some), undefined);
});

test("a step after the end is a bug", () => {
  const exchange = start("PLAIN");
  exchange.step(octets("rubbish"));
  assert.throws(() => exchange.step(octets("more")));
});

test("whatever PLAIN is given, it ends in credentials or a failure", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (response) => {
      const step = start("PLAIN").step(response);
      assert.ok(step.kind === "credentials" || step.kind === "failed");
    }),
  );
});

test("base64 of any octets is read back, and only the canonical form", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (value) => {
      assert.deepEqual(decodeBase64(Buffer.from(value).toString("base64")), new Uint8Array(value));
    }),
  );
  assert.deepEqual(decodeBase64("="), new Uint8Array(0));
  assert.deepEqual(decodeBase64(""), new Uint8Array(0));
  for (const bad of [
    "A",
    "AA",
    "AAA",
    "AA=",
    "==",
    "====",
    "QQ==\n",
    "QR==",
    "Q Q=",
    "QQ==QQ==",
    "-_-_",
    "*",
    "äöüß",
  ]) {
    assert.equal(decodeBase64(bad), undefined, bad);
  }
});

test("SASLprep follows the examples of RFC 4013 section 3", () => {
  assert.equal(prepare("I\u00adX"), "IX");
  assert.equal(prepare("user"), "user");
  assert.equal(prepare("USER"), "USER");
  assert.equal(prepare("\u00aa"), "a");
  assert.equal(prepare("\u2168"), "IX");
  assert.equal(prepare("\u0007"), undefined);
  assert.equal(prepare("\u00ad"), undefined);
  assert.equal(prepare("ｐａｓｓ　１"), "pass 1");
});
