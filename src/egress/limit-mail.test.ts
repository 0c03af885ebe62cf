import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import type { LimitNotice } from "../counters/account-limits.ts";
import type { AcceptRecord } from "../spool/message.ts";
import type { Account } from "../store/store.ts";
import { createLimitMail } from "./limit-mail.ts";

const notice: LimitNotice = { layer: "recipients", level: "near", window: "1d", used: 800, limit: 1000 };
const alice: Account = {
  key: "alice@sekimori.test",
  address: "Alice@sekimori.test",
  passwordHash: "",
  aliases: [],
  createdAt: 0,
  suspended: false,
};

async function told(account: Account | undefined, about: LimitNotice) {
  const hostname = parseDomain("mx.sekimori.test");
  const postmaster = parseAddress("postmaster@sekimori.test");
  assert.ok(hostname.ok && postmaster.ok);
  const appended: { readonly record: AcceptRecord; readonly text: string }[] = [];
  const created: string[] = [];
  const tell = createLimitMail({
    hostname: () => hostname.value,
    postmaster: () => postmaster.value,
    directory: { findAccount: () => account },
    spool: {
      append: (record, content) => {
        const text = Buffer.concat(content).toString();
        appended.push({ record, text });
        return Promise.resolve({ ...record, size: text.length });
      },
    },
    created: (message) => void created.push(message.id),
    observer: { emit: () => undefined },
    clock: { wall: () => 1_800_000_000_000, monotonic: () => 0 },
    newId: () => `id${appended.length}`,
  });
  tell({ account: "alice@sekimori.test", over: "hold" }, about);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  return { appended, created };
}

/** Quoted-printable (RFC 2045 §6.7). */
function decoded(text: string): string {
  const body = text.slice(text.indexOf("\r\n\r\n") + 4).replaceAll("=\r\n", "");
  const octets = body.replaceAll(/=([0-9A-F]{2})/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(octets, "latin1").toString("utf8");
}

test("an account and its second contact are told apart, from nobody and at nobody's cost", async () => {
  const { appended, created } = await told({ ...alice, contact: "alice@example.org" }, notice);
  assert.deepEqual(created, ["id0", "id1"]);
  assert.deepEqual(
    appended.map(({ record: { sender, recipients, account, origin } }) => [sender, recipients, account, origin]),
    [
      ["", ["Alice@sekimori.test"], undefined, "notice"],
      ["", ["alice@example.org"], undefined, "notice"],
    ],
  );
  for (const { text } of appended) {
    assert.match(text, /^Auto-Submitted: auto-generated\r$/m);
    assert.match(text, /^has nearly used up a limit: 800 of 1000 recipients\r$/m);
    assert.doesNotMatch(text, /held/);
    assert.doesNotMatch(text, /[^\r]\n/);
  }
  assert.doesNotMatch(appended[0]!.text, /alice@example\.org/);
});

test("at the limit it is said what becomes of the rest; an address in UTF-8 is told in UTF-8", async () => {
  const { appended } = await told({ ...alice, contact: "花子@example.org" }, { ...notice, level: "reached" });
  assert.match(decoded(appended[0]!.text), /accepted and held until the administrator/);
  assert.deepEqual(
    appended.map(({ record: { utf8 } }) => utf8),
    [undefined, true],
  );
});

test("it is said in English and in Japanese, in seven bits", async () => {
  for (const [level, english, japanese] of [
    ["near", "has nearly used up a sending limit", "送信の上限に近づいています"],
    ["reached", "has used up a sending limit", "送信の上限に達しました"],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- two
    const { text } = (await told(alice, { ...notice, level })).appended[0]!;
    assert.doesNotMatch(text, /[^\r\n\x20-\x7e]/);
    for (const line of text.split("\r\n")) assert.ok(line.length <= 78, line);
    const [, words, encoded = ""] =
      /^Subject: Alice@sekimori\.test (.*) \/\r\n =\?utf-8\?B\?(\S+)\?=\r$/m.exec(text) ?? [];
    assert.deepEqual([words, Buffer.from(encoded, "base64").toString()], [english, japanese]);
    const body = decoded(text);
    assert.match(body, /宛先の数: 1日あたり上限 1000 のうち 800 を使用\r\n/);
    assert.equal(body.split("  Alice@sekimori.test\r\n").length, 3, "named in both");
    assert.equal(body.split("  postmaster@sekimori.test\r\n").length, 3);
    assert.equal(body.includes("保留します"), level === "reached");
  }
});

test("nobody is told of what others used up, or of an account that is gone", async () => {
  assert.deepEqual((await told(alice, { ...notice, layer: "domain" })).appended, []);
  assert.deepEqual((await told(undefined, notice)).appended, []);
});
