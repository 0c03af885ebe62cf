import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { makeCramKeys, parseCramKeys } from "../../io/cram-keys.ts";
import { startMechanism } from "./mechanism.ts";
import type { Exchange, Step } from "./mechanism.ts";

const octets = (text: string) => new TextEncoder().encode(text);

function start(nonce = "1896.697170952", hostname = "postoffice.reston.mci.net"): Exchange {
  const exchange = startMechanism("cram-md5", {
    nonce: () => nonce,
    binding: undefined,
    offered: ["cram-md5"],
    hostname,
  });
  assert.ok(exchange);
  return exchange;
}

function answer(exchange: Exchange, name: string, password: string): Step {
  const step = exchange.step(undefined);
  assert.ok(step.kind === "challenge");
  const digest = createHmac("md5", password).update(step.data).digest("hex");
  return exchange.step(octets(`${name} ${digest}`));
}

test("the exchange of RFC 2195 section 2 goes as printed there", () => {
  const exchange = start();
  const challenge = exchange.step(undefined);
  assert.ok(challenge.kind === "challenge");
  assert.equal(Buffer.from(challenge.data).toString(), "<1896.697170952@postoffice.reston.mci.net>");
  assert.deepEqual(exchange.step(octets("tim b913a602c7eda7a495b4e6e7334d3890")), {
    kind: "keys",
    authentication: "tim",
    of: "cram-md5",
  });
  const keys = parseCramKeys(makeCramKeys("tanstaaftanstaaf"));
  assert.deepEqual(exchange.supply(keys), { kind: "proved", authentication: "tim", keys });
  assert.throws(() => exchange.step(octets("more")), /not waiting/);
});

test("the password of any account is proved, another one is not, and the challenge is part of the proof", () => {
  const name = fc.string({ minLength: 1, maxLength: 20 }).map((text) => `${text} x@sekimori.test`);
  const password = fc.string({ minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(name, password, (user, secret) => {
      const exchange = start("nonce", "mx.sekimori.test");
      const asked = answer(exchange, user, secret);
      assert.ok(asked.kind === "keys");
      const wrong = start("nonce", "mx.sekimori.test");
      assert.equal(answer(wrong, user, `${secret}!`).kind, "keys");
      const keys = parseCramKeys(makeCramKeys(secret));
      assert.deepEqual(exchange.supply(keys), { kind: "proved", authentication: asked.authentication, keys });
      assert.deepEqual(wrong.supply(keys), { kind: "failed", cause: "proof", authentication: asked.authentication });
    }),
  );
});

test("messages of another shape are refused, and so is an answer before the question", () => {
  const digest = "b913a602c7eda7a495b4e6e7334d3890";
  for (const message of [
    "",
    "tim",
    digest,
    `tim${digest}`,
    `tim ${digest.slice(1)}`,
    `tim ${digest}0`,
    `t\0m ${digest}`,
  ]) {
    const exchange = start();
    exchange.step(undefined);
    assert.deepEqual(exchange.step(octets(message)), { kind: "failed", cause: "malformed" }, message);
  }
  const long = start();
  long.step(undefined);
  assert.deepEqual(long.step(octets(`${"x".repeat(1100)} ${digest}`)), { kind: "failed", cause: "malformed" });
  const latin = start();
  latin.step(undefined);
  assert.deepEqual(latin.step(Buffer.from(`t\xefm ${digest}`, "latin1")), { kind: "failed", cause: "malformed" });
  for (const name of ["", "\u00ad", "a\u0007"]) {
    const exchange = start();
    exchange.step(undefined);
    assert.deepEqual(exchange.step(octets(`${name} ${digest}`)), { kind: "failed", cause: "bad-text" }, name);
  }
  const early = start();
  assert.deepEqual(early.step(octets(`tim ${digest}`)), { kind: "failed", cause: "malformed" });
  assert.throws(() => early.step(octets(`tim ${digest}`)), /not waiting/);
});
