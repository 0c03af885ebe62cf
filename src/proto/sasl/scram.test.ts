import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { startMechanism, usualMechanisms } from "./mechanism.ts";
import type { Exchange, Step } from "./mechanism.ts";
import type { ScramKeys } from "./scram.ts";
import { scramClient } from "./test-client.ts";

const octets = (text: string) => new TextEncoder().encode(text);
const binding = Buffer.alloc(32, "binding");

function keysOf(password: string, salt: Uint8Array = Buffer.from("salt"), iterations = 4096): ScramKeys {
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const mac = (text: string): Buffer => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(mac("Client Key")).digest();
  return { iterations, salt, storedKey, serverKey: mac("Server Key") };
}

const keys = keysOf("pencil");

function start(mechanism: string, bound?: Uint8Array, nonce = "3rfcNHYJY1ZVvWVs7j"): Exchange {
  const exchange = startMechanism(mechanism, {
    nonce: () => nonce,
    binding: bound,
    offered: usualMechanisms,
    hostname: "mx.sekimori.test",
  });
  assert.ok(exchange);
  return exchange;
}

function said(step: Step): string {
  assert.equal(step.kind, "challenge", JSON.stringify(step));
  return step.kind === "challenge" ? Buffer.from(step.data).toString() : "";
}

/** Until the client's proof is judged. */
function run(exchange: Exchange, client: ReturnType<typeof scramClient>, change?: (unproved: string) => string): Step {
  const asked = exchange.step(octets(client.first));
  if (asked.kind !== "keys") return asked;
  return exchange.step(octets(client.final(said(exchange.supply(keys)), change)));
}

const alice = { name: "alice@sekimori.test", password: "pencil" };

const begin = (header: string): Step => start("SCRAM-SHA-256").step(octets(`${header}n=alice,r=abc`));

const withAnotherNonce = (unproved: string): string => unproved.replace(/r=.*/, "r=fyko+d2lbbFgONRvanother");
const withAnotherHeader = (unproved: string): string => unproved.replace("c=biws", "c=eSws");
const withExtension = (unproved: string): string => `${unproved},z=1`;

