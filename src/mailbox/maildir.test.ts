import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import * as disk from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { MessageChannel } from "node:worker_threads";
import * as fc from "fast-check";
import { parseAddress, type Address } from "../address/address.ts";
import type { CounterRules } from "../counters/counters.ts";
import { createLocalCounters } from "../counters/local.ts";
import { remoteCounters, serveCounters } from "../counters/remote.ts";
import { createRooms } from "../counters/rooms.ts";
import { systemClock } from "../io/clock.ts";
import type { Files } from "./disk.ts";
import { openMailboxes } from "./maildir.ts";
import { parseName, uniqueId } from "./name.ts";
import type { Mailbox, MailboxMessage } from "./snapshot.ts";
import { mailboxOctets } from "./usage.ts";

const run = promisify(execFile);
const alice = address("alice@sekimori.test");
const bob = address("bob@sekimori.test");

function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

const noPlan = { recipients: [], attempts: [], messages: [], "new-recipients": [], bytes: [] };
const noRules: CounterRules = {
  account: { standard: noPlan, plans: {}, domain: [] },
  client: { connections: 100, connectionRate: [], messages: [], recipients: [], authFailures: [], exempt: [] },
};

function newRooms(): ReturnType<typeof createRooms> {
  return createRooms(() => systemClock.monotonic());
}

async function fresh(t: TestContext, files?: Partial<Files>, quota?: number | (() => number | undefined)) {
  const root = await disk.mkdtemp(join(tmpdir(), "maildir-"));
  t.after(() => disk.rm(root, { recursive: true }));
  const options = {
    hostname: "mx1.sekimori.test",
    clock: systemClock,
    quota: { of: typeof quota === "function" ? quota : () => quota, rooms: newRooms() },
  };
  const mailboxes = openMailboxes(root, files === undefined ? options : { ...options, files: { ...disk, ...files } });
  const folder = join(root, "sekimori.test", "alice", "Maildir");
  const deliver = async (text: string, account = alice) => {
    const result = await mailboxes.deliver(account, [Buffer.from(text)], "counted");
    assert.ok(result.ok);
    return result.value.file;
  };
  const open = async (account = alice) => {
    const result = await mailboxes.open(account);
    assert.ok(result.ok);
    return result.value;
  };
  return { root, folder, mailboxes, deliver, open };
}

async function readAll(mailbox: Mailbox, message: MailboxMessage | undefined): Promise<string> {
  assert.ok(message);
  const opened = await mailbox.read(message);
  assert.ok(opened.ok);
  const parts: Uint8Array[] = [];
  for (let part = await opened.value.next(); part !== undefined; part = await opened.value.next()) parts.push(part);
  await opened.value.close();
  return Buffer.concat(parts).toString("latin1");
}

function errno(code: string): Error {
  return Object.assign(new Error(`${code}: made up`), { code });
}

test("a delivered message is in new, octet for octet, and nothing is left in tmp", async (t) => {
  const { folder, mailboxes } = await fresh(t);
  const chunks = [Buffer.from("Subject: a\r\n"), new Uint8Array(0), Buffer.from("\r\nb\0\xff\r\n", "latin1")];
  const result = await mailboxes.deliver(alice, chunks, "counted");
  assert.ok(result.ok);
  const { file } = result.value;
  assert.match(file, /^\d{10}\.M\d{6}P\d+Q1\.mx1\.sekimori\.test,S=19,W=19$/);
  assert.deepEqual(await disk.readdir(join(folder, "new")), [file]);
  assert.deepEqual(await disk.readdir(join(folder, "tmp")), []);
  assert.deepEqual(await disk.readFile(join(folder, "new", file)), Buffer.concat(chunks));
  assert.equal((await disk.stat(folder)).mode & 0o777, 0o700);
  assert.equal((await disk.stat(join(folder, "new", file))).mode & 0o777, 0o600);
});

