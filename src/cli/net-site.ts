// What the `net` commands share: which network, as of when. Problems of the files are told and end the command.

import { openNetwork, readInstant } from "../control/network.ts";
import type { OpenedNetwork } from "../control/network.ts";
import type { SiteOptions } from "../control/site.ts";
import { Exit } from "./exit.ts";
import { rightOrEnd } from "./house.ts";
import type { OutputOptions } from "./leaf.ts";

export interface NetOptions extends OutputOptions {
  readonly at?: string;
}

/** The network side that the options name; problems of the files end the command. */
export function networkOf(options: SiteOptions): OpenedNetwork {
  return rightOrEnd(openNetwork(options));
}

/** The instant that `--at` names, now without it. */
export function instantOf(site: OpenedNetwork, { at }: NetOptions): number {
  const instant = readInstant(site, at);
  if (!instant.ok) throw new Exit(2, `--at: ${instant.error}`);
  return instant.value;
}
