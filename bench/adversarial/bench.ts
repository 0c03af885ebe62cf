// What adversarial input costs the server, per octet, beside ordinary mail; and what other clients notice of it meanwhile. One server,
// as an operator runs it, with delivery paused; the cases take turns. CPU is that of the server's processes alone.

import type { AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runProgram, startChild } from "../../test/lab/child.ts";
import type { Where } from "../../test/lab/client.ts";
import { plain, startSite } from "../../test/lab/site.ts";
import type { Site } from "../../test/lab/site.ts";
import { machine } from "../figures.ts";
import type { Kept } from "../kept.ts";
import { startInGroup } from "../smtp/group.ts";
import type { ProcessGroup } from "../smtp/group.ts";
import { account, strangeSender } from "../smtp/peers/peer.ts";
import { createScope, NotPossible, withDirectories } from "../smtp/scope.ts";
import type { RowScope } from "../smtp/scope.ts";
import type { Attack, AttackOptions } from "./attacker.ts";
import { caseNamed, cases } from "./cases.ts";
import type { Case } from "./cases.ts";
import type { Latency, ProbeOptions } from "./probe.ts";

export interface AdversarialOptions {
  readonly runs: number;
  readonly parts: readonly Part[];
  readonly priority: "usual" | "high";
  readonly interrupted: () => boolean;
  readonly tell: (line: string) => void;
}

export const parts = ["cost", "single", "others"] as const;
/** Cost per octet; octets that come one by one; what others notice. */
export type Part = (typeof parts)[number];

export interface Cost {
  readonly case: string;
  readonly reply: string;
  /** Server CPU, ns per octet, each run. */
  readonly runs: readonly number[];
}

export interface Single {
  readonly size: number;
  readonly runs: readonly number[];
}

export interface Notice {
  readonly during: string;
  readonly runs: readonly Latency[];
}

export type AdversarialPart = { readonly machine: readonly string[] } & (
  | { readonly part: "cost"; readonly costs: readonly Cost[] }
  | { readonly part: "single"; readonly single: readonly Single[] }
  | { readonly part: "others"; readonly notices: readonly Notice[] }
);

const limit = 150_000;
const probeTime = 4000;
const sizes = [64 * 1024, 4 * 1024 * 1024] as const;
const noticed = ["mx, 4 MiB", "lines ..", "recipients", "fields, 250 kB", "folded, 250 kB", "authors, 250 kB"] as const;
export const alone = "nothing";
export const elsewhere = "single octets to another process";
export const singly = "single octets";

/* oxlint-disable no-await-in-loop -- one after the other is the point */

/** By the name of the part. */
export function benchAdversarial(options: AdversarialOptions): Promise<Kept<AdversarialPart>> {
  return withDirectories(async () => {
    const scope = createScope();
    try {
      const target = await startTarget(scope, options);
      const results: Record<string, AdversarialPart> = {};
      for (const part of options.parts) results[part] = await measure(part, scope, target, options);
      return results;
    } finally {
      await scope.close();
    }
  });
}

async function measure(
  part: Part,
  scope: RowScope,
  target: Target,
  options: AdversarialOptions,
): Promise<AdversarialPart> {
  switch (part) {
    case "cost":
      return { part, machine: machine(), costs: await costs(target, options) };
    case "single":
      return { part, machine: machine(), single: await single(target, options) };
    case "others":
      return { part, machine: machine(), notices: await notices(scope, target, options) };
  }
}

interface Target {
  readonly site: Site;
  readonly group: ProcessGroup;
}

async function startTarget(scope: RowScope, { priority }: AdversarialOptions): Promise<Target> {
  const unlimited = '["100000000/1h"]';
  const { group, value } = await startInGroup("adversarial", priority, () =>
    startSite(scope, {
      smarthost: { address: "127.0.0.1", port: 9 },
      smtp: ["messages = 1000000", "recipients = 20000", "errors = 10000"],
      delivery: ["paused = true"],
      tables: ["[limits.account]", `recipients = ${unlimited}`, `attempts = ${unlimited}`],
      accounts: { [account.address]: account.password, "alice@sekimori.test": account.password },
    }),
  );
  scope.after(() => group.close());
  return { site: value, group };
}

function attackOn({ site }: Target, { name, listener }: Case, more: Partial<AttackOptions> = {}): AttackOptions {
  const submitted = listener === "submission";
  return {
    ...(submitted ? site.submissions : site.mx),
    case: name,
    writes: "whole",
    credentials: submitted ? plain(account.address, account.password) : undefined,
    sender: submitted ? account.address : strangeSender,
    recipient: account.address,
    ...more,
  };
}

async function attack(options: AttackOptions): Promise<Attack> {
  return JSON.parse(await runScript("attacker.ts", options)) as Attack;
}

async function runScript(name: string, options: object): Promise<string> {
  const { code, stdout, stderr } = await runProgram({
    program: process.execPath,
    parameters: [join(import.meta.dirname, name), JSON.stringify(options)],
    milliseconds: limit,
  });
  if (code !== 0) throw new Error(`${name} ${JSON.stringify(options)}: ${stderr.slice(0, 1000)}`);
  return stdout;
}