test("a message in thousands of chunks arrives whole", async (t) => {
  const { mailboxes, open } = await fresh(t);
  const lines = Array.from({ length: 3000 }, (_, i) => Buffer.from(`line ${i}\r\n`));
  assert.ok((await mailboxes.deliver(alice, lines, "counted")).ok);
  const mailbox = await open();
  assert.equal(await readAll(mailbox, mailbox.messages[0]), Buffer.concat(lines).toString());
});

test("short writes are continued", async (t) => {
  let writes = 0;
  const open: Files["open"] = async (path, flags, mode) => {
    const handle = await disk.open(path, flags, mode);
    t.mock.method(handle, "writev", async (buffers: Uint8Array[]) => {
      writes += 1;
      const first = buffers[0] ?? new Uint8Array(0);
      return handle.write(first, 0, Math.min(3, first.length));
    });
    return handle;
  };
  const { deliver, open: openMailbox } = await fresh(t, { open });
  await deliver("ten octets");
  const mailbox = await openMailbox();
  assert.equal(await readAll(mailbox, mailbox.messages[0]), "ten octets");
  assert.equal(writes, 4);
});

test("messages are listed in order of delivery with stable ids and exact sizes", async (t) => {
  const { folder, deliver, open } = await fresh(t);
  const texts = Array.from({ length: 20 }, (_, i) => `${"x".repeat(i)}\r\n`);
  for (const text of texts) await deliver(text);
  const before = await open();
  assert.deepEqual(
    before.messages.map((message) => message.size),
    texts.map((text) => text.length),
  );
  assert.equal(new Set(before.messages.map((message) => message.id)).size, 20);
  before.close();
  for (const name of await disk.readdir(join(folder, "new"))) {
    await disk.rename(join(folder, "new", name), join(folder, "cur", `${name}:2,S`));
  }
  const after = await open();
  assert.deepEqual(after.messages, before.messages);
});

test("what lies in tmp is never listed", async (t) => {
  const { folder, deliver, open } = await fresh(t);
  await deliver("one\r\n");
  await disk.writeFile(join(folder, "tmp", "1767225600.M000001P1Q1.mx1,S=4,W=4"), "half");
  await disk.writeFile(join(folder, "new", ".hidden"), "");
  await disk.mkdir(join(folder, "cur", "directory"));
  assert.equal((await open()).messages.length, 1);
});

test("left-overs in tmp go after 36 hours, fresh files stay", async (t) => {
  const { folder, deliver, open } = await fresh(t);
  await deliver("one\r\n");
  const old = join(folder, "tmp", "old");
  const young = join(folder, "tmp", "young");
  await disk.writeFile(old, "");
  await disk.writeFile(young, "");
  const seconds = Date.now() / 1000;
  await disk.utimes(old, seconds - 37 * 3600, seconds - 37 * 3600);
  await disk.utimes(young, seconds - 35 * 3600, seconds - 35 * 3600);
  (await open()).close();
  assert.deepEqual(await disk.readdir(join(folder, "tmp")), ["young"]);
});

test("a file moved or flagged during the session is still read and removed", async (t) => {
  const { folder, deliver, open } = await fresh(t);
  const file = await deliver("one\r\n");
  const gone = await deliver("two\r\n");
  const mailbox = await open();
  await disk.rename(join(folder, "new", file), join(folder, "cur", `${file}:2,RS`));
  await disk.unlink(join(folder, "new", gone));
  assert.equal(await readAll(mailbox, mailbox.messages[0]), "one\r\n");
  const [first, second] = mailbox.messages;
  assert.ok(first && second);
  const missing = await mailbox.read(second);
  assert.equal(missing.ok ? "" : missing.error.code, "gone");
  await disk.rename(join(folder, "cur", `${file}:2,RS`), join(folder, "cur", `${file}:2,S`));
  assert.ok((await mailbox.remove([first, second])).ok);
  assert.deepEqual(await disk.readdir(join(folder, "cur")), []);
});

test("files of other programs are sized with CRLF line ends", async (t) => {
  const { folder, deliver, open } = await fresh(t);
  await deliver("one\r\n");
  await disk.writeFile(join(folder, "new", "9000000000.foreign,S=8:2,"), "a\nb\r\n\nc");
  const mailbox = await open();
  assert.deepEqual(
    mailbox.messages.map((message) => message.size),
    [5, 9],
  );
});

