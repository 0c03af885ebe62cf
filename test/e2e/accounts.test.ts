// An operator suspends, shows and deletes accounts of a running server, and it takes effect in open sessions too.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openDialogue } from "../lab/client.ts";
import { readMailbox } from "../lab/mailbox.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, openAuthenticated, plain, startSite } from "../lab/site.ts";
import { waitFor } from "../lab/wait.ts";

test("a suspended account has no session, no login and no mail, until it is resumed", async (t) => {
  const site = await startSite(t, { smarthost: await startSink(t) });
  const open = await openAuthenticated(t, site, bob);
  await open.expect(`MAIL FROM:<${bob.address}>`, 250);
  await open.expect("RSET", 250);
  assert.equal((await site.server.command("account", "suspend", bob.address)).code, 0);
  assert.match((await site.server.command("account", "show", bob.address)).stdout, /^standing +suspended$/m);
  assert.match((await open.reply()).raw, /^421 4\.7\.0 .* suspended/);
  await open.waitForClose();

  const login = await openDialogue(t, site.submissions, "implicit");
  await login.reply();
  await login.expect("EHLO client.example.org", 250);
  await login.expect(`AUTH PLAIN ${plain(bob.address, bob.password)}`, 535);
  const stranger = await openDialogue(t, site.mx);
  await stranger.reply();
  await stranger.expect("EHLO client.example.org", 250);
  await stranger.expect("MAIL FROM:<a@example.org>", 250);
  assert.ok((await stranger.command(`RCPT TO:<${bob.address}>`)).code >= 400);

  assert.equal((await site.server.command("account", "resume", bob.address)).code, 0);
  await login.expect(`AUTH PLAIN ${plain(bob.address, bob.password)}`, 235);
  await stranger.expect(`RCPT TO:<${bob.address}>`, 250);
  await login.expect(`MAIL FROM:<${bob.address}>`, 250);
});

test("an app password is good for its service until it is revoked, at the next AUTH and in what it had opened", async (t) => {
  const site = await startSite(t, { smarthost: await startSink(t) });
  const make = async (name: string, ...scopes: readonly string[]): Promise<string> => {
    const { stdout } = await site.server.command("account", "app", "add", bob.address, name, "--scope", ...scopes);
    return /^added .*, password (\S+)$/m.exec(stdout)?.[1] ?? assert.fail(stdout);
  };
  const [phone, reader] = [await make("phone", "submission"), await make("reader", "pop3")];
  const open = await openAuthenticated(t, site, { ...bob, password: phone });
  const main = await openAuthenticated(t, site, bob);
  await open.expect(`MAIL FROM:<${bob.address}>`, 250);
  await open.expect("RSET", 250);
  assert.deepEqual(await readMailbox(t, site.pop3s, { ...bob, password: reader }), []);
  await assert.rejects(readMailbox(t, site.pop3s, { ...bob, password: phone }));
  const login = await openDialogue(t, site.submissions, "implicit");
  await login.reply();
  await login.expect("EHLO client.example.org", 250);
  assert.match((await login.expect(`AUTH PLAIN ${plain(bob.address, reader)}`, 535)).raw, /another service/);

  const listed = await site.server.command("account", "app", "list", bob.address);
  assert.match(listed.stdout, /^phone +submission +\S+ +\d{4}-\d\d-\d\d \d\d:\d\d +127\./m);
  assert.equal((await site.server.command("account", "app", "revoke", bob.address, "phone")).code, 0);
  assert.equal((await site.server.command("account", "app", "revoke", bob.address, "phone")).code, 1);
  await login.expect(`AUTH PLAIN ${plain(bob.address, phone)}`, 535);
  assert.match((await open.command("MAIL FROM:<>")).raw, /^421 4\.7\.0 .*log in again/);
  await main.expect(`MAIL FROM:<${bob.address}>`, 250);
  await main.expect("RSET", 250);

  const changed = await site.server.command("account", "passwd", bob.address, "--generate");
  assert.equal(changed.code, 0);
  await main.expect("MAIL FROM:<>", 421);
  const again = await openDialogue(t, site.submissions, "implicit");
  await again.reply();
  await again.expect("EHLO client.example.org", 250);
  await again.expect(`AUTH PLAIN ${plain(bob.address, bob.password)}`, 535);
});

test("accounts are shown and deleted; the postmaster's is not; exit codes say so", async (t) => {
  const site = await startSite(t, { smarthost: await startSink(t) });
  const shown = await site.server.command("account", "show", bob.address, "--json");
  const view = JSON.parse(shown.stdout) as { readonly address: string; readonly use?: object };
  assert.deepEqual([view.address, typeof view.use], [bob.address, "object"]);
  assert.equal((await site.server.command("account", "show", "carol@sekimori.test")).code, 1);
  const postmaster = await site.server.command("account", "delete", alice.address);
  assert.equal(postmaster.code, 1);
  assert.match(postmaster.stderr, /change the configuration first/);
  assert.equal((await site.server.command("account", "delete", bob.address)).code, 0);
  assert.equal((await site.server.command("account", "delete", bob.address)).code, 1);
  const stranger = await openDialogue(t, site.mx);
  await stranger.reply();
  await stranger.expect("EHLO client.example.org", 250);
  await stranger.expect("MAIL FROM:<a@example.org>", 250);
  await stranger.expect(`RCPT TO:<${bob.address}>`, 550);
});

test("an account has the quota that it was given, at RCPT at once, and shows it beside what its mailbox holds", async (t) => {
  const site = await startSite(t, { smarthost: await startSink(t) });
  const stranger = await openDialogue(t, site.mx);
  await stranger.reply();
  await stranger.expect("EHLO client.example.org", 250);
  await stranger.expect("MAIL FROM:<a@example.org>", 250);
  await stranger.expect(`RCPT TO:<${bob.address}>`, 250);
  await stranger.expect("DATA", 354);
  await stranger.send(`Subject: large\r\n\r\n${"0123456789abcdef\r\n".repeat(4000)}`);
  await stranger.expect(".", 250);
  const show = async (): Promise<string> => (await site.server.command("account", "show", bob.address)).stdout;
  await waitFor("the message in the mailbox", 20_000, async () => ((await show()).includes("70.") ? true : undefined));
  assert.match(await show(), /^mailbox +70\.\d KiB no quota$/m);
  const set = (size: string) => site.server.command("account", "quota", bob.address, size);
  assert.equal((await set("64KiB")).code, 0);
  assert.match(await show(), /^mailbox +70\.\d KiB of 64 KiB$/m);
  await stranger.expect("MAIL FROM:<a@example.org>", 250);
  assert.match((await stranger.expect(`RCPT TO:<${bob.address}>`, 452)).raw, /4\.2\.2/);
  await stranger.expect(`RCPT TO:<${alice.address}>`, 250);
  assert.equal((await set("default")).code, 0);
  await stranger.expect(`RCPT TO:<${bob.address}>`, 250);
  assert.equal((await set("much")).code, 2);
});
