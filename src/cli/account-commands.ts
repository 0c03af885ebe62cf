// `sekimori account …`: who may log in and send.

import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { isCancel, password as askPassword } from "@clack/prompts";
import type { Command } from "commander";
import { readQuota, readTime } from "../control/accounts.ts";
import type { AccountView, Control } from "../control/control.ts";
import { addExportCommand } from "./account-export.ts";
import { addImportCommand } from "./account-import.ts";
import { addSenderCommands } from "./account-senders.ts";
import { addAppPasswordCommands } from "./app-passwords.ts";
import { addSubstituteCommands } from "./substitutes.ts";
import { Exit } from "./exit.ts";
import { siteOf } from "./house.ts";
import type { House } from "./house.ts";
import { finish, leaf } from "./leaf.ts";
import type { OutputOptions } from "./leaf.ts";
import { print, printable, printJson, printTable } from "./output.ts";
import { withProgress } from "./progress.ts";

const PAGE = 1000;

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

interface PasswordOptions extends OutputOptions {
  readonly generate?: true;
}

interface Chosen {
  readonly password: string;
  /** One that was made here is told, once. */
  readonly made: string | undefined;
}

/** What another server made of the password: from a program, or a line of its file. */
async function readHashLine(): Promise<string> {
  if (process.stdin.isTTY) {
    const answer = await askPassword({ message: "Hash" });
    if (isCancel(answer)) throw new Exit(2, "cancelled");
    return answer.trim();
  }
  for await (const line of createInterface({ input: process.stdin })) return line.trim();
  throw new Exit(2, "no hash on standard input");
}

async function choosePassword({ generate }: PasswordOptions): Promise<Chosen> {
  if (generate === undefined) return { password: await readPassword(), made: undefined };
  const password = randomBytes(12).toString("base64url");
  return { password, made: password };
}

/** The outcome of a change of the password, with one that was made here. */
function finishPassword(
  options: PasswordOptions,
  outcome: Awaited<ReturnType<Control["setPassword"]>>,
  done: string,
  { made }: Chosen,
): void {
  const withMade = outcome.done && made !== undefined ? { ...outcome, password: made } : outcome;
  finish(options, withMade, made === undefined ? done : `${done}, password ${made}`);
}

function quotaOf(text: string): number | null {
  const quota = readQuota(text);
  if (!quota.ok) throw new Exit(2, quota.error);
  return quota.value;
}

function raiseOf(factor: string, time: string | undefined, reason: string | undefined) {
  if (time === undefined || reason === undefined) throw new Exit(2, "a raise needs --for and --reason");
  const length = readTime(time);
  if (!length.ok) throw new Exit(2, length.error);
  return { factor: Number(factor), for: length.value, reason };
}

/** Three figures are enough to see how full it is. */
function sizeText(octets: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const power = octets < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(octets) / 10));
  const value = octets / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : Number(value.toFixed(1))} ${units[power]}`;
}

function allAccounts(control: Control): Promise<readonly AccountView[]> {
  return withProgress("accounts", async (report) => {
    const all: AccountView[] = [];
    for (let after: string | undefined; ;) {
      // oxlint-disable-next-line no-await-in-loop -- each page begins where the last one ends
      const { total, entries, next } = await control.listAccounts({ limit: PAGE, after });
      all.push(...entries);
      report(all.length, total);
      if (next === undefined) return all;
      after = next;
    }
  });
}

/** Nothing of its mail goes out or is lost by itself: what waits for somebody to decide. */
async function heldOf(control: Control, address: string): Promise<string> {
  const { total } = await control.listQueue({ state: "held", account: address, limit: 1 });
  if (total === 0) return "";
  const some = total === 1 ? "1 message of it is" : `${total} messages of it are`;
  return (
    `\n${some} held: see \`queue list --state held --account ${address}\`, ` +
    `then \`queue release\` or \`queue return\`, with --suspected ${address} for all`
  );
}

