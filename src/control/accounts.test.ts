import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDomain } from "../address/domain.ts";
import { unlimitedPlan } from "../config/test-plan.ts";
import type { ListenerSettings, PlanSettings } from "../config/settings.ts";
import { createIdentities } from "../directory/identities.ts";
import { asRemote } from "../io/rpc.ts";
import { makeCramKeys } from "../io/cram-keys.ts";
import { verifyPassword } from "../io/password-hash.ts";
import { openMemoryStore } from "../store/memory/memory-store.ts";
import type { Store } from "../store/store.ts";
import { accountControl, readQuota } from "./accounts.ts";

interface Office {
  readonly control: ReturnType<typeof accountControl>;
  readonly store: Store;
  readonly changed: string[][];
  /** Whose sessions were ended. */
  readonly ended: string[];
  /** Names that log in nobody any more, for others who share the accounts. */
  readonly logins: string[];
  /** Whose mail was held. */
  readonly held: string[];
  readonly events: object[];
  /** What does not work now, and in which order what was asked for was done. */
  readonly trouble: { broken: Step | undefined; readonly done: Step[] };
}

type Step = "setSuspended" | "deleteAccount" | "changed" | "endSessions" | "holdMail" | "forgive";

/** How new accounts begin; a test may change it for itself. */
const ramp = { length: 0, share: 100 };
const office: PlanSettings = { ...unlimitedPlan, recipientsPerMessage: 100, ramp };
function listenerWith(mechanisms: ListenerSettings["mechanisms"]): ListenerSettings {
  return { role: "submission", tls: "implicit", mechanisms, proxies: [], endpoints: [] };
}

const domainRamp = { length: 0, share: 20 };

/** Whether a listener offers CRAM-MD5; a reload may change it. */
const cram = { on: false };
const client = {
  connections: 1,
  connectionRate: [],
  messages: [],
  recipients: [],
  authFailures: [],
  fail: "closed" as const,
  exempt: [],
};

function withOffice(work: (office: Office) => Promise<void>): () => Promise<void> {
  return async () => {
    const store = openMemoryStore();
    const changed: string[][] = [];
    const ended: string[] = [];
    const logins: string[] = [];
    const held: string[] = [];
    const events: object[] = [];
    const trouble: Office["trouble"] = { broken: undefined, done: [] };
    const does = (step: Step): void => {
      if (trouble.broken === step) throw new Error("disk full");
      trouble.done.push(step);
    };
    const breakable: Store = {
      ...store,
      setSuspended: (...given) => {
        does("setSuspended");
        return store.setSuspended(...given);
      },
      deleteAccount: (...given) => {
        does("deleteAccount");
        return store.deleteAccount(...given);
      },
    };
    const name = parseDomain("sekimori.test");
    assert.ok(name.ok);
    const postmaster = { local: "alice", domain: name.value, literal: undefined };
    const control = accountControl(
      {
        settings: () => ({
          domains: [{ name: name.value, postmaster, aliases: new Map(), dkim: undefined, store: undefined }],
          mailbox: { quota: 2 ** 30 },
          limits: { standard: office, plans: new Map([["office", office]]), domain: [], domainRamp, client },
          state: "/nonexistent",
          listeners: cram.on ? [listenerWith(["plain", "cram-md5"])] : [listenerWith(["plain"])],
        }),
        store: asRemote(breakable),
        observer: { emit: (event, fields) => void events.push({ event, ...fields }) },
        clock: { wall: () => 1_800_000_000_000, monotonic: () => 0 },
        forgive: async () => does("forgive"),
        endSessions: async (keys) => {
          does("endSessions");
          ended.push(...keys);
        },
        loginEnded: ({ account, names }) => void logins.push(`${account}: ${names.join(" ")}`),
        holdMail: async (key) => {
          does("holdMail");
          held.push(key);
          return { messages: 1, recipients: 2 };
        },
        changed: async (keys) => {
          does("changed");
          changed.push([...keys]);
        },
      },
      "operator",
    );
    await work({ control, store, changed, ended, logins, held, events, trouble });
  };
}

