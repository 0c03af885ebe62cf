// The control of a site whose server does not run: on its files with the concrete stores, under the state lock.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { NotHere } from "../cli/house.ts";
import type { Control } from "../control/control.ts";
import { createOfflineControl } from "../control/offline.ts";
import type { OpenedLane } from "../control/offline.ts";
import type { Site } from "../control/site.ts";
import { systemClock as clock } from "../io/clock.ts";
import { becomeUser } from "../io/privileges.ts";
import { asRemote } from "../io/rpc.ts";
import { lockState } from "../io/state-lock.ts";
import { createLog } from "../observe/log.ts";
import { openSpool } from "../spool/spool.ts";
import { storeOfLane } from "../store/lane.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import { laneDirectory, lanesOnDisk } from "./lanes.ts";
import { openLogFile } from "./log-file.ts";

/** `by`: who it is that asks, for the log. */
export async function withStopped<T>(
  { settings }: Site,
  by: string,
  work: (control: Control) => Promise<T>,
): Promise<T> {
  if (!existsSync(settings.state)) throw new NotHere(`${settings.state} does not exist: start the server once`);
  if (settings.process !== undefined) {
    try {
      becomeUser(settings.process, [settings.state, settings.log.directory]);
    } catch (error) {
      throw new NotHere(error instanceof Error ? error.message : String(error));
    }
  }
  const lock = lockState(settings.state);
  if (lock === undefined)
    throw new NotHere(`another process uses ${settings.state}, but its control socket does not answer`);
  const store = openSqliteStore(join(settings.state, "index.sqlite"));
  const log = openLogFile(settings.log.directory, clock);
  let lanes: Promise<readonly OpenedLane[]> | undefined;
  const openLanes = async (): Promise<readonly OpenedLane[]> => {
    const known = new Set([0, ...(await lanesOnDisk(settings.state)), ...store.lanesWaiting()]);
    return Promise.all(
      [...known].map(async (lane) => ({
        ...(await openSpool(laneDirectory(settings.state, lane))),
        store: storeOfLane(asRemote(store), lane),
      })),
    );
  };
  try {
    return await work(
      createOfflineControl(
        {
          settings: () => settings,
          store: asRemote(store),
          observer: createLog(settings.log.level, log),
          clock,
          spools: () => (lanes ??= openLanes()),
        },
        by,
      ),
    );
  } finally {
    await lanes?.then((opened) => Promise.all(opened.map(({ spool }) => spool.close())));
    store.close();
    log.close();
    lock.release();
  }
}
