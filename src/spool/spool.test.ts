import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { segmentHeaderLength } from "./format.ts";
import { createMemoryDisk, type MemoryDisk } from "./memory-files.ts";
import type { AcceptRecord, Settlement, Spool } from "./message.ts";
import { type OpenedSpool, openSpool, type SpoolOptions } from "./spool.ts";

function record(id: string, recipients: readonly string[] = ["bob@example.jp"]): AcceptRecord {
  const sender = "alice@sekimori.test";
  return { id, receivedAt: 1, origin: "submission", sender, recipients, eightBit: false, messageId: `<${id}@x.test>` };
}

const delivered = (...recipients: number[]): Settlement[] =>
  recipients.map((recipient) => ({ recipient, outcome: "delivered" }));

function contentFor(id: string, length = 100): Buffer {
  return Buffer.from(`Subject: ${id}\r\n\r\n`.padEnd(length, `${id} `));
}

function reopen(disk: MemoryDisk, options: SpoolOptions = {}): Promise<OpenedSpool> {
  return openSpool("", { files: disk.mount(), settleDelay: 0, ...options });
}

const idsOf = (opened: OpenedSpool): string[] => opened.recovered.open.map(({ id }) => id);

/** Turns of the event loop, until what the spool does by itself is done. */
async function settleDown(turns = 400): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function withDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "spool-"));
  try {
    await body(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

test("a message comes back octet for octet, before a restart and after", async () => {
  await withDirectory(async (directory) => {
    const parts = [Buffer.from("Subject: 関守\r\n"), Buffer.alloc(0), Buffer.from("\r\n.\r\n\0\xff", "latin1")];
    const strange = { ...record("a", ["bob@example.jp", "利用者@例え.jp", "\ud800"]), account: "alice", client: "::1" };
    const { spool } = await openSpool(directory);
    const message = await spool.append(strange, parts);
    assert.deepEqual(message, { ...strange, size: Buffer.concat(parts).length });
    assert.deepEqual(await spool.read("a"), Buffer.concat(parts));
    await spool.append(record("b"), []);
    await spool.close();
    const again = await openSpool(directory);
    assert.deepEqual(again.recovered.open[0], { id: message.id, open: [0, 1, 2] });
    assert.deepEqual(await again.recovered.record(message.id), message);
    assert.deepEqual(idsOf(again), ["a", "b"]);
    assert.deepEqual(await again.spool.read("a"), Buffer.concat(parts));
    assert.deepEqual(await again.spool.read("b"), Buffer.alloc(0));
    await again.spool.close();
  });
});

test("what is being committed can be read", async () => {
  const { spool } = await reopen(createMemoryDisk());
  const appended = spool.append(record("a"), [Buffer.from("x"), Buffer.from("y")]);
  assert.equal(String(await spool.read("a")), "xy");
  await appended;
  await spool.close();
});

test("messages handed in together share one commit", async () => {
  const { spool } = await reopen(createMemoryDisk(), { lanes: 1 });
  await Promise.all("abcdefgh".split("").map((id) => spool.append(record(id), [contentFor(id)])));
  assert.deepEqual(
    { ...spool.status(), octets: 0 },
    { segments: 1, octets: 0, openMessages: 8, commits: 1, appended: 8 },
  );
  await spool.close();
});

test("messages handed in during a sync share the next commit, or take the second lane", async () => {
  for (const [lanes, commits] of [
    [1, 2],
    [2, 2],
  ] as const) {
    const disk = createMemoryDisk();
    const { spool } = await reopen(disk, { lanes, overlapFrom: 0 });
    const first = spool.append(record("a"), [contentFor("a")]);
    await settleDown(4);
    await Promise.all([
      first,
      spool.append(record("b"), [contentFor("b")]),
      spool.append(record("c"), [contentFor("c")]),
    ]);
    assert.equal(spool.status().commits, commits);
    assert.equal(spool.status().segments, lanes);
    await spool.close();
  }
});

test("more buffers than one writev takes are written whole and in order", async () => {
  await withDirectory(async (directory) => {
    const parts = Array.from({ length: 5000 }, (_, i) => Buffer.from(`${i} `));
    const { spool } = await openSpool(directory);
    await spool.append(record("a"), parts);
    assert.deepEqual(await spool.read("a"), Buffer.concat(parts));
    await spool.close();
  });
});

test("a settled message is gone after a restart, a partly settled one keeps its open recipients", async () => {
  const disk = createMemoryDisk();
  const { spool } = await reopen(disk);
  await spool.append(record("a"), [contentFor("a")]);
  await spool.append(record("b", ["x@example.jp", "y@example.jp", "z@example.jp"]), [contentFor("b")]);
  await spool.settle("a", delivered(0));
  await spool.settle("b", delivered(1));
  await spool.settle("b", delivered(1));
  assert.equal(spool.status().openMessages, 1);
  await assert.rejects(spool.read("a"), /not in the spool/);
  await spool.close();
  const again = await reopen(disk);
  assert.deepEqual(
    again.recovered.open.map(({ id, open }) => [id, open]),
    [["b", [0, 2]]],
  );
  await again.spool.settle("b", delivered(0, 2));
  await again.spool.settle("b", delivered(2));
  await again.spool.close();
  assert.deepEqual(idsOf(await reopen(disk)), []);
});

test("a settlement travels with the next message, and alone when none comes or somebody waits", async () => {
  const { spool } = await reopen(createMemoryDisk(), { lanes: 1, settleDelay: 60_000 });
  await spool.append(record("a"), [contentFor("a")]);
  const settled = spool.settle("a", delivered(0));
  await settleDown(20);
  assert.equal(spool.status().commits, 1);
  await spool.append(record("b"), [contentFor("b")]);
  await settled;
  assert.equal(spool.status().commits, 2);
  const hurried = spool.settle("b", delivered(0));
  spool.hurry();
  await hurried;
  assert.equal(spool.status().commits, 3);
  await spool.append(record("c"), [contentFor("c")]);
  const last = spool.settle("c", delivered(0));
  await spool.close();
  await last;
  const alone = await reopen(createMemoryDisk(), { settleDelay: 1 });
  await alone.spool.append(record("a"), [contentFor("a")]);
  await alone.spool.settle("a", delivered(0));
  await alone.spool.close();
});

test("misuse is refused: an id twice, no recipients, an unknown recipient, settling what is not durable, use after close", async () => {
  const { spool } = await reopen(createMemoryDisk());
  const first = spool.append(record("a"), [contentFor("a")]);
  await assert.rejects(spool.append(record("a"), []), /already/);
  await assert.rejects(spool.append(record("b", []), []), /no recipients/);
  await assert.rejects(spool.settle("a", delivered(0)), /before it is in the spool/);
  await first;
  await assert.rejects(spool.settle("a", delivered(1)), /no recipient 1/);
  await assert.rejects(spool.settle("a", delivered(-1)), /no recipient -1/);
  await spool.settle("never seen", delivered(0));
  await spool.close();
  await assert.rejects(spool.append(record("c"), []), /closed/);
  await assert.rejects(spool.settle("a", delivered(0)), /closed/);
  await spool.close();
});

test("close waits for what is in flight and leaves no file open", async () => {
  const disk = createMemoryDisk();
  const { spool } = await reopen(disk, { segmentSize: 300 });
  const appends = "abcdefgh".split("").map((id) => spool.append(record(id), [contentFor(id)]));
  await appends[0];
  const read = spool.read("a");
  await Promise.all([spool.close(), ...appends, read]);
  assert.equal(disk.openFiles(), 0);
  assert.deepEqual(idsOf(await reopen(disk)), "abcdefgh".split(""));
});

test("an empty spool makes no file", async () => {
  const disk = createMemoryDisk();
  await (await reopen(disk)).spool.close();
  assert.deepEqual(disk.names(), []);
});

test("cut at every octet of its last frames, the file gives back the whole frames before and nothing else", async () => {
  const disk = createMemoryDisk();
  const { spool } = await reopen(disk, { lanes: 1 });
  const ids = "abcd".split("");
  const ends: number[] = [];
  for (const id of ids) {
    await spool.append(record(id), [contentFor(id)]);
    ends.push(spool.status().octets);
  }
  await spool.settle("a", delivered(0));
  await spool.close();
  const [name = ""] = disk.names();
  const whole = disk.content(name);
  for (let length = 0; length < whole.length; length++) {
    const cut = createMemoryDisk();
    cut.overwrite(name, whole.subarray(0, length));
    const again = await reopen(cut);
    const expected = ids.filter((_, i) => (ends[i] ?? 0) <= length);
    assert.deepEqual(idsOf(again), expected, `cut at ${length}`);
    for (const id of expected) assert.deepEqual(await again.spool.read(id), contentFor(id));
    const kept = ends.findLast((end) => end <= length) ?? (length < segmentHeaderLength ? 0 : segmentHeaderLength);
    // Zeros at the end are what the file grows ahead by.
    const torn = whole.subarray(kept, length).findLastIndex((octet) => octet !== 0) + 1;
    if (length <= (ends.at(-1) ?? 0)) assert.equal(again.report.tornOctets, torn, `cut at ${length}`);
    assert.deepEqual(again.report.damaged, []);
    await again.spool.close();
  }
});

test("a file grows ahead by zeros, which go when it is closed and are nothing torn after a crash", async () => {
  const disk = createMemoryDisk();
  const { spool } = await reopen(disk, { lanes: 1 });
  await spool.append(record("a"), [contentFor("a")]);
  const { octets } = spool.status();
  const [name = ""] = disk.names();
  const grown = disk.content(name);
  assert.ok(grown.length >= octets + 64 * 1024);
  assert.ok(grown.subarray(octets).every((octet) => octet === 0));
  await spool.append(record("b"), [contentFor("b")]);
  assert.equal(disk.content(name).length, grown.length);
  await spool.close();
  assert.ok(disk.content(name).length > octets && disk.content(name).length < grown.length);

  const crashed = createMemoryDisk();
  crashed.overwrite(name, grown);
  const again = await reopen(crashed);
  assert.deepEqual(idsOf(again), ["a"]);
  assert.equal(again.report.tornOctets, 0);
  assert.equal(crashed.content(name).length, octets);
  await again.spool.close();
});

test("a full disk takes what fits, though it has no room for zeros", async () => {
  const disk = createMemoryDisk();
  const { spool } = await reopen(disk, { lanes: 1 });
  // Header, group, zeros.
  disk.inject("write", undefined, undefined, "ENOSPC");
  await spool.append(record("a"), [contentFor("a")]);
  const [name = ""] = disk.names();
  assert.equal(disk.content(name).length, spool.status().octets);
  await spool.close();
  assert.deepEqual(idsOf(await reopen(disk)), ["a"]);
});

test("flipped bits never change a content: a message is given back whole or not at all", async () => {
  const disk = createMemoryDisk();
  const { spool } = await reopen(disk, { lanes: 1 });
  const ids = "abcdefgh".split("");
  for (const id of ids) await spool.append(record(id), [contentFor(id, 700)]);
  await spool.close();
  const [name = ""] = disk.names();
  const whole = disk.content(name);
  const flips = fc.array(fc.nat(whole.length * 8 - 1), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(flips, async (bits) => {
      const octets = Buffer.from(whole);
      for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const flipped = createMemoryDisk();
      flipped.overwrite(name, octets);
      const again = await reopen(flipped);
      for (const { id } of again.recovered.open) {
        const message = await again.recovered.record(id);
        assert.deepEqual(message, { ...record(message.id), size: 700 });
        assert.deepEqual(await again.spool.read(message.id), contentFor(message.id, 700));
      }
      const hit = new Set(
        bits.map((bit) =>
          Math.floor(((bit >> 3) - segmentHeaderLength) / ((whole.length - segmentHeaderLength) / ids.length)),
        ),
      );
      assert.ok(again.recovered.open.length >= ids.length - hit.size, "only what was hit is lost");
      if (octets.equals(whole)) return;
      assert.ok(again.report.tornOctets > 0 || again.report.damaged.length > 0, "bad octets are reported");
      await again.spool.close();
    }),
    { numRuns: 300 },
  );
});

test("bits that flip while the spool is open make read reject", async () => {
  await withDirectory(async (directory) => {
    const { spool } = await openSpool(directory);
    await spool.append(record("a"), [contentFor("a")]);
    const [name = ""] = await readdir(directory);
    const { open } = await import("node:fs/promises");
    const file = await open(join(directory, name), "r+");
    await file.write(Buffer.from("!"), 0, 1, spool.status().octets - 10);
    await file.close();
    await assert.rejects(spool.read("a"), /checksum/);
    await spool.close();
  });
});

test("damage before later commits is called damage; the later messages are kept, and the file is set aside", async () => {
  const disk = createMemoryDisk();
  const { spool } = await reopen(disk, { lanes: 1 });
  const ends: number[] = [];
  for (const id of "abc") {
    await spool.append(record(id), [contentFor(id)]);
    ends.push(spool.status().octets);
  }
  await spool.close();
  const [name = ""] = disk.names();
  const octets = disk.content(name);
  const at = (ends[0] ?? 0) + 60;
  octets[at] = (octets[at] ?? 0) ^ 1;
  disk.overwrite(name, octets);
  const again = await reopen(disk);
  assert.deepEqual(idsOf(again), ["a", "c"]);
  assert.deepEqual(again.report.damaged, [{ file: name, offset: ends[0], length: (ends[1] ?? 0) - (ends[0] ?? 0) }]);
  await again.spool.settle("a", delivered(0));
  await again.spool.settle("c", delivered(0));
  await settleDown();
  assert.ok(disk.names().includes(name.replace("segment", "damaged")));
  assert.ok(!disk.names().includes(name));
  await again.spool.close();
});

test("a broken segment header does not lose the messages behind it", async () => {
  const disk = createMemoryDisk();
  const { spool } = await reopen(disk);
  await spool.append(record("a"), [contentFor("a")]);
  await spool.close();
  const [name = ""] = disk.names();
  const octets = disk.content(name);
  octets.fill(0, 0, segmentHeaderLength);
  disk.overwrite(name, octets);
  const again = await reopen(disk);
  assert.deepEqual(idsOf(again), ["a"]);
  assert.deepEqual(again.report.damaged, [{ file: name, offset: 0, length: segmentHeaderLength }]);
  await again.spool.close();
});

test("any file is survived; one that is no segment is left alone", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), fc.constantFrom(0, 1, 0x41), async (octets, fill) => {
      const disk = createMemoryDisk();
      disk.overwrite("0000000001-4141414141414141.segment", octets);
      disk.overwrite("0000000002-0000000000000000.segment", Buffer.alloc(5000, fill));
      disk.overwrite("lost+found", octets);
      const { spool, recovered } = await reopen(disk);
      assert.equal(recovered.open.length, 0);
      await spool.append(record("a"), [contentFor("a")]);
      await settleDown(20);
      await spool.close();
      assert.ok(disk.names().includes("lost+found"));
      assert.ok(disk.names().some((each) => each.startsWith("0000000003-")));
    }),
    { numRuns: 50 },
  );
});