test("a mailbox that has had no delivery is empty and is not made by looking", async (t) => {
  const { root, open } = await fresh(t);
  assert.deepEqual((await open(bob)).messages, []);
  assert.deepEqual(await disk.readdir(root), []);
});

test("a mailbox is open once at a time", async (t) => {
  const { mailboxes, open } = await fresh(t);
  const mailbox = await open();
  const second = await mailboxes.open({ ...alice, local: "ALICE" });
  assert.equal(second.ok ? "" : second.error.code, "in-use");
  assert.ok((await mailboxes.open(bob)).ok);
  mailbox.close();
  assert.ok((await mailboxes.open(alice)).ok);
});

test("deliveries made while a mailbox is open appear in the next session", async (t) => {
  const { deliver, open } = await fresh(t);
  await deliver("one\r\n");
  const mailbox = await open();
  await deliver("two\r\n");
  assert.ok((await mailbox.remove(mailbox.messages)).ok);
  mailbox.close();
  const next = await open();
  assert.equal(await readAll(next, next.messages[0]), "two\r\n");
});

test("concurrent deliveries into a new mailbox all arrive and share directory syncs", async (t) => {
  let opened = 0;
  const open: Files["open"] = (path, flags, mode) => {
    if (String(path).endsWith("new")) opened += 1;
    return disk.open(path, flags, mode);
  };
  const { deliver, open: openMailbox } = await fresh(t, { open });
  const files = await Promise.all(Array.from({ length: 50 }, (_, i) => deliver(`message ${i}\r\n`)));
  assert.equal(new Set(files).size, 50);
  assert.equal((await openMailbox()).messages.length, 50);
  assert.ok(opened > 0 && opened < 50, `${opened} directory syncs`);
});

for (const [code, expected] of [
  ["ENOSPC", "full"],
  ["EDQUOT", "full"],
  ["EIO", "unavailable"],
  ["EROFS", "unavailable"],
] as const) {
  for (const stage of ["open", "write", "sync", "rename", "directory sync"] as const) {
    test(`${code} at ${stage} fails as ${expected}, leaves nothing, and the next delivery works`, async (t) => {
      let broken = true;
      const open: Files["open"] = async (path, flags, mode) => {
        const inTmp = String(path).includes(join("Maildir", "tmp")) && flags === "wx";
        const isNew = String(path).endsWith(join("Maildir", "new"));
        if (broken && stage === "open" && inTmp) throw errno(code);
        const handle = await disk.open(path, flags, mode);
        if (broken && stage === "write" && inTmp) t.mock.method(handle, "writev", () => Promise.reject(errno(code)));
        if (broken && ((stage === "sync" && inTmp) || (stage === "directory sync" && isNew))) {
          t.mock.method(handle, "sync", () => Promise.reject(errno(code)));
        }
        return handle;
      };
      const rename: Files["rename"] = async (from, to) => {
        if (broken && stage === "rename") throw errno(code);
        await disk.rename(from, to);
      };
      const { folder, mailboxes, deliver } = await fresh(t, { open, rename });
      const result = await mailboxes.deliver(alice, [Buffer.from("one\r\n")], "counted");
      assert.equal(result.ok ? "" : result.error.code, expected);
      assert.deepEqual(await disk.readdir(join(folder, "tmp")), []);
      assert.deepEqual(await disk.readdir(join(folder, "new")), []);
      broken = false;
      await deliver("two\r\n");
    });
  }
}

test("a folder removed under us is made again", async (t) => {
  const { root, mailboxes, deliver } = await fresh(t);
  await deliver("one\r\n");
  await disk.rm(join(root, "sekimori.test"), { recursive: true });
  assert.equal((await mailboxes.deliver(alice, [Buffer.from("two\r\n")], "counted")).ok, false);
  await deliver("three\r\n");
});

test("a bug is thrown, not reported as a disk failure", async (t) => {
  const { mailboxes } = await fresh(t, { rename: () => Promise.reject(new RangeError("bug")) });
  await assert.rejects(mailboxes.deliver(alice, [Buffer.from("one\r\n")], "counted"), RangeError);
});

