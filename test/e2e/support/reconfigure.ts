// The same site with another configuration: its server is ended, the file changed, and a new one started.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Scope } from "../../lab/cleanup.ts";
import { startServer } from "../../lab/server.ts";
import type { Server } from "../../lab/server.ts";
import type { Site } from "../../lab/site.ts";

/** Stops `server` and replaces `from`, which must be in the file, by `to`. */
export async function reconfigure(
  scope: Scope,
  site: Site,
  server: Server,
  change: { readonly from: string; readonly to: string },
): Promise<Server> {
  const config = await readFile(join(site.directory, "sekimori.toml"), "utf8");
  assert.ok(config.includes(change.from));
  await server.stop();
  return startServer(scope, { directory: site.directory, config: config.replace(change.from, change.to) });
}