test("a segment of another format version stops the start", async () => {
  const disk = createMemoryDisk();
  const { spool } = await reopen(disk);
  await spool.append(record("a"), [contentFor("a")]);
  await spool.close();
  const [name = ""] = disk.names();
  const octets = disk.content(name);
  octets.writeUInt16LE(2, 8);
  const { crc32 } = await import("node:zlib");
  octets.writeUInt32LE(crc32(octets.subarray(0, 28)), 28);
  disk.overwrite(name, octets);
  await assert.rejects(reopen(disk), /format version 2/);
  assert.equal(disk.openFiles(), 0);
});

test("a place that cannot be read costs only the messages in it", async () => {
  const disk = createMemoryDisk();
  const { spool } = await reopen(disk, { lanes: 1 });
  for (const id of "abc") await spool.append(record(id), [contentFor(id, 5000)]);
  await spool.close();
  // The opening and its piece hold; then the window fails, then the second of its 4-kB pieces.
  disk.inject("read", undefined, "EIO", undefined, "EIO");
  const again = await reopen(disk);
  assert.deepEqual(idsOf(again), ["c"]);
  assert.equal(again.report.damaged.length, 1);
  await again.spool.close();
});

for (const fault of ["EIO", "ENOSPC"] as const) {
  for (const call of ["create", "write", "sync", "syncNames"] as const) {
    test(`${fault} in ${call}: the message is refused and does not come back; the next one is accepted`, async () => {
      const disk = createMemoryDisk();
      const failures: Error[] = [];
      const { spool } = await reopen(disk, { lanes: 1, onFailure: (error) => failures.push(error) });
      if (call === "write" || call === "sync") await spool.append(record("a"), [contentFor("a")]);
      disk.inject(call, fault);
      const refused = ["b", "c"].map((id) =>
        assert.rejects(spool.append(record(id), [contentFor(id)]), { code: fault }),
      );
      await Promise.all(refused);
      assert.equal(failures.length, 1);
      await assert.rejects(spool.read("b"), /not in the spool/);
      await spool.append(record("d"), [contentFor("d")]);
      await spool.append(record("b"), [contentFor("b")]);
      await settleDown();
      const expected = call === "write" || call === "sync" ? ["a", "b", "d"] : ["b", "d"];
      for (const id of expected) assert.deepEqual(await spool.read(id), contentFor(id));
      disk.crash(() => 0);
      const again = await reopen(disk);
      assert.deepEqual(idsOf(again), expected);
      assert.deepEqual(again.report.damaged, []);
      await again.spool.close();
    });
  }
}

