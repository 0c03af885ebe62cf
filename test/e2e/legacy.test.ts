// A legacy listener of a real server: a POP3 login opens it for the account, from that address and for nothing else; a changed password closes it;
// the report names who used it. After the last day it says what to use.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openDialogue } from "../lab/client.ts";
import type { Dialogue } from "../lab/client.ts";
import type { Scope } from "../lab/cleanup.ts";
import { runProgram } from "../lab/child.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { alice, bob, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";
import { requires } from "../lab/skip.ts";
import { assertNothingBroke } from "./support/log.ts";

const port = 2526;

function startLegacy(t: Scope, lines: readonly string[]): Promise<Site & { readonly legacy: string }> {
  const address = loopbackAddress();
  const tables = ["[[listener]]", 'role = "legacy"', `listen = ["${address}:${port}"]`, 'tls = "starttls"', ...lines];
  const smarthost = { address: loopbackAddress(), port: 2525 };
  return startSite(t, { smarthost, tables }).then((site) => ({ ...site, legacy: address }));
}

async function open(t: Scope, address: string): Promise<Dialogue> {
  const session = await openDialogue(t, { address, port });
  await session.reply();
  await session.expect("EHLO old.example.org", 250);
  return session;
}

/** poplib, over TLS. */
async function popLogin(site: Site): Promise<void> {
  const program = `
import poplib, ssl
box = poplib.POP3_SSL("${site.pop3s.address}", ${site.pop3s.port}, context=ssl._create_unverified_context(), timeout=30)
box.user("${bob.address}"); box.pass_("${bob.password}"); box.stat(); box.quit()`;
  const { code, stderr } = await runProgram({ program: "python3", parameters: ["-c", program], milliseconds: 60_000 });
  assert.equal(code, 0, stderr);
}

test("a POP3 login opens the way for its own account, and a changed password closes it", async (t) => {
  if ((await requires(t, "python3")) === undefined) return;
  const site = await startLegacy(t, ['pop-before-smtp = { networks = ["127.0.0.0/8"], for = "15m" }']);
  const session = await open(t, site.legacy);
  await session.expect(`MAIL FROM:<${bob.address}>`, 530);
  await popLogin(site);
  await session.expect(`MAIL FROM:<${alice.address}>`, 530);
  await session.expect(`MAIL FROM:<${bob.address}>`, 250);
  await session.expect("RCPT TO:<dora@example.org>", 250);
  await session.expect("DATA", 354);
  await session.expect(`From: ${bob.address}\r\n\r\nhello\r\n.`, 250);
  // Nobody logged in from there to the other services.
  const submission = await openDialogue(t, site.submission);
  await submission.reply();
  await submission.expect("EHLO old.example.org", 250);
  await submission.expect(`MAIL FROM:<${bob.address}>`, 530);
  submission.destroy();

  const report = await site.server.command("report", "legacy", "--json");
  const [use] = JSON.parse(report.stdout) as readonly {
    readonly account: string;
    readonly messages: number;
    readonly popBeforeSmtp: number;
    readonly programs: readonly string[];
  }[];
  assert.deepEqual(
    [use?.account, use?.messages, use?.popBeforeSmtp, use?.programs],
    [bob.address, 1, 1, ["old.example.org"]],
  );
  const suspended = await site.server.command("account", "suspend", bob.address);
  assert.equal(suspended.code, 0, suspended.stderr);
  await session.expect(`MAIL FROM:<${bob.address}>`, 530);
  session.destroy();
  assertNothingBroke(site.server.state);
});

test("after its last day the listener says what to use instead", async (t) => {
  const site = await startLegacy(t, ['until = "2026-01-31"']);
  const session = await openDialogue(t, { address: site.legacy, port });
  assert.match((await session.reply()).raw, /^554 5\.7\.0 .*until 2026-01-31: set port 587/);
  session.destroy();
  assertNothingBroke(site.server.state);
});
