// A site: a checked configuration, or the built-in demonstration, and what can be said about it without its server.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { jsonSchema } from "../config/json-schema.ts";
import { demoSettings, isNetworkOnlyFile, loadSettings } from "../config/load.ts";
import { loadNetwork } from "../config/network.ts";
import { formatProblem } from "../config/problem.ts";
import { keyReference } from "../config/reference.ts";
import type { Settings } from "../config/settings.ts";
import { showEffective } from "../config/show.ts";
import { ensureDkimKey } from "../io/dkim-key.ts";
import { becomeUser } from "../io/privileges.ts";
import type { Refused } from "./control.ts";

export interface SiteOptions {
  /** Configuration file. */
  readonly config?: string;
  /** The demonstration, with its state in this directory. */
  readonly var?: string;
}

export interface Site {
  readonly settings: Settings;
  /** undefined for the demonstration. */
  readonly file: string | undefined;
}

/** --config, $SEKIMORI_CONFIG, ./sekimori.toml, /etc/sekimori/sekimori.toml; without any, the demonstration in ./var. */
export function configFile(options: SiteOptions): string | undefined {
  if (options.config !== undefined) return options.config;
  if (options.var !== undefined) return undefined;
  const named = process.env["SEKIMORI_CONFIG"];
  if (named !== undefined && named !== "") return named;
  return ["sekimori.toml", "/etc/sekimori/sekimori.toml"].find((file) => existsSync(file));
}

/** The problems are whole lines: `file:line:column: message`. */
export function loadSite(
  options: SiteOptions,
): Result<Site, { readonly file: string; readonly problems: readonly string[] }> {
  const file = configFile(options);
  if (file === undefined) return success({ settings: demoSettings(resolve(options.var ?? "var")), file });
  const loaded = loadSettings(file, process.env);
  if (loaded.ok) return success({ settings: loaded.value.settings, file });
  return failure({ file, problems: loaded.error.map(formatProblem) });
}

/** The whole file, with what its network side names: `file` is undefined for the demonstration. */
export function checkConfiguration(
  options: SiteOptions,
): Result<{ readonly file: string | undefined }, { readonly file: string; readonly problems: readonly string[] }> {
  const file = configFile(options);
  if (file === undefined) return success({ file });
  const isNetworkOnly = isNetworkOnlyFile(file);
  const mail = isNetworkOnly ? undefined : loadSettings(file, process.env);
  if (mail?.ok === false) return failure({ file, problems: mail.error.map(formatProblem) });
  if (mail !== undefined && mail.value.settings.network === undefined) return success({ file });
  const network = loadNetwork(file, process.env);
  return network.ok ? success({ file }) : failure({ file, problems: network.error.map(formatProblem) });
}

/** The same site from its file again. */
export function loadAgain(site: Site): ReturnType<typeof loadSite> {
  return loadSite(site.file === undefined ? { var: site.settings.state } : { config: site.file });
}

/** As the server sees it, every default filled in, secrets hidden. */
export function effectiveConfiguration({ settings }: Pick<Site, "settings">): string {
  return showEffective(settings).trimEnd();
}

/** The reference page of a key or table of the configuration. */
export function configurationReference(key: string): ReturnType<typeof keyReference> {
  return keyReference(key);
}

/** JSON Schema of the configuration file. */
export function configurationSchema(): object {
  return jsonSchema();
}

/** What `token rotate` is told while there is nothing of ours to rotate. */
export const noRotation: Refused = {
  done: false,
  kind: "conflict",
  why: "the configuration names the tokens: change the files of [[http.token]] and reload",
};

/** Where a running server answers the command line. */
export function controlSocket({ settings }: Site): string {
  return join(settings.state, "control.sock");
}

/** DNS records to publish, in zone file form; a key that does not exist yet is made. */
export async function dkimRecords({ settings }: Site): Promise<readonly string[]> {
  // A key that is made here must be the server's to read.
  if (settings.process !== undefined) becomeUser(settings.process, [settings.state]);
  const records: string[] = [];
  for (const { name, dkim } of settings.domains) {
    if (dkim === undefined) continue;
    const { publicRecord } = await ensureDkimKey(dkim.keyFile);
    // A character-string holds 255 octets (RFC 1035 §3.3); readers join them (RFC 6376 §3.6.2.2).
    const strings = publicRecord.match(/.{1,255}/g) ?? [];
    records.push(`${dkim.selector}._domainkey.${name}. IN TXT ${strings.map((text) => `"${text}"`).join(" ")}`);
  }
  return records;
}
