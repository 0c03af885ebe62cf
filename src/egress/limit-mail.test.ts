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
  assert.match(appended[0]!.text, /accepted and held until the administrator/);
  assert.deepEqual(
    appended.map(({ record: { utf8 } }) => utf8),
    [undefined, true],
  );
});

test("nobody is told of what others used up, or of an account that is gone", async () => {
  assert.deepEqual((await told(alice, { ...notice, layer: "domain" })).appended, []);
  assert.deepEqual((await told(undefined, notice)).appended, []);
});
