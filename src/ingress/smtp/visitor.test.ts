// POP-before-SMTP by its promises: only from where it is allowed, only for a while, only as an account that logged in there, and only while its
// login holds. The stores are small ones; the rules of sessions are the real ones (session-limits.test.ts has their service).

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";
import { parseAddress } from "../../address/address.ts";
import type { Address } from "../../address/address.ts";
import type { VisitSettings } from "../../config/settings.ts";
import { createVisits } from "../../counters/visits.ts";
import type { Credential, Standing } from "../../directory/standing.ts";
import type { SenderRight } from "../../verdict/facts.ts";
import { dial, dialAs, dialSecured, plainLogin, listen, makeMaterial, makeService, message } from "./test-service.ts";
import type { Client, Material, Service } from "./test-service.ts";
import { findVisitor, noteVisit, visitPlace } from "./visitor.ts";

const [alice, bob] = ["alice@b", "bob@b"] as const;
const credential: Credential = { kind: "password", hash: "h" };
const settings: VisitSettings = {
  networks: [
    { address: "198.51.100.0", length: 24 },
    { address: "2001:db8::", length: 32 },
    { address: "100.64.0.0", length: 10 },
  ],
  for: 900_000,
  shared: [{ address: "198.51.100.7", length: 32 }],
  ipv6: "address",
};

function addressOf(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

function right(account: string, address: Address): SenderRight {
  return `${address.local}@${address.domain ?? ""}` === account ? "own" : "foreign";
}

interface World {
  readonly minutes?: number;
  readonly standing?: Standing;
  readonly settings?: Partial<VisitSettings>;
  readonly client?: string;
  /** MAIL FROM; null is <>. */
  readonly sender?: string | null;
  readonly visitors?: readonly string[];
}

/** Who may send, as the visitors logged in from 198.51.100.9 so many minutes ago. */
async function ask({
  minutes = 0,
  standing = "active",
  client = "198.51.100.9",
  sender = alice,
  visitors = [alice],
  ...more
}: World) {
  let now = 0;
  const visits = createVisits(() => now);
  for (const each of visitors)
    noteVisit(visits, more.settings === undefined ? client : "2001:db8:1:2::1", each, credential);
  now = minutes * 60_000;
  const found = await findVisitor(
    client,
    sender === null ? undefined : addressOf(sender),
    { ...settings, ...more.settings },
    {
      visits,
      standing: () => standing,
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that is asked of it
      directory: { rightTo: right } as unknown as Parameters<typeof findVisitor>[3]["directory"],
    },
  );
  return found?.account;
}

test("who has just logged in may send as himself, for so long, while his login holds", async () => {
  assert.equal(await ask({}), alice);
  assert.equal(await ask({ minutes: 15 }), alice);
  assert.equal(await ask({ minutes: 16 }), undefined);
  assert.equal(await ask({ sender: bob }), undefined);
  assert.equal(await ask({ sender: null }), alice);
  assert.equal(await ask({ standing: "suspended" }), undefined);
  assert.equal(await ask({ standing: "ended" }), undefined);
  assert.equal(await ask({ visitors: [] }), undefined);
});

test("of several at one address the sender says which; <> says it of none", async () => {
  const visitors = [alice, bob];
  assert.equal(await ask({ visitors, sender: bob }), bob);
  assert.equal(await ask({ visitors, sender: "carol@b" }), undefined);
  assert.equal(await ask({ visitors, sender: null }), undefined);
});

test("addresses from elsewhere, that many share, and of carrier NAT never open", async () => {
  for (const client of ["192.0.2.1", "198.51.100.7", "100.64.3.4", "::ffff:198.51.100.7", "nonsense"]) {
    // oxlint-disable-next-line no-await-in-loop
    assert.equal(await ask({ client }), undefined, client);
  }
  assert.equal(await ask({ client: "::ffff:198.51.100.9" }), alice);
});

test("of IPv6 the address counts, or its /64", async () => {
  const client = "2001:db8:1:2::99";
  assert.equal(await ask({ client, settings: { ipv6: "address" } }), undefined);
  assert.equal(await ask({ client, settings: { ipv6: "network" } }), alice);
  assert.equal(await ask({ client: "2001:db8:1:3::1", settings: { ipv6: "network" } }), undefined);
  assert.equal(visitPlace("2001:db8::1", "network"), "2001:db8::/64");
});

let directory: string;
let material: Material;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "smtp-visitor-"));
  material = await makeMaterial(directory);
});
after(() => rm(directory, { recursive: true }));

const own = "alice@sekimori.test";

const visits = { ...settings, networks: [{ address: "127.0.0.0", length: 8 }] };

/** Of a listener on which those from loopback may be visitors. */
async function greeted(t: TestContext, house: Service): Promise<Client> {
  const client = dial(t, await listen(t, house, { legacy: { until: undefined, visits } }));
  await client.reply();
  await client.ask("EHLO c.example.jp");
  return client;
}

