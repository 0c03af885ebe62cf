import assert from "node:assert/strict";
import { test } from "node:test";
import { addressKey, parseAddress } from "../../address/address.ts";
import type { Address } from "../../address/address.ts";
import { parseDomain } from "../../address/domain.ts";
import type { DomainSettings } from "../../config/settings.ts";
import { createDirectory } from "../../directory/directory.ts";
import type { StoreAnswer } from "../mailbox-store/stores.ts";
import { recipientLookup } from "./recipient-lookup.ts";

function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

function domain(
  text: string,
  aliases: Readonly<Record<string, readonly string[]>>,
  store: DomainSettings["store"],
): DomainSettings {
  const name = parseDomain(text);
  assert.ok(name.ok);
  const targets = Object.entries(aliases).map(([local, to]) => [local, to.map(address)] as const);
  return { name: name.value, postmaster: address(`carol@${text}`), aliases: new Map(targets), dkim: undefined, store };
}

const target = { host: "127.0.0.1", port: 24, protocol: "lmtp", tls: "opportunistic", auth: undefined } as const;
const unknown: StoreAnswer = { kind: "refused", code: 550, enhanced: "5.1.1", text: "no such user" };
const full: StoreAnswer = { kind: "refused", code: 452, enhanced: "4.2.2", text: "over quota" };

function house(answers: Readonly<Record<string, StoreAnswer>>) {
  const asked: string[] = [];
  const directory = createDirectory(
    [
      domain(
        "store.jp",
        { both: ["carol@store.jp", "alice@own.jp"], gone: ["frank@store.jp"] },
        { target, imap: undefined, answerWithin: 1 },
      ),
      domain("own.jp", { away: ["dave@store.jp"] }, undefined),
    ],
    {
      findAccount: async (key) =>
        key === "alice@own.jp" || key === "carol@store.jp" || key === "alias@own.jp"
          ? {
              key: key === "alias@own.jp" ? "carol@store.jp" : key,
              address: key,
              passwordHash: "",
              aliases: [],
              createdAt: 1,
              suspended: false,
            }
          : undefined,
    },
  );
  const lookup = recipientLookup({
    directory,
    mailboxes: { fits: () => true },
    stores: {
      ask: (recipient, place) => {
        assert.equal(place, target);
        asked.push(recipient);
        return Promise.resolve(answers[recipient] ?? unknown);
      },
    },
  });
  return { lookup: async (text: string) => lookup(address(text)), asked, directory };
}

const yes: StoreAnswer = { kind: "taken" };

test("in a domain with a store only the store knows who exists; its answer is asked for and passed on", async () => {
  const down: StoreAnswer = { kind: "unavailable", cause: "not there" };
  const { lookup, asked } = house({ "Carol@store.jp": yes, "dave@store.jp": full, "erin@store.jp": down });
  assert.deepEqual(await lookup("frank@store.jp"), { kind: "unknown-mailbox" });
  const words = { kind: "store-refused", code: 452, enhanced: "4.2.2", text: "over quota" };
  assert.deepEqual(await lookup("dave@store.jp"), words);
  assert.deepEqual(await lookup("erin@store.jp"), down);
  assert.deepEqual(asked, ["frank@store.jp", "dave@store.jp", "erin@store.jp"]);
});

test("an alias is as good as all it leads to, wherever that is stored; a role is taken unasked", async () => {
  const { lookup, asked } = house({ "carol@store.jp": yes, "dave@store.jp": full });
  assert.equal((await lookup("both@store.jp")).kind, "alias");
  assert.deepEqual(await lookup("gone@store.jp"), { kind: "unknown-mailbox" });
  assert.equal((await lookup("away@own.jp")).kind, "store-refused");
  assert.equal((await lookup("postmaster@store.jp")).kind, "role");
  assert.deepEqual(await lookup("alias@own.jp"), { kind: "stored" });
  assert.deepEqual(asked, ["carol@store.jp", "frank@store.jp", "dave@store.jp", "carol@store.jp"]);
});

test("an account whose mail a store has owns its addresses, and none of those only the store knows", async () => {
  const { directory } = house({});
  const owns = async (text: string): Promise<boolean> =>
    (await directory.rightTo("carol@store.jp", address(text))) === "own";
  assert.equal(addressKey(address("Carol@store.jp")), "carol@store.jp");
  assert.equal(await owns("carol@store.jp"), true);
  assert.equal(await owns("alias@own.jp"), true);
  assert.equal(await owns("dave@store.jp"), false);
  assert.equal(await owns("alice@own.jp"), false);
});