export function addAccountCommands(program: Command, house: House): void {
  async function add(
    address: string,
    options: PasswordOptions & {
      readonly alias?: readonly string[];
      readonly quota?: string;
      readonly plan?: string;
      readonly hash?: true;
    },
  ): Promise<void> {
    const site = siteOf(options);
    if (options.hash && options.generate) throw new Exit(2, "either --hash or --generate");
    const quotaTerm = options.quota === undefined ? {} : { quota: quotaOf(options.quota) };
    const terms = options.plan === undefined ? quotaTerm : { ...quotaTerm, plan: options.plan };
    const secret = options.hash ? { hash: await readHashLine() } : undefined;
    const chosen = secret === undefined ? await choosePassword(options) : { password: "", made: undefined };
    const outcome = await house.withControl(site, (control) =>
      control.addAccount(address, secret ?? chosen.password, options.alias ?? [], terms),
    );
    finishPassword(options, outcome, `added ${address}`, chosen);
  }

  async function passwd(address: string, options: PasswordOptions): Promise<void> {
    const site = siteOf(options);
    const chosen = await choosePassword(options);
    const outcome = await house.withControl(site, (control) => control.setPassword(address, chosen.password));
    finishPassword(options, outcome, `changed ${address}`, chosen);
  }

  async function list(options: OutputOptions): Promise<void> {
    const accounts = await house.withControl(siteOf(options), allAccounts);
    if (options.json) return printJson(accounts);
    printTable(
      ["ADDRESS", "CREATED", "RECIPIENTS", "ALIASES"],
      accounts.map(({ address, created, use, aliases, suspended }) => [
        suspended ? `${address} (suspended)` : address,
        created.slice(0, 10),
        use === undefined
          ? ""
          : use.quota
              .filter(({ layer }) => layer === "recipients")
              .map(({ window, used, limit }) => `${used}/${limit} in ${window}`)
              .join(", "),
        aliases.join(" "),
      ]),
    );
  }

  async function show(address: string, options: OutputOptions): Promise<void> {
    const account = await house.withControl(siteOf(options), (control) => control.findAccount(address));
    if (account === undefined) throw new Exit(1, `${address}: no such account`);
    if (options.json) return printJson(account);
    const {
      aliases,
      created,
      suspended,
      scheme,
      cram,
      mailbox,
      use,
      plan: name,
      contact: second,
      raise: raised,
      suspicion,
      restraint,
    } = account;
    print(`address    ${printable(account.address)}`);
    print(`standing   ${suspended ? "suspended" : "active"}`);
    print(`created    ${created}`);
    if (cram === true) print("cram-md5   what it needs of the password is stored");
    if (scheme !== undefined && scheme !== "argon2id") {
      print(`password   ${printable(scheme)} of another server, until the next login that shows it`);
    }
    print(`aliases    ${printable(aliases.join(" ")) || "none"}`);
    for (const { sender, as } of account.senders ?? []) {
      print(`sends as   ${printable(sender)}${as === "delegate" ? ", for somebody else" : ""}`);
    }
    if (mailbox !== undefined) {
      const limit = mailbox.quota === undefined ? "no quota" : `of ${sizeText(mailbox.quota)}`;
      print(`mailbox    ${sizeText(mailbox.used)} ${limit}`);
    }
    if (second !== undefined) print(`contact    ${printable(second)}`);
    if (name !== undefined) print(`plan       ${printable(name)}`);
    if (raised !== undefined) {
      const { factor, until, by, reason } = raised;
      print(`raise      ${factor} times until ${until}, by ${printable(by)}: ${printable(reason)}`);
    }
    for (const { layer, window, used, limit } of use?.quota ?? []) {
      print(`${(layer === "new-recipients" ? "new" : layer).padEnd(10)} ${used} of ${limit} in ${window}`);
    }
    for (const { window, used, limit } of use?.attempts ?? []) print(`attempts   ${used} of ${limit} in ${window}`);
    if (restraint !== undefined) {
      const { step, since, until, score, clause } = restraint;
      const rests = clause === undefined ? "" : `; ${printable(clause)}`;
      print(`restraint  ${step} since ${since}${until === undefined ? "" : ` until ${until}`}, score ${score}${rests}`);
    }
    if (suspicion !== undefined) {
      print(`suspicion  ${suspicion.score}${suspicion.step === undefined ? "" : `, ${suspicion.step}`}`);
      for (const { at, text } of suspicion.evidence.slice(-10)) print(`           ${at} ${printable(text)}`);
    }
    if (use === undefined) print("recipients known only while the server runs");
  }

  async function quota(address: string, size: string, options: OutputOptions): Promise<void> {
    const site = siteOf(options);
    const terms = { quota: quotaOf(size) };
    const outcome = await house.withControl(site, (control) => control.changeAccount(address, terms));
    finish(options, outcome, `changed ${address}`);
  }

  async function plan(address: string, wanted: string, options: OutputOptions): Promise<void> {
    const terms = { plan: wanted === "default" ? null : wanted };
    const outcome = await house.withControl(siteOf(options), (control) => control.changeAccount(address, terms));
    finish(options, outcome, `changed ${address}`);
  }

  async function contact(address: string, wanted: string, options: OutputOptions): Promise<void> {
    const terms = { contact: wanted === "none" ? null : wanted };
    const outcome = await house.withControl(siteOf(options), (control) => control.changeAccount(address, terms));
    finish(options, outcome, `changed ${address}`);
  }

  async function raise(
    address: string,
    factor: string,
    options: OutputOptions & { readonly for?: string; readonly reason?: string },
  ): Promise<void> {
    const site = siteOf(options);
    const wanted = factor === "end" ? null : raiseOf(factor, options.for, options.reason);
    const outcome = await house.withControl(site, (control) => control.changeAccount(address, { raise: wanted }));
    finish(options, outcome, `changed ${address}`);
  }

  function changer(
    change: (control: Control, address: string) => ReturnType<Control["deleteAccount"]>,
    done: (address: string) => string,
  ): (address: string, options: OutputOptions) => Promise<void> {
    return async (address, options) => {
      const { outcome, held } = await house.withControl(siteOf(options), async (control) => {
        // Under its own name: of one that is deleted its aliases say nothing any more.
        const name = (await control.findAccount(address))?.address ?? address;
        const changed = await change(control, address);
        return { outcome: changed, held: changed.done ? await heldOf(control, name) : "" };
      });
      finish(options, outcome, `${done(address)}${held}`);
    };
  }

  const account = program.command("account").description("accounts for submission and mailboxes");
  const one = "its address or one of its aliases";
  leaf(account, "add", "add an account; the password comes from the terminal or from standard input", {
    examples: [
      "account add alice@example.jp",
      "account add bob@example.jp --alias info@example.jp --generate",
      '$echo "$PASSWORD" | sekimori account add carol@example.jp',
      "$doveadm pw -s BLF-CRYPT | sekimori account add dave@example.jp --hash",
    ],
  })
    .argument("<address>", "its address, in a local domain")
    .option("--alias <address...>", "further addresses of the account")
    .option("--generate", "make a random password and print it once")
    .option("--hash", "what comes is no password, but what another server made of one")
    .option("--plan <name>", "its [[plan]]")
    .option("--quota <size>", "what its mailbox may hold, as in 2GiB")
    .action(add);
  leaf(account, "list", "list accounts", { examples: ["account list", "account list --json"] }).action(list);
  leaf(account, "passwd", "change a password", {
    examples: ["account passwd alice@example.jp", "account passwd alice@example.jp --generate --json"],
  })
    .argument("<address>", one)
    .option("--generate", "make a random password and print it once")
    .action(passwd);
  leaf(account, "show", "one account: standing, aliases, what is used of its limits", {
    examples: ["account show alice@example.jp", "account show 2c6d9f0b1a7e4835d0c9b6a1"],
  })
    .argument("<address>", `${one}, or the id that a Received field names it by`)
    .action(show);
  leaf(account, "quota", "what its mailbox may hold", {
    examples: ["account quota alice@example.jp 2GiB", "account quota alice@example.jp default"],
  })
    .argument("<address>", one)
    .argument("<size>", "as in 500MiB, 2GiB; default: what [mailbox] quota says")
    .action(quota);
  leaf(account, "plan", "whose limits it has", {
    examples: ["account plan alice@example.jp office", "account plan alice@example.jp default"],
  })
    .argument("<address>", one)
    .argument("<plan>", "name of a [[plan]]; default: what [limits.account] says")
    .action(plan);
  leaf(account, "contact", "who else is told when its limits are nearly used up: a thief reads its mailbox", {
    examples: ["account contact alice@example.jp alice@example.org", "account contact alice@example.jp none"],
  })
    .argument("<address>", one)
    .argument("<contact>", "an address elsewhere; none: nobody else")
    .action(contact);
  leaf(account, "raise", "raise its limits for a time; the log says who did and why", {
    examples: ["account raise alice@example.jp 5 --for 3d --reason newsletter", "account raise alice@example.jp end"],
  })
    .argument("<address>", one)
    .argument("<factor>", "times its limits; end: no longer")
    .option("--for <time>", "how long, as in 12h, 3d")
    .option("--reason <text>", "why")
    .action(raise);
  leaf(
    account,
    "suspend",
    "no login, no mail out, mail in waits at its sender; open sessions end, its queued mail is held",
    {
      examples: ["account suspend alice@example.jp"],
    },
  )
    .argument("<address>", one)
    .action(
      changer(
        (control, address) => control.setStanding(address, "suspended"),
        (address) => `suspended ${address}`,
      ),
    );
  leaf(account, "resume", "end a suspension, whoever or whatever suspended it; held mail stays held", {
    examples: ["account resume alice@example.jp"],
  })
    .argument("<address>", one)
    .action(
      changer(
        (control, address) => control.setStanding(address, "active"),
        (address) => `resumed ${address}`,
      ),
    );
  addImportCommand(account, house);
  addSenderCommands(account, house);
  addAppPasswordCommands(account, house);
  addSubstituteCommands(account, house);
  addExportCommand(account, house);
  leaf(account, "delete", "delete it with its aliases; its mailbox stays on disk, its queued mail is held", {
    examples: ["account delete alice@example.jp"],
  })
    .argument("<address>", one)
    .action(
      changer(
        (control, address) => control.deleteAccount(address),
        (address) => `deleted ${address}; its mailbox stays on disk`,
      ),
    );
}