test("the exchange of RFC 7677 section 3 goes as printed there", () => {
  const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
  const exchange = start("SCRAM-SHA-256", undefined, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
  assert.equal(said(exchange.step(undefined)), "");
  const asked = exchange.step(octets("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
  assert.deepEqual(asked, { kind: "keys", authentication: "user", of: "scram" });
  assert.equal(
    said(exchange.supply(keysOf("pencil", salt))),
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  );
  const final = exchange.step(
    octets(
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    ),
  );
  assert.equal(said(final), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  const end = exchange.step(new Uint8Array(0));
  assert.equal(end.kind, "proved");
  assert.throws(() => exchange.step(new Uint8Array(0)), /not waiting/);
});

test("the right password is proved, and the server proves that it knows it too", () => {
  const exchange = start("scram-sha-256");
  const client = scramClient(alice);
  assert.equal(said(run(exchange, client)), client.expected());
  assert.deepEqual(exchange.step(new Uint8Array(0)), { kind: "proved", authentication: alice.name, keys });
});

test("the last message has to be empty", () => {
  const exchange = start("SCRAM-SHA-256");
  run(exchange, scramClient(alice));
  assert.deepEqual(exchange.step(octets("x")), { kind: "failed", cause: "malformed" });
});

test("a wrong password, keys of somebody else and a changed nonce are a wrong proof", () => {
  const wrong = { kind: "failed", cause: "proof", authentication: alice.name };
  assert.deepEqual(run(start("SCRAM-SHA-256"), scramClient({ ...alice, password: "pen" })), wrong);
  assert.deepEqual(run(start("SCRAM-SHA-256"), scramClient(alice), withAnotherNonce), wrong);
});

test("names are prepared, and =2C and =3D in them are understood", () => {
  for (const [written, name] of [
    ["a=2Cb=3Dc@x", "a,b=c@x"],
    ["=3D2C", "=2C"],
    ["ａｌｉｃｅ", "alice"],
  ] as const) {
    const step = start("SCRAM-SHA-256").step(octets(`n,,n=${written},r=abc`));
    assert.deepEqual(step, { kind: "keys", authentication: name, of: "scram" });
  }
  for (const written of ["a=b", "a=2", "a=2c", "\u00ad", "a\u0007", ""]) {
    const step = start("SCRAM-SHA-256").step(octets(`n,,n=${written},r=abc`));
    assert.deepEqual(step, { kind: "failed", cause: "bad-text" }, written);
  }
});

test("acting as oneself is allowed, as somebody else is not", () => {
  assert.equal(begin("n,a=alice,").kind, "keys");
  assert.equal(begin("n,a=,").kind, "keys", "as GNU SASL writes it");
  assert.deepEqual(begin("n,a=bob,"), { kind: "failed", cause: "other-identity" });
});

test("a client that binds, binds to this connection", () => {
  const bound = { ...alice, header: "p=tls-exporter,,", binding };
  const client = scramClient(bound);
  assert.equal(said(run(start("SCRAM-SHA-256-PLUS", binding), client)), client.expected());

  const failed = { kind: "failed", cause: "channel-binding", authentication: alice.name };
  const relayed = scramClient({ ...bound, binding: Buffer.alloc(32, "another connection") });
  assert.deepEqual(run(start("SCRAM-SHA-256-PLUS", binding), relayed), failed);
  assert.deepEqual(
    run(start("SCRAM-SHA-256-PLUS", binding), scramClient({ ...bound, header: "p=tls-unique,," })),
    failed,
  );
  assert.deepEqual(run(start("SCRAM-SHA-256-PLUS", binding), scramClient(alice)), failed, "-PLUS without binding");
  assert.deepEqual(run(start("SCRAM-SHA-256", binding), client), failed, "binding without -PLUS");
});

test("a client that was made to believe that -PLUS is not offered is refused", () => {
  const misled = { ...alice, header: "y,," };
  const failed = { kind: "failed", cause: "channel-binding", authentication: alice.name };
  assert.deepEqual(run(start("SCRAM-SHA-256", binding), scramClient(misled)), failed);
  const honest = scramClient(misled);
  assert.equal(said(run(start("SCRAM-SHA-256"), honest)), honest.expected(), "where it is not offered it is true");
});

test("a gs2-header that is not the one of the first message is refused", () => {
  const failed = { kind: "failed", cause: "channel-binding", authentication: alice.name };
  assert.deepEqual(run(start("SCRAM-SHA-256"), scramClient(alice), withAnotherHeader), failed);
});

test("messages of another shape are refused", () => {
  const malformed = { kind: "failed", cause: "malformed" };
  const long = "x".repeat(5000);
  for (const first of [
    "",
    "n,,",
    "n,,r=abc,n=alice",
    "n,n=alice,r=abc",
    "x,,n=alice,r=abc",
    "p=,,n=alice,r=abc",
    "n,,m=mandatory,n=alice,r=abc",
    "n,,n=alice,r=",
    "n,,n=alice,r=a b",
    "n,,n=alice,r=abc,rubbish",
    "n,,n=al\0ice,r=abc",
    `n,,n=${long},r=abc`,
  ]) {
    assert.deepEqual(start("SCRAM-SHA-256").step(octets(first)), malformed, first);
  }
  assert.deepEqual(start("SCRAM-SHA-256").step(Uint8Array.of(0x6e, 0x2c, 0x2c, 0xff)), malformed, "not UTF-8");
  for (const final of ["", "c=biws", "c=biws,r=abc", "c=biws,r=abc,p=", "c=biws,r=abc,p=AAAA", "r=abc,c=biws,p=AAAA"]) {
    const exchange = start("SCRAM-SHA-256");
    exchange.step(octets("n,,n=alice,r=abc"));
    exchange.supply(keys);
    assert.deepEqual(exchange.step(octets(final)), malformed, final);
  }
});

test("extensions that are not mandatory are passed over, and signed with the rest", () => {
  const exchange = start("SCRAM-SHA-256");
  assert.equal(exchange.step(octets("n,,n=alice,r=abc,x=y")).kind, "keys");
  const client = scramClient(alice);
  assert.equal(said(run(start("SCRAM-SHA-256"), client, withExtension)), client.expected());
});

test("keys are taken when they were asked for, and only then", () => {
  assert.throws(() => start("SCRAM-SHA-256").supply(keys), /did not ask/);
  const exchange = start("SCRAM-SHA-256");
  exchange.step(octets("n,,n=alice,r=abc"));
  assert.throws(() => exchange.step(octets("c=biws")), /not waiting/);
});

test("whatever a client says, it ends in a failure, a challenge or a question for keys", () => {
  const part = fc.constantFrom(
    "n",
    "y",
    "p=tls-exporter",
    "a=",
    "n=",
    "r=",
    "c=biws",
    "p=",
    ",",
    "=",
    "alice",
    "\0",
    "é",
  );
  const message = fc.oneof(
    fc.array(part, { maxLength: 12 }).map((parts) => octets(parts.join(""))),
    fc.uint8Array(),
  );
  fc.assert(
    fc.property(message, message, fc.boolean(), (first, second, plus) => {
      const exchange = plus ? start("SCRAM-SHA-256-PLUS", binding) : start("SCRAM-SHA-256");
      const asked = exchange.step(first);
      if (asked.kind !== "keys") return asked.kind === "failed";
      return exchange.supply(keys).kind === "challenge" && exchange.step(second).kind === "failed";
    }),
  );
});