const password = "correct horse";
const all = { after: "", limit: 100 };

test(
  "an account is made with its aliases; its password is kept as a hash and told to nobody",
  withOffice(async ({ control, store, changed, events }) => {
    assert.deepEqual(await control.addAccount("Alice@Sekimori.Test", password, ["A.Smith@sekimori.test"]), {
      done: true,
    });
    const account = store.findAccount("alice@sekimori.test")!;
    assert.deepEqual([account.address, account.aliases], ["Alice@sekimori.test", ["a.smith@sekimori.test"]]);
    assert.equal(await verifyPassword(password, account.passwordHash), true);
    assert.deepEqual(changed, [["alice@sekimori.test", "a.smith@sekimori.test"]]);
    assert.deepEqual(events, [{ event: "account.changed", account: account.key, change: "added", by: "operator" }]);
    const { entries } = await control.list({});
    assert.deepEqual(entries, [
      {
        address: "Alice@sekimori.test",
        aliases: ["a.smith@sekimori.test"],
        created: "2027-01-15T08:00:00.000Z",
        scheme: "argon2id",
        suspended: false,
      },
    ]);
    assert.ok(!JSON.stringify([entries, events]).includes("$argon2"));
  }),
);

test(
  "what is no address, not of a domain here, or without a usable password is refused and leaves nothing",
  withOffice(async ({ control, store, changed, events }) => {
    for (const [address, secret, aliases, why] of [
      ["alice", password, [], /^alice: /],
      ["alice@", password, [], /^alice@: /],
      ["<alice@sekimori.test>", password, [], /sekimori\.test>: /],
      ["alice@sekimori.test\n", password, [], /./],
      ["alice@example.com", password, [], /not one of \[\[domain\]\]/],
      ["alice@sub.sekimori.test", password, [], /not one of \[\[domain\]\]/],
      ["alice@[192.0.2.1]", password, [], /not one of \[\[domain\]\]/],
      ["alice@sekimori.test", password, ["bob@example.com"], /^bob@example\.com: /],
      ["alice@sekimori.test", password, ["bob@sekimori.test", "nonsense"], /^nonsense: /],
      ["alice@sekimori.test", "", [], /at least 8 characters/],
      ["alice@sekimori.test", "1234567", [], /at least 8 characters/],
      ["alice@sekimori.test", "12345678\u0007", [], /cannot be used/],
    ] as const) {
      const outcome = await control.addAccount(address, secret, aliases);
      assert.ok(!outcome.done, address);
      assert.match(outcome.why, why);
      assert.ok(secret === "" || !outcome.why.includes(secret), "the password is not repeated");
    }
    assert.deepEqual([store.listAccounts(all), changed, events], [[], [], []]);
  }),
);

test(
  "an address or alias belongs to one account",
  withOffice(async ({ control, store, changed }) => {
    await control.addAccount("alice@sekimori.test", password, ["team@sekimori.test"]);
    for (const [address, aliases] of [
      ["ALICE@sekimori.test", []],
      ["team@sekimori.test", []],
      ["bob@sekimori.test", ["Team@sekimori.test"]],
      ["bob@sekimori.test", ["alice@sekimori.test"]],
    ] as const) {
      const outcome = await control.addAccount(address, password, aliases);
      assert.ok(!outcome.done && outcome.why.includes("exists already"), address);
    }
    assert.equal(store.listAccounts(all).length, 1);
    assert.equal(changed.length, 1);
  }),
);

test(
  "a password is changed under the address or an alias, and every name of the account is forgotten",
  withOffice(async ({ control, store, changed, events }) => {
    await control.addAccount("alice@sekimori.test", password, ["a.smith@sekimori.test"]);
    assert.deepEqual(await control.setPassword("A.Smith@sekimori.test", "another horse"), { done: true });
    const { passwordHash } = store.findAccount("alice@sekimori.test")!;
    assert.equal(await verifyPassword("another horse", passwordHash), true);
    assert.deepEqual(changed[1], ["alice@sekimori.test", "a.smith@sekimori.test"]);
    assert.equal(events.length, 2);

    for (const [address, secret] of [
      ["bob@sekimori.test", "another horse"],
      ["nonsense", "another horse"],
      ["alice@sekimori.test", "short"],
    ] as const) {
      assert.equal((await control.setPassword(address, secret)).done, false);
    }
    assert.equal(store.findAccount("alice@sekimori.test")!.passwordHash, passwordHash);
    assert.equal(changed.length, 2);
  }),
);

