// Whom an account may send as, with people's programs: aliases, delegated addresses, whole domains, and what a plan does about
// the rest. What is changed takes effect in open sessions.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { TestContext } from "node:test";
import { runProgram } from "../lab/child.ts";
import { readMailbox } from "../lab/mailbox.ts";
import type { ProgramName } from "../lab/packages.ts";
import { startSink } from "../lab/sink.ts";
import { domain, openAuthenticated, startSite } from "../lab/site.ts";
import { requires } from "../lab/skip.ts";
import { waitFor } from "../lab/wait.ts";
import { assertNothingBroke } from "./support/log.ts";
import { atEnd } from "../lab/cleanup.ts";
import type { Scope } from "../lab/cleanup.ts";

const scope: Scope = { after };
const named = (name: string) => ({ address: `${name}@${domain}`, password: `password of ${name}` });
const [alice, boss, secretary, tagged, rewritten] = ["alice", "boss", "secretary", "tagged", "rewritten"].map(
  named,
) as [Named, Named, Named, Named, Named];
type Named = ReturnType<typeof named>;
const sink = await startSink(scope);
const site = await startSite(scope, {
  smarthost: sink,
  accounts: Object.fromEntries(
    [alice, boss, secretary, tagged, rewritten].map(({ address, password }) => [address, password]),
  ),
  tables: [
    "[[plan]]",
    'name = "tagged"',
    'foreign-sender = "tag"',
    "[[plan]]",
    'name = "rewritten"',
    'foreign-sender = "rewrite"',
  ],
});
atEnd(scope, () => assertNothingBroke(site.server.state));

async function sekimori(...parameters: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await site.server.command(...parameters);
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}

interface Mail {
  readonly account: Named;
  readonly envelope: string;
  readonly header: string;
  readonly subject: string;
}

async function swaks(
  t: TestContext,
  { account, envelope, header, subject }: Mail,
): Promise<{ readonly code: number | null; readonly stdout: string } | undefined> {
  const program = await requires(t, "swaks" satisfies ProgramName);
  if (program === undefined) return undefined;
  return runProgram({
    program: program.path,
    environment: program.environment,
    parameters: [
      `--server=${site.address}`,
      `--port=${site.submissions.port}`,
      "--tls-on-connect",
      "--auth=PLAIN",
      `--auth-user=${account.address}`,
      `--auth-password=${account.password}`,
      `--from=${envelope}`,
      `--to=${alice.address}`,
      "--data=-",
    ],
    input: `${header}\nTo: ${alice.address}\nSubject: ${subject}\n\nhello\n`,
    milliseconds: 60_000,
  });
}

async function received(t: TestContext, subject: string): Promise<string> {
  return waitFor(`${subject} in the mailbox`, 30_000, async () =>
    (await readMailbox(t, site.pop3s, alice)).find((message) => message.includes(`Subject: ${subject}\r\n`)),
  );
}

test("the boss's From passes with the secretary's Sender, which is put there when it is missing", async (t) => {
  const mail: Mail = {
    account: secretary,
    envelope: secretary.address,
    header: `From: The Boss <${boss.address}>`,
    subject: "for the boss",
  };
  const refused = await swaks(t, mail);
  if (refused === undefined) return;
  assert.match(refused.stdout, /550 5\.7\.1 From <boss@sekimori\.test> does not belong to the account/);
  await sekimori("account", "sender", "add", secretary.address, boss.address);
  assert.match(
    await sekimori("account", "show", secretary.address),
    /^sends as +boss@sekimori\.test, for somebody else$/m,
  );

  assert.match((await swaks(t, mail))?.stdout ?? "", /queued as/);
  assert.match(await received(t, mail.subject), /\r\nSender: <secretary@sekimori\.test>\r\n/);
  const header = `${mail.header}\nSender: Secretary <${secretary.address}>`;
  assert.match((await swaks(t, { ...mail, header, subject: "said so" }))?.stdout ?? "", /queued as/);
  const said = await received(t, "said so");
  assert.match(said, /\r\nSender: Secretary <secretary@sekimori\.test>\r\n/);
  assert.equal(said.match(/^Sender:/gim)?.length, 1);
  // Lent is not owned: the boss's Sender is not the secretary's.
  const forged = { ...mail, header: `${mail.header}\nSender: <${boss.address}>`, subject: "forged" };
  assert.match((await swaks(t, forged))?.stdout ?? "", /queued as/);
  assert.equal(/^Sender: .*$/im.exec(await received(t, "forged"))?.[0], "Sender: <secretary@sekimori.test>");
  const both = { ...mail, header: `From: ${boss.address}, x@example.org\nSender: ${secretary.address}` };
  assert.match((await swaks(t, both))?.stdout ?? "", /550 5\.7\.1 From <x@example\.org>/);
  const group = { ...mail, header: `From: Board: ${boss.address}, x@example.org;\nSender: ${secretary.address}` };
  assert.match((await swaks(t, group))?.stdout ?? "", /550 5\.7\.1 From <x@example\.org>/);
});

