// What an operator's word does to an account of a real server, in all mail threads: its sessions end, and what waits in the queue stays there
// until somebody releases or returns it. Suspended, deleted, suspended while the server is stopped, and where it died over that.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Dialogue } from "../lab/client.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { waitForMailbox } from "../lab/mailbox.ts";
import type { Server } from "../lab/server.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, domain, openAuthenticated, startSite } from "../lab/site.ts";
import { assertNothingBroke } from "./support/log.ts";

const carol = { address: `carol@${domain}`, password: "battery of the horse" };
const dora = { address: `dora@${domain}`, password: "correct barrier staple" };
const erin = { address: `erin@${domain}`, password: "staple of the battery" };
const people = [alice, bob, carol, dora, erin];

async function send(session: Dialogue, { address }: typeof carol): Promise<void> {
  await session.expect(`MAIL FROM:<${address}>`, 250);
  await session.expect(`RCPT TO:<${address.split("@")[0]}@example.org>`, 250);
  await session.expect("DATA", 354);
  await session.expect(`From: <${address}>\r\nSubject: one\r\n\r\nhello\r\n.`, 250);
}

/** What the command says. */
async function run(server: Server, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await server.command(...words);
  assert.equal(code, 0, stderr);
  return stdout;
}

async function heldFor(server: Server, account: string): Promise<readonly string[]> {
  const listed = await run(server, "queue", "list", "--state", "held", "--account", account, "--json");
  const { entries } = JSON.parse(listed) as {
    readonly entries: readonly { readonly recipients: readonly { readonly heldFor?: string }[] }[];
  };
  return entries.flatMap(({ recipients }) => recipients.map((each) => each.heldFor ?? ""));
}

test("what a suspended or deleted account has in the queue is held, and nothing of it goes or is lost by itself", async (t) => {
  const smarthost = { address: loopbackAddress(), port: 2525 };
  const accounts = Object.fromEntries(people.map(({ address, password }) => [address, password]));
  const site = await startSite(t, { smarthost, accounts, threads: 2 });
  const { server } = site;
  const sessions = [];
  for (const person of [alice, bob, bob, carol, erin]) {
    // oxlint-disable-next-line no-await-in-loop -- whichever thread each comes to
    const session = await openAuthenticated(t, site, person);
    // oxlint-disable-next-line no-await-in-loop
    await send(session, person);
    sessions.push(session);
  }
  const [, ofBob, ofBobToo, ofCarol] = sessions;
  const said = await run(server, "account", "suspend", bob.address);
  assert.match(said, /^suspended bob@.*\n2 messages of it are held: see `queue list --state held --account bob@/);
  for (const session of [ofBob!, ofBobToo!]) {
    // oxlint-disable-next-line no-await-in-loop
    assert.match((await session.reply()).raw, /^421 4\.7\.0 /);
  }
  assert.deepEqual(await heldFor(server, bob.address), ["suspension", "suspension"]);
  assert.match(await run(server, "account", "delete", carol.address), /^deleted carol@.*\n1 message of it is held/);
  assert.match((await ofCarol!.reply()).raw, /^421 4\.7\.0 /);
  assert.deepEqual(await heldFor(server, carol.address), ["suspension"]);
  await server.stop();
  assert.match(await run(server, "account", "suspend", alice.address), /\n1 message of it is held/);
  // As after a crash between the word and the hold.
  const index = openSqliteStore(join(server.state, "index.sqlite"));
  index.setSuspended(erin.address, true);
  index.close();

  const sink = await startSink(t, smarthost);
  const again = await site.restart();
  await send(await openAuthenticated(t, site, dora), dora);
  await sink.waitForMessages(1, 60_000);
  assert.deepEqual(await heldFor(again, erin.address), ["suspension"]);
  const clear = ["abuse", "clear", bob.address, "--reason", "nothing speaks against it", "--mail", "release"];
  const cleared = await again.command(...clear);
  assert.deepEqual([cleared.code, /resume it/.test(cleared.stderr)], [1, true], cleared.stderr);
  assert.match(await run(again, "account", "resume", bob.address), /^resumed bob@.*\n2 messages of it are held/);
  await run(again, "account", "resume", alice.address);
  await run(again, "queue", "release", "--suspected", bob.address);
  await sink.waitForMessages(3, 60_000);
  assert.match(await run(again, "queue", "return", "--suspected", alice.address), /1 message/);
  const [report] = await waitForMailbox(t, site.pop3s, alice, 1, 60_000);
  assert.match(String(report), /returned by the operator of this server/);
  await run(again, "queue", "release", "--suspected", carol.address);
  await sink.waitForMessages(4, 60_000);
  assert.deepEqual(
    sink.messages.map(({ mail }) => /<(\w+)@/.exec(mail)?.[1]),
    ["dora", "bob", "bob", "carol"],
  );
  assertNothingBroke(again.state);
});
