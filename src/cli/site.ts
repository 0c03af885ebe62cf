// Which configuration a command speaks about, and the control of that site: of the running server if there is one,
// else of its files.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { formatProblem } from "../config/problem.ts";
import { demoSettings, loadSettings } from "../config/load.ts";
import type { Settings } from "../config/settings.ts";
import type { Control } from "../control/control.ts";
import { createOfflineControl } from "../control/offline.ts";
import { systemClock as clock } from "../io/clock.ts";
import { lockState } from "../io/state-lock.ts";
import { openLogFile } from "../main/log-file.ts";
import { createLog } from "../observe/log.ts";
import { openSpool } from "../spool/spool.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import { asRemote } from "../io/rpc.ts";
import { connectControl } from "./client.ts";
import { complain } from "./output.ts";
import { Exit } from "./exit.ts";

export interface SiteOptions {
  readonly config?: string;
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

export function loadSite(options: SiteOptions): Site {
  const file = configFile(options);
  if (file === undefined) return { settings: demoSettings(resolve(options.var ?? "var")), file };
  const loaded = loadSettings(file, process.env);
  if (loaded.ok) return { settings: loaded.value.settings, file };
  for (const problem of loaded.error) complain(formatProblem(problem));
  throw new Exit(2, `${file} has ${loaded.error.length === 1 ? "a problem" : `${loaded.error.length} problems`}`);
}

export async function withControl<T>(options: SiteOptions, work: (control: Control) => Promise<T>): Promise<T> {
  const { settings } = loadSite(options);
  const live = await connectControl(join(settings.state, "control.sock"));
  if (live !== undefined) return work(live);
  if (!existsSync(settings.state)) throw new Exit(3, `${settings.state} does not exist: start the server once`);
  const lock = lockState(settings.state);
  if (lock === undefined)
    throw new Exit(3, `another process uses ${settings.state}, but its control socket does not answer`);
  const store = openSqliteStore(join(settings.state, "index.sqlite"));
  const log = openLogFile(settings.log.directory, clock);
  let spool: ReturnType<typeof openSpool> | undefined;
  try {
    return await work(
      createOfflineControl({
        settings,
        store: asRemote(store),
        observer: createLog(settings.log.level, log),
        clock,
        spool: () => (spool ??= openSpool(join(settings.state, "spool"))),
      }),
    );
  } finally {
    await spool?.then((opened) => opened.spool.close());
    store.close();
    log.close();
    lock.release();
  }
}
