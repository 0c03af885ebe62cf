// Runs in a network world of its own: kills the process that applies a policy at random moments and looks what the kernel
// and the ledger hold then. `kill-driver.ts OLD NEW KILLS`; both policies have one state directory. Prints what it saw as JSON.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createNft } from "../../src/edge/nft.ts";
import { netEdge } from "../../src/control/net-edge.ts";
import type { EdgeStatus } from "../../src/control/net-edge.ts";
import { openNetwork } from "../../src/control/network.ts";

const [oldFile, newFile, wanted] = process.argv.slice(2);
const nft = createNft();

function edgeOf(config: string): ReturnType<typeof netEdge> {
  const site = openNetwork({ config });
  if (!site.ok) throw new Error(site.error.problems.join("; "));
  return netEdge({ policy: site.value.policy, state: site.value.state, rollBack: ["/bin/true"] });
}

/** What the filter is, without its counters: those stay when nothing counts in them any more. */
async function kernel(): Promise<string> {
  const listed = await nft.list("sekimori");
  assert.ok(listed.ok, listed.ok ? "" : listed.error);
  return (listed.value ?? "").replaceAll(/\tcounter \w+ \{[^}]*\}\n\n/g, "");
}

/** An nft whose parent was killed may be at work still. */
async function nobodyLoads(): Promise<void> {
  for (let left = 600; left > 0; left--) {
    const names = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    const isBusy = names.some((name) => {
      try {
        return readFileSync(`/proc/${name}/comm`, "utf8").trim() === "nft";
      } catch {
        return false;
      }
    });
    if (!isBusy) return;
    // oxlint-disable-next-line no-await-in-loop -- until they are gone
    await sleep(50);
  }
  throw new Error("nft does not end");
}

async function statusOf(edge: ReturnType<typeof netEdge>): Promise<EdgeStatus> {
  const status = await edge.status();
  assert.ok(status.ok, JSON.stringify(status));
  return status.value;
}

async function mustApply(file: string): Promise<string> {
  const outcome = await edgeOf(file).apply("test", undefined);
  assert.ok(outcome.ok && outcome.value.kind === "applied", JSON.stringify(outcome));
  return kernel();
}

const before = await mustApply(oldFile!);
const after = await mustApply(newFile!);
assert.notEqual(before, after);
const started = performance.now();
assert.equal(await mustApply(oldFile!), before);
const usual = performance.now() - started;

const seen = { kills: 0, old: 0, new: 0, begun: 0, probation: 0, reboots: 0 };
/** What stands in the kernel when a round begins. */
let now: "old" | "new" = "old";
for (let round = 0; seen.kills < Number(wanted) && round < 4 * Number(wanted); round++) {
  const next = now === "old" ? newFile! : oldFile!;
  const probation = round % 3 === 0 ? ["600000"] : [];
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", new URL("applier.ts", import.meta.url).pathname, next, ...probation],
    { stdio: ["ignore", "pipe", "inherit"], detached: true },
  );
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  await sleep(Math.random() * usual);
  // With its nft, or without.
  if (child.exitCode === null && child.signalCode === null) {
    seen.kills++;
    process.kill(round % 2 === 0 ? child.pid! : -child.pid!, "SIGKILL");
  }
  await ended;
  await nobodyLoads();

  const found = await kernel();
  assert.ok(found === before || found === after, `round ${round}: neither the old filter nor the new one:\n${found}`);
  seen[found === before ? "old" : "new"]++;
  const edge = edgeOf(oldFile!);
  const { ledger } = await statusOf(edge);
  if (ledger.begun !== undefined) seen.begun++;
  if (ledger.pending !== undefined) seen.probation++;
  if (round % 4 === 1) {
    // The machine was killed as well: after a reboot stands what was confirmed last.
    seen.reboots++;
    const loaded = await nft.load("delete table inet sekimori\n");
    assert.ok(loaded.ok);
    const restored = await edge.restore();
    assert.ok(restored.ok, JSON.stringify(restored));
    if (ledger.begun !== undefined || ledger.pending !== undefined) {
      assert.equal(
        await kernel(),
        now === "old" ? before : after,
        `round ${round}: a change on probation was restored`,
      );
    }
  } else if (ledger.begun !== undefined || ledger.pending !== undefined) {
    const back = await edge.rollback("test", undefined);
    assert.ok(back.ok, JSON.stringify(back));
  }
  const stands = await kernel();
  assert.ok(stands === before || stands === after, `round ${round}: ${stands}`);
  now = stands === before ? "old" : "new";
  const status = await statusOf(edge);
  assert.equal(status.kernel, "as applied", `round ${round}: ${status.difference}`);
  assert.ok(status.ledger.begun === undefined && status.ledger.pending === undefined);
}
process.stdout.write(`${JSON.stringify(seen)}\n`);