test("an alias and a domain come and go in an open session", async (t) => {
  const session = await openAuthenticated(t, site, alice);
  const mail = async (from: string): Promise<number> => {
    const { code } = await session.command(`MAIL FROM:<${from}>`);
    await session.expect("RSET", 250);
    return code;
  };
  assert.equal(await mail(`a.smith@${domain}`), 550);
  await sekimori("account", "alias", "add", alice.address, `a.smith@${domain}`);
  assert.equal(await mail(`A.Smith@${domain}`), 250);
  assert.equal((await site.server.command("account", "alias", "add", boss.address, `a.smith@${domain}`)).code, 1);
  await sekimori("account", "alias", "remove", alice.address, `a.smith@${domain}`);
  assert.equal(await mail(`a.smith@${domain}`), 550);

  assert.equal(await mail("anything@example.com"), 550);
  await sekimori("account", "sender", "add", alice.address, "@Example.COM", "--own");
  assert.equal(await mail("anything@example.com"), 250);
  assert.equal(await mail("anything@sub.example.com"), 550);
  await sekimori("account", "sender", "remove", alice.address, "@example.com");
  assert.equal(await mail("anything@example.com"), 550);
});

test("a plan tags foreign authors with Sender, or rewrites the envelope as well", async (t) => {
  await sekimori("account", "plan", tagged.address, "tagged");
  await sekimori("account", "plan", rewritten.address, "rewritten");
  const header = "From: x@example.org\nSender: y@example.org";
  const first = await swaks(t, { account: tagged, envelope: tagged.address, header, subject: "tagged" });
  if (first === undefined) return;
  assert.match(first.stdout, /queued as/);
  const tag = await received(t, "tagged");
  assert.deepEqual(tag.match(/^(?:Sender|Return-Path): .*(?=\r$)/gim), [
    `Return-Path: <${tagged.address}>`,
    `Sender: <${tagged.address}>`,
  ]);
  const envelope = "x@example.org";
  const foreign = await swaks(t, { account: tagged, envelope, header, subject: "not tagged" });
  assert.match(foreign?.stdout ?? "", /550 5\.7\.1 <x@example\.org> does not belong to the account/);

  const second = await swaks(t, { account: rewritten, envelope, header, subject: "rewritten" });
  assert.match(second?.stdout ?? "", /250 2\.1\.0 ok, from here on the sender is <rewritten@sekimori\.test>/);
  assert.deepEqual((await received(t, "rewritten")).match(/^(?:Sender|Return-Path): .*(?=\r$)/gim), [
    `Return-Path: <${rewritten.address}>`,
    `Sender: <${rewritten.address}>`,
  ]);
  // Two From fields, or one that cannot be read, are refused whatever the plan says.
  for (const bad of ["From: x@example.org\nFrom: y@example.org", "From: x@"]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const refused = await swaks(t, { account: rewritten, envelope, header: bad, subject: "unreadable" });
    assert.match(refused?.stdout ?? "", /554 5\.6\.0/);
  }
});
