// What the commands need from whoever wires them: a server to run, and the control of a site, running or not.

import type { Result } from "../base/result.ts";
import type { Control, ReloadOutcome } from "../control/control.ts";
import { connectControl } from "./client.ts";
import { controlSocket, loadSite } from "../control/site.ts";
import type { Site, SiteOptions } from "../control/site.ts";
import { Exit } from "./exit.ts";
import { complain } from "./output.ts";
import { whoAsks } from "./who.ts";

export interface RunningServer {
  readonly listeners: readonly { readonly name: string; readonly address: string; readonly port: number }[];
  readonly control: Control;
  /** Reads the configuration again; the log says what came of it. */
  reload(by: string): Promise<ReloadOutcome>;
  stop(reason: string): Promise<void>;
}

export interface House {
  /** Rejects with a text for the operator when it cannot start here. `died`: it ended by itself. */
  readonly start: (site: Site, died: (cause: string) => void) => Promise<RunningServer>;
  /** Of the running server if there is one, else of its files. Throws NotHere when neither is possible. */
  readonly withControl: <T>(site: Site, work: (control: Control) => Promise<T>) => Promise<T>;
}

/** Whether a server answers on the control socket of the site. */
export async function isRunning(site: Site): Promise<boolean> {
  return (await connectControl(controlSocket(site), whoAsks())) !== undefined;
}

/** Control of the running server; NotHere without one. */
export async function withRunning<T>(house: House, site: Site, work: (control: Control) => Promise<T>): Promise<T> {
  if (!(await isRunning(site))) throw new NotHere("the server is not running");
  return house.withControl(site, work);
}

export class NotHere extends Error {}

/** The site that the options name; its problems are told and end the command. */
export function siteOf(options: SiteOptions): Site {
  return rightOrEnd(loadSite(options));
}

/** What was read from a file; or its problems are told and end the command. */
export function rightOrEnd<T>(read: Result<T, { readonly file: string; readonly problems: readonly string[] }>): T {
  if (read.ok) return read.value;
  const { file, problems } = read.error;
  for (const problem of problems) complain(problem);
  throw new Exit(2, `${file} has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}`);
}