test("a refused settlement that nobody waits for does no harm, and can be handed in again", async () => {
  const disk = createMemoryDisk();
  const { spool } = await reopen(disk);
  await spool.append(record("a"), [contentFor("a")]);
  disk.inject("sync", "EIO");
  void spool.settle("a", delivered(0));
  await settleDown(20);
  assert.equal(spool.status().openMessages, 1);
  assert.deepEqual(await spool.read("a"), contentFor("a"));
  await spool.settle("a", delivered(0));
  assert.equal(spool.status().openMessages, 0);
  await spool.close();
  assert.deepEqual(idsOf(await reopen(disk)), []);
});

test("short and interrupted writes are carried on", async () => {
  const disk = createMemoryDisk();
  const { spool } = await reopen(disk, { lanes: 1 });
  disk.inject("write", "short", "EINTR", "short", "short", "EINTR");
  const ids = "abcdef".split("");
  await Promise.all(ids.map((id) => spool.append(record(id), [contentFor(id), contentFor(id)])));
  disk.crash(() => 1);
  const again = await reopen(disk);
  assert.deepEqual(idsOf(again), ids);
  for (const id of ids) assert.deepEqual(await again.spool.read(id), Buffer.concat([contentFor(id), contentFor(id)]));
});

test("a segment goes when its messages are settled, and not before those its settlements speak of", async () => {
  const disk = createMemoryDisk();
  const { spool } = await reopen(disk, { lanes: 1, segmentSize: 1000 });
  // Each segment holds a large message that stays open (so that it is never sparse) and a small one.
  await spool.append(record("a"), [contentFor("a", 600)]);
  await spool.append(record("b"), [contentFor("b", 10)]);
  await spool.append(record("c"), [contentFor("c", 900)]);
  await spool.settle("b", delivered(0));
  await spool.settle("c", delivered(0));
  await spool.append(record("d"), [contentFor("d", 900)]);
  await settleDown();
  const before = disk.names().length;
  assert.ok(before >= 2);
  disk.crash(() => 0);
  const again = await reopen(disk, { lanes: 1, segmentSize: 1000 });
  assert.deepEqual(idsOf(again), ["a", "d"], "the settlement of b is still there");
  await again.spool.settle("a", delivered(0));
  await again.spool.settle("d", delivered(0));
  await settleDown();
  assert.equal(again.spool.status().openMessages, 0);
  assert.ok(again.spool.status().segments <= 1, "only the one being written is left");
  await again.spool.close();
  assert.deepEqual(idsOf(await reopen(disk)), []);
});

