// CRAM-MD5 in a session: only where it is switched on, only inside TLS, and nobody sees who has keys for it.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { dial, dialSecured, listen, makeMaterial, makeService, PASSWORD } from "./test-service.ts";
import type { Client, Material } from "./test-service.ts";

let directory: string;
let material: Material;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "smtp-cram-"));
  material = await makeMaterial(directory);
});
after(() => rm(directory, { recursive: true }));

const mechanisms = ["scram-sha-256", "plain", "login", "cram-md5"] as const;

async function authenticate(client: Client, name: string, password: string): Promise<string> {
  const challenge = await client.ask("AUTH CRAM-MD5");
  if (!challenge.startsWith("334 ")) return challenge;
  const octets = Buffer.from(challenge.slice(4), "base64");
  assert.match(octets.toString(), /^<[A-Za-z0-9+/]{24}@mx1\.sekimori\.test>$/);
  const digest = createHmac("md5", password).update(octets).digest("hex");
  return client.ask(Buffer.from(`${name} ${digest}`).toString("base64"));
}

test("it opens an account that has keys for it, under its aliases too, and without its password being said", async (t) => {
  const house = makeService(material);
  const client = await dialSecured(t, house, await listen(t, house, { mechanisms }));
  assert.match(await client.ask("EHLO c.example.jp"), / LOGIN CRAM-MD5$/);
  assert.equal(await authenticate(client, "a.lice@sekimori.test", PASSWORD), "235 2.7.0 authenticated");
  assert.match(await client.ask("MAIL FROM:<alice@sekimori.test>"), /^250 /);
  assert.equal(house.logins.count, 0, "no password was checked");
  const [event] = house.named("auth.succeeded");
  assert.equal(Reflect.get(event!, "mechanism"), "CRAM-MD5");
});

test("a wrong password, an unknown name, an account without keys and a suspended one are refused alike", async (t) => {
  const replies = await Promise.all(
    [
      ["alice@sekimori.test", "wrong"],
      ["nobody@sekimori.test", PASSWORD],
      ["bob@sekimori.test", PASSWORD],
      ["carol@sekimori.test", PASSWORD],
    ].map(async ([name = "", password = ""]) => {
      const house = makeService(material);
      const client = await dialSecured(t, house, await listen(t, house, { mechanisms }));
      await client.ask("EHLO c.example.jp");
      return authenticate(client, name, password);
    }),
  );
  assert.match(replies[0]!, /^535 5\.7\.8 /);
  assert.equal(new Set(replies).size, 1);
});

test("where it is not switched on it is unknown, as DIGEST-MD5 is; an answer before the question is refused", async (t) => {
  const house = makeService(material);
  const usual = await dialSecured(t, house, await listen(t, house));
  assert.doesNotMatch(await usual.ask("EHLO c.example.jp"), /CRAM-MD5/);
  assert.match(await usual.ask("AUTH CRAM-MD5"), /^504 5\.5\.4 /);
  const listener = await listen(t, house, { mechanisms });
  const clear = dial(t, listener);
  await clear.reply();
  assert.doesNotMatch(await clear.ask("EHLO c.example.jp"), /AUTH/);
  assert.match(await clear.ask("AUTH CRAM-MD5"), /^538 5\.7\.11 /);
  const on = await dialSecured(t, house, listener);
  await on.ask("EHLO c.example.jp");
  assert.match(await on.ask("AUTH DIGEST-MD5"), /^504 /);
  assert.match(await on.ask(`AUTH CRAM-MD5 ${Buffer.from("x y").toString("base64")}`), /^5/);
});
