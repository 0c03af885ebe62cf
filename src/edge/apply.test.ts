import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { Program } from "../compile/ir.ts";
import { failure, success } from "../base/result.ts";
import { createEdge } from "./apply.ts";
import type { Edge, EdgeParts, EdgeTarget } from "./apply.ts";
import { openLedger } from "./ledger.ts";

// A machine of values: the kernel is a text, the watchdog a list of ids, and every step can be the last one.

class Crash extends Error {}

interface Machine {
  kernel: string | undefined;
  readonly armed: Set<string>;
  /** Steps until the process dies; half steps mean after the step has had its effect. */
  life: number;
  now: number;
  /** The kernel takes a text and shows another. */
  lies: boolean;
  /** We have no rights. */
  forbids: boolean;
}

function newMachine(): Machine {
  return {
    kernel: undefined,
    armed: new Set(),
    life: Number.POSITIVE_INFINITY,
    now: 1_000_000,
    lies: false,
    forbids: false,
  };
}

const named = (name: string): Program => ({
  filters: [{ name, terms: [], otherwise: { kind: "pass" } }],
  bindings: [],
  validations: [],
});
const target: EdgeTarget = {
  table: "sekimori",
  print: (program) => success(program.filters.map(({ name }) => name).join(" ")),
  aged: (text) => text,
  read: (text) =>
    text === "lie"
      ? failure("unreadable")
      : success(text === "" ? { filters: [], bindings: [], validations: [] } : named(text)),
  difference: (wanted, found) =>
    JSON.stringify(wanted) === JSON.stringify(found)
      ? undefined
      : `${JSON.stringify(wanted)} is not ${JSON.stringify(found)}`,
};

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "edge-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function edgeOf(machine: Machine): Edge {
  const step = async <T>(work: () => T | Promise<T>): Promise<T> => {
    if ((machine.life -= 0.5) < 0) throw new Crash();
    const value = await work();
    if ((machine.life -= 0.5) < 0) throw new Crash();
    return value;
  };
  const real = openLedger(directory);
  const parts: EdgeParts = {
    target,
    clock: { wall: () => machine.now, monotonic: () => machine.now },
    ledger: {
      ...real,
      write: (ledger) => step(() => real.write(ledger)),
      keepText: (revision, text) => step(() => real.keepText(revision, text)),
    },
    nft: {
      check: () => step(() => success(undefined)),
      load: (text) =>
        step(() => {
          machine.kernel = machine.lies ? "lie" : text;
          return success(undefined);
        }),
      list: () => step(() => (machine.forbids ? failure("not permitted") : success(machine.kernel))),
      counters: () => Promise.resolve(success(new Map())),
      json: () => Promise.resolve(success({})),
    },
    watchdog: {
      arm: (id) =>
        step(() => {
          machine.armed.add(id);
          return success({ kind: "systemd", unit: id });
        }),
      isWatching: (watcher) => Promise.resolve(watcher.kind === "systemd" && machine.armed.has(watcher.unit)),
      disarm: (watcher) =>
        step(() => {
          if (watcher.kind === "systemd") machine.armed.delete(watcher.unit);
        }),
    },
  };
  return createEdge(parts);
}

async function holdsOld(machine: Machine): Promise<void> {
  const applied = await edgeOf(machine).apply({ program: named("old"), validUntil: undefined, by: "test" });
  assert.equal(applied.kind, "applied");
}

/** Every point at which the process can die during `work`, until it no longer does. */
async function atEveryPoint(
  work: (edge: Edge) => Promise<unknown>,
  then: (machine: Machine, point: number) => Promise<void>,
): Promise<number> {
  for (let point = 0; ; point += 0.5) {
    const machine = newMachine();
    await rm(directory, { recursive: true, force: true });
    await holdsOld(machine);
    machine.life = point;
    let died = false;
    try {
      await work(edgeOf(machine));
    } catch (error) {
      assert.ok(error instanceof Crash, String(error));
      died = true;
    }
    machine.life = Number.POSITIVE_INFINITY;
    await then(machine, point);
    if (!died) return point;
  }
}

const change = (edge: Edge, confirmWithin?: number): Promise<unknown> =>
  edge.apply({
    program: named("new"),
    validUntil: undefined,
    by: "test",
    ...(confirmWithin === undefined ? {} : { confirmWithin }),
  });

