// Proving an address at a third party: one code, once, for a while, five tries; nobody's mailbox is filled; what the third party publishes
// is read first and again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDomain } from "../address/domain.ts";
import type { Domain } from "../address/domain.ts";
import type { RouteTarget, SubstituteSettings } from "../config/settings.ts";
import { createEnrolments } from "../directory/enrolments.ts";
import type { SubstituteMail } from "../egress/substitute-mail.ts";
import type { DnsAnswer, Resolver } from "../io/dns.ts";
import { asRemote } from "../io/rpc.ts";
import { openMemoryStore } from "../store/memory/memory-store.ts";
import { enrolmentControl } from "./enrolments.ts";
import { remindOfRenewals } from "./renewals.ts";
import { createThirdParties } from "./third-parties.ts";

const DAY = 86_400_000;
const START = Date.UTC(2027, 0, 15, 12);
const ALICE = "alice@sekimori.test";
const BOB = "bob@sekimori.test";
const there = "Carol@third.example";

function domainOf(text: string): Domain {
  const parsed = parseDomain(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

const relay: RouteTarget = { host: "relay.example", port: 25, protocol: "smtp", tls: "opportunistic", auth: undefined };

const nothing = <T>(): Promise<DnsAnswer<T>> => Promise.resolve({ kind: "none", reason: "nodata" });

function office(
  more: Partial<SubstituteSettings> = {},
  roles: readonly ("substitute" | "submission")[] = ["substitute"],
) {
  const store = openMemoryStore();
  for (const key of [ALICE, BOB]) {
    store.addAccount({ key, address: key, passwordHash: "", aliases: [], createdAt: 0, suspended: false });
  }
  const clock = { now: START, wall: () => clock.now, monotonic: () => clock.now };
  const mailed: SubstituteMail[] = [];
  const events: { readonly name: string; readonly fields: object }[] = [];
  const substitute: SubstituteSettings = {
    sendsFrom: ["192.0.2.1"],
    codeLife: DAY,
    codePage: false,
    codes: [{ name: "1d", length: DAY, recipients: 3 }],
    renewal: 365 * DAY,
    remind: 30 * DAY,
    reread: DAY,
    keepVerdict: 7 * DAY,
    providers: [],
    ...more,
  };
  const name = domainOf("sekimori.test");
  const postmaster = { local: "alice", domain: name, literal: undefined };
  const settings = {
    hostname: domainOf("mx.sekimori.test"),
    substitute,
    domains: [{ name, postmaster, aliases: new Map(), dkim: undefined, store: undefined }],
    web: {
      listen: [{ address: "0.0.0.0", port: 443 }],
      tls: "implicit" as const,
      forwardedBy: [],
      outsideHosts: [],
      mtaSts: "testing" as const,
    },
    listeners: roles.map((role) => ({ role, endpoints: [], tls: "starttls" as const, mechanisms: [], proxies: [] })),
  };
  const zone = new Map<string, readonly string[] | "broken">([["third.example", ["v=spf1 ip4:192.0.2.1 -all"]]]);
  const asked: string[] = [];
  const txt = (text: string): Promise<DnsAnswer<string>> => {
    asked.push(text);
    const records = zone.get(text) ?? [];
    if (records === "broken") return Promise.resolve({ kind: "failed", cause: `${text} TXT: timeout` });
    if (records.length === 0) return Promise.resolve({ kind: "none", reason: "nodata" });
    return Promise.resolve({ kind: "found", records, ttl: 0 });
  };
  const resolver: Resolver = { txt, mx: nothing, addresses: nothing, ptr: nothing };
  const observer = { emit: (event: string, fields: object) => void events.push({ name: event, fields }) };
  const common = { settings: () => settings, store: asRemote(store), observer, clock };
  const thirdParties = createThirdParties({ ...common, resolver: () => resolver });
  const mailCode = (mail: SubstituteMail): Promise<void> => Promise.resolve(void mailed.push(mail));
  return {
    store,
    clock,
    mailed,
    events,
    zone,
    asked,
    settings,
    thirdParties,
    remind: () => remindOfRenewals({ ...common, mail: mailCode }),
    control: enrolmentControl({ ...common, thirdParties, mailCode }, "operator"),
    offline: enrolmentControl({ ...common, thirdParties, mailCode: undefined }, "operator"),
    answer: async (local = "carol", domain = "third.example") =>
      createEnrolments({ store: asRemote(store), settings: () => settings.substitute, clock })(ALICE, {
        local,
        domain: domainOf(domain),
        literal: undefined,
      }),
  };
}

function codesIn(mailed: readonly SubstituteMail[]): readonly string[] {
  return mailed.flatMap((mail) => (mail.kind === "code" ? [mail.code] : []));
}

function whyOf(outcome: { readonly done: boolean; readonly why?: string }): string {
  assert.equal(outcome.done, false);
  return outcome.why ?? "";
}

test("a code is mailed as it was asked for, told once, and the proof holds until the renewal; only a digest is kept", async () => {
  const { control, mailed, store, answer, clock, events } = office();
  assert.deepEqual(await answer(), { kind: "none" });
  const asked = await control.addSubstitute(ALICE, there);
  assert.deepEqual(asked, { done: true, until: new Date(START + DAY).toISOString() });
  const [mail] = mailed;
  assert.ok(mail?.kind === "code");
  assert.deepEqual([mail.to, mail.account, mail.expires], [there, ALICE, START + DAY]);
  assert.match(mail.code, /^[a-z2-7]{5}(?:-[a-z2-7]{5}){3}$/);
  assert.deepEqual(await answer(), { kind: "none" }, "not before the code is told");
  const kept = JSON.stringify([store.enrolments(ALICE), events]);
  assert.ok(!kept.includes(mail.code) && !kept.includes(mail.code.replaceAll("-", "")));

  // As people type it.
  const proved = await control.confirmSubstitute(ALICE, there, ` ${mail.code.toUpperCase().replaceAll("-", " ")} `);
  assert.deepEqual(proved, { done: true, until: new Date(START + 365 * DAY).toISOString() });
  assert.deepEqual(await answer(), { kind: "valid", way: "direct" });
  assert.match(whyOf(await control.confirmSubstitute(ALICE, there, mail.code)), /no code was mailed/);
  assert.deepEqual(
    (await control.listSubstitutes(ALICE))?.map(({ address, state, way }) => [address, state, way]),
    [["carol@third.example", "proved", "direct"]],
  );
  clock.now += 365 * DAY;
  assert.deepEqual(await answer(), { kind: "expired", since: "2028-01-15" });
  assert.equal((await control.listSubstitutes(ALICE))?.[0]?.state, "expired");
});

test("the mail says where the code can be entered, where there is a page for it", async () => {
  const { control, mailed, settings } = office();
  await control.addSubstitute(ALICE, there);
  settings.substitute = { ...settings.substitute, codePage: true };
  await control.addSubstitute(ALICE, there);
  const pages = mailed.map((mail) => (mail.kind === "code" ? mail.page : ""));
  assert.deepEqual(pages, [undefined, "https://mx.sekimori.test/code"]);
});

test("another account's code, another address's and an old one are worth nothing", async () => {
  const { control, mailed, zone } = office();
  zone.set("other.example", ["v=spf1 ip4:192.0.2.1 -all"]);
  await control.addSubstitute(ALICE, there);
  await control.addSubstitute(BOB, there);
  await control.addSubstitute(ALICE, "carol@other.example");
  const [first, ofBob, ofOther] = codesIn(mailed);
  for (const code of [ofBob!, ofOther!, ""]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    assert.match(whyOf(await control.confirmSubstitute(ALICE, there, code)), /not the code/);
  }
  await control.addSubstitute(ALICE, there);
  assert.match(whyOf(await control.confirmSubstitute(ALICE, there, first!)), /not the code that was mailed last/);
  assert.equal((await control.confirmSubstitute(ALICE, there, codesIn(mailed).at(-1)!)).done, true);
});

test("five wrong codes end a code, however many are tried at once", async () => {
  const { control, mailed, events } = office();
  await control.addSubstitute(ALICE, there);
  const wrong = await Promise.all(
    Array.from({ length: 20 }, (_, index) => control.confirmSubstitute(ALICE, there, `wrong ${index}`)),
  );
  assert.equal(wrong.filter((outcome) => whyOf(outcome).includes("not the code")).length, 5);
  assert.match(whyOf(await control.confirmSubstitute(ALICE, there, codesIn(mailed)[0]!)), /too many wrong codes/);
  const causes = events
    .filter(({ name }) => name === "enrolment.refused")
    .map(({ fields }) => (fields as { cause: string }).cause);
  assert.deepEqual([causes.filter((cause) => cause === "wrong").length, causes.length], [5, 21]);
  // A new one begins anew.
  await control.addSubstitute(ALICE, there);
  assert.equal((await control.confirmSubstitute(ALICE, there, codesIn(mailed)[1]!)).done, true);
});

test("a code is good for its life, and what was proved holds while a new one is on its way", async () => {
  const { control, mailed, clock, answer } = office();
  await control.addSubstitute(ALICE, there);
  clock.now += DAY;
  assert.match(whyOf(await control.confirmSubstitute(ALICE, there, codesIn(mailed)[0]!)), /too old/);
  await control.addSubstitute(ALICE, there);
  await control.confirmSubstitute(ALICE, there, codesIn(mailed)[1]!);
  clock.now += DAY;
  await control.addSubstitute(ALICE, there);
  assert.deepEqual(await answer(), { kind: "valid", way: "direct" });
  assert.equal((await control.removeSubstitute(ALICE, there)).done, true);
  assert.deepEqual(await answer(), { kind: "none" });
  assert.match(whyOf(await control.confirmSubstitute(ALICE, there, codesIn(mailed)[2]!)), /no code was mailed/);
  assert.equal((await control.removeSubstitute(ALICE, there)).done, false);
});

test("nobody's mailbox is filled with codes: not by one account, not by several, not by tags", async () => {
  const { control, mailed, clock } = office();
  for (const tag of ["carol", "carol+a", "Carol+b"]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    assert.equal((await control.addSubstitute(ALICE, `${tag}@third.example`)).done, true);
  }
  assert.match(
    whyOf(await control.addSubstitute(BOB, "carol+c@third.example")),
    /next one from 2027-01-16 12:00 UTC on/,
  );
  assert.match(whyOf(await control.addSubstitute(ALICE, "dora@third.example")), /too many codes/);
  assert.equal((await control.addSubstitute(BOB, "dora@third.example")).done, true);
  assert.equal(mailed.length, 4);
  clock.now += DAY;
  assert.equal((await control.addSubstitute(BOB, "carol@third.example")).done, true);
});

test("what cannot be enrolled at all", async () => {
  const { control, offline, mailed, store } = office();
  assert.match(whyOf(await control.addSubstitute("nobody@sekimori.test", there)), /no such account/);
  assert.match(whyOf(await control.addSubstitute(ALICE, BOB)), /is local/);
  assert.match(whyOf(await control.addSubstitute(ALICE, "carol")), /carol/);
  assert.match(whyOf(await control.addSubstitute(ALICE, "carol@[192.0.2.9]")), /has no domain/);
  assert.match(whyOf(await offline.addSubstitute(ALICE, there)), /only a running server/);
  store.setSuspended(ALICE, true);
  assert.match(whyOf(await control.addSubstitute(ALICE, there)), /is suspended/);
  assert.match(
    whyOf(await office({}, ["submission"]).control.addSubstitute(ALICE, there)),
    /no listener of role substitute/,
  );
  assert.equal(await control.listSubstitutes("nobody@sekimori.test"), undefined);
  assert.equal(mailed.length, 0);
});

test("what receivers would refuse is refused before a code is mailed, or goes by the third party's server", async () => {
  const { control, mailed, zone, settings, answer } = office();
  zone.set("third.example", ["v=spf1 ~all"]);
  zone.set("_dmarc.third.example", ["v=DMARC1; p=reject"]);
  assert.match(
    whyOf(await control.addSubstitute(ALICE, there)),
    /would refuse mail of third\.example from here: SPF .* softfail .* policy is reject/,
  );
  zone.set("unheard.example", "broken");
  const unheard = await control.addSubstitute(ALICE, "carol@unheard.example");
  assert.match(whyOf(unheard), /cannot be read now: unheard\.example TXT: timeout/);
  assert.equal(mailed.length, 0);
  settings.substitute = {
    ...settings.substitute,
    providers: [{ domains: [domainOf("third.example")], relay, until: undefined }],
  };
  assert.equal((await control.addSubstitute(ALICE, there)).done, true);
  await control.confirmSubstitute(ALICE, there, codesIn(mailed)[0]!);
  assert.equal((await control.listSubstitutes(ALICE))?.[0]?.way, "relay");
  assert.deepEqual(await answer(), { kind: "valid", way: "relay" });
});

test("it is read again when its time has come: the verdict turns, and an old one counts for a while only", async () => {
  const { control, mailed, zone, clock, thirdParties, answer, asked, store } = office();
  await control.addSubstitute(ALICE, there);
  await control.confirmSubstitute(ALICE, there, codesIn(mailed)[0]!);
  asked.length = 0;
  await thirdParties.readDue();
  assert.deepEqual(asked, [], "not yet");
  zone.set("third.example", ["v=spf1 -all"]);
  clock.now += DAY;
  await thirdParties.readDue();
  assert.deepEqual(await answer(), { kind: "unfit", words: "SPF of third.example forbids mail from 192.0.2.1" });
  zone.set("third.example", ["v=spf1 ip4:192.0.2.0/24 -all"]);
  clock.now += DAY;
  await thirdParties.readDue();
  assert.deepEqual(await answer(), { kind: "valid", way: "direct" });

  const read = clock.now;
  zone.set("third.example", "broken");
  clock.now = read + 7 * DAY;
  await thirdParties.readDue();
  assert.deepEqual(await answer(), { kind: "valid", way: "direct" }, "the last one counts");
  clock.now += 1;
  assert.deepEqual(await answer(), { kind: "unread", cause: "third.example TXT: timeout" });
  assert.equal((await control.listSubstitutes(ALICE))?.[0]?.way, "unknown");
  // A failure is tried again sooner.
  zone.set("third.example", ["v=spf1 ip4:192.0.2.1 -all"]);
  clock.now += 15 * 60_000;
  await thirdParties.readDue();
  assert.deepEqual(await answer(), { kind: "valid", way: "direct" });

  await control.removeSubstitute(ALICE, there);
  await thirdParties.readDue();
  assert.equal(store.thirdParty("third.example"), undefined, "nobody has an address there any more");
});

test("the end of a proof is told to its address, once, before it comes", async () => {
  const { control, mailed, clock, remind } = office();
  await control.addSubstitute(ALICE, there);
  await control.confirmSubstitute(ALICE, there, codesIn(mailed)[0]!);
  clock.now = START + 335 * DAY - 1;
  await remind();
  assert.equal(mailed.length, 1, "not yet");
  clock.now++;
  await remind();
  await remind();
  const notice = { kind: "renewal", to: "carol@third.example", account: ALICE, ends: START + 365 * DAY };
  assert.deepEqual(mailed.slice(1), [notice]);
  await control.addSubstitute(ALICE, there);
  await control.confirmSubstitute(ALICE, there, codesIn(mailed)[1]!);
  await remind();
  assert.equal(mailed.length, 3, "the new proof is another");
  clock.now += 335 * DAY;
  await remind();
  assert.equal(mailed.length, 4);
});

test("a reading about other addresses than today's says nothing", async () => {
  const { control, mailed, zone, settings, thirdParties, store } = office();
  await control.addSubstitute(ALICE, there);
  await control.confirmSubstitute(ALICE, there, codesIn(mailed)[0]!);
  settings.substitute = { ...settings.substitute, sendsFrom: ["198.51.100.1"] };
  assert.equal((await control.listSubstitutes(ALICE))?.[0]?.way, "unknown");
  zone.set("third.example", "broken");
  await thirdParties.readDue();
  assert.equal(store.thirdParty("third.example")?.known, undefined);
  assert.equal((await control.listSubstitutes(ALICE))?.[0]?.way, "unknown");
});

test("after the agreement with a provider nothing of it is carried", async () => {
  const over = { written: "2027-01-14", at: START, zoned: false };
  const { control, answer, mailed, clock } = office({
    providers: [{ domains: [domainOf("third.example")], relay, until: over }],
  });
  clock.now = START - 1;
  await control.addSubstitute(ALICE, there);
  await control.confirmSubstitute(ALICE, there, codesIn(mailed)[0]!);
  assert.equal((await answer()).kind, "valid");
  clock.now = START;
  assert.deepEqual(await answer(), { kind: "over", until: "2027-01-14" });
  assert.match(whyOf(await control.addSubstitute(ALICE, there)), /carried until 2027-01-14/);
});