test("names stay unique and in order when the clock steps back", async (t) => {
  const root = await disk.mkdtemp(join(tmpdir(), "maildir-"));
  t.after(() => disk.rm(root, { recursive: true }));
  let now = 1_767_225_600_000;
  const clock = { wall: () => (now -= 5000), monotonic: () => 0 };
  const mailboxes = openMailboxes(root, { hostname: "a/b:c,d", clock });
  const names: string[] = [];
  for (let i = 0; i < 5; i++) {
    const result = await mailboxes.deliver(alice, [Buffer.from("x\r\n")], "counted");
    assert.ok(result.ok);
    names.push(result.value.file);
    assert.equal(parseName(result.value.file).wireSize, 3);
  }
  assert.deepEqual(names.toSorted(), names);
  assert.equal(new Set(names).size, 5);
});

function python(script: string, ...parameters: readonly string[]): Promise<unknown> {
  return run("python3", ["-c", script, ...parameters]);
}

test("Python's mailbox module reads the folder, and its own messages are listed", async (t) => {
  const found = await python("import mailbox").catch(() => undefined);
  if (found === undefined) return t.skip("python3 is not on this machine");
  const { folder, deliver, open } = await fresh(t);
  await deliver("Subject: one\r\n\r\nbody\r\n");
  const script = `
import mailbox, sys
box = mailbox.Maildir(sys.argv[1], create=False)
[message] = list(box)
assert message["Subject"] == "one", message["Subject"]
assert message.get_payload().split() == ["body"]
box.add(b"Subject: two\\n\\n.\\n")
box.flush()
`;
  await python(script, folder);
  const mailbox = await open();
  assert.deepEqual(
    mailbox.messages.map((message) => message.size).toSorted((a, b) => a - b),
    [19, 22],
  );
});

test("unique ids are what RFC 1939 section 7 allows, for any file name", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 120 }), (name) => {
      assert.match(uniqueId(parseName(name).unique), /^[\x21-\x7e]{1,70}$/);
    }),
  );
});

const text = (octets: number): Uint8Array[] => [Buffer.alloc(octets, "x")];

test("a mailbox holds what its quota allows, exactly, and has room again when a session has deleted", async (t) => {
  const { mailboxes, open, folder } = await fresh(t, undefined, 100);
  assert.equal(await mailboxes.fits(alice, 100), true);
  assert.equal(await mailboxes.fits(alice, 101), false);
  for (const octets of [60, 40]) assert.ok((await mailboxes.deliver(alice, text(octets), "counted")).ok);
  const refused = await mailboxes.deliver(alice, text(1), "counted");
  assert.equal(!refused.ok && refused.error.code, "over-quota");
  assert.equal(mailboxes.fits(alice, 1), false);
  assert.equal(await mailboxes.fits(bob, 100), true, "another mailbox is another matter");
  assert.ok((await mailboxes.deliver(alice, text(5), "exempt")).ok, "role addresses are always stored");
  const session = await open();
  assert.ok((await session.remove(session.messages.filter(({ size }) => size !== 40))).ok);
  session.close();
  assert.ok((await mailboxes.deliver(alice, text(60), "counted")).ok);
  assert.equal(await mailboxes.fits(alice, 1), false);
  assert.deepEqual(
    (await disk.readdir(join(folder, "new"))).map((name) => parseName(name).wireSize),
    [40, 60],
  );
});

test("many deliveries at once do not go beyond the quota together, and one that fails gives its room back", async (t) => {
  let failing = true;
  const rename: Files["rename"] = async (from, to) => {
    if (failing) throw errno("EIO");
    await disk.rename(from, to);
  };
  const { mailboxes } = await fresh(t, { rename }, 100);
  assert.equal((await mailboxes.deliver(alice, text(100), "counted")).ok, false);
  failing = false;
  const results = await Promise.all(Array.from({ length: 20 }, () => mailboxes.deliver(alice, text(10), "counted")));
  assert.equal(results.filter(({ ok }) => ok).length, 10);
  const all = await mailboxes.open(alice);
  assert.ok(all.ok);
  assert.equal(all.value.messages.length, 10);
});