test(
  "a password is prepared as SASL will see it (RFC 4013)",
  withOffice(async ({ control, store }) => {
    // U+00A0 and U+FF11: a no-break space becomes a space, a full-width digit a digit.
    await control.addAccount("alice@sekimori.test", "pass\u00a0word\uff11", []);
    const { passwordHash } = store.findAccount("alice@sekimori.test")!;
    assert.equal(await verifyPassword("pass word1", passwordHash), true);
  }),
);

test(
  "an account is suspended and resumed under any of its names; who suspends it again does all of it again",
  withOffice(async ({ control, store, changed, ended, held, events }) => {
    await control.addAccount("bob@sekimori.test", password, ["robert@sekimori.test"]);
    assert.deepEqual(await control.setStanding("Robert@sekimori.test", "suspended"), { done: true });
    assert.equal(store.findAccount("bob@sekimori.test")?.suspended, true);
    assert.equal((await control.find("bob@sekimori.test"))?.suspended, true);
    assert.deepEqual([ended, held], [["bob@sekimori.test"], ["bob@sekimori.test"]]);
    assert.deepEqual(await control.setStanding("bob@sekimori.test", "suspended"), { done: true });
    assert.deepEqual([ended, held], [Array(2).fill("bob@sekimori.test"), Array(2).fill("bob@sekimori.test")]);
    assert.deepEqual(await control.setStanding("bob@sekimori.test", "active"), { done: true });
    assert.equal(store.findAccount("bob@sekimori.test")?.suspended, false);
    const again = await control.setStanding("bob@sekimori.test", "active");
    assert.equal(!again.done && again.kind, "conflict");
    for (const nobody of ["carol@sekimori.test", "nonsense", "bob@[192.0.2.1]"])
      assert.equal((await control.setStanding(nobody, "suspended")).done, false);
    const names = ["bob@sekimori.test", "robert@sekimori.test"];
    assert.deepEqual(changed.slice(1), [names, names, names]);
    const changes = events.slice(1).map((event) => Reflect.get(event, "change") as unknown);
    assert.deepEqual(changes, ["hold-suspended", "suspended", "hold-suspended", "suspended", "resumed"]);
    assert.deepEqual(await control.deleteAccount("Robert@sekimori.test"), { done: true });
    assert.deepEqual([ended, held], [Array(3).fill("bob@sekimori.test"), Array(3).fill("bob@sekimori.test")]);
  }),
);

test(
  "what others hold open is ended, by all names, with a suspension, another password and the end of the account; with nothing else",
  withOffice(async ({ control, logins }) => {
    await control.addAccount("alice@sekimori.test", password, []);
    await control.addAccount("bob@sekimori.test", password, ["robert@sekimori.test"]);
    await control.changeAccount("bob@sekimori.test", { quota: 2 ** 20 });
    const bob = "bob@sekimori.test: bob@sekimori.test robert@sekimori.test";
    assert.deepEqual(logins, []);
    await control.setStanding("bob@sekimori.test", "suspended");
    assert.deepEqual(logins.splice(0), [bob]);
    await control.setStanding("bob@sekimori.test", "active");
    await control.setPassword("bob@sekimori.test", "short");
    assert.deepEqual(logins, []);
    await control.setPassword("robert@sekimori.test", "another horse");
    await control.deleteAccount("robert@sekimori.test");
    assert.deepEqual(logins, [bob, bob]);
  }),
);

/** What a suspension does, in its order. */
const suspending: readonly Step[] = ["setSuspended", "changed", "endSessions", "holdMail"];

