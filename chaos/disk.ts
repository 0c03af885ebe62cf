// The disk is full, and later it is not: a small tmpfs as state directory, filled up while mail comes in. And the disk goes read-only
// under the server, as ext4 does after an error: a loop device, and `mount -o remount,abort`. Clients read 4yz for what cannot be kept; what
// was answered 250 is there when there is room again. Wants root.

import { rm, writeFile } from "node:fs/promises";
import { mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runProgram } from "../test/lab/child.ts";
import { atEnd } from "../test/lab/cleanup.ts";
import type { Scope } from "../test/lab/cleanup.ts";
import type { Server } from "../test/lab/server.ts";
import { startSite } from "../test/lab/site.ts";
import type { Site } from "../test/lab/site.ts";
import { temporaryDirectory } from "../test/lab/temporary.ts";
import { readLog } from "../test/e2e/support/log.ts";
import { startExchanger } from "./exchanger.ts";
import type { Exchanger } from "./exchanger.ts";
import { createLedger, failuresOf, figuresOf } from "./ledger.ts";
import type { Ledger } from "./ledger.ts";
import { startLoad } from "./load.ts";
import { collectMail, drained } from "./mailboxes.ts";
import { until } from "./report.ts";
import type { ChaosOptions, Report } from "./report.ts";
import { damageIn } from "./server-log.ts";

const remoteDomain = "example.org";
const mebibyte = 1_048_576;
const disk = { octets: 24 * mebibyte, image: 64 * mebibyte } as const;
/** What a full disk makes a server say. */
const expected = ["spool.failed", "internal.failed"];

export async function chaosDisk(options: ChaosOptions): Promise<Report> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    return { kind: "not-possible", reason: "not root: mounts a small disk" };
  }
  const full = await fullDisk(options);
  const readOnly = await readOnlyDisk(options);
  return {
    kind: "ran",
    figures: `full disk: ${full.figures}\nread-only: ${readOnly.figures}`,
    failures: [
      ...full.failures.map((each) => `full disk: ${each}`),
      ...readOnly.failures.map((each) => `read-only: ${each}`),
    ],
  };
}

interface Part {
  readonly figures: string;
  readonly failures: readonly string[];
}

async function mount(scope: Scope, parameters: readonly string[], where: string): Promise<string | undefined> {
  mkdirSync(where, { recursive: true, mode: 0o700 });
  const mounted = await run("mount", ...parameters, where);
  if (mounted !== undefined) return mounted;
  atEnd(scope, async () => void (await run("umount", "--lazy", where)));
  return undefined;
}

/** What it said when it failed. */
async function run(program: string, ...parameters: readonly string[]): Promise<string | undefined> {
  const { code, stderr } = await runProgram({ program, parameters, milliseconds: 60_000 });
  return code === 0 ? undefined : `${program}: ${stderr.trim()}`;
}

function startRemote(scope: Scope, ledger: Ledger): Promise<Exchanger> {
  return startExchanger(scope, { taken: (recipient, content) => ledger.arrived(recipient, content, "remote") });
}

function siteOn(scope: Scope, directory: string, remote: Exchanger): Promise<Site> {
  return startSite(scope, {
    directory,
    smarthost: remote,
    // The least there is: the disk must really be full, and not only nearly.
    smtp: ['free-space = "1MiB"'],
    tables: ["[limits.account]", 'recipients = ["100000000/1h"]', "[log]", `directory = "${directory}/log"`],
  });
}

async function fullDisk({ scope, rounds, random, tell }: ChaosOptions): Promise<Part> {
  const directory = await temporaryDirectory(scope);
  const state = join(directory, "var");
  const failed = await mount(scope, ["-t", "tmpfs", "-o", `size=${disk.octets},mode=700`, "sekimori-chaos"], state);
  if (failed !== undefined) throw new Error(failed);
  const ledger = createLedger();
  const remote = await startRemote(scope, ledger);
  const site = await siteOn(scope, directory, remote);
  let server: Server = site.server;
  const failures: string[] = [];
  const filler = join(state, "filler");
  const tally = { refusing: 0, stayedDown: 0, inPlace: 0 };
  const load = startLoad({ site, ledger, random, clients: 2, remoteDomain, largest: 300_000, pause: 2 });
  for (let round = 1; round <= rounds; round++) {
    /* oxlint-disable no-await-in-loop -- one after the other */
    const before = ledger.counts();
    await fill(filler, state, random);
    await sleep(100 + random() * 200);
    await until(() => ledger.counts().refused > before.refused, 10_000);
    if (ledger.counts().refused > before.refused) tally.refusing++;
    else failures.push(`round ${round}: nothing was refused on a full disk`);
    const kind = round % 10;
    if (kind === 5) {
      // Room again, and the server goes on by itself: it looks every five seconds.
      await rm(filler);
      await collectMail(state, ledger);
      const { answered } = ledger.counts();
      if (await until(() => ledger.counts().answered > answered, 20_000)) tally.inPlace++;
      else failures.push(`round ${round}: nothing is accepted although there is room again`);
    } else {
      await server.kill();
      ledger.endLife(0);
      if (kind % 3 === 0) {
        // Started on a full disk it may say that it cannot; what it must not is lose something.
        try {
          server = await site.restart();
          await sleep(random() * 200);
          await server.kill();
          // It may have delivered by then.
          ledger.endLife(0);
        } catch {
          tally.stayedDown++;
        }
      }
      await rm(filler);
      await collectMail(state, ledger);
      server = await site.restart();
      const { answered } = ledger.counts();
      if (!(await until(() => ledger.counts().answered > answered, 20_000))) {
        failures.push(`round ${round}: nothing is accepted after a restart with room`);
      }
    }
    if (round % 10 === 0) tell(`${round} times full, ${ledger.counts().refused} messages refused for now`);
    /* oxlint-enable no-await-in-loop */
  }
  // Once more, and what could not be recorded meanwhile is recorded by the same process when there is room.
  const { refused } = ledger.counts();
  await fill(filler, state, random);
  if (!(await until(() => ledger.counts().refused > refused, 10_000)))
    failures.push("the last time nothing was refused");
  await sleep(1000);
  await rm(filler);
  await load.stop();
  if (!(await drained(site, 60_000))) failures.push("mail still waits a minute after the disk had room");
  await server.stop();
  await collectMail(state, ledger);
  const judgement = ledger.judge();
  failures.push(...failuresOf(judgement), ...damageIn(readLog(directory), expected));
  if (judgement.uncaused > 0) {
    failures.push(`${judgement.uncaused} second copies at the remote host without a kill in between`);
  }
  const figures =
    `${rounds} times full, ${tally.refusing} times seen by clients, ${tally.inPlace} times it went on by itself, ` +
    `${tally.stayedDown} starts refused while full, ${figuresOf(judgement)}`;
  return { figures, failures };
}

