// `sekimori config …`, `sekimori dkim …`: what is decided in files, and what follows from it.

import type { Command } from "commander";
import {
  checkConfiguration,
  configurationReference,
  configurationSchema,
  dkimRecords,
  effectiveConfiguration,
} from "../control/site.ts";
import { zonesOfSite } from "../control/setup/publish.ts";
import { zoneText } from "../control/setup/zone.ts";
import { Exit } from "./exit.ts";
import { rightOrEnd, siteOf, withRunning } from "./house.ts";
import type { House } from "./house.ts";
import { leaf } from "./leaf.ts";
import type { OutputOptions } from "./leaf.ts";
import { print, printJson } from "./output.ts";

function check(options: OutputOptions): void {
  const { file } = rightOrEnd(checkConfiguration(options));
  if (options.json) return printJson({ file: file ?? null, problems: [] });
  print(file === undefined ? "no configuration file: the demonstration would be served" : `${file} is fine`);
}

function reference(key: string, options: OutputOptions): void {
  const found = configurationReference(key);
  if (found.kind === "page") return options.json ? printJson({ key, text: found.text }) : print(found.text);
  const near = found.near === undefined ? "" : `: did you mean ${found.near}?`;
  throw new Exit(1, `no key ${key}${near}`);
}

async function dkimShow(options: OutputOptions): Promise<void> {
  const records = await dkimRecords(siteOf(options));
  if (options.json) return printJson(records);
  for (const record of records) print(record);
}

async function dns(options: OutputOptions): Promise<void> {
  const zones = await zonesOfSite(siteOf(options));
  if (options.json) printJson(zones);
  else print(zoneText(zones));
}

export function addConfigCommands(program: Command, house: House): void {
  async function show(options: OutputOptions & { readonly running?: true }): Promise<void> {
    const site = siteOf(options);
    const toml = options.running
      ? await withRunning(house, site, (control) => control.configuration())
      : effectiveConfiguration(site);
    if (options.json) printJson({ toml });
    else print(toml);
  }

  const config = program.command("config").description("the configuration");
  leaf(config, "check", "check it and say what is wrong where", {
    examples: ["config check", "config check --config new.toml"],
    codes: "0 it is fine, 2 it is not: every problem is told with file:line:column.",
  }).action(check);
  leaf(config, "show", "print it as the server sees it, secrets hidden", {
    examples: ["config show", "config show --running"],
  })
    .option("--effective", "with every default filled in (always so)")
    .option("--running", "what is in effect in the running server, which may be older than the file")
    .action(show);
  leaf(config, "reference", "what a key or a table is for", {
    examples: ["config reference smtp.message-size", "config reference listener"],
    site: "none",
  })
    .argument("<key>", "as in the file: smtp.message-size, listener.role, delivery")
    .action(reference);
  leaf(config, "schema", "print its JSON Schema, for editors", {
    examples: ["$sekimori config schema > sekimori.schema.json"],
    site: "none",
    json: "none",
  }).action(() => printJson(configurationSchema()));

  leaf(program, "dns", "print the DNS records to publish for the domains, in the form of a zone file", {
    examples: ["dns", "$sekimori dns > example.jp.zone"],
    codes: "0 printed; nothing is asked but whether DNSSEC protects the name of this host.",
  }).action(dns);
  const dkim = program.command("dkim").description("keys that sign mail");
  leaf(dkim, "show", "print the DNS records to publish", { examples: ["dkim show"] }).action(dkimShow);
}