for (const broken of suspending) {
  test(
    `a suspension that stopped at ${broken} is completed by asking for it again`,
    withOffice(async ({ control, store, trouble }) => {
      await control.addAccount("bob@sekimori.test", password, []);
      trouble.done.length = 0;
      trouble.broken = broken;
      await assert.rejects(control.setStanding("bob@sekimori.test", "suspended"), /disk full/);
      trouble.broken = undefined;
      trouble.done.length = 0;
      assert.deepEqual(await control.setStanding("bob@sekimori.test", "suspended"), { done: true });
      assert.deepEqual(trouble.done, suspending);
      assert.equal(store.findAccount("bob@sekimori.test")?.suspended, true);
    }),
  );
}

for (const broken of ["forgive", "setSuspended"] as const) {
  test(
    `an account whose resumption stopped at ${broken} stays suspended, and is resumed by asking for it again`,
    withOffice(async ({ control, store, trouble }) => {
      await control.addAccount("bob@sekimori.test", password, []);
      await control.setStanding("bob@sekimori.test", "suspended");
      trouble.broken = broken;
      await assert.rejects(control.setStanding("bob@sekimori.test", "active"), /disk full/);
      assert.equal(store.findAccount("bob@sekimori.test")?.suspended, true);
      trouble.broken = undefined;
      trouble.done.length = 0;
      assert.deepEqual(await control.setStanding("bob@sekimori.test", "active"), { done: true });
      assert.deepEqual(trouble.done, ["forgive", "setSuspended", "changed"]);
    }),
  );
}

for (const broken of [...suspending, "deleteAccount"] as const) {
  test(
    `a deletion that stopped at ${broken} leaves the account as restrained as it was, or more, and is completed by asking for it again`,
    withOffice(async ({ control, store, trouble }) => {
      await control.addAccount("bob@sekimori.test", password, ["robert@sekimori.test"]);
      store.setRestraint("bob@sekimori.test", { step: "suspend", since: 1, score: 19, evidence: ["a login"] });
      trouble.done.length = 0;
      trouble.broken = broken;
      await assert.rejects(control.deleteAccount("robert@sekimori.test"), /disk full/);
      assert.ok(!trouble.done.includes("forgive"), "its evidence is needed until it is gone");
      assert.equal(store.findAccount("bob@sekimori.test")?.restraint?.step, "suspend");
      trouble.broken = undefined;
      trouble.done.length = 0;
      assert.deepEqual(await control.deleteAccount("robert@sekimori.test"), { done: true });
      assert.deepEqual(trouble.done, [...suspending, "deleteAccount", "changed", "forgive"]);
      assert.equal(store.findAccount("bob@sekimori.test"), undefined);
    }),
  );
}

test(
  "what spoke against an account that is gone is forgotten by asking again, where it did not work at first",
  withOffice(async ({ control, trouble }) => {
    await control.addAccount("bob@sekimori.test", password, []);
    trouble.broken = "forgive";
    await assert.rejects(control.deleteAccount("bob@sekimori.test"), /disk full/);
    trouble.broken = undefined;
    trouble.done.length = 0;
    const again = await control.deleteAccount("bob@sekimori.test");
    assert.equal(!again.done && again.kind, "not-found");
    assert.deepEqual(trouble.done, ["forgive"]);
  }),
);

test(
  "what the detector suspended an operator can make his own, and whoever resumes ends that",
  withOffice(async ({ control, store }) => {
    await control.addAccount("bob@sekimori.test", password, []);
    store.setRestraint("bob@sekimori.test", { step: "hold", since: 1, score: 13, evidence: ["a login"] });
    assert.equal((await control.setStanding("bob@sekimori.test", "active")).done, false, "nobody suspended it");
    assert.equal((await control.find("bob@sekimori.test"))?.restraint?.step, "hold");
    store.setRestraint("bob@sekimori.test", { step: "suspend", since: 1, score: 19, evidence: ["a login"] });
    assert.equal((await control.find("bob@sekimori.test"))?.suspended, true);
    assert.deepEqual(await control.setStanding("bob@sekimori.test", "suspended"), { done: true });
    store.setRestraint("bob@sekimori.test", undefined);
    assert.equal((await control.find("bob@sekimori.test"))?.suspended, true);
  }),
);

