// `sekimori queue …`: what waits, and what an operator does about it.

import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import type { Control, DestinationView, QueueEntry, QueueList, QueueQuery, RelayView } from "../control/control.ts";
import { Exit } from "./exit.ts";
import { siteOf } from "./house.ts";
import type { House } from "./house.ts";
import { finish, leaf } from "./leaf.ts";
import type { OutputOptions } from "./leaf.ts";
import { print, printable, printJson, printTable } from "./output.ts";
import { withProgress } from "./progress.ts";

type Selector = Parameters<Control["changeQueue"]>[1];
const PAGE = 1000;
type Change = Parameters<Control["changeQueue"]>[0];

interface ListOptions extends OutputOptions {
  readonly state?: "held" | "waiting" | "active";
  readonly domain?: string;
  readonly sender?: string;
  readonly account?: string;
  readonly limit?: number;
}

interface SelectorOptions extends OutputOptions {
  readonly domain?: string;
  readonly sender?: string;
  readonly account?: string;
  readonly suspected?: string;
  readonly all?: true;
}

function stateOf(recipient: QueueEntry["recipients"][number]): string {
  const attempts = `${recipient.attempts} attempt${recipient.attempts === 1 ? "" : "s"}`;
  const why = recipient.reply === undefined || recipient.reply === "" ? "" : `: ${recipient.reply}`;
  const isDue = recipient.next !== undefined && recipient.state === "waiting";
  const reason =
    recipient.why ??
    (recipient.heldFor === "suspicion"
      ? "its account is suspect"
      : recipient.heldFor === "suspension"
        ? "its account was suspended or deleted"
        : undefined);
  const held = reason === undefined ? recipient.state : `${recipient.state} (${reason})`;
  return `${held}, ${attempts}${isDue ? `, next ${recipient.next.slice(0, 19)}` : ""}${why}`;
}

function wayOf({ domain, site }: RelayView): string {
  return site === undefined
    ? `waits for a relay of ${domain}: there is none in the configuration any more`
    : `goes by the server of ${domain}: ${site}`;
}

function chooseState(value: string): ListOptions["state"] {
  if (value === "held" || value === "waiting" || value === "active") return value;
  throw new InvalidArgumentError("held, waiting or active");
}

function chooseLimit(value: string): number {
  const limit = Number(value);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 100_000) return limit;
  throw new InvalidArgumentError("a number from 1 to 100000");
}

/** Exactly one way to say what is meant: nothing happens to a whole queue by an argument that was forgotten. */
function selectorOf(id: string | undefined, { domain, sender, account, suspected, all }: SelectorOptions): Selector {
  const said: Selector[] = [];
  if (id !== undefined) said.push({ kind: "message", id });
  if (domain !== undefined) said.push({ kind: "domain", domain });
  // As it is printed, `<>` included.
  if (sender !== undefined) said.push({ kind: "sender", sender: sender.replace(/^<(.*)>$/, "$1") });
  if (account !== undefined) said.push({ kind: "account", account });
  if (suspected !== undefined) said.push({ kind: "suspected", account: suspected });
  if (all !== undefined) said.push({ kind: "all" });
  const [selector, second] = said;
  if (selector !== undefined && second === undefined) return selector;
  throw new Exit(2, "say which mail is meant: a queue id, or one of --domain, --sender, --account, --suspected, --all");
}

function paceOf({ state, rate, rests }: DestinationView): string {
  const full = rate.find(({ used, limit }) => used >= limit);
  if (state !== "resting" || full === undefined) return state;
  return `resting ${Math.ceil(rests / 1000)} s: ${full.used} of ${full.limit}/${full.window}`;
}

function connectionsOf({ connections: { open, busy, dialling, limit } }: DestinationView): string {
  if (open + dialling === 0) return "-";
  return `${busy} of ${open} busy${dialling === 0 ? "" : `, ${dialling} dialling`}, may have ${limit}`;
}

function answerOf({ answers }: DestinationView): string {
  const last = answers.at(-1);
  return last === undefined ? "" : printable(`${last.at.slice(0, 19)} ${last.status} ${last.reply}`);
}

/** Page by page, up to `limit`. */
function listQueue(control: Control, query: QueueQuery, limit: number): Promise<Omit<QueueList, "next">> {
  return withProgress("messages", async (report) => {
    const entries: QueueEntry[] = [];
    for (let after: string | undefined; ;) {
      const most = Math.min(PAGE, limit - entries.length);
      // oxlint-disable-next-line no-await-in-loop -- each page begins where the last one ends
      const page = await control.listQueue({ ...query, limit: most, after });
      entries.push(...page.entries);
      report(entries.length, Math.min(limit, page.total));
      if (page.next === undefined || entries.length >= limit) return { total: page.total, entries };
      after = page.next;
    }
  });
}

