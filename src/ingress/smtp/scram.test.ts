import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { TLSSocket } from "node:tls";
import { scramClient } from "../../proto/sasl/test-client.ts";
import { dial, dialSecured, listen, makeMaterial, makeService, PASSWORD, plainLogin } from "./test-service.ts";
import type { Client, Material } from "./test-service.ts";

let directory: string;
let material: Material;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "smtp-scram-"));
  material = await makeMaterial(directory);
});
after(() => rm(directory, { recursive: true }));

const encode = (text: string) => Buffer.from(text).toString("base64");
const ALICE = "alice@sekimori.test";
const BOB = "bob@sekimori.test";

/** Up to the judgement; the client's side of the exchange is asked whether the server knows the password as well. */
async function authenticate(client: Client, mechanism: string, sasl: ReturnType<typeof scramClient>): Promise<string> {
  const first = await client.ask(`AUTH ${mechanism} ${encode(sasl.first)}`);
  if (!first.startsWith("334 ")) return first;
  const serverFirst = Buffer.from(first.slice(4), "base64").toString();
  const last = await client.ask(encode(sasl.final(serverFirst)));
  if (!last.startsWith("334 ")) return last;
  assert.equal(Buffer.from(last.slice(4), "base64").toString(), sasl.expected());
  return client.ask("");
}

function exporterOf(client: Client): Buffer {
  const { socket } = client;
  assert.ok(socket instanceof TLSSocket);
  return socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
}

test("SCRAM opens an account without its password being said, and is announced first", async (t) => {
  const house = makeService(material);
  const client = await dialSecured(t, house, await listen(t, house));
  assert.match(await client.ask("EHLO c.example.jp"), /250 AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN$/);
  const sasl = scramClient({ name: ALICE, password: PASSWORD });
  assert.equal(await authenticate(client, "SCRAM-SHA-256", sasl), "235 2.7.0 authenticated");
  assert.match(await client.ask(`MAIL FROM:<${ALICE}>`), /^250 /);
  assert.equal(house.logins.count, 0, "no password was checked");
  assert.deepEqual(
    house.named("auth.succeeded").map((event) => Reflect.get(event, "mechanism")),
    ["SCRAM-SHA-256"],
  );
});

test("the exchange may begin without an initial response", async (t) => {
  const house = makeService(material);
  const client = await dialSecured(t, house, await listen(t, house));
  const sasl = scramClient({ name: ALICE, password: PASSWORD });
  assert.equal(await client.ask("AUTH SCRAM-SHA-256"), "334 ");
  const challenge = await client.ask(encode(sasl.first));
  assert.match(await client.ask(encode(sasl.final(Buffer.from(challenge.slice(4), "base64").toString()))), /^334 /);
  assert.equal(await client.ask("="), "235 2.7.0 authenticated");
});

test("SCRAM-SHA-256-PLUS is bound to the TLS connection, with STARTTLS and without", async (t) => {
  const house = makeService(material);
  const header = "p=tls-exporter,,";
  const upgraded = await dialSecured(t, house, await listen(t, house));
  const other = dial(t, await listen(t, house, { tls: "implicit" }));
  await other.secure(house.certificate);
  assert.match(await other.reply(), /^220 /);
  assert.match(await other.ask("EHLO c.example.jp"), /AUTH SCRAM-SHA-256-PLUS /);
  const relayed = scramClient({ name: ALICE, password: PASSWORD, header, binding: exporterOf(other) });
  assert.match(await authenticate(upgraded, "SCRAM-SHA-256-PLUS", relayed), /^535 5\.7\.8 /);
  for (const client of [upgraded, other]) {
    const sasl = scramClient({ name: ALICE, password: PASSWORD, header, binding: exporterOf(client) });
    assert.equal(await authenticate(client, "SCRAM-SHA-256-PLUS", sasl), "235 2.7.0 authenticated");
  }
  const secrets = [upgraded, other].map((client) => exporterOf(client));
  const log = JSON.stringify(house.events);
  for (const secret of secrets)
    assert.ok(!log.includes(secret.toString("base64")) && !log.includes(secret.toString("hex")));
  assert.ok(!log.includes("binding"));
});

test("inside TLS 1.2 there is nothing to bind to, and -PLUS is not offered", async (t) => {
  const house = makeService(material);
  const client = dial(t, await listen(t, house, { tls: "implicit" }));
  await client.secure(house.certificate, { maxVersion: "TLSv1.2" });
  await client.reply();
  assert.match(await client.ask("EHLO c.example.jp"), /250 AUTH SCRAM-SHA-256 PLAIN LOGIN$/);
  assert.match(await client.ask("AUTH SCRAM-SHA-256-PLUS"), /^504 /);
  assert.match(await client.ask("AUTH DIGEST-MD5"), /^504 5\.5\.4 DIGEST-MD5 is not safe any more/);
  const sasl = scramClient({ name: ALICE, password: PASSWORD, header: "y,," });
  assert.equal(await authenticate(client, "SCRAM-SHA-256", sasl), "235 2.7.0 authenticated");
});

test("a wrong password, an unknown and a suspended account are refused in the same words at the same step", async (t) => {
  const house = makeService(material);
  const listener = await listen(t, house);
  const dialogues = await Promise.all(
    [
      { name: ALICE, password: "wrong" },
      { name: "nobody@sekimori.test", password: PASSWORD },
      { name: "carol@sekimori.test", password: PASSWORD },
    ].map(async (who) => {
      const client = await dialSecured(t, house, listener);
      return authenticate(client, "SCRAM-SHA-256", scramClient(who));
    }),
  );
  assert.match(dialogues[0]!, /^535 5\.7\.8 /);
  assert.deepEqual(new Set(dialogues).size, 1);
  const failures = house.named("auth.failed").map((event) => Reflect.get(event, "account"));
  assert.deepEqual(new Set(failures), new Set([ALICE, "carol@sekimori.test", "nobody@sekimori.test"]));
});

test("wrong proofs count as failed logins", async (t) => {
  const house = makeService(material, { smtp: { authFailures: 2 } });
  const client = await dialSecured(t, house, await listen(t, house));
  const wrong = { name: ALICE, password: "wrong" };
  assert.match(await authenticate(client, "SCRAM-SHA-256", scramClient(wrong)), /^535 /);
  assert.match(await authenticate(client, "SCRAM-SHA-256", scramClient(wrong)), /^421 /);
});

test("an account from before SCRAM can use it once its password was seen", async (t) => {
  const house = makeService(material);
  const listener = await listen(t, house);
  const bob = () => scramClient({ name: BOB, password: PASSWORD });
  const client = await dialSecured(t, house, listener);
  assert.match(await authenticate(client, "SCRAM-SHA-256", bob()), /^535 /);
  assert.equal(await client.ask(plainLogin(BOB)), "235 2.7.0 authenticated");
  const later = await dialSecured(t, house, listener);
  assert.equal(await authenticate(later, "SCRAM-SHA-256", bob()), "235 2.7.0 authenticated");
});

test("a store that is away is no wrong password", async (t) => {
  const house = makeService(material);
  const client = await dialSecured(t, house, await listen(t, house));
  house.store.failure = "disk on fire";
  const sasl = scramClient({ name: ALICE, password: PASSWORD });
  assert.match(await authenticate(client, "SCRAM-SHA-256", sasl), /^454 4\.7\.0 /);
  house.store.failure = undefined;
  assert.equal(await authenticate(client, "SCRAM-SHA-256", sasl), "235 2.7.0 authenticated");
});
