// `sekimori net exempt`: who is not blocked, until when, and who said so.

import type { Command } from "commander";
import { changeExemptions, listExemptions } from "../control/network-exempt.ts";
import type { ExemptionChange } from "../control/network-exempt.ts";
import { Exit } from "./exit.ts";
import { leaf } from "./leaf.ts";
import { instantOf, networkOf } from "./net-site.ts";
import type { NetOptions } from "./net-site.ts";
import { complain, print, printable, printJson, printTable } from "./output.ts";
import { whoAsks } from "./who.ts";

function exemptList(options: NetOptions): void {
  const site = networkOf(options);
  const views = listExemptions(site, instantOf(site, options));
  if (options.json) return printJson(views);
  printTable(
    ["ID", "WHOM", "UNTIL", "STANDING", "OWNER", "TICKET"],
    views.map(({ id, subject, until = "", standing, owner, ticket }) => [id, subject, until, standing, owner, ticket]),
  );
}

interface AddOptions extends NetOptions {
  readonly address?: readonly string[];
  readonly subscriber?: string;
  readonly id?: string;
  readonly owner: string;
  readonly reason: string;
  readonly ticket: string;
  readonly from?: string;
  readonly until: string;
}

async function exemptAdd(options: AddOptions): Promise<void> {
  const { address, subscriber, owner, reason, ticket, from, until } = options;
  if ((address === undefined) === (subscriber === undefined)) {
    throw new Exit(2, "an exemption is for --address or for a --subscriber, exactly one of them");
  }
  const exemption = {
    id: options.id ?? nameOf(ticket),
    ...(address === undefined ? {} : { addresses: address }),
    ...(subscriber === undefined ? {} : { subscriber }),
    owner,
    reason,
    ticket,
    ...(from === undefined ? {} : { from }),
    until,
  };
  await change(options, { kind: "add", exemption }, (id) => `added exemption ${id}, until ${until}`);
}

/** A ticket as a name: T-2041 → t-2041. */
function nameOf(ticket: string): string {
  const plain = ticket
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  return (/^[a-z]/.test(plain) ? plain : `x-${plain}`).slice(0, 24).replace(/-$/, "");
}

async function exemptRenew(id: string, options: NetOptions & { until: string; reason?: string }): Promise<void> {
  const { until, reason } = options;
  await change(options, { kind: "renew", id, until, reason }, () => `renewed exemption ${id}, until ${until}`);
}

async function exemptRevoke(id: string, options: NetOptions & { reason: string }): Promise<void> {
  await change(options, { kind: "revoke", id, reason: options.reason }, () => `revoked exemption ${id}`);
}

async function change(options: NetOptions, what: ExemptionChange, done: (id: string) => string): Promise<void> {
  const site = networkOf(options);
  const changed = await changeExemptions(site, what, { at: instantOf(site, options), by: whoAsks() });
  if (changed.ok) {
    if (options.json) return printJson(changed.value);
    print(printable(`${done(changed.value.id)}; the filters follow with the next \`net apply\` or \`net render\``));
    return;
  }
  const { kind, why } = changed.error;
  if (kind !== "wrong") throw new Exit(kind === "no" ? 1 : 3, why.join("; "));
  for (const line of why) complain(printable(line));
  throw new Exit(2, "that would make the policy wrong: nothing has changed");
}

export function addExemptCommands(net: Command): void {
  const exempt = net.command("exempt").description("customers whose port 25 is not blocked");
  leaf(exempt, "list", "list them, with those that stand in the configuration", {
    examples: ["net exempt list"],
    site: "file",
  })
    .option("--at <date>", "as of then instead of now")
    .action(exemptList);
  leaf(exempt, "add", "add one; refused when the policy would be wrong with it", {
    examples: [
      "net exempt add --address 203.0.113.12 --owner 'Example Trading' --reason 'own mail server' --ticket T-7 --until 2027-10-31",
    ],
    codes: "1 there already is one of that name, 2 the policy would be wrong with it, 3 another change is being made.",
    site: "file",
  })
    .option("--address <prefix...>", "whose: prefixes or addresses, of both families if there are both")
    .option("--subscriber <name>", "or a subscriber, for RADIUS targets")
    .option("--id <name>", "what to call it (made from the ticket)")
    .requiredOption("--owner <text>", "who asked for it")
    .requiredOption("--reason <text>", "why")
    .requiredOption("--ticket <text>", "where it was decided")
    .option("--from <date>", "first day (at once)")
    .requiredOption("--until <date>", "last day; it ends by itself")
    .option("--at <date>", "check as of then instead of now")
    .action(exemptAdd);
  leaf(exempt, "renew", "change its end", { examples: ["net exempt renew t-7 --until 2028-10-31"], site: "file" })
    .argument("<id>", "what it is called")
    .requiredOption("--until <date>", "the new last day")
    .option("--reason <text>", "a new reason")
    .option("--at <date>", "check as of then instead of now")
    .action(exemptRenew);
  leaf(exempt, "revoke", "take it back before its end", {
    examples: ["net exempt revoke t-7 --reason 'sent spam'"],
    site: "file",
  })
    .argument("<id>", "what it is called")
    .requiredOption("--reason <text>", "why; kept in the audit log")
    .option("--at <date>", "check as of then instead of now")
    .action(exemptRevoke);
}
