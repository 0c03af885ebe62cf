// Whose message it is, as others see it: what Received says of the account by its plan, how the abuse desk finds the account of
// such an id, and the source port in the log.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openDialogue } from "../lab/client.ts";
import type { Scope } from "../lab/cleanup.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, domain, openAuthenticated, startSite } from "../lab/site.ts";
import { waitFor } from "../lab/wait.ts";
import { assertNothingBroke, readLog } from "./support/log.ts";

const scope: Scope = { after };
const sink = await startSink(scope);
const carol = { address: `carol@${domain}`, password: "password of carol" };
const site = await startSite(scope, {
  smarthost: sink,
  accounts: Object.fromEntries([alice, bob, carol].map(({ address, password }) => [address, password])),
  tables: [
    "[limits.account]",
    'identity-header = "keyed-hash"',
    "[[plan]]",
    'name = "open"',
    'identity-header = "plain"',
    "[[plan]]",
    'name = "private"',
    'identity-header = "none"',
  ],
});

/** What the remote server reads in our Received field, and the port that we came from. */
async function sent(account: typeof carol | typeof alice | typeof bob) {
  const session = await openAuthenticated(scope, site, account);
  const before = sink.messages.length;
  await session.expect(`MAIL FROM:<${account.address}>`, 250);
  await session.expect("RCPT TO:<dave@example.net>", 250);
  await session.expect("DATA", 354);
  await session.expect(`From: <${account.address}>\r\nSubject: who is it\r\n\r\nHello\r\n.`, 250);
  const messages = await sink.waitForMessages(before + 1, 20_000);
  const received = /^Received: .*(?:\r\n[ \t].*)*/m.exec(messages.at(-1)!.data)?.[0] ?? "";
  return { identity: /\(Authenticated sender: (.*?)\)/.exec(received)?.[1], port: session.localPort() };
}

test("the id is the same for every message of an account, is another for each account, and leads to it", async () => {
  const [first, second, other] = [await sent(alice), await sent(alice), await sent(bob)];
  const { identity = "" } = first;
  assert.match(identity, /^[0-9a-f]{24}$/);
  assert.equal(second.identity, identity);
  assert.notEqual(other.identity, identity);
  const shown = await site.server.command("account", "show", identity);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^address +alice@sekimori\.test$/m);
  const json = await site.server.command("account", "show", other.identity ?? "", "--json");
  assert.equal((JSON.parse(json.stdout) as { readonly address: string }).address, bob.address);
  assert.equal((await site.server.command("account", "show", "0".repeat(24))).code, 1);
  await site.server.stop();
  assert.match(
    (await site.server.command("account", "show", identity)).stdout,
    /alice@/,
    "of a stopped server as well",
  );
  await site.restart();
  assert.equal((await sent(alice)).identity, identity, "after a restart too");
});

test("a plan tells the address, or nothing", async () => {
  for (const [plan, expected] of [
    ["open", carol.address],
    ["private", undefined],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one plan after the other
    const changed = await site.server.command("account", "plan", carol.address, plan);
    assert.equal(changed.code, 0, changed.stderr);
    // oxlint-disable-next-line no-await-in-loop
    assert.equal((await sent(carol)).identity, expected, plan);
  }
});

test("the log has the source port of every login and message, right and wrong ones", async () => {
  const { port } = await sent(bob);
  const wrong = await openDialogue(scope, site.submissions, "implicit");
  await wrong.reply();
  await wrong.expect("EHLO client.example.org", 250);
  await wrong.expect(`AUTH PLAIN ${Buffer.from("\0nobody\0wrong").toString("base64")}`, 535);
  for (const [event, expected] of [
    ["auth.succeeded", port],
    ["message.accepted", port],
    ["auth.failed", wrong.localPort()],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- lines are written in batches
    await waitFor(`${event} from port ${expected} in the log`, 20_000, () =>
      Promise.resolve(
        readLog(site.server.state).some((entry) => entry.event === event && entry["port"] === expected) || undefined,
      ),
    );
  }
  assertNothingBroke(site.server.state);
});