test(
  "an account is deleted with its aliases, but not while the configuration leads mail to it",
  withOffice(async ({ control, store, changed }) => {
    await control.addAccount("alice@sekimori.test", password, []);
    await control.addAccount("bob@sekimori.test", password, ["robert@sekimori.test"]);
    const refused = await control.deleteAccount("alice@sekimori.test");
    assert.ok(!refused.done);
    assert.match(refused.why, /postmaster .* sekimori\.test/);
    assert.deepEqual(await control.deleteAccount("robert@sekimori.test"), { done: true });
    assert.deepEqual(changed[2], ["bob@sekimori.test", "robert@sekimori.test"]);
    assert.equal(await control.find("bob@sekimori.test"), undefined);
    assert.equal((await control.deleteAccount("bob@sekimori.test")).done, false);
    assert.equal(store.listAccounts(all).length, 1);
  }),
);

test(
  "a quota is the account's own until it is given back, and is shown with what the mailbox holds",
  withOffice(async ({ control, store, changed }) => {
    await control.addAccount("alice@sekimori.test", password, [], { quota: 2 ** 31 });
    const mailbox = async () => (await control.find("alice@sekimori.test"))?.mailbox;
    assert.deepEqual(await mailbox(), { used: 0, quota: 2 ** 31 });
    assert.deepEqual(await control.changeAccount("alice@sekimori.test", { quota: 2 ** 20 }), { done: true });
    assert.equal(store.findAccount("alice@sekimori.test")?.quota, 2 ** 20);
    assert.deepEqual(changed.at(-1), ["alice@sekimori.test"]);
    await control.changeAccount("alice@sekimori.test", {});
    assert.deepEqual(await mailbox(), { used: 0, quota: 2 ** 20 });
    await control.changeAccount("alice@sekimori.test", { quota: null });
    assert.deepEqual(await mailbox(), { used: 0, quota: 2 ** 30 });
    for (const quota of [0, -1, 1.5, 65_535, Number.NaN]) {
      const outcome = await control.changeAccount("alice@sekimori.test", { quota });
      assert.equal(!outcome.done && outcome.kind, "invalid", String(quota));
    }
    assert.equal((await control.changeAccount("bob@sekimori.test", { quota: null })).done, false);
    assert.deepEqual(readQuota("2GiB"), { ok: true, value: 2 ** 31 });
    assert.deepEqual(readQuota("default"), { ok: true, value: null });
    assert.equal(readQuota("much").ok, false);
  }),
);

test(
  "an account has a plan of the configuration, and a raise for a time with who and why",
  withOffice(async ({ control, store, events }) => {
    await control.addAccount("alice@sekimori.test", password, [], { plan: "office" });
    assert.equal((await control.find("alice@sekimori.test"))?.plan, "office");
    const raise = { factor: 5, for: 86_400_000, reason: "invitations" };
    assert.deepEqual(await control.changeAccount("alice@sekimori.test", { plan: null, raise }), { done: true });
    const view = await control.find("alice@sekimori.test");
    const until = "2027-01-16T08:00:00.000Z";
    assert.deepEqual(
      [view?.plan, view?.raise],
      [undefined, { factor: 5, until, by: "operator", reason: "invitations" }],
    );
    assert.deepEqual(
      events.slice(1).map((event) => ("change" in event ? event.change : "")),
      ["plan", "raise"],
    );
    store.setRaise("alice@sekimori.test", { factor: 5, until: 1_800_000_000_000, by: "operator", reason: "over" });
    assert.equal((await control.find("alice@sekimori.test"))?.raise, undefined);
    await control.changeAccount("alice@sekimori.test", { raise: null });
    assert.equal(store.findAccount("alice@sekimori.test")?.raise, undefined);
    for (const terms of [
      { plan: "nothing" },
      { raise: { ...raise, factor: 1 } },
      { raise: { ...raise, factor: Number.NaN } },
      { raise: { ...raise, for: 1 } },
      { raise: { ...raise, reason: " " } },
    ]) {
      const outcome = await control.changeAccount("alice@sekimori.test", terms);
      assert.equal(!outcome.done && outcome.kind, "invalid", JSON.stringify(terms));
    }
  }),
);