test("killed at any point of a change, the filter is the old or the new one, and a reboot restores one of them", async () => {
  const points = await atEveryPoint(
    (edge) => change(edge),
    async (machine, point) => {
      assert.ok(machine.kernel === "old" || machine.kernel === "new", `at ${point} the kernel holds ${machine.kernel}`);
      machine.kernel = undefined;
      const restored = await edgeOf(machine).restore();
      assert.ok(restored.ok);
      assert.ok(
        ["old", "new"].includes(String(machine.kernel)),
        `after a reboot at ${point}: ${String(machine.kernel)}`,
      );
    },
  );
  assert.ok(points > 4);
});

test("a change on probation is never in force without somebody who would roll it back", async () => {
  await atEveryPoint(
    (edge) => change(edge, 60_000),
    async (machine, point) => {
      if (machine.kernel === "new") assert.equal(machine.armed.size, 1, `at ${point} nobody watches`);
      // The watchdog's moment comes: whatever happened before, the old filter is back.
      for (const id of machine.armed) await edgeOf(machine).rollback(id);
      if (machine.armed.size > 0)
        assert.equal(machine.kernel, "old", `at ${point} the watchdog left ${machine.kernel}`);
    },
  );
});

test("a reboot during probation restores what was confirmed last", async () => {
  await atEveryPoint(
    (edge) => change(edge, 60_000),
    async (machine) => {
      machine.kernel = undefined;
      assert.ok((await edgeOf(machine).restore()).ok);
      assert.equal(machine.kernel, "old");
      const { ledger } = await edgeOf(machine).status();
      assert.equal(ledger.pending, undefined);
    },
  );
});

test("killed while it confirms, the new filter is confirmed or still watched", async () => {
  await atEveryPoint(
    async (edge) => {
      await change(edge, 60_000);
      await edge.confirm();
    },
    async (machine) => {
      const { ledger, kernel } = await edgeOf(machine).status();
      if (ledger.begun !== undefined) return;
      assert.equal(kernel, "as applied");
      if (machine.kernel === "new" && ledger.pending !== undefined) assert.equal(machine.armed.size, 1);
      // A watchdog that comes late finds that its change does not wait any more.
      if (machine.kernel === "new" && ledger.pending === undefined) {
        for (const id of machine.armed) assert.ok(!(await edgeOf(machine).rollback(id)).ok);
        assert.equal(machine.kernel, "new");
      }
    },
  );
});

test("a kernel that reads otherwise than what was loaded is rolled back at once", async () => {
  const machine = newMachine();
  await holdsOld(machine);
  machine.lies = true;
  const outcome = await edgeOf(machine).apply({
    program: named("new"),
    validUntil: undefined,
    by: "test",
    confirmWithin: 1000,
  });
  assert.equal(outcome.kind, "rolled-back");
  assert.equal(machine.armed.size, 0);
});

test("while a change waits there is no second one", async () => {
  const machine = newMachine();
  await holdsOld(machine);
  const edge = edgeOf(machine);
  await change(edge, 60_000);
  const second = await edge.apply({ program: named("third"), validUntil: undefined, by: "test" });
  assert.equal(second.kind, "no");
  assert.equal(machine.kernel, "new");
});

test("what an apply would change is said of the kernel, or of the last text where the kernel cannot be read", async () => {
  const machine = newMachine();
  await holdsOld(machine);
  machine.kernel = "tampered";
  const compared = await edgeOf(machine).compare(named("new"), undefined);
  assert.ok(compared.ok);
  assert.deepEqual(compared.value.before, named("tampered"));
  assert.equal(compared.value.against.kind, "kernel");
  machine.forbids = true;
  const last = await edgeOf(machine).compare(named("new"), undefined);
  assert.ok(last.ok);
  assert.deepEqual(last.value.before, named("old"));
  assert.deepEqual(last.value.against, { kind: "last text", because: "not permitted" });
});

test("status says that a text is stale, that nobody watches, and that the kernel differs", async () => {
  const machine = newMachine();
  const edge = edgeOf(machine);
  await edge.apply({ program: named("old"), validUntil: machine.now + 500, by: "test", confirmWithin: 60_000 });
  assert.deepEqual(pick(await edge.status()), { kernel: "as applied", stale: false, unwatched: false });
  machine.now += 500;
  machine.armed.clear();
  machine.kernel = "somebody else's";
  assert.deepEqual(pick(await edge.status()), { kernel: "different", stale: true, unwatched: true });
  machine.kernel = undefined;
  assert.equal((await edge.status()).kernel, "nothing");
});

function pick({ kernel, stale, unwatched }: Awaited<ReturnType<Edge["status"]>>): object {
  return { kernel, stale, unwatched };
}
