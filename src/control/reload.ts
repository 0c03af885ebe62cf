// The configuration, read again while the server runs: all of it takes effect or nothing does. What is built into open
// files and bound sockets stays as it was and is named, so that nobody believes in a value that is not in effect.

import { isDeepStrictEqual } from "node:util";
import type { Settings } from "../config/settings.ts";
import type { Observer } from "../observe/events.ts";
import type { ReloadOutcome } from "./control.ts";
import { loadAgain } from "./site.ts";
import type { Site } from "./site.ts";

export type Applied =
  | { readonly kind: "applied"; readonly changed: readonly string[]; readonly restart: readonly string[] }
  | { readonly kind: "refused"; readonly problems: readonly string[] };

export interface ReloadServices {
  readonly site: Site;
  /** In effect now. */
  readonly settings: () => Settings;
  /** Puts the settings into effect, with the files they name. `changed`: of those files. */
  readonly apply: (settings: Settings) => Promise<Applied>;
  readonly observer: Observer;
}

/** One at a time, in the order asked. `by` is a signal or "operator". */
export function createReload(services: ReloadServices): (by: string) => Promise<ReloadOutcome> {
  let last: Promise<unknown> = Promise.resolve();
  return (by) => {
    const outcome = last.then(() => reload(services, by));
    last = outcome.catch(() => undefined);
    return outcome;
  };
}

async function reload({ site, settings, apply, observer }: ReloadServices, by: string): Promise<ReloadOutcome> {
  function refused(problems: readonly string[]): ReloadOutcome {
    observer.emit("config.refused", { by, problems });
    return { kind: "refused", problems };
  }
  const loaded = loadAgain(site);
  if (!loaded.ok) return refused(loaded.error.problems);
  const current = settings();
  if (loaded.value.settings.state !== current.state) {
    return refused([`restart needed: state-directory is ${current.state} while the server runs`]);
  }
  const { next, restart } = keepFixed(current, loaded.value.settings);
  let applied: Applied;
  try {
    applied = await apply(next);
  } catch (error) {
    applied = { kind: "refused", problems: [error instanceof Error ? error.message : String(error)] };
  }
  if (applied.kind === "refused") return refused(applied.problems);
  const changed = [...differences(current, next), ...applied.changed];
  const all = [...restart, ...applied.restart];
  observer.emit("config.reloaded", { by, changed, restart: all });
  return { kind: "applied", changed, restart: all };
}

/** What stays as it is until the next start. */
function keepFixed(
  current: Settings,
  read: Settings,
): { readonly next: Settings; readonly restart: readonly string[] } {
  const { hostname, http, web, dovecot, process, mailThreads } = current;
  const { directory, stdout } = current.log;
  const { listen, tls } = http;
  const fixed = [
    ["hostname", hostname, read.hostname],
    ["process", process, read.process],
    ["process.mail-threads", mailThreads, read.mailThreads],
    ["http.listen", http.listen, read.http.listen],
    ["http.tls", http.tls, read.http.tls],
    ["web.listen", web.listen, read.web.listen],
    ["web.tls", web.tls, read.web.tls],
    ["dovecot.listen", dovecot.listen, read.dovecot.listen],
    ["dovecot.tls", dovecot.tls, read.dovecot.tls],
    ["log.directory", directory, read.log.directory],
    ["log.stdout", stdout, read.log.stdout],
  ] as const;
  return {
    next: {
      ...read,
      hostname,
      http: { ...read.http, listen, tls },
      web: { ...read.web, listen: web.listen, tls: web.tls },
      dovecot: { ...read.dovecot, listen: dovecot.listen, tls: dovecot.tls },
      process,
      mailThreads,
      log: { ...read.log, directory, stdout },
    },
    restart: fixed.filter(([, now, wanted]) => !isDeepStrictEqual(now, wanted)).map(([name]) => name),
  };
}

function differences(current: Settings, next: Settings): readonly string[] {
  const names = [
    "log",
    "retention",
    "abuse",
    "http",
    "web",
    "dovecot",
    "tls",
    "domains",
    "listeners",
    "smtp",
    "mailbox",
    "limits",
    "delivery",
    "dns",
  ] as const;
  return names.filter((name) => !isDeepStrictEqual(current[name], next[name]));
}