test("two threads do not go beyond the quota together, and each sees what the other stored and took away", async (t) => {
  const { root } = await fresh(t);
  const owner = createLocalCounters(noRules, systemClock);
  const [one, other] = [0, 1].map((index) => {
    const { port1, port2 } = new MessageChannel();
    t.after(() => port1.close());
    serveCounters(port1, owner);
    const { rooms } = remoteCounters(port2, () => performance.now());
    const quota = { of: () => 100, rooms };
    return openMailboxes(root, { hostname: "mx1", clock: systemClock, quota, thread: { index, count: 2 } });
  });
  assert.ok(one !== undefined && other !== undefined);
  const results = await Promise.all(
    Array.from({ length: 40 }, (_each, index) => (index % 2 === 0 ? one : other).deliver(alice, text(10), "counted")),
  );
  assert.equal(results.filter(({ ok }) => ok).length, 10);
  assert.equal(await mailboxOctets(root, alice), 100);
  assert.deepEqual([await one.fits(alice, 1), await other.fits(alice, 1)], [false, false]);
  const session = await one.open(alice);
  assert.ok(session.ok);
  assert.ok((await session.value.remove(session.value.messages.slice(0, 3))).ok);
  session.value.close();
  assert.deepEqual([await other.fits(alice, 30), await other.fits(alice, 31)], [true, false]);
});

test("what was there before counts, messages without a size in their name too", async (t) => {
  const first = await fresh(t);
  await first.deliver("x".repeat(50));
  await disk.writeFile(join(first.folder, "cur", "1.foreign:2,S"), "x".repeat(30));
  const again = openMailboxes(first.root, {
    hostname: "mx1",
    clock: systemClock,
    quota: { of: () => 100, rooms: newRooms() },
  });
  assert.equal(await again.fits(alice, 20), true);
  assert.equal(await again.fits(alice, 21), false);
});

test("each account has its own quota; one that cannot be said stores nothing", async (t) => {
  const { root } = await fresh(t);
  const quotas = new Map<string, number | undefined>([
    ["alice", 30],
    ["bob", 90],
    ["carol", undefined],
  ]);
  const mailboxes = openMailboxes(root, {
    hostname: "mx1",
    clock: systemClock,
    quota: {
      of: async ({ local }) => {
        if (!quotas.has(local)) throw new Error("nobody answers");
        return quotas.get(local);
      },
      rooms: newRooms(),
    },
  });
  const chunk = Buffer.alloc(40, "x");
  for (const [local, stored] of [
    ["alice", false],
    ["bob", true],
    ["carol", true],
  ] as const) {
    const account = address(`${local}@sekimori.test`);
    assert.equal(await mailboxes.fits(account, chunk.length), stored);
    assert.equal((await mailboxes.deliver(account, [chunk], "counted")).ok, stored);
    assert.equal(await mailboxOctets(root, account), stored ? chunk.length : 0);
  }
  assert.equal((await mailboxes.deliver(address("dave@sekimori.test"), [chunk], "counted")).ok, false);
  assert.equal(await mailboxOctets(root, address("dave@sekimori.test")), 0);
});

test("a quota that changes holds from the next message on, and what came meanwhile counts", async (t) => {
  const quota = { now: 30 as number | undefined };
  const { mailboxes, deliver, open } = await fresh(t, undefined, () => quota.now);
  await deliver("x".repeat(20));
  quota.now = undefined;
  await deliver("x".repeat(60));
  quota.now = 90;
  assert.equal(await mailboxes.fits(alice, 11), false);
  assert.equal(await mailboxes.fits(alice, 10), true);
  quota.now = undefined;
  const session = await open();
  quota.now = 90;
  assert.equal(await mailboxes.fits(alice, 30), false);
  await session.remove(session.messages.filter(({ size }) => size === 60));
  session.close();
  assert.equal(await mailboxes.fits(alice, 70), true);
});