/** Nanoseconds of server CPU per octet sent. */
async function costOf(
  target: Target,
  options: AttackOptions,
): Promise<{ readonly cost: number; readonly reply: string }> {
  const before = target.group.cpu();
  const { octets, reply } = await attack(options);
  await sleep(300);
  return { cost: ((target.group.cpu() - before) * 1000) / octets, reply };
}

async function costs(target: Target, options: AdversarialOptions): Promise<readonly Cost[]> {
  const found = cases.map((each) => ({ case: each.name, reply: "", runs: [] as number[] }));
  // The first round warms up.
  for (let round = 0; round <= options.runs; round++) {
    for (const entry of found) {
      if (options.interrupted()) throw new NotPossible("interrupted");
      const { cost, reply } = await costOf(target, attackOn(target, caseNamed(entry.case)));
      entry.reply = reply.replace(/queued as .*/, "queued");
      if (round > 0) entry.runs.push(cost);
      options.tell(`${entry.case}: ${cost.toFixed(1)} ns/octet; ${reply}`);
    }
  }
  return found;
}

async function single(target: Target, options: AdversarialOptions): Promise<readonly Single[]> {
  const found = sizes.map((size) => ({ size, runs: [] as number[] }));
  const shape = caseNamed("mx, 4 MiB");
  await costOf(target, attackOn(target, shape, { size: sizes[0], messages: 2, writes: "single" }));
  for (let round = 0; round < Math.min(2, options.runs); round++) {
    for (const { size, runs } of found) {
      if (options.interrupted()) throw new NotPossible("interrupted");
      const messages = size === sizes[0] ? 8 : 1;
      const { cost } = await costOf(target, attackOn(target, shape, { size, messages, writes: "single" }));
      runs.push(cost);
      options.tell(`single octets, ${size / 1024} KiB: ${cost.toFixed(0)} ns/octet`);
    }
  }
  return found;
}

/** Latency of ordinary clients with nothing else, beside each case, and beside single octets to somebody else on this machine. */
async function notices(scope: RowScope, target: Target, options: AdversarialOptions): Promise<readonly Notice[]> {
  const discard = await startDiscard(scope);
  const endless = { messages: 1_000_000, yields: true } as const;
  const slow = attackOn(target, caseNamed("mx, 4 MiB"), { ...endless, writes: "single" });
  const plans: { readonly during: string; readonly attack: AttackOptions | undefined; readonly runs: Latency[] }[] = [
    { during: alone, attack: undefined, runs: [] },
    { during: singly, attack: slow, runs: [] },
    { during: elsewhere, attack: { ...slow, ...discard }, runs: [] },
    ...noticed.map((name) => ({ during: name, attack: attackOn(target, caseNamed(name), endless), runs: [] })),
  ];
  for (let round = 0; round <= options.runs; round++) {
    for (const { during, attack: what, runs } of plans) {
      if (options.interrupted()) throw new NotPossible("interrupted");
      // The first round warms up, and only with what the others are measured against.
      if (round === 0 && during !== alone) continue;
      const latency = await probe(target, what);
      if (round > 0) runs.push(latency);
      options.tell(`others during ${during}: p50 ${latency.p50.toFixed(2)} ms, p99 ${latency.p99.toFixed(2)} ms`);
    }
  }
  return plans.map(({ during, runs }) => ({ during, runs }));
}

async function probe({ site }: Target, what: AttackOptions | undefined): Promise<Latency> {
  const child =
    what === undefined
      ? undefined
      : startChild({
          program: process.execPath,
          parameters: [join(import.meta.dirname, "attacker.ts"), JSON.stringify(what)],
        });
  try {
    if (child !== undefined) await sleep(500);
    const options: ProbeOptions = {
      ...site.mx,
      milliseconds: probeTime,
      sender: strangeSender,
      recipient: account.address,
    };
    return JSON.parse(await runScript("probe.ts", options)) as Latency;
  } finally {
    await child?.stop("SIGTERM", 5000);
  }
}

/* oxlint-enable no-await-in-loop */

/** Says what an exchanger would, in a process of its own, and reads. */
async function startDiscard(scope: RowScope): Promise<Where> {
  const child = startChild({
    program: process.execPath,
    parameters: ["--eval", `(${discarding.toString()})(process.getBuiltinModule("node:net").createServer)`],
  });
  scope.after(async () => void (await child.stop("SIGTERM", 5000)));
  const port = Number((await child.waitForLine(/^port /, 10_000)).slice(5));
  return { address: "127.0.0.1", port };
}

function discarding(create: typeof createServer): void {
  const server = create((socket) => {
    socket.on("error", () => undefined);
    socket.write("220 ready\r\n");
    let inContent = false;
    socket.on("data", (chunk) => {
      if (inContent) return;
      const text = chunk.toString("latin1");
      inContent = text.startsWith("DATA");
      socket.write(inContent ? "354 go on\r\n" : "250 ok\r\n".repeat(text.split("\n").length - 1));
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo;
    console.log(`port ${port}`);
  });
}