test("one waiting message does not keep a segment: it moves, and the space comes back", async () => {
  const disk = createMemoryDisk();
  const options = { lanes: 1, segmentSize: 20_000 } as const;
  const { spool } = await reopen(disk, options);
  await spool.append(record("waits", ["x@example.jp", "y@example.jp"]), [contentFor("waits")]);
  await spool.settle("waits", delivered(0));
  for (let i = 0; i < 200; i++) {
    await spool.append(record(`m${i}`), [contentFor(`m${i}`, 1000)]);
    await spool.settle(`m${i}`, delivered(0));
  }
  await settleDown();
  assert.ok(spool.status().octets < 60_000, `${spool.status().octets} octets for one small message`);
  assert.ok(!disk.names().some((name) => name.startsWith("0000000001-")));
  assert.deepEqual(await spool.read("waits"), contentFor("waits"));
  disk.crash(() => 0);
  const again = await reopen(disk, options);
  assert.deepEqual(
    again.recovered.open.map(({ id, open }) => [id, open]),
    [["waits", [1]]],
  );
  assert.deepEqual(await again.spool.read("waits"), contentFor("waits"));
  await again.spool.close();
});

test("a copy and its settlement stay as long as the older copy does", async () => {
  const disk = createMemoryDisk();
  const options = { lanes: 1, segmentSize: 3000 } as const;
  const { spool } = await reopen(disk, options);
  await spool.append(record("moves"), [contentFor("moves")]);
  await spool.append(record("big"), [contentFor("big", 2000)]);
  const [name = ""] = disk.names();
  const source = disk.content(name);
  await spool.settle("big", delivered(0));
  await spool.append(record("next"), [contentFor("next", 2000)]);
  await settleDown();
  assert.ok(!disk.names().includes(name), "compacted");
  await spool.close();
  // As if the power had failed between the copy and the removal; and big, open again, keeps the old segment.
  disk.overwrite(name, source);
  const again = await reopen(disk, options);
  assert.deepEqual(idsOf(again), ["big", "moves", "next"]);
  await again.spool.settle("moves", delivered(0));
  await again.spool.settle("next", delivered(0));
  for (const id of ["p", "q", "r", "s"]) {
    await again.spool.append(record(id), [contentFor(id, 2000)]);
    await again.spool.settle(id, delivered(0));
    await settleDown();
  }
  await again.spool.close();
  assert.deepEqual(idsOf(await reopen(disk, options)), ["big"]);
});

