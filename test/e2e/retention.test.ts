// A look into the log is written down, by a running server and by a stopped one; what has expired goes.

import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openDialogue } from "../lab/client.ts";
import { startSink } from "../lab/sink.ts";
import { bob, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";
import { waitFor } from "../lab/wait.ts";

function logOf({ server }: Site): string {
  const files = globSync(join(server.state, "log/*.jsonl")).toSorted();
  return files.map((file) => readFileSync(file, "utf8")).join("");
}

test("who asks with trace is in the log, and is no part of the story", async (t) => {
  const site = await startSite(t, { smarthost: await startSink(t) });
  const stranger = await openDialogue(t, site.mx);
  await stranger.reply();
  await stranger.expect("EHLO client.example.org", 250);
  await stranger.expect("MAIL FROM:<a@example.org>", 250);
  await stranger.expect(`RCPT TO:<${bob.address}>`, 250);
  await stranger.expect("DATA", 354);
  await stranger.expect("Subject: x\r\n\r\nx\r\n.", 250);
  await waitFor("the delivery in the log", 20_000, () =>
    logOf(site).includes('"delivery.delivered"') ? true : undefined,
  );
  const trace = async (): Promise<string> => (await site.server.command("trace", bob.address)).stdout;
  const running = await trace();
  assert.match(running, /accepted from/);
  await site.server.stop();
  assert.equal(await trace(), running);
  assert.equal((await site.server.command("trace", "carol@sekimori.test")).code, 1);
  const asked = logOf(site)
    .split("\n")
    .filter((line) => line.includes('"trace.asked"'))
    .map((line) => JSON.parse(line) as { readonly question: string; readonly by: string });
  assert.deepEqual(
    asked.map(({ question }) => question),
    [bob.address, bob.address, "carol@sekimori.test"],
  );
  const by = process.env["SUDO_USER"] ?? userInfo().username;
  assert.ok(asked.every((each) => each.by === by));
});

test("an old day of the log is shown as expired, named by a dry run, and deleted by a purge", async (t) => {
  const site = await startSite(t, { smarthost: await startSink(t) });
  const old = join(site.server.state, "log", "2020-01-01.jsonl");
  writeFileSync(old, "");
  assert.match((await site.server.command("retention", "show")).stdout, /^log +\d+ +2020-01-01 +1 +180 days$/m);
  const dry = await site.server.command("retention", "purge", "--dry-run");
  assert.deepEqual([dry.code, dry.stdout, existsSync(old)], [0, "log: 1 would be deleted\n", true]);
  const purge = await site.server.command("retention", "purge");
  assert.deepEqual([purge.code, purge.stdout, existsSync(old)], [0, "log: 1 deleted\n", false]);
  assert.equal((await site.server.command("retention", "purge")).stdout, "nothing has expired\n");
});
