// The server as a whole: `serve`, `reload`, `status`, `metrics`, `doctor`, `token …`.

import type { Command } from "commander";
import type { SiteOptions } from "../control/site.ts";
import { readToken, tokenFile } from "../control/tokens.ts";
import { doctorCommand } from "./doctor.ts";
import type { DoctorOptions } from "./doctor.ts";
import { Exit } from "./exit.ts";
import { isRunning, NotHere, siteOf, withRunning } from "./house.ts";
import type { House } from "./house.ts";
import { finish, leaf } from "./leaf.ts";
import type { OutputOptions } from "./leaf.ts";
import { print, printJson } from "./output.ts";
import { reloadCommand } from "./reload.ts";
import { serve } from "./serve.ts";

function tokenShow(options: OutputOptions): void {
  const { settings } = siteOf(options);
  if (settings.http.tokens.length > 0) {
    const names = settings.http.tokens.map(({ name }) => name).join(", ");
    throw new Exit(1, `the configuration names the tokens: ${names}`);
  }
  let token: string | undefined;
  try {
    token = readToken(tokenFile(settings));
  } catch (error) {
    throw new NotHere(error instanceof Error ? error.message : String(error));
  }
  if (token === undefined) throw new NotHere("there is no token yet: start the server once");
  if (options.json) printJson({ token });
  else print(token);
}

export function addServerCommands(program: Command, house: House): void {
  async function status(options: OutputOptions): Promise<void> {
    const site = siteOf(options);
    const health = (await isRunning(site)) ? await house.withControl(site, (control) => control.health()) : undefined;
    if (options.json) printJson(health ?? { state: "stopped" });
    if (health === undefined) throw new Exit(1, "the server is not running");
    if (options.json) return;
    const { state, version, hostname, since, listeners } = health;
    print(`${state} since ${since}: ${hostname}, version ${version}`);
    for (const { name, address, port } of listeners)
      print(`${name.padEnd(12)} ${address.includes(":") ? `[${address}]` : address}:${port}`);
  }

  async function metrics(options: SiteOptions): Promise<void> {
    const text = await withRunning(house, siteOf(options), (control) => control.metrics());
    print(text?.trimEnd() ?? "");
  }

  async function tokenRotate(options: OutputOptions): Promise<void> {
    const outcome = await house.withControl(siteOf(options), (control) => control.rotateToken());
    finish(options, outcome, outcome.done ? outcome.token : "");
  }

  leaf(program, "serve", "run the server in the foreground", {
    examples: ["serve", "serve --config /etc/sekimori/sekimori.toml"],
    json: "none",
  }).action((options: SiteOptions) => serve(house, options));
  leaf(program, "reload", "make the running server read its configuration again; open sessions go on", {
    examples: ["reload"],
    codes: `0 all of it is in effect, 1 something needs a restart, 2 the file is wrong and nothing has changed,
3 no server is running.`,
  }).action((options: OutputOptions) => reloadCommand(house, options));
  leaf(program, "status", "whether the server runs, since when, and its open ports", {
    examples: ["status", "status --json"],
    codes: "0 it runs, 1 it does not.",
  }).action(status);
  leaf(program, "metrics", "the counters and gauges of the running server", {
    examples: ["metrics", "$sekimori metrics | grep _failed_total"],
    json: "none",
  }).action(metrics);
  leaf(program, "doctor", "examine configuration, ports, DNS, certificate, disk and clock, and say what to do", {
    examples: ["doctor", "doctor --probe mx.example.org"],
    codes: `by the worst finding, as monitoring plugins have it: 0 nothing to do, 1 a warning, 2 something fails, or the
configuration is wrong and nothing was examined, 3 not possible here.`,
  })
    .option("--probe <host...>", "also try ports 25, 465 and 587 of these hosts")
    .action((options: DoctorOptions) => doctorCommand(house, options));

  const token = program.command("token").description("the token that opens the API over the network");
  leaf(token, "show", "print it", {
    examples: [
      "token show",
      '$curl --header "Authorization: Bearer $(sekimori token show)" http://127.0.0.1:2080/api/v1/health',
    ],
    codes: "1 the configuration names tokens of its own, 3 there is none yet.",
  }).action(tokenShow);
  leaf(token, "rotate", "make a new one and print it; the old one ends at once", {
    examples: ["token rotate"],
  }).action(tokenRotate);
}