test("a failing removal or compaction loses nothing and is tried again", async () => {
  const disk = createMemoryDisk();
  const options = { lanes: 1, segmentSize: 5000 } as const;
  const { spool } = await reopen(disk, options);
  await spool.append(record("waits"), [contentFor("waits")]);
  disk.inject("remove", "EIO", undefined, "EIO");
  for (let i = 0; i < 50; i++) {
    if (i % 10 === 0) disk.inject("syncNames", undefined, "EIO");
    const appended = await spool.append(record(`m${i}`), [contentFor(`m${i}`, 1000)]).catch(() => undefined);
    if (appended !== undefined) await spool.settle(`m${i}`, delivered(0)).catch(() => undefined);
  }
  disk.clearFaults();
  await spool.append(record("last"), [contentFor("last", 6000)]);
  await spool.settle("last", delivered(0));
  await settleDown();
  assert.deepEqual(await spool.read("waits"), contentFor("waits"));
  await spool.close();
  assert.ok(idsOf(await reopen(disk)).includes("waits"));
});

// Model: everything handed in is unknown until its promise answers; what append answered is there after any crash
// until a settlement of it was handed in; what settle answered never comes back.
interface Model {
  readonly handedIn: Map<string, { readonly recipients: number; readonly length: number }>;
  readonly durable: Set<string>;
  /** `id/recipient`. */
  readonly settling: Set<string>;
  readonly settled: Set<string>;
}

