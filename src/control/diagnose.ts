// The examination of a site with the real network, disk and clock.

import { systemClock as clock } from "../io/clock.ts";
import { createResolver } from "../io/dns.ts";
import { probeBind, probeConnect } from "../io/port-probe.ts";
import { examine } from "./doctor.ts";
import type { Finding } from "./doctor.ts";
import type { Site } from "./site.ts";

const PATIENCE = 5000;

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
    },
  );
}