const bcrypt = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

test(
  "an account is added with the hash of another server, and says so until it is replaced",
  withOffice(async ({ control, store }) => {
    const outcome = await control.addAccount("alice@sekimori.test", { hash: `{BLF-CRYPT}${bcrypt}` }, []);
    assert.deepEqual(outcome, { done: true });
    const { passwordHash, scram } = store.findAccount("alice@sekimori.test")!;
    assert.deepEqual([passwordHash, scram], [bcrypt, undefined]);
    assert.equal((await control.find("alice@sekimori.test"))?.scheme, "blf-crypt");
    const refused = await control.addAccount("bob@sekimori.test", { hash: bcrypt.replace("$05$", "$31$") }, []);
    assert.ok(!refused.done && refused.kind === "invalid");
    await control.setPassword("alice@sekimori.test", password);
    assert.equal((await control.find("alice@sekimori.test"))?.scheme, "argon2id");
  }),
);

test(
  "what CRAM-MD5 needs is kept of passwords that are set while it is offered, and of no others",
  withOffice(async ({ control, store }) => {
    const kept = (): string | undefined => store.findAccount("alice@sekimori.test")?.cram;
    await control.addAccount("alice@sekimori.test", password, []);
    assert.equal(kept(), undefined);
    cram.on = true;
    try {
      assert.equal(kept(), undefined);
      await control.setPassword("alice@sekimori.test", password);
      assert.equal(kept(), makeCramKeys(password));
      assert.equal((await control.find("alice@sekimori.test"))?.cram, true);
      await control.addAccount("bob@sekimori.test", password, []);
      assert.equal(store.findAccount("bob@sekimori.test")?.cram, makeCramKeys(password));
      await control.addAccount("carol@sekimori.test", { hash: bcrypt }, []);
      assert.equal(store.findAccount("carol@sekimori.test")?.cram, undefined);
    } finally {
      cram.on = false;
    }
    await control.setPassword("alice@sekimori.test", password);
    assert.equal(kept(), undefined, "set again without it, they are gone");
    assert.equal((await control.find("alice@sekimori.test"))?.cram, undefined);
  }),
);

test(
  "an account is found by the id that Received names it by, in any case, and nobody by another",
  withOffice(async ({ control, store }) => {
    for (const name of ["alice", "bob"]) await control.addAccount(`${name}@sekimori.test`, { hash: bcrypt }, []);
    const id = createIdentities(store.loginSecret()).idOf("bob@sekimori.test");
    assert.match(id, /^[0-9a-f]{24}$/);
    for (const given of [id, id.toUpperCase()]) {
      assert.equal((await control.find(given))?.address, "bob@sekimori.test");
    }
    assert.equal(await control.find(createIdentities("another").idOf("bob@sekimori.test")), undefined);
    assert.equal(await control.find(id.slice(1)), undefined);
  }),
);

test(
  "accounts that are imported are as old as one says; who says nothing is told that they begin as new ones",
  withOffice(async ({ control, store }) => {
    Object.assign(ramp, { length: 14 * 86_400_000, share: 20 });
    try {
      const one = [{ address: "alice@sekimori.test", hash: bcrypt }];
      const added = { added: 1, problems: [] };
      const asNew = { ...added, new: { share: 0.2, days: 14 } };
      assert.deepEqual(await control.importAccounts(one, "look"), asNew);
      assert.deepEqual(await control.importAccounts(one, "look", "2020-01-01T00:00:00Z"), added);
      assert.deepEqual(await control.importAccounts(one, "add", "2020-01-01T00:00:00Z"), added);
      assert.equal(store.findAccount("alice@sekimori.test")?.createdAt, Date.UTC(2020, 0, 1));
      const another = [{ address: "bob@sekimori.test", hash: bcrypt }];
      // Nobody is made in the future.
      assert.deepEqual(await control.importAccounts(another, "add", "2099-01-01T00:00:00Z"), added);
      assert.equal(store.findAccount("bob@sekimori.test")?.createdAt, 1_800_000_000_000);
      assert.deepEqual(await control.importAccounts([{ address: "carol@sekimori.test", hash: bcrypt }], "add"), asNew);
    } finally {
      Object.assign(ramp, { length: 0, share: 100 });
    }
  }),
);