interface Real {
  readonly disk: MemoryDisk;
  readonly options: SpoolOptions;
  spool: Spool;
  flight: Promise<unknown>[];
  count: number;
}

async function checkAfterReopen(model: Model, real: Real): Promise<void> {
  const opened = await reopen(real.disk, real.options);
  real.spool = opened.spool;
  const seen = new Map(opened.recovered.open.map(({ id, open }) => [id, open]));
  for (const [id, open] of seen) {
    const sent = model.handedIn.get(id);
    assert.ok(sent !== undefined, `${id} was invented`);
    assert.deepEqual(await real.spool.read(id), contentFor(id, sent.length));
    for (const recipient of open) assert.ok(!model.settled.has(`${id}/${recipient}`), `${id}/${recipient} came back`);
  }
  for (const id of model.durable) {
    for (let recipient = 0; recipient < (model.handedIn.get(id)?.recipients ?? 0); recipient++) {
      const isOpen = seen.get(id)?.includes(recipient) ?? false;
      assert.ok(isOpen || model.settling.has(`${id}/${recipient}`), `${id}/${recipient} was lost`);
      // What a crash let through counts as settled from now on.
      if (!isOpen) model.settled.add(`${id}/${recipient}`);
    }
  }
  // What was recovered has been seen: from now on it must stay.
  for (const id of seen.keys()) model.durable.add(id);
  for (const id of model.handedIn.keys()) if (!model.durable.has(id)) model.handedIn.delete(id);
}

const turns = fc.nat(12);

