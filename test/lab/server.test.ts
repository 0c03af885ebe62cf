// The lab's hold on the server: started, killed and started again on the same state, watched by strace, stopped.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openDialogue } from "./client.ts";
import { startServer } from "./server.ts";
import { startSink } from "./sink.ts";
import { bob, openAuthenticated, startSite } from "./site.ts";
import { requires } from "./skip.ts";
import { temporaryDirectory } from "./temporary.ts";

test("a site keeps its accounts over SIGKILL and ends with 0 after SIGTERM", async (t) => {
  const site = await startSite(t, { smarthost: await startSink(t) });
  await site.server.kill();
  await assert.rejects(openDialogue(t, site.mx));
  const again = await site.restart();
  const session = await openAuthenticated(t, site, bob);
  await session.expect("QUIT", 221);
  await again.stop();
  await assert.rejects(openDialogue(t, site.mx));
});

test("the server runs under strace and is still stopped by its own pid", async (t) => {
  const strace = await requires(t, "strace");
  if (strace === undefined) return;
  const site = await startSite(t, { smarthost: await startSink(t) });
  await site.server.stop();
  const trace = join(site.directory, "trace");
  const server = await startServer(t, {
    directory: site.directory,
    config: readFileSync(join(site.directory, "sekimori.toml"), "utf8"),
    environment: strace.environment,
    wrapper: [strace.path, "-D", "-f", "-e", "trace=fdatasync,fsync", "-o", trace],
  });
  await server.stop();
  assert.ok(existsSync(trace));
});

test("what a server says before it fails to start is in the error", async (t) => {
  const directory = await temporaryDirectory(t);
  await assert.rejects(startServer(t, { directory, config: "version = 1\nnonsense = true\n" }), /nonsense/);
});
