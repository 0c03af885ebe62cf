// Debian's Dovecot with our accounts: mail that our MX takes is read over IMAP with the account's password, a suspension ends that, and a
// login there opens the way out here as one at our own POP3 does.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { runProgram } from "../lab/child.ts";
import { openDialogue } from "../lab/client.ts";
import type { Where } from "../lab/client.ts";
import { startDovecot } from "../lab/dovecot.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { startSink } from "../lab/sink.ts";
import { alice, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";
import { requires } from "../lab/skip.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { waitFor } from "../lab/wait.ts";
import { assertNothingBroke, readLog } from "./support/log.ts";

const carol = { address: "carol@store.test", password: "password of carol" } as const;
const dave = { address: "dave@store.test", password: "password of dave" } as const;

/** With imaplib or poplib: the subjects of the mailbox, or "refused". */
const python = `
import imaplib, poplib, ssl, sys
how, host, port, user, password = sys.argv[1:]
context = ssl._create_unverified_context()
try:
    if how == "imaps":
        box = imaplib.IMAP4_SSL(host, int(port), ssl_context=context, timeout=30)
        box.login(user, password)
        box.select("INBOX", readonly=True)
        numbers = box.search(None, "ALL")[1][0].split()
        for number in numbers:
            print(box.fetch(number, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0][1].decode().strip())
        box.logout()
    else:
        box = poplib.POP3(host, int(port), timeout=30) if how == "pop3" else poplib.POP3_SSL(host, int(port), context=context, timeout=30)
        box.user(user)
        box.pass_(password)
        print(box.stat()[0], "messages")
        box.quit()
except (imaplib.IMAP4.error, poplib.error_proto) as error:
    print("refused", error)
`;

async function read(
  how: "imaps" | "pop3" | "pop3s",
  { address, port }: Where,
  who: { readonly address: string; readonly password: string },
): Promise<string> {
  const parameters = ["-c", python, how, address, String(port), who.address, who.password];
  const { code, stdout, stderr } = await runProgram({ program: "python3", parameters, milliseconds: 60_000 });
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

async function exportTo(site: Site, file: string): Promise<string> {
  const { code, stdout, stderr } = await site.server.command(
    "account",
    "export",
    "--format",
    "dovecot",
    "--output",
    file,
  );
  assert.equal(code, 0, stderr);
  return stdout + stderr;
}

function storeTables(dovecot: Where): readonly string[] {
  return [
    "[[domain]]",
    'name = "store.test"',
    `postmaster = "${carol.address}"`,
    `mailboxes = { lmtp = "${dovecot.address}:${dovecot.port}", answer-within = "10s" }`,
  ];
}

/** Of a guess at alice, from one of many addresses. */
function guess(count: number): string {
  const [login, remote] = [alice.address, `192.0.2.${count}`];
  return JSON.stringify({ login, remote, protocol: "imap", pwhash: String(count), tls: true, success: false });
}

const accounts = { [alice.address]: alice.password, [carol.address]: carol.password, [dave.address]: dave.password };

test("what the MX takes is read over IMAP with the account's password, until the account is suspended", async (t) => {
  if ((await requires(t, "python3")) === undefined) return;
  const passwdFile = join(await temporaryDirectory(t), "sekimori.users");
  await writeFile(passwdFile, "", { mode: 0o600 });
  const dovecot = await startDovecot(t, [], { passwdFile });
  if (dovecot === undefined) return;
  const site = await startSite(t, { smarthost: await startSink(t), accounts, tables: storeTables(dovecot) });
  const alias = await site.server.command("account", "alias", "add", carol.address, "c@store.test");
  assert.equal(alias.code, 0, alias.stderr);
  const app = await site.server.command("account", "app", "add", carol.address, "phone");
  assert.equal(app.code, 0, app.stderr);
  const told = await exportTo(site, passwdFile);
  assert.match(told, /^wrote 3 accounts to .*, 0 of them suspended$/m);
  assert.match(told, /^not in it: 1 app passwords$/m);

  const session = await openDialogue(t, site.mx);
  await session.reply();
  await session.expect("EHLO mail.example.org", 250);
  await session.expect("MAIL FROM:<friend@example.org>", 250);
  await session.expect("RCPT TO:<nobody@store.test>", 550);
  await session.expect(`RCPT TO:<c@store.test>`, 250);
  await session.expect("DATA", 354);
  await session.expect("From: friend@example.org\r\nSubject: for carol\r\n\r\nhello\r\n.", 250);

  const wanted = "Subject: for carol";
  await waitFor("the message over IMAP", 20_000, async () =>
    (await read("imaps", dovecot.imaps, carol)) === wanted ? true : undefined,
  );
  assert.equal(await read("imaps", dovecot.imaps, { ...carol, address: "c@store.test" }), wanted, "by the alias too");
  assert.equal(await read("pop3s", dovecot.pop3s, carol), "1 messages");
  assert.match(await read("imaps", dovecot.imaps, { ...carol, password: "not it" }), /^refused /);
  assert.match(await read("imaps", dovecot.imaps, { ...carol, address: "nobody@store.test" }), /^refused /);

  const suspended = await site.server.command("account", "suspend", carol.address);
  assert.equal(suspended.code, 0, suspended.stderr);
  assert.match(await exportTo(site, passwdFile), /3 accounts to .*, 1 of them suspended/);
  assert.match(await read("imaps", dovecot.imaps, carol), /^refused /);
  assert.match(await read("imaps", dovecot.imaps, { ...carol, address: "c@store.test" }), /^refused /);
  assert.equal(await read("imaps", dovecot.imaps, dave), "", "others go on");
  assert.equal(readLog(site.server.state).filter(({ event }) => event === "accounts.exported").length, 2);
  assertNothingBroke(site.server.state);
});

test("a login at Dovecot inside TLS opens the way out for its account; who guesses is refused there", async (t) => {
  if ((await requires(t, "python3")) === undefined) return;
  const directory = await temporaryDirectory(t);
  const passwdFile = join(directory, "sekimori.users");
  await writeFile(passwdFile, "", { mode: 0o600 });
  const token = "0123456789abcdef0123456789abcdef";
  await writeFile(join(directory, "dovecot.token"), `${token}\n`, { mode: 0o600 });
  const [listens, legacy] = [loopbackAddress(), loopbackAddress()];
  const url = `http://${listens}:2084/`;
  const dovecot = await startDovecot(t, [], { passwdFile, policy: { url, header: `Authorization: Bearer ${token}` } });
  if (dovecot === undefined) return;
  const site = await startSite(t, {
    smarthost: await startSink(t),
    accounts,
    tables: [
      ...storeTables(dovecot),
      "[[listener]]",
      'role = "legacy"',
      `listen = ["${legacy}:2526"]`,
      'pop-before-smtp = { networks = ["127.0.0.0/8"] }',
      "[dovecot]",
      `listen = ["${listens}:2084"]`,
      `token = { file = "${directory}/dovecot.token" }`,
      `users = "${passwdFile}"`,
    ],
  });
  const kept = (pattern: RegExp): Promise<true> =>
    waitFor(`${String(pattern)} in the file`, 20_000, async () =>
      pattern.test(await readFile(passwdFile, "utf8")) ? true : undefined,
    );
  await kept(/^dave@store\.test:/m);
  const hashOf = async (who: string): Promise<string | undefined> =>
    (await readFile(passwdFile, "utf8")).split("\n").find((line) => line.startsWith(`${who}:`));
  const logins = (event: string): number =>
    readLog(site.server.state).filter((line) => line.event === event && line["listener"] === "dovecot").length;
  const heard = (event: string, count: number): Promise<true> =>
    waitFor(`${count} times ${event}`, 20_000, () => (logins(event) >= count ? true : undefined));

  const session = await openDialogue(t, { address: legacy, port: 2526 });
  await session.reply();
  await session.expect("EHLO old.example.org", 250);
  const sends = (from: string, code: number): ReturnType<typeof session.expect> =>
    session.expect(`MAIL FROM:<${from}>`, code);
  await sends(carol.address, 530);
  assert.equal(await read("pop3", dovecot.pop3, carol), "0 messages");
  await heard("auth.succeeded", 1);
  await sends(carol.address, 530);
  assert.match(await read("pop3s", dovecot.pop3s, { ...carol, password: "not it" }), /^refused /);
  await heard("auth.failed", 1);
  await sends(carol.address, 530);
  assert.equal(await read("pop3s", dovecot.pop3s, carol), "0 messages");
  await heard("auth.succeeded", 2);
  await sends(alice.address, 530);
  await sends(carol.address, 250);
  await session.expect("RCPT TO:<dora@example.org>", 250);
  await session.expect("DATA", 354);
  await session.expect(`From: ${carol.address}\r\n\r\nhello\r\n.`, 250);
  const before = await hashOf(carol.address);
  const suspended = await site.server.command("account", "suspend", carol.address);
  assert.equal(suspended.code, 0, suspended.stderr);
  await sends(carol.address, 530);
  await waitFor("the file without her", 20_000, async () =>
    (await hashOf(carol.address)) === before ? undefined : true,
  );
  assert.match(await read("pop3s", dovecot.pop3s, carol), /^refused /);

  // Over IMAP as well, and not for the others.
  assert.equal(await read("imaps", dovecot.imaps, dave), "");
  await heard("auth.succeeded", 3);
  await sends(dave.address, 250);
  session.destroy();

  // What does not come from Dovecot, or is nothing that it says.
  const post = async (command: string, body: string, key = token): Promise<Response> =>
    fetch(`${url}?command=${command}`, { method: "POST", body, headers: { authorization: `Bearer ${key}` } });
  assert.equal((await post("report", guess(1), `${token}x`)).status, 401);
  assert.equal((await post("report", "{]")).status, 400);
  assert.equal((await post("forget", guess(1))).status, 400);
  for (let count = 1; count <= 12; count++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    assert.equal((await post("report", guess(count))).status, 200);
  }
  // One in half a minute is looked at, from wherever it comes.
  assert.deepEqual(await (await post("allow", guess(20))).json(), { status: 0, msg: "" });
  const held = (await (await post("allow", guess(21))).json()) as { readonly status: number };
  assert.equal(held.status, -1);
  assert.match(
    await read("imaps", dovecot.imaps, alice),
    /^refused /,
    "the right password, from where nobody knows her",
  );
  const lines = readLog(site.server.state);
  assert.ok(lines.some((line) => line.event === "auth.failed" && line["reason"] === "auth.held"));
  assert.ok(lines.some((line) => line.event === "api.refused" && line["cause"] === "wrong-token"));
  assertNothingBroke(site.server.state);
});