type Command = fc.AsyncCommand<Model, Real>;

const appendCommand = fc
  .record({ recipients: fc.integer({ min: 1, max: 3 }), length: fc.integer({ min: 40, max: 3000 }), turns })
  .map(({ recipients, length, turns: wait }): Command => ({
    check: () => true,
    async run(model, real) {
      const id = `m${real.count++}`;
      model.handedIn.set(id, { recipients, length });
      const names = Array.from({ length: recipients }, (_, i) => `u${i}@example.jp`);
      const appended = real.spool.append(record(id, names), [contentFor(id, length)]);
      real.flight.push(appended.then(() => void model.durable.add(id)).catch(() => undefined));
      await settleDown(wait);
    },
    toString: () => `append(${recipients}, ${length}, ${wait})`,
  }));

const settleCommand = fc
  .record({ pick: fc.nat(), recipient: fc.nat(2), turns })
  .map(({ pick, recipient, turns: wait }): Command => ({
    check: (model) => model.durable.size > 0,
    async run(model, real) {
      const id = [...model.durable][pick % model.durable.size] ?? "";
      const index = recipient % (model.handedIn.get(id)?.recipients ?? 1);
      const key = `${id}/${index}`;
      model.settling.add(key);
      real.flight.push(
        real.spool
          .settle(id, delivered(index))
          .then(() => void model.settled.add(key))
          .catch(() => undefined),
      );
      await settleDown(wait);
    },
    toString: () => `settle(${pick}, ${recipient}, ${wait})`,
  }));

const readCommand = fc.nat().map((pick): Command => ({
  check: (model) => model.durable.size > 0,
  async run(model, real) {
    const id = [...model.durable][pick % model.durable.size] ?? "";
    const { recipients, length } = model.handedIn.get(id) ?? { recipients: 0, length: 0 };
    const mayBeGone = Array.from({ length: recipients }, (_, i) => model.settling.has(`${id}/${i}`)).every(Boolean);
    const content = await real.spool.read(id).catch((error: unknown) => {
      if (!mayBeGone) throw error;
    });
    if (content !== undefined) assert.deepEqual(content, contentFor(id, length));
  },
  toString: () => `read(${pick})`,
}));

const faultCommand = fc
  .record({
    call: fc.constantFrom("create", "write", "sync", "remove", "syncNames"),
    fault: fc.constantFrom("EIO", "ENOSPC", "EINTR", "short"),
  })
  .map(({ call, fault }): Command => ({
    check: () => true,
    run(_, real) {
      real.disk.inject(call, fault);
      return Promise.resolve();
    },
    toString: () => `fault(${call}, ${fault})`,
  }));

const crashCommand = fc.integer().map((seed): Command => ({
  check: () => true,
  async run(model, real) {
    let state = seed;
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      return (state >>> 0) / 2 ** 32;
    };
    real.disk.crash(random);
    real.flight = [];
    await checkAfterReopen(model, real);
  },
  toString: () => `crash(${seed})`,
}));

const restartCommand = fc.constant<Command>({
  check: () => true,
  async run(model, real) {
    real.disk.clearFaults();
    await Promise.all(real.flight);
    await real.spool.close();
    assert.equal(real.disk.openFiles(), 0);
    await checkAfterReopen(model, real);
  },
  toString: () => "restart",
});

for (const lanes of [1, 2] as const) {
  test(`through appends, settlements, faults and crashes nothing is lost, revived or invented (${lanes} lanes)`, async () => {
    const options: SpoolOptions = { lanes, overlapFrom: 0, segmentSize: 4000 };
    const commands = fc.commands(
      [
        appendCommand,
        appendCommand,
        settleCommand,
        settleCommand,
        readCommand,
        faultCommand,
        crashCommand,
        restartCommand,
      ],
      { maxCommands: 60, size: "+1" },
    );
    await fc.assert(
      fc.asyncProperty(commands, async (list) => {
        const disk = createMemoryDisk();
        const { spool } = await reopen(disk, options);
        const setup = () => ({
          model: { handedIn: new Map(), durable: new Set(), settling: new Set(), settled: new Set() } as Model,
          real: { disk, options, spool, flight: [], count: 0 } as Real,
        });
        await fc.asyncModelRun(setup, list);
      }),
      { numRuns: 150 },
    );
  });
}