export function addQueueCommands(program: Command, house: House): void {
  async function list({ state, domain, sender, account, limit = PAGE, ...options }: ListOptions): Promise<void> {
    const query = { state, domain, account, sender: sender?.replace(/^<(.*)>$/, "$1") };
    const found = await house.withControl(siteOf(options), (control) => listQueue(control, query, limit));
    if (options.json) return printJson(found);
    printTable(
      ["ID", "RECEIVED", "SIZE", "SENDER", "RECIPIENT", "STATE"],
      found.entries.flatMap((entry) =>
        entry.recipients.map((recipient, index) => [
          index === 0 ? entry.id : "",
          index === 0 ? entry.received.slice(0, 19) : "",
          index === 0 ? String(entry.size) : "",
          index === 0 ? `<${entry.sender}>` : "",
          `<${recipient.address}>`,
          stateOf(recipient),
        ]),
      ),
    );
    const shown = found.entries.length < found.total ? `, the oldest ${found.entries.length} are shown` : "";
    print(`${found.total} ${found.total === 1 ? "message" : "messages"}${shown}`);
  }

  async function show(id: string, options: OutputOptions): Promise<void> {
    const entry = await house.withControl(siteOf(options), (control) => control.findInQueue(id));
    if (entry === undefined) throw new Exit(1, `${id} is not in the queue`);
    if (options.json) return printJson(entry);
    const { recipients, ...rest } = entry;
    for (const [name, value] of Object.entries(rest)) print(`${name.padEnd(10)} ${printable(String(value))}`);
    for (const recipient of recipients) {
      print(printable(`recipient  <${recipient.address}> ${stateOf(recipient)}`));
      if (recipient.relay !== undefined) print(printable(`  ${wayOf(recipient.relay)}`));
      for (const { at, remote, reply, tls, milliseconds } of recipient.history ?? []) {
        const how = tls === undefined ? "" : `, ${tls}`;
        print(printable(`  ${at.slice(0, 19)}  ${remote === "" ? "-" : remote} (${milliseconds} ms${how}): ${reply}`));
      }
    }
  }

  function changer(change: Change, done: string): (id: string | undefined, options: SelectorOptions) => Promise<void> {
    return async (id, options) => {
      const selector = selectorOf(id, options);
      const outcome = await house.withControl(siteOf(options), (control) =>
        withProgress(change, () => control.changeQueue(change, selector)),
      );
      const { messages, recipients } = outcome.done ? outcome : { messages: 0, recipients: 0 };
      const some = `${messages} ${messages === 1 ? "message" : "messages"}`;
      finish(options, outcome, `${some}, ${recipients} ${recipients === 1 ? "recipient" : "recipients"} ${done}`);
    };
  }

  async function destinations(options: OutputOptions): Promise<void> {
    const found = await house.withControl(siteOf(options), (control) => control.listDestinations());
    if (found === undefined) throw new Exit(1, "the server is not running: nothing is being delivered");
    if (options.json) return printJson(found);
    printTable(
      ["DESTINATION", "FROM", "STATE", "WAITING", "CONNECTIONS", "DELIVERED", "DEFERRED", "FAILED", "LAST ANSWER"],
      found.map((each) => [
        each.site,
        each.egress === "" ? "-" : each.egress,
        paceOf(each),
        each.waiting === 0 ? "-" : `${each.waiting}, ${Math.round(each.waited / 1000)} s`,
        connectionsOf(each),
        String(each.delivered),
        String(each.deferred),
        String(each.failed),
        answerOf(each),
      ]),
    );
  }

  const queue = program.command("queue").description("mail that is not delivered yet");
  leaf(queue, "list", "list it, oldest first, and count it", {
    examples: ["queue list", "queue list --state held --domain example.org", "queue list --sender '<>' --json"],
  })
    .option("--state <state>", "only what is held, waiting or active (in delivery now)", chooseState)
    .option("--domain <domain>", "only recipients of this domain")
    .option("--sender <address>", "only mail from this sender; <> is the null sender")
    .option("--account <address>", "only what this account sent")
    .option("--limit <number>", `list at most so many messages (${PAGE})`, chooseLimit)
    .action(list);
  leaf(queue, "show", "one message in full, with its attempts in the remote's words", {
    examples: ["queue show 1m82a7kf70dxm4fx"],
  })
    .argument("<id>", "queue id")
    .action(show);
  leaf(queue, "destinations", "where mail goes now and how it fares there, those whose mail waits longest first", {
    examples: ["queue destinations"],
    codes: "1 the server is not running.",
  }).action(destinations);
  const selecting = (name: string, description: string, more: readonly string[] = []): Command =>
    leaf(queue, name, description, { examples: [`queue ${name} 1m82a7kf70dxm4fx`, ...more] })
      .argument("[id]", "queue id")
      .option("--domain <domain>", "the recipients of this domain in all messages")
      .option("--sender <address>", "all mail from this sender; <> is the null sender")
      .option("--account <address>", "all that this account sent")
      .option(
        "--suspected <address>",
        "of that, what is held for a suspicion, or since the account was suspended or deleted",
      );
  selecting("hold", "no further attempts until it is released; an attempt that is under way goes on", [
    "queue hold --sender alice@example.jp",
  ])
    .option("--all", "everything")
    .action(changer("hold", "held"));
  selecting("release", "end the hold; due now", ["queue release --all"])
    .option("--all", "everything that is held")
    .action(changer("release", "released"));
  selecting("flush", "make it due now", ["queue flush --domain example.org"])
    .option("--all", "everything that waits and is not held")
    .action(changer("flush", "due now"));
  selecting("retry", "make it due now and begin the schedule of attempts anew", ["queue retry --all"])
    .alias("requeue")
    .option("--all", "everything that waits and is not held")
    .action(changer("requeue", "queued anew"));
  selecting("return", "end it here; its sender gets it back", ["queue return --sender alice@example.jp"]).action(
    changer("return", "returned"),
  );
  selecting("delete", "end it here; nobody is told", ["queue delete --sender '<>'"]).action(
    changer("delete", "deleted"),
  );
}
