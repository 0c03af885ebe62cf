// An account that tries addresses through the submission service of a real server: it is suspended, its waiting mail is held, the log and the
// account say why, and an operator who has looked lets it go on. By default it is only told.

import assert from "node:assert/strict";
import { test } from "node:test";
import { loopbackAddress } from "../lab/loopback.ts";
import { bob, domain, openAuthenticated, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";
import type { Scope } from "../lab/cleanup.ts";
import { waitFor } from "../lab/wait.ts";
import type { LogEntry } from "./support/log.ts";
import { assertNothingBroke, readLog } from "./support/log.ts";

/** One message that has to wait, then recipients that nobody has. */
async function harvest(t: Scope, site: Site): Promise<void> {
  const session = await openAuthenticated(t, site, bob);
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  await session.expect("RCPT TO:<dora@example.org>", 250);
  await session.expect("DATA", 354);
  await session.expect(`From: ${bob.address}\r\n\r\nhello\r\n.`, 250);
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  for (let each = 0; each < 9; each++) {
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    await session.expect(`RCPT TO:<nobody${each}@${domain}>`, 550);
  }
  session.destroy();
}

function suspicions(site: Site): readonly LogEntry[] {
  return readLog(site.server.state).filter(({ event }) => event === "account.suspected");
}

interface Shown {
  readonly suspended: boolean;
  readonly suspicion?: { readonly score: number; readonly evidence: readonly { readonly sign: string }[] };
}

async function shown(site: Site): Promise<Shown> {
  const { code, stdout, stderr } = await site.server.command("account", "show", bob.address, "--json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Shown;
}

test("a harvester is suspended with the evidence, and goes on when somebody has looked", async (t) => {
  const smarthost = { address: loopbackAddress(), port: 2525 };
  const tables = ["[abuse]", 'act = "suspend"'];
  const site = await startSite(t, { smarthost, tables, smtp: ["errors = 100"] });
  for (let round = 0; round < 3; round++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    if (suspicions(site).every(({ step }) => step !== "suspend")) await harvest(t, site).catch(() => undefined);
  }
  await waitFor("the suspension", 60_000, () => suspicions(site).some(({ done }) => done === "suspended") || undefined);
  assert.deepEqual(
    suspicions(site).map(({ step }) => step),
    ["notice", "slow", "hold", "suspend"],
  );
  const after = await shown(site);
  assert.equal(after.suspended, true);
  assert.ok(after.suspicion!.evidence.some(({ sign }) => sign === "unknown-recipients"));
  await assert.rejects(openAuthenticated(t, site, bob));
  const list = await site.server.command("queue", "list", "--state", "held", "--json");
  assert.ok((JSON.parse(list.stdout) as { readonly total: number }).total > 0);

  assert.equal((await site.server.command("account", "resume", bob.address)).code, 0);
  const resumed = await shown(site);
  assert.deepEqual([resumed.suspended, resumed.suspicion], [false, undefined]);
  (await openAuthenticated(t, site, bob)).destroy();
  assertNothingBroke(site.server.state);
});
