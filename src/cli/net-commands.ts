// `sekimori net`: the network side. Each command reads the policy, asks the control and prints the answer.

import type { Command } from "commander";
import { checkNetwork, explainPacket, formatFinding, planNetwork } from "../control/network.ts";
import { Exit } from "./exit.ts";
import { leaf } from "./leaf.ts";
import { addCompileCommands } from "./net-compile.ts";
import { addNetEdgeCommands, edgePlan, edgePlanLines } from "./net-edge.ts";
import type { EdgeOptions } from "./net-edge.ts";
import { addExemptCommands } from "./net-exempt.ts";
import { addRefreshCommand } from "./net-refresh.ts";
import { instantOf, networkOf } from "./net-site.ts";
import type { NetOptions } from "./net-site.ts";
import { complain, print, printable, printJson } from "./output.ts";

function count(amount: number, what: string): string {
  return `${amount} ${what}${amount === 1 ? "" : "s"}`;
}

function netCheck(options: NetOptions): void {
  const site = networkOf(options);
  const findings = checkNetwork(site, instantOf(site, options));
  if (options.json) printJson(findings);
  else for (const finding of findings) complain(printable(formatFinding(finding)));
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const warnings = findings.length - errors;
  if (errors > 0) throw new Exit(2, `the policy of ${site.file} has ${count(errors, "error")}`);
  if (!options.json)
    print(`the policy of ${site.file} is sound${warnings > 0 ? `, with ${count(warnings, "warning")}` : ""}`);
}

async function netPlan(options: EdgeOptions): Promise<void> {
  const site = networkOf(options);
  const at = instantOf(site, options);
  const plan = planNetwork(site, at);
  const edge = await edgePlan(site, options, at);
  if (options.json) return printJson({ ...plan, ...(edge === undefined ? {} : { edge }) });
  print(`in force at ${plan.at}`);
  for (const { title, lines } of plan.now) {
    print(`  ${printable(title)}`);
    for (const line of lines) print(`    ${printable(line)}`);
  }
  print(
    plan.nextChange === undefined
      ? "nothing will change by itself"
      : `valid until ${plan.nextChange}; what changes when:`,
  );
  for (const change of plan.changes) print(`  ${change.at.padEnd(10)}  ${printable(change.what)}`);
  for (const line of edge === undefined ? [] : edgePlanLines(edge)) print(printable(line));
}

interface ExplainOptions extends NetOptions {
  readonly src: string;
  readonly dst: string;
  readonly dport?: string;
  readonly sport?: string;
  readonly proto?: string;
  readonly direction?: string;
  readonly line?: string;
  readonly subscriber?: string;
  readonly placement?: string;
}

function netExplain(options: ExplainOptions): void {
  const site = networkOf(options);
  const { direction } = options;
  if (direction !== undefined && direction !== "up" && direction !== "down") {
    throw new Exit(2, `--direction is up or down, not ${direction}`);
  }
  const explained = explainPacket(
    site,
    {
      source: options.src,
      destination: options.dst,
      sourcePort: number(options.sport, "--sport", 65_535),
      destinationPort: number(options.dport, "--dport", 65_535),
      protocol: protocolOf(options.proto ?? "tcp"),
      direction,
      line: options.line,
      subscriber: options.subscriber,
      placement: options.placement,
    },
    instantOf(site, options),
  );
  if (!explained.ok) throw new Exit(2, explained.error);
  const { at, packet, decision, manner, rule, why, source, destination, nextChange } = explained.value;
  if (options.json) printJson(explained.value);
  else {
    print(`${packet}, at ${at}`);
    print(decision === "pass" ? "  passes" : `  is blocked (${manner}, or the next best that the device can)`);
    print(`  since ${printable(why)}`);
    print(`  rule         ${printable(rule)}`);
    print(`  source       ${printable(source.join(", ")) || "nobody that the policy knows"}`);
    print(`  destination  ${printable(destination.join(", ")) || "nobody that the policy knows"}`);
    print(`  next change  ${nextChange ?? "none"}`);
  }
  process.exitCode = decision === "pass" ? 0 : 1;
}

const protocols = new Map([
  ["tcp", 6],
  ["udp", 17],
  ["icmp", 1],
  ["icmpv6", 58],
]);

function protocolOf(text: string): number {
  return protocols.get(text.toLowerCase()) ?? number(text, "--proto", 255) ?? 6;
}

function number(text: string | undefined, option: string, most: number): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,5}$/.test(text) || Number(text) > most)
    throw new Exit(2, `${option} is a number up to ${most}, not ${text}`);
  return Number(text);
}

/** Adds the commands; other parts of the network side add theirs to the one that is returned. */
export function addNetCommands(program: Command): Command {
  const net = program.command("net").description("the network side: who may speak to port 25, and when");
  leaf(net, "check", "check the policy and say what is wrong where, now and at all times to come", {
    examples: ["net check", "net check --config etc/model-a.toml --at 2027-04-01"],
    codes: "0 it is sound (warnings may be there), 2 it is not: every error is told with file:line:column.",
    site: "file",
  })
    .option("--at <date>", "as of then instead of now")
    .action(netCheck);
  leaf(net, "plan", "what is in force, in words, what changes when, and what an apply would change on this machine", {
    examples: ["net plan", "net plan --config etc/model-a.toml --at 2027-04-01"],
    site: "file",
  })
    .option("--at <date>", "as of then instead of now")
    .option("--netns <name>", "a network namespace instead of the machine's own")
    .action(netPlan);
  leaf(net, "explain", "what happens to a packet, by which rule and why", {
    examples: [
      "net explain --src 198.51.100.10 --dst 203.0.113.25 --dport 25",
      "net explain --src 203.0.113.25 --sport 25 --dst 198.51.100.10 --dport 40000 --at 2027-04-01",
    ],
    codes: "0 it passes, 1 it is blocked.",
    site: "file",
  })
    .requiredOption("--src <address>", "source of the packet")
    .requiredOption("--dst <address>", "its destination")
    .option("--dport <port>", "destination port (25)")
    .option("--sport <port>", "source port (40000)")
    .option("--proto <name>", "tcp, udp, icmp, icmpv6 or a number (tcp)")
    .option("--direction <way>", "up, from customers, or down, to them; as the addresses have it when left out")
    .option("--line <interface>", "customer interface by which it came")
    .option("--subscriber <name>", "subscriber of the session")
    .option(
      "--placement <place>",
      "where the filter stands: edge, interfaces, edge-out, edge-in, line:POOL or line-out:POOL (edge)",
    )
    .option("--at <date>", "as of then instead of now")
    .action(netExplain);
  addCompileCommands(net);
  addExemptCommands(net);
  addNetEdgeCommands(net);
  addRefreshCommand(net);
  return net;
}