/** Leaves some hundred thousand octets, which the mail takes. */
async function fill(filler: string, state: string, random: () => number): Promise<void> {
  const { bavail, bsize } = statfsSync(state);
  const octets = Math.max(0, bavail * bsize - Math.floor(random() * 400_000));
  await writeFile(filler, Buffer.alloc(octets)).catch(() => undefined);
}

async function readOnlyDisk({ scope, random, rounds, tell }: ChaosOptions): Promise<Part> {
  const directory = await temporaryDirectory(scope);
  const state = join(directory, "var");
  const image = join(directory, "image");
  await writeFile(image, "");
  const made =
    (await run("truncate", "-s", String(disk.image), image)) ??
    (await run("mkfs.ext4", "-q", image)) ??
    (await mount(scope, ["-o", "loop,errors=remount-ro", image], state));
  if (made !== undefined) return { figures: `left out (${made})`, failures: [] };
  const ledger = createLedger();
  const remote = await startRemote(scope, ledger);
  const site = await siteOn(scope, directory, remote);
  let server: Server = site.server;
  const failures: string[] = [];
  const times = Math.ceil(rounds / 5);
  let stayedUp = 0;
  const load = startLoad({ site, ledger, random, clients: 2, remoteDomain, largest: 300_000, pause: 2 });
  for (let round = 1; round <= times; round++) {
    /* oxlint-disable no-await-in-loop -- one after the other */
    await sleep(200 + random() * 400);
    const before = ledger.counts();
    // Not under a sync: ext4 answers some that meet the abort with 0 and does not have the octets afterwards. A bare loop of pwrite and
    // fdatasync lost its last record in 3 of 80 aborts (Linux 6.18).
    await load.hold();
    await sleep(50);
    const aborted = await run("mount", "-o", "remount,abort", state);
    load.resume();
    if (aborted !== undefined) failures.push(aborted);
    if (!(await until(() => ledger.counts().refused > before.refused, 20_000))) {
      failures.push(`round ${round}: nothing was refused on a read-only disk`);
    }
    const still = await Promise.race([server.ended, sleep(100)]);
    if (still === undefined) stayedUp++;
    await server.kill();
    ledger.endLife(0);
    // As after a real error: the journal is played, then what it left is repaired. 1 is "repaired".
    const again =
      // A process that was killed may hold it for a moment more.
      (await run("sh", "-c", `for try in 1 2 3 4 5 6 7 8 9; do umount ${state} && exit; sleep 0.3; done; exit 1`)) ??
      (await run("sh", "-c", `e2fsck -fy ${image} >&2 || [ $? -eq 1 ]`)) ??
      (await run("mount", "-o", "loop,errors=remount-ro", image, state));
    if (again !== undefined) {
      await load.stop();
      return { figures: `${round} times read-only`, failures: [...failures, again] };
    }
    await collectMail(state, ledger);
    server = await site.restart();
    const { answered } = ledger.counts();
    if (!(await until(() => ledger.counts().answered > answered, 20_000))) {
      failures.push(`round ${round}: nothing is accepted after the disk came back`);
    }
    if (round % 10 === 0) tell(`${round} times read-only`);
    /* oxlint-enable no-await-in-loop */
  }
  await load.stop();
  if (!(await drained(site, 60_000))) failures.push("mail still waits a minute after the disk came back");
  await server.stop();
  await collectMail(state, ledger);
  const judgement = ledger.judge();
  failures.push(...failuresOf(judgement), ...damageIn(readLog(directory), expected));
  const figures = `${times} times read-only, the server stayed ${stayedUp} times, ${figuresOf(judgement)}`;
  return { figures, failures };
}