test("a session without AUTH sends as its visitor, one message at a time, and else needs AUTH", async (t) => {
  const house = makeService(material);
  const client = await greeted(t, house);
  assert.match(await client.ask(`MAIL FROM:<${own}>`), /^530 /);
  house.services.visits.note("127.0.0.1", own, { kind: "password", hash: material.passwordHash });
  assert.match(await client.ask("MAIL FROM:<bob@sekimori.test>"), /^530 /);
  assert.match(await client.ask(`MAIL FROM:<${own}>`), /^250 /);
  assert.match(await client.ask("RCPT TO:<x@example.jp>"), /^250 /);
  assert.equal(house.quotaUsed(), 1);
  assert.match(await client.ask("DATA"), /^354 /);
  assert.match(await client.ask(`${message()}.`), /^250 /);
  // The next one is asked for anew.
  house.services.visits.note("127.0.0.1", own, { kind: "password", hash: "of the password before" });
  assert.match(await client.ask(`MAIL FROM:<${own}>`), /^530 /);
});

test("a visitor may log in after its message, and is that account from then on", async (t) => {
  const house = makeService(material);
  const client = await dialSecured(t, house, await listen(t, house, { legacy: { until: undefined, visits } }));
  house.services.visits.note("127.0.0.1", own, { kind: "password", hash: material.passwordHash });
  assert.match(await client.ask(`MAIL FROM:<${own}>`), /^250 /);
  assert.match(await client.ask("RSET"), /^250 /);
  assert.match(await client.ask(plainLogin("bob@sekimori.test", "wrong")), /^535 /);
  assert.match(await client.ask(plainLogin("bob@sekimori.test")), /^235 /);
  assert.match(await client.ask(plainLogin("bob@sekimori.test")), /^503 /);
  assert.match(await client.ask(`MAIL FROM:<${own}>`), /^550 /);
  assert.match(await client.ask("MAIL FROM:<bob@sekimori.test>"), /^250 /);
});

test("when nobody can say who visited, MAIL waits, and the session goes on", async (t) => {
  const house = makeService(material);
  const client = await greeted(t, house);
  house.services.visits.note("127.0.0.1", own, { kind: "password", hash: material.passwordHash });
  house.store.failure = "the store does not answer";
  assert.match(await client.ask(`MAIL FROM:<${own}>`), /^451 4\./);
  const refused = house.named("sender.refused").at(-1);
  assert.match(JSON.stringify(refused), /"reason":"internal\.unknown".*the store does not answer/);
  house.store.failure = undefined;
  const { at } = house.services.visits;
  house.services.visits.at = () => Promise.reject(new Error("the counters do not answer"));
  assert.match(await client.ask(`MAIL FROM:<${own}>`), /^451 4\./);
  assert.match(await client.ask("MAIL FROM:<>"), /^451 4\./);
  house.services.visits.at = at;
  assert.match(await client.ask(`MAIL FROM:<${own}>`), /^250 /);
  assert.equal(house.quotaUsed(), 0);
});

test("after its last day a listener says what to use instead", async (t) => {
  const house = makeService(material);
  const until = { written: "2025-12-31", at: Date.UTC(2026, 0, 1) - 1, zoned: false };
  const listener = await listen(t, house, { legacy: { until, visits: undefined } });
  const client = dial(t, listener);
  assert.match(await client.reply(), /^554 5\.7\.0 .*until 2025-12-31: set port 587/);
});

test("a session that is open when the last day ends finishes its message and begins no other", async (t) => {
  const house = makeService(material);
  const until = { written: "2026-01-01", at: house.clock.now + 60_000, zoned: false };
  for (const options of [{ legacy: { until, visits: undefined } }, { substitute: { until } }]) {
    house.clock.now = until.at - 60_000;
    // oxlint-disable-next-line no-await-in-loop -- one listener after the other
    const client = await dialAs(t, house, await listen(t, house, options));
    // oxlint-disable-next-line no-await-in-loop
    assert.match(await client.ask("MAIL FROM:<alice@sekimori.test>"), /^250 /);
    house.clock.now = until.at;
    // oxlint-disable-next-line no-await-in-loop
    assert.match(await client.ask("RCPT TO:<x@example.jp>"), /^250 /);
    // oxlint-disable-next-line no-await-in-loop
    assert.match(await client.ask("DATA"), /^354 /);
    // oxlint-disable-next-line no-await-in-loop
    assert.match(await client.ask(`${message()}.`), /^250 /);
    // oxlint-disable-next-line no-await-in-loop
    assert.match(await client.ask("MAIL FROM:<>"), /^550 5\.7\.0 .*until 2026-01-01: set /);
  }
});
