// What the commands do with their arguments. Each asks the control and prints the answer.

import { randomBytes } from "node:crypto";
import { userInfo } from "node:os";
import { createInterface } from "node:readline";
import { isCancel, password as askPassword } from "@clack/prompts";
import type { Outcome } from "../control/control.ts";
import { configurationReference, configurationSchema, dkimRecords, effectiveConfiguration } from "../control/site.ts";
import type { SiteOptions } from "../control/site.ts";
import { trace } from "../control/trace.ts";
import { Exit } from "./exit.ts";
import { siteOf } from "./house.ts";
import type { House } from "./house.ts";
import { print, printable, printJson, printTable } from "./output.ts";

export interface OutputOptions extends SiteOptions {
  readonly json?: true;
}

function finish(outcome: Outcome, done: string): void {
  if (!outcome.done) throw new Exit(1, outcome.why);
  print(done);
}

/** A terminal is asked without echo; otherwise the first line of standard input. */
async function readPassword(): Promise<string> {
  if (process.stdin.isTTY) {
    const answer = await askPassword({ message: "Password" });
    if (isCancel(answer)) throw new Exit(2, "cancelled");
    return answer;
  }
  for await (const line of createInterface({ input: process.stdin })) return line;
  throw new Exit(2, "no password on standard input");
}

interface PasswordOptions extends SiteOptions {
  readonly generate?: true;
}

async function choosePassword(options: PasswordOptions): Promise<{ readonly password: string; readonly told: string }> {
  if (options.generate === undefined) return { password: await readPassword(), told: "" };
  const password = randomBytes(12).toString("base64url");
  return { password, told: `, password ${password}` };
}

/** The account on this host, also behind sudo. */
function whoAsks(): string {
  const sudoer = process.env["SUDO_USER"];
  if (sudoer !== undefined && sudoer !== "") return sudoer;
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}

async function dkimShow(options: SiteOptions): Promise<void> {
  for (const record of await dkimRecords(siteOf(options))) print(record);
}

function configCheck(options: SiteOptions): void {
  const { file } = siteOf(options);
  print(file === undefined ? "no configuration file: the demonstration would be served" : `${file} is fine`);
}

function configShow(options: SiteOptions & { readonly effective?: true }): void {
  print(effectiveConfiguration(siteOf(options)));
}

function configReference(key: string): void {
  const found = configurationReference(key);
  if (found.kind === "page") return print(found.text);
  const near = found.near === undefined ? "" : `: did you mean ${found.near}?`;
  throw new Exit(1, `no key ${key}${near}`);
}

function configSchema(): void {
  printJson(configurationSchema());
}

export function createCommands(house: House) {
  async function accountAdd(
    address: string,
    options: PasswordOptions & { readonly alias?: readonly string[] },
  ): Promise<void> {
    const { password, told } = await choosePassword(options);
    const outcome = await house.withControl(siteOf(options), (control) =>
      control.addAccount(address, password, options.alias ?? []),
    );
    finish(outcome, `added ${address}${told}`);
  }

  async function accountPasswd(address: string, options: PasswordOptions): Promise<void> {
    const { password, told } = await choosePassword(options);
    const outcome = await house.withControl(siteOf(options), (control) => control.setPassword(address, password));
    finish(outcome, `changed ${address}${told}`);
  }

  async function accountList(options: OutputOptions): Promise<void> {
    const accounts = await house.withControl(siteOf(options), (control) => control.listAccounts());
    if (options.json) return printJson(accounts);
    printTable(
      ["ADDRESS", "CREATED", "RECIPIENTS", "ALIASES"],
      accounts.map(({ address, created, use, aliases, suspended }) => [
        suspended ? `${address} (suspended)` : address,
        created.slice(0, 10),
        use === undefined ? "" : use.quota.map(({ window, used, limit }) => `${used}/${limit} in ${window}`).join(", "),
        aliases.join(" "),
      ]),
    );
  }

  async function accountShow(address: string, options: OutputOptions): Promise<void> {
    const account = await house.withControl(siteOf(options), (control) => control.findAccount(address));
    if (account === undefined) throw new Exit(1, `${address}: no such account`);
    if (options.json) return printJson(account);
    const { aliases, created, suspended, use } = account;
    print(`address    ${printable(account.address)}`);
    print(`standing   ${suspended ? "suspended" : "active"}`);
    print(`created    ${created}`);
    print(`aliases    ${printable(aliases.join(" ")) || "none"}`);
    for (const { window, used, limit } of use?.quota ?? []) print(`recipients ${used} of ${limit} in ${window}`);
    for (const { window, used, limit } of use?.attempts ?? []) print(`attempts   ${used} of ${limit} in ${window}`);
    if (use === undefined) print("recipients known only while the server runs");
  }

  async function accountSuspend(address: string, options: SiteOptions): Promise<void> {
    const outcome = await house.withControl(siteOf(options), (control) => control.setStanding(address, "suspended"));
    finish(outcome, `suspended ${address}`);
  }

  async function accountResume(address: string, options: SiteOptions): Promise<void> {
    const outcome = await house.withControl(siteOf(options), (control) => control.setStanding(address, "active"));
    finish(outcome, `resumed ${address}`);
  }

  async function accountDelete(address: string, options: SiteOptions): Promise<void> {
    const outcome = await house.withControl(siteOf(options), (control) => control.deleteAccount(address));
    finish(outcome, `deleted ${address}; its mailbox stays on disk`);
  }

  async function traceCommand(question: string, options: OutputOptions): Promise<void> {
    const site = siteOf(options);
    const { settings } = site;
    // First: a look that cannot be written down does not happen.
    await house.withControl(site, (control) => control.noteTrace(question, whoAsks()));
    const { stories, more } = trace(settings.log.directory, question);
    if (options.json) printJson({ stories, more });
    else {
      for (const { subject, steps } of stories) {
        print(subject);
        for (const { time, text } of steps) print(`  ${time}  ${printable(text)}`);
      }
      if (more) print("older ones are left out");
    }
    if (stories.length === 0) throw new Exit(1, `nothing in ${settings.log.directory} names ${question}`);
  }

  return {
    accountAdd,
    accountPasswd,
    accountList,
    accountShow,
    accountSuspend,
    accountResume,
    accountDelete,
    traceCommand,
    dkimShow,
    configCheck,
    configShow,
    configReference,
    configSchema,
  };
}
