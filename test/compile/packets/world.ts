// Run inside namespaces of its own (`unshare`): a router between two customer lines and the rest, an agent behind each.
// Loads the ruleset given as file, tries what the file of tasks says, and prints the outcomes.

import { spawn, spawnSync } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Command, Outcome, Task } from "./agent.ts";

export interface Host {
  readonly name: string;
  /** The router's interface towards it. */
  readonly interface: string;
  readonly addresses: readonly string[];
  /** Addresses that it uses and that do not lead to it. */
  readonly spoofed: readonly string[];
}

/** Those of a step run at once; before them each host listens on these ports. */
export interface Step {
  readonly listen: Readonly<Record<string, readonly number[]>>;
  readonly tasks: readonly (Task & { readonly host: string })[];
}

export interface Plan {
  readonly nft: string;
  readonly ruleset: string;
  readonly hosts: readonly Host[];
  readonly steps: readonly Step[];
}

const ip = "ip";

function run(...parameters: readonly string[]): void {
  const [program = "", ...rest] = parameters;
  const { status, stderr, error } = spawnSync(program, rest, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${parameters.join(" ")}: ${error?.message ?? stderr}`);
}

function bits(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}

function build(plan: Plan): void {
  run("mount", "-t", "tmpfs", "none", "/run");
  run("ip", "link", "set", "lo", "up");
  for (const name of ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]) run("sysctl", "-qw", `${name}=1`);
  for (const host of plan.hosts) {
    const inside = ["ip", "netns", "exec", host.name];
    run("ip", "netns", "add", host.name);
    run("ip", "link", "add", "dev", host.interface, "type", "veth", "peer", "name", "out0", "netns", host.name);
    run(...inside, "ip", "link", "set", "dev", "lo", "up");
    run(...inside, "ip", "link", "set", "dev", "out0", "up");
    run("ip", "link", "set", "dev", host.interface, "up");
    run("ip", "address", "add", "10.255.0.1/32", "dev", host.interface);
    run("ip", "address", "add", "fe80::1/64", "dev", host.interface, "nodad");
    for (const address of [...host.addresses, ...host.spoofed]) {
      const nodad = address.includes(":") ? ["nodad"] : [];
      run(...inside, "ip", "address", "add", bits(address), "dev", "out0", ...nodad);
    }
    run(...inside, "ip", "route", "add", "default", "via", "10.255.0.1", "dev", "out0", "onlink");
    run(...inside, "ip", "-6", "route", "add", "default", "via", "fe80::1", "dev", "out0", "onlink");
    for (const address of host.addresses) run("ip", "route", "add", bits(address), "dev", host.interface);
  }
  run(plan.nft, "-f", plan.ruleset);
}

class Agent {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, (outcome: string) => void>();

  constructor(namespace: string) {
    const agent = join(import.meta.dirname, "agent.ts");
    this.#child = spawn(ip, ["netns", "exec", namespace, process.execPath, agent], { stdio: "pipe" });
    this.#child.stderr.pipe(process.stderr);
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const { id, outcome } = JSON.parse(line) as Outcome;
      this.#waiting.get(id)?.(outcome);
    });
  }

  ask(id: number, command: Command): Promise<string> {
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    });
  }

  stop(): void {
    this.#child.kill();
  }
}

async function main(): Promise<void> {
  const plan = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as Plan;
  build(plan);
  const agents = new Map(plan.hosts.map(({ name }) => [name, new Agent(name)]));
  const outcomes: Outcome[] = [];
  for (const { listen, tasks } of plan.steps) {
    // oxlint-disable-next-line no-await-in-loop -- a step begins when the one before has ended
    await Promise.all([...agents].map(([name, agent]) => agent.ask(-1, { listen: listen[name] ?? [] })));
    // oxlint-disable-next-line no-await-in-loop
    const ended = await Promise.all(
      tasks.map(async ({ host, ...task }) => ({
        id: task.id,
        outcome: await agents.get(host)!.ask(task.id, { task }),
      })),
    );
    outcomes.push(...ended);
  }
  for (const agent of agents.values()) agent.stop();
  process.stdout.write(JSON.stringify(outcomes));
}

await main();
