// `sekimori net render` and `net verify`: texts for devices, and the proof that they are the policy.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import {
  chooseTargets,
  formatCompileError,
  hasEdge,
  renderTarget,
  unknownTargets,
  verifyTarget,
  verifyText,
} from "../control/compile.ts";
import type { ChosenTarget, TargetProof } from "../control/compile.ts";
import { checkNetwork, formatFinding } from "../control/network.ts";
import type { OpenedNetwork } from "../control/network.ts";
import { Exit } from "./exit.ts";
import { leaf } from "./leaf.ts";
import { instantOf, networkOf } from "./net-site.ts";
import type { NetOptions } from "./net-site.ts";
import { complain, print, printable, printJson } from "./output.ts";

interface CompileOptions extends NetOptions {
  readonly target?: string;
  readonly output?: string;
  readonly file?: string;
}

/** Nothing is made of a policy that is wrong. */
function soundOrEnd(site: OpenedNetwork, at: number): void {
  const findings = checkNetwork(site, at).filter(({ stops }) => stops);
  for (const finding of findings) complain(printable(formatFinding(finding)));
  if (findings.length > 0) throw new Exit(2, `the policy of ${site.file} has errors`);
}

function chosenOrEnd(site: OpenedNetwork, name: string | undefined): readonly ChosenTarget[] {
  const chosen = chooseTargets(site.policy, name);
  if (!chosen.ok) throw new Exit(2, chosen.error);
  return chosen.value;
}

function netRender(options: CompileOptions): void {
  const site = networkOf(options);
  const at = instantOf(site, options);
  soundOrEnd(site, at);
  if (!hasEdge(site.policy)) {
    complain("the policy has no edge of its own: there is nothing to filter, and nothing is rendered");
    return;
  }
  const [chosen] = chosenOrEnd(site, options.target ?? site.policy.targets[0]?.name ?? "nftables");
  const compiled = renderTarget(site.policy, chosen!, at);
  if (!compiled.ok) {
    for (const error of compiled.error) complain(printable(formatCompileError(error)));
    throw new Exit(2, `target ${chosen!.settings.name} cannot say the policy`);
  }
  const { files, revision, projection } = compiled.value;
  if (options.json) {
    const { validUntil, hypotheses } = projection;
    return printJson({
      target: chosen!.settings.name,
      kind: chosen!.target.name,
      revision,
      at,
      validUntil,
      hypotheses,
      files,
    });
  }
  for (const { path, text } of files) {
    if (options.output !== undefined) {
      const file = join(options.output, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
      complain(`wrote ${printable(file)}`);
    } else {
      if (files.length > 1) complain(`${path}:`);
      process.stdout.write(text);
    }
  }
}

function netVerify(options: CompileOptions): void {
  const site = networkOf(options);
  const at = instantOf(site, options);
  soundOrEnd(site, at);
  if (options.file !== undefined && options.target === undefined) throw new Exit(2, "--file needs --target");
  if (!hasEdge(site.policy)) {
    complain("the policy has no edge of its own: there is nothing to prove");
    return;
  }
  const chosen = chosenOrEnd(site, options.target);
  const proofs = chosen.map((one) =>
    options.file === undefined
      ? verifyTarget(site.policy, one, at)
      : verifyText(site.policy, one, { path: options.file, text: textOf(options.file) }, at),
  );
  if (options.json) printJson({ at: new Date(at).toISOString(), targets: proofs });
  else for (const proof of proofs) printProof(proof);
  const unknown = options.target === undefined ? unknownTargets(site.policy) : [];
  for (const { name, kind } of unknown) complain(printable(`${name} (${kind}): this version has no such target`));
  if (unknown.length > 0) throw new Exit(2, `${unknown.length} of the targets cannot be proved here`);
  const failed = proofs.filter(({ result }) => result !== "proved");
  if (failed.length === 0) return;
  const isInput = failed.every(({ result }) => result === "unsayable" || result === "unreadable");
  throw new Exit(isInput ? 2 : 1, `${failed.length} of ${proofs.length} not proved`);
}

function textOf(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new Exit(2, `${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function printProof({ target, kind, result, lines, theorems, dontCares, hypotheses, validUntil }: TargetProof): void {
  print(`${target} (${kind}): ${result}`);
  for (const line of lines) print(`  ${printable(line)}`);
  for (const { statement, outcome } of theorems) print(`  ${outcome === "proved" ? "proved" : "BROKEN"}: ${statement}`);
  for (const { outcome } of theorems) if (outcome !== "proved") print(`    ${printable(outcome)}`);
  for (const line of dontCares) print(`  not compared: ${line}`);
  for (const line of hypotheses) print(`  holds if: ${printable(line)}`);
  print(`  valid until ${validUntil ?? "the policy changes"}`);
}

export function addCompileCommands(net: Command): void {
  leaf(net, "render", "the policy as text for a device, to standard output, proved before it is printed", {
    examples: [
      "net render --target nftables > sekimori.nft",
      "net render --config etc/model-a.toml --target edge --at 2027-06-01",
    ],
    codes: "0 printed, 2 the policy is wrong or the device cannot say it.",
    site: "file",
  })
    .option("--target <name>", "a target of the configuration or a kind of device (the first of the configuration)")
    .option("--output <directory>", "write the files there instead")
    .option("--at <date>", "as of then instead of now")
    .action(netRender);
  leaf(net, "verify", "prove that texts are the policy: our own for each target, or any text", {
    examples: ["net verify", "net verify --config etc/model-a.toml --target edge --file running.txt"],
    codes: "0 all of it is proved, 1 it is not: a packet shows it, 2 a text cannot be read or the policy is wrong.",
    site: "file",
  })
    .option("--target <name>", "only this one (all of the configuration)")
    .option("--file <text>", 'hold this text against the policy; "-" is standard input')
    .option("--at <date>", "as of then instead of now")
    .action(netVerify);
}
