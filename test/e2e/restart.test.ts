// What a restart keeps and how it goes: SIGTERM lets open transactions end, nothing answered is lost, limits are not forgotten,
// one state directory has one server, and a wrong configuration is told with its place.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { openDialogue } from "../lab/client.ts";
import { readMailbox, waitForMailbox } from "../lab/mailbox.ts";
import type { Server } from "../lab/server.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, domain, openAuthenticated, startSite } from "../lab/site.ts";
import type { Site, SiteOptions } from "../lab/site.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { waitFor } from "../lab/wait.ts";
import { sekimori } from "./support/command.ts";
import { assertNothingBroke, readLog } from "./support/log.ts";
import { reconfigure } from "./support/reconfigure.ts";

async function siteWithSink(t: TestContext, options: Partial<SiteOptions> = {}): Promise<Site> {
  return startSite(t, { smarthost: await startSink(t), ...options });
}

test("SIGTERM: idle sessions get 421, an open transaction may end, new clients are turned away, the end is 0", async (t) => {
  const site = await siteWithSink(t);
  const idle = await openDialogue(t, site.mx);
  await idle.reply();
  await idle.expect("EHLO client.example.org", 250);
  const idleAccount = await openAuthenticated(t, site, bob);
  const reader = await openDialogue(t, site.pop3s, "implicit");
  await reader.line();
  const open = await openDialogue(t, site.mx);
  await open.reply();
  await open.expect("EHLO client.example.org", 250);
  await open.expect("MAIL FROM:<carol@example.org>", 250);
  await open.expect(`RCPT TO:<${alice.address}>`, 250);
  await open.expect("DATA", 354);
  await open.send("Subject: begun before the end\r\n\r\nfirst half\r\n");

  const stopped = site.server.stop();
  for (const session of [idle, idleAccount]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    assert.match((await session.reply()).raw, /^421 4\.3\.2 /);
    // oxlint-disable-next-line no-await-in-loop
    await session.waitForClose();
  }
  await assert.rejects(openDialogue(t, site.mx));
  await open.send("second half\r\n.\r\n");
  assert.equal((await open.reply()).code, 250);
  assert.equal((await open.reply()).code, 421);
  await open.waitForClose();
  await reader.waitForClose();
  await stopped;
  assert.equal((await site.server.ended).code, 0);
  assert.equal(readLog(site.server.state).at(-1)?.event, "server.stopped");

  const server = await site.restart();
  const [message = ""] = await waitForMailbox(t, site.pop3s, alice, 1, 20_000);
  assert.match(message, /\r\n\r\nfirst half\r\nsecond half\r\n$/);
  assertNothingBroke(server.state);
});

test("SIGTERM: a client that never ends its transaction is cut after the grace, and the end is 0", async (t) => {
  const site = await siteWithSink(t);
  const open = await openDialogue(t, site.mx);
  await open.reply();
  await open.expect("EHLO client.example.org", 250);
  await open.expect("MAIL FROM:<carol@example.org>", 250);
  await open.expect(`RCPT TO:<${alice.address}>`, 250);
  await open.expect("DATA", 354);
  await open.send("Subject: never ended\r\n\r\n");
  await site.server.stop();
  await open.waitForClose();
  assert.equal((await site.server.ended).code, 0);
  await site.restart();
  assert.deepEqual(await readMailbox(t, site.pop3s, alice), []);
});