test(
  "accounts of another server come all together or not at all, and looking adds none",
  withOffice(async ({ control, store, changed, events }) => {
    const given = ["alice", "Bob"].map((name) => ({ address: `${name}@sekimori.test`, hash: bcrypt }));
    const wrong = [
      { address: "carol@elsewhere.test", hash: bcrypt },
      { address: "dave@sekimori.test", hash: "{LANMAN}x" },
      { address: "erin", hash: bcrypt },
    ];
    assert.deepEqual(await control.importAccounts([], "add"), { added: 0, problems: [] });
    assert.deepEqual(await control.importAccounts(given, "look"), { added: 2, problems: [] });
    const faulty = await control.importAccounts([...given, ...wrong, given[0]!], "add");
    assert.equal(faulty.added, 0);
    assert.deepEqual(
      faulty.problems.map(({ index, kind }) => `${index} ${kind}`),
      ["2 invalid", "3 invalid", "4 invalid", "5 conflict"],
    );
    assert.deepEqual([store.countAccounts(), changed, events], [0, [], []]);
    assert.deepEqual(await control.importAccounts(given, "add"), { added: 2, problems: [] });
    assert.deepEqual(store.findAccount("bob@sekimori.test"), {
      key: "bob@sekimori.test",
      address: "Bob@sekimori.test",
      passwordHash: bcrypt,
      aliases: [],
      createdAt: 1_800_000_000_000,
      suspended: false,
    });
    assert.deepEqual(changed, [["alice@sekimori.test", "bob@sekimori.test"]]);
    assert.deepEqual(events.at(-1), {
      event: "account.changed",
      account: "bob@sekimori.test",
      change: "imported",
      by: "operator",
    });
    const again = await control.importAccounts(given, "add");
    assert.deepEqual(
      again.problems.map(({ kind }) => kind),
      ["conflict", "conflict"],
    );
  }),
);

test(
  "an address under which mail of a deleted account is held goes to nobody until that is settled",
  withOffice(async ({ control, store }) => {
    const message = {
      id: "m1",
      receivedAt: 1,
      origin: "submission",
      sender: "bob@sekimori.test",
      recipients: ["x@r.test"],
      eightBit: false,
      messageId: "<x@y>",
      size: 3,
      account: "bob@sekimori.test",
    } as const;
    store.addWaiting([{ message, recipients: [0] }], 1, 0);
    store.changeWaiting("hold-suspended", { kind: "account", account: message.account }, 1);
    const given = ["alice", "bob"].map((name) => ({ address: `${name}@sekimori.test`, hash: bcrypt }));
    const settle = /deleted .*queue list --state held --account bob@sekimori\.test/;
    for (const outcome of [
      await control.addAccount("Bob@sekimori.test", { hash: bcrypt }, []),
      await control.addAccount("carol@sekimori.test", { hash: bcrypt }, ["bob@sekimori.test"]),
    ]) {
      assert.ok(!outcome.done && outcome.kind === "conflict");
      assert.match(outcome.why, settle);
    }
    for (const how of ["look", "add"] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { added, problems } = await control.importAccounts(given, how);
      assert.deepEqual([added, problems.map(({ index, kind }) => `${index} ${kind}`)], [0, ["1 conflict"]]);
      assert.match(problems[0]!.why, settle);
    }
    assert.equal(store.countAccounts(), 0);
    store.changeWaiting("release", { kind: "all" }, 2);
    assert.deepEqual(await control.importAccounts(given, "add"), { added: 2, problems: [] });
    // Of an account that is there, it is its own.
    store.changeWaiting("hold", { kind: "all" }, 3);
    const again = await control.addAccount("bob@sekimori.test", { hash: bcrypt }, []);
    assert.ok(!again.done && /exists already/.test(again.why));
  }),
);
