// The examination of a site with the real network, disk and clock.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Settings } from "../config/settings.ts";
import { systemClock as clock } from "../io/clock.ts";
import { createResolver } from "../io/dns.ts";
import { askDoveadm } from "../io/doveadm.ts";
import { probeBind, probeConnect } from "../io/port-probe.ts";
import type { Remote } from "../io/rpc.ts";
import type { Store } from "../store/store.ts";
import { examineDirectory } from "./doctor-directory.ts";
import { examine } from "./doctor.ts";
import type { Finding } from "./doctor.ts";
import { tryDovecotSessions } from "./dovecot-sessions.ts";
import type { Site } from "./site.ts";

const PATIENCE = 5000;
/** By then a running server has written what has just changed, ms. */
const SOON = 2000;

/** systemd-timesyncd(8) touches a file once it has reached somebody; of other clients nothing is known here. */
function readTimeSource(): "synchronised" | "alone" | "unknown" {
  const directory = "/run/systemd/timesync";
  if (!existsSync(directory)) return "unknown";
  return existsSync(join(directory, "synchronized")) ? "synchronised" : "alone";
}

export function diagnose(
  { settings }: Pick<Site, "settings">,
  server: "running" | "stopped",
  probe: readonly string[],
): Promise<readonly Finding[]> {
  return examine(
    { settings, server, probe },
    {
      resolver: createResolver({ ...settings.dns, clock }),
      clock,
      connect: (endpoint) => probeConnect(endpoint, PATIENCE),
      bind: probeBind,
      timeSource: readTimeSource,
      tryDoveadm: (place) => tryDovecotSessions(place, askDoveadm),
    },
  );
}

/** What the store of the site says: for whoever has it open. */
export function diagnoseDirectory(
  settings: Settings,
  server: "running" | "stopped",
  store: Remote<Store>,
): Promise<readonly Finding[]> {
  return examineDirectory({ settings, store, clock, server, pause: () => sleep(SOON) });
}