for (const end of ["SIGTERM", "SIGKILL"] as const) {
  test(`after ${end} the second start finds accounts, mailboxes and mail that still waits`, async (t) => {
    const site = await siteWithSink(t, { delivery: ["paused = true"] });
    const session = await openAuthenticated(t, site, bob);
    await send(session, bob.address, [alice.address, "dora@example.org"], "waits for the second start");
    await endServer(site.server, end);

    const second = await site.restart();
    const queue = JSON.parse((await second.command("queue", "list", "--json")).stdout) as {
      readonly entries: readonly {
        readonly recipients: readonly { readonly address: string; readonly state: string }[];
      }[];
    };
    assert.deepEqual(
      queue.entries.flatMap(({ recipients }) => recipients).map(({ address, state }) => [address, state]),
      [
        [alice.address, "waiting"],
        ["dora@example.org", "waiting"],
      ],
    );
    await openAuthenticated(t, site, alice);
    // Without the pause the third start delivers by itself.
    const third = await reconfigure(t, site, second, { from: "paused = true", to: "" });
    const [message = ""] = await waitForMailbox(t, site.pop3s, alice, 1, 20_000);
    assert.match(message, /^Subject: waits for the second start\r$/m);
    assertNothingBroke(third.state);
  });

  test(`what an account has used is the same after ${end}`, async (t) => {
    const site = await siteWithSink(t, {
      tables: ["[limits.account]", 'recipients = ["10/1h", "100/1d"]'],
    });
    const session = await openAuthenticated(t, site, bob);
    await send(session, bob.address, ["one@example.org", "two@example.org", alice.address], "three");
    // Refused and abandoned ones do not count.
    await session.expect(`MAIL FROM:<${bob.address}>`, 250);
    await session.expect("RCPT TO:<three@example.org>", 250);
    await session.expect("RSET", 250);
    await send(session, bob.address, ["four@example.org"], "one more");
    const before = await quotaOf(site.server, bob.address);
    assert.deepEqual(before, { "1h": 4, "1d": 4 });
    await endServer(site.server, end);

    const server = await site.restart();
    assert.deepEqual(await quotaOf(server, bob.address), before);
    const again = await openAuthenticated(t, site, bob);
    await again.expect(`MAIL FROM:<${bob.address}>`, 250);
    const codes: number[] = [];
    for (let index = 0; index < 7; index++) {
      // oxlint-disable-next-line no-await-in-loop -- a dialogue
      codes.push((await again.command(`RCPT TO:<more${index}@example.org>`)).code);
    }
    assert.deepEqual(codes, [250, 250, 250, 250, 250, 250, 450]);
    assertNothingBroke(server.state);
  });
}

/** How many recipients the disk knows to have been tried. */
function triesOnDisk({ state }: Server): number {
  const index = new DatabaseSync(join(state, "index.sqlite"), { readOnly: true });
  try {
    return Number(index.prepare("SELECT coalesce(sum(tries), 0) AS tries FROM rcpt_try").get()?.["tries"]);
  } finally {
    index.close();
  }
}

test("what an account has tried is not given back by a SIGKILL, nor by a stop", async (t) => {
  const tables = ["[limits.account]", 'recipients = ["10/1h"]', 'attempts = ["10/1h"]'];
  const site = await siteWithSink(t, { tables, smtp: ["errors = 100"], threads: 2 });
  const probe = async (from: number, to: number): Promise<readonly number[]> => {
    const session = await openAuthenticated(t, site, bob);
    await session.expect(`MAIL FROM:<${bob.address}>`, 250);
    const codes: number[] = [];
    for (let each = from; each <= to; each++) {
      // oxlint-disable-next-line no-await-in-loop -- a dialogue
      codes.push((await session.command(`RCPT TO:<nobody${each}@${domain}>`)).code);
    }
    session.destroy();
    return codes;
  };
  assert.deepEqual(await probe(1, 6), Array(6).fill(550));
  await waitFor("they are written", 60_000, () => (triesOnDisk(site.server) === 6 ? true : undefined));
  await site.server.kill();
  const second = await site.restart();
  assert.deepEqual(await probe(7, 8), [550, 550]);
  await second.stop();
  assert.equal(triesOnDisk(second), 8);
  const third = await site.restart();
  assert.deepEqual(await probe(9, 12), [550, 550, 450, 450]);
  assertNothingBroke(third.state);
});

