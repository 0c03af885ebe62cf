// The examination of a site with the real network, disk and clock.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { systemClock as clock } from "../io/clock.ts";
import { createResolver } from "../io/dns.ts";
import { probeBind, probeConnect } from "../io/port-probe.ts";
import { examine } from "./doctor.ts";
import type { Finding } from "./doctor.ts";
import type { Site } from "./site.ts";

const PATIENCE = 5000;

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
    },
  );
}