test("what was used long before a SIGKILL and right before it is counted once each", async (t) => {
  const site = await siteWithSink(t, { tables: ["[limits.account]", 'recipients = ["10/1h"]'] });
  let server = site.server;
  for (let round = 1; round <= 3; round++) {
    /* oxlint-disable no-await-in-loop -- one life after the other */
    const session = await openAuthenticated(t, site, bob);
    await send(session, bob.address, ["early@example.org"], "early");
    // The history is written once a second.
    await new Promise((resolve) => {
      setTimeout(resolve, round === 2 ? 0 : 1500);
    });
    await send(session, bob.address, ["late@example.org"], "late");
    await server.kill();
    server = await site.restart();
    assert.deepEqual(await quotaOf(server, bob.address), { "1h": 2 * round });
    /* oxlint-enable no-await-in-loop */
  }
});

test("a second server on the same state refuses with 3, and the first one goes on", async (t) => {
  const site = await siteWithSink(t);
  const second = await site.server.command("serve");
  assert.equal(second.code, 3, second.stdout + second.stderr);
  assert.match(second.stderr, /another process uses /);
  assert.doesNotMatch(second.stdout, /^ready/m);
  const session = await openDialogue(t, site.mx);
  assert.equal((await session.reply()).code, 220);
  const { code } = await site.server.command("account", "list");
  assert.equal(code, 0);
});

test("an address in use is told, with 3", async (t) => {
  const site = await siteWithSink(t);
  const directory = await temporaryDirectory(t);
  const file = join(directory, "sekimori.toml");
  await writeFile(
    file,
    [
      "version = 1",
      'hostname = "mx.sekimori.test"',
      'state-directory = "state"',
      "[http]",
      "listen = []",
      "[[domain]]",
      'name = "sekimori.test"',
      'postmaster = "alice@sekimori.test"',
      "[[listener]]",
      'role = "mx"',
      `listen = ["${site.mx.address}:${site.mx.port}"]`,
      "",
    ].join("\n"),
  );
  const { code, stderr } = await sekimori(["serve", "--config", file]);
  assert.equal(code, 3, stderr);
  assert.match(stderr, new RegExp(`EADDRINUSE|in use`));
  assert.ok(stderr.includes(`${site.mx.address}:${site.mx.port}`), stderr);
});

test("configuration errors end serve with 2, each with file, line and column", async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, "sekimori.toml");
  await writeFile(file, 'version = 1\nhostname = "mx.sekimori.test"\n\n[smtp]\nrecipents = 5\n  timeout = "soon"\n');
  for (const command of [["serve"], ["config", "check"], ["account", "list"]]) {
    // oxlint-disable-next-line no-await-in-loop -- three commands
    const { code, stdout, stderr } = await sekimori([...command, "--config", file]);
    assert.equal(code, 2, stdout + stderr);
    assert.ok(stderr.includes(`${file}:5:1`), stderr);
    assert.ok(stderr.includes(`${file}:6:13`), stderr);
    assert.match(stderr, /recipents.*recipients/s);
  }
  const absent = await sekimori(["serve", "--config", join(directory, "absent.toml")]);
  assert.equal(absent.code, 2, absent.stderr);
});

async function send(
  session: Awaited<ReturnType<typeof openAuthenticated>>,
  from: string,
  recipients: readonly string[],
  subject: string,
): Promise<void> {
  await session.expect(`MAIL FROM:<${from}>`, 250);
  // oxlint-disable-next-line no-await-in-loop -- a dialogue
  for (const recipient of recipients) await session.expect(`RCPT TO:<${recipient}>`, 250);
  await session.expect("DATA", 354);
  await session.expect(`From: ${from}\r\nSubject: ${subject}\r\n\r\nhello\r\n.`, 250);
}

async function endServer(server: Server, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  if (signal === "SIGTERM") await server.stop();
  else await server.kill();
}

async function quotaOf(server: Server, address: string): Promise<Readonly<Record<string, number>>> {
  const { stdout } = await server.command("account", "list", "--json");
  const accounts = JSON.parse(stdout) as {
    readonly address: string;
    readonly use: { readonly quota: readonly { readonly window: string; readonly used: number }[] };
  }[];
  const quota = accounts.find((account) => account.address === address)?.use.quota ?? [];
  return Object.fromEntries(quota.map(({ window, used }) => [window, used]));
}
