// A substitute listener of a real server, with a resolver that says what third parties publish: a code is mailed and told, mail goes out
// from here or by the third party's server, and what receivers would refuse is refused with the reason.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { runProgram } from "../lab/child.ts";
import { atEnd } from "../lab/cleanup.ts";
import type { Scope } from "../lab/cleanup.ts";
import { openDialogue } from "../lab/client.ts";
import type { Dialogue } from "../lab/client.ts";
import { startDns } from "../lab/dns.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { readMailbox } from "../lab/mailbox.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, openAuthenticated, plain, startSite } from "../lab/site.ts";
import { requires } from "../lab/skip.ts";
import { waitFor } from "../lab/wait.ts";
import { assertNothingBroke, readLog } from "./support/log.ts";

const scope: Scope = { after };
const port = 2527;
const ourAddress = "192.0.2.26";
const dns = await startDns(scope, {
  "passes.example": { TXT: [`v=spf1 include:spf.passes.example -all`] },
  "spf.passes.example": { TXT: [`v=spf1 ip4:${ourAddress} -all`] },
  "turns.example": { TXT: [`v=spf1 ip4:${ourAddress} -all`] },
  "rejects.example": { TXT: ["v=spf1 ~all"] },
  "_dmarc.rejects.example": { TXT: ["v=DMARC1; p=reject"] },
  "relayed.example": { TXT: ["v=spf1 -all"] },
  "stuck.example": { TXT: ["v=spf1 -all"] },
  "broken.example": "broken",
});
/** Everybody else's exchanger, and the server of one third party. */
const sink = await startSink(scope);
const theirs = await startSink(scope);
const listener = loopbackAddress();
const ended = loopbackAddress();
const site = await startSite(scope, {
  smarthost: sink,
  tables: [
    "[[listener]]",
    'role = "substitute"',
    `listen = ["${listener}:${port}"]`,
    'until = "2099-12-31"',
    "[[listener]]",
    'role = "substitute"',
    `listen = ["${ended}:${port}"]`,
    'until = "2026-01-31"',
    "[dns]",
    `servers = ["${dns.address}:${dns.port}"]`,
    'timeout = "5s"',
    "[substitute]",
    `sends-from = "${ourAddress}"`,
    'reread = "1s"',
    'codes = ["100/1h"]',
    // The end of a proof is told a second after it was made.
    'renewal = "80d"',
    'remind = "79d23h59m59s"',
    "[[substitute.provider]]",
    'domains = "relayed.example"',
    `relay = { host = "${theirs.address}", port = ${theirs.port}, tls = "never" }`,
    "[[substitute.provider]]",
    'domains = "stuck.example"',
    // Nobody listens there.
    `relay = { host = "${theirs.address}", port = 1, tls = "never" }`,
  ],
});
atEnd(scope, () => assertNothingBroke(site.server.state));

async function substitute(
  ...parameters: readonly string[]
): Promise<{ readonly code: number | null; readonly text: string }> {
  const { code, stdout, stderr } = await site.server.command("account", "substitute", ...parameters);
  return { code, text: stdout + stderr };
}

/** The code that was mailed to it last. */
async function codeFor(address: string): Promise<string> {
  const mail = await waitFor(`a code for ${address}`, 30_000, () =>
    sink.messages.findLast(
      ({ data, recipients }) =>
        data.includes("Subject: A code") && recipients.some((each) => each.includes(`<${address}>`)),
    ),
  );
  assert.match(mail.mail, /^FROM:<>/);
  const code = /^ {2}([a-z2-7]{5}(?:-[a-z2-7]{5}){3})\r$/m.exec(mail.data)?.[1];
  assert.ok(code !== undefined, mail.data);
  return code;
}

/** Through the API, as a portal would. */
function ask(method: string, path: string, body?: object): ReturnType<typeof api> {
  return api(method, `accounts/${path}`, body);
}

async function api(
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly text: string }> {
  const token = (await readFile(join(site.server.state, "api-token"), "utf8")).trim();
  const headers = {
    authorization: `Bearer ${token}`,
    ...(body === undefined ? {} : { "content-type": "application/json" }),
  };
  const answer = await fetch(`http://${site.http.address}:${site.http.port}/api/v1/${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, text: await answer.text() };
}

async function enrol(account: string, address: string): Promise<void> {
  const path = `${account}/substitutes/${address}`;
  const added = await ask("PUT", path);
  assert.equal(added.status, 202, added.text);
  const confirmed = await ask("POST", `${path}/proof`, { code: await codeFor(address) });
  assert.equal(confirmed.status, 200, confirmed.text);
}

/** Waits until the last reading of turns.example says so. */
function turned(fit: string): Promise<true> {
  return waitFor(`a reading that says ${fit}`, 60_000, () => {
    const readings = readLog(site.server.state).filter((entry) => entry["domain"] === "turns.example");
    return readings.at(-1)?.["fit"] === fit ? true : undefined;
  });
}

async function login(t: Scope, account: typeof alice | typeof bob): Promise<Dialogue> {
  const session = await openDialogue(t, { address: listener, port });
  await session.reply();
  await session.expect("EHLO client.example.org", 250);
  await session.expect(`AUTH PLAIN ${plain(account.address, account.password)}`, 538);
  await session.expect("STARTTLS", 220);
  await session.upgrade();
  await session.expect("EHLO client.example.org", 250);
  await session.expect(`AUTH PLAIN ${plain(account.address, account.password)}`, 235);
  return session;
}

async function send(session: Dialogue, address: string, recipient: string): Promise<void> {
  await session.expect(`MAIL FROM:<${address}>`, 250);
  await session.expect(`RCPT TO:<${recipient}>`, 250);
  await session.expect("DATA", 354);
  await session.expect(`From: ${address}\r\nSubject: hello\r\n\r\nhello\r\n.`, 250);
}

test("a code is mailed and told; then mail with the address goes out, on this listener alone", async (t) => {
  const address = "carol@passes.example";
  const session = await login(t, alice);
  assert.match((await session.expect(`MAIL FROM:<${address}>`, 550)).raw, /not enrolled/);
  const added = await substitute("add", alice.address, address);
  assert.equal(added.code, 0, added.text);
  const wrong = await substitute("confirm", alice.address, address, "aaaaa-aaaaa-aaaaa-aaaaa");
  assert.equal(wrong.code, 1);
  assert.match(wrong.text, /not the code/);
  await session.expect(`MAIL FROM:<${address}>`, 550);
  const code = await codeFor(address);
  const confirmed = await substitute("confirm", alice.address, address, code);
  assert.equal(confirmed.code, 0, confirmed.text);
  assert.ok(!JSON.stringify(readLog(site.server.state)).includes(code), "no code in the log");

  await send(session, address, "dora@example.org");
  const mail = await waitFor("the message", 30_000, () =>
    sink.messages.find(({ data }) => data.includes("Subject: hello")),
  );
  assert.match(mail.mail, /^FROM:<carol@passes\.example>/);
  assert.doesNotMatch(mail.data, /^Sender:/m);
  const other = await login(t, bob);
  await other.expect(`MAIL FROM:<${address}>`, 550);
  const submission = await openAuthenticated(t, site, alice);
  assert.match((await submission.expect(`MAIL FROM:<${address}>`, 550)).raw, /does not belong/);

  const list = await substitute("list", alice.address, "--json");
  const [entry] = JSON.parse(list.text) as readonly { readonly state: string; readonly way: string }[];
  assert.deepEqual([entry?.state, entry?.way], ["proved", "direct"]);
  const report = await site.server.command("report", "legacy", "--json");
  const uses = JSON.parse(report.stdout) as readonly { readonly account: string; readonly substitute: number }[];
  assert.equal(uses.find(({ account }) => account === alice.address)?.substitute, 1);
  assert.equal((await substitute("remove", alice.address, address)).code, 0);
  await session.expect(`MAIL FROM:<${address}>`, 550);
});

test("where receivers would refuse, mail goes by the third party's server, and local mail stays here", async (t) => {
  const address = "carol@relayed.example";
  await enrol(alice.address, address);
  const session = await login(t, alice);
  await send(session, address, "dora@example.org");
  const [mail] = await theirs.waitForMessages(1, 30_000);
  assert.match(mail!.mail, /^FROM:<carol@relayed\.example>/);
  await send(session, address, bob.address);
  await waitFor("local mail", 30_000, async () =>
    (await readMailbox(t, site.pop3s, bob)).some((message) => message.includes("carol@relayed.example"))
      ? true
      : undefined,
  );
  assert.equal(theirs.messages.length, 1);
});

test("the queue says by whose server mail has to leave, and by no other", async (t) => {
  const address = "carol@stuck.example";
  await enrol(alice.address, address);
  await send(await login(t, alice), address, "dora@example.org");
  interface Listed {
    readonly id: string;
    readonly recipients: readonly { readonly relay?: object }[];
  }
  const entry = await waitFor("the message in the queue", 30_000, async () => {
    const { text } = await api("GET", `queue?sender=${address}`);
    return (JSON.parse(text) as { readonly entries: readonly Listed[] }).entries[0];
  });
  const relay = { domain: "stuck.example", site: `${theirs.address}:1 never` };
  assert.deepEqual(entry.recipients[0]?.relay, relay);
  const shown = await api("GET", `queue/${entry.id}`);
  assert.deepEqual((JSON.parse(shown.text) as Listed).recipients[0]?.relay, relay);
  const { stdout } = await site.server.command("queue", "show", entry.id);
  assert.ok(stdout.includes(`goes by the server of stuck.example: ${theirs.address}:1 never`), stdout);
});

test("without an agreement it is refused with the reason, and so is what nobody can read; nobody is mailed", async () => {
  const rejected = await substitute("add", alice.address, "carol@rejects.example");
  assert.equal(rejected.code, 1);
  assert.match(rejected.text, /SPF of rejects\.example says softfail .*its DMARC policy is reject/);
  const broken = await ask("PUT", `${alice.address}/substitutes/carol@broken.example`);
  assert.equal(broken.status, 409);
  assert.match(broken.text, /cannot be read now/);
  assert.equal(sink.messages.filter(({ data }) => /(?:rejects|broken)\.example/.test(data)).length, 0);
});

test("a third party that changes what it publishes is read again", async (t) => {
  const address = "carol@turns.example";
  await enrol(bob.address, address);
  const session = await login(t, bob);
  await session.expect(`MAIL FROM:<${address}>`, 250);
  await session.expect("RSET", 250);
  dns.zone.set("turns.example", { TXT: ["v=spf1 -all"] });
  await turned("fails");
  assert.match(
    (await session.expect(`MAIL FROM:<${address}>`, 550)).raw,
    /^550 5\.7\.1 receivers would refuse mail of turns\.example from here \(SPF of turns\.example forbids/,
  );
  const examined = await site.server.command("doctor");
  assert.match(examined.stdout, /^fail +third party turns\.example: .*SPF of turns\.example forbids mail from/m);
  assert.match(examined.stdout, /^ok +third parties: /m);
  dns.zone.set("mail.turns.example", { A: [ourAddress] });
  dns.zone.set("turns.example", { TXT: ["v=spf1 a:mail.turns.example -all"] });
  await turned("passes");
  await session.expect(`MAIL FROM:<${address}>`, 250);
});

test("a mail program sends with the address", async (t) => {
  if ((await requires(t, "python3")) === undefined) return;
  const address = "dave@passes.example";
  await enrol(bob.address, address);
  const program = `
import smtplib, ssl
with smtplib.SMTP("${listener}", ${port}, timeout=30) as s:
    s.starttls(context=ssl._create_unverified_context())
    s.login("${bob.address}", "${bob.password}")
    s.sendmail("${address}", ["dora@example.org"], "From: ${address}\\r\\nSubject: by smtplib\\r\\n\\r\\nhello\\r\\n")`;
  const { code, stderr } = await runProgram({ program: "python3", parameters: ["-c", program], milliseconds: 60_000 });
  assert.equal(code, 0, stderr);
  await waitFor("the message", 30_000, () => sink.messages.find(({ data }) => data.includes("Subject: by smtplib")));
});

test("that a proof ends is told to its address, without a code", async () => {
  await enrol(alice.address, "erin@passes.example");
  const mail = await waitFor("the notice", 60_000, () =>
    sink.messages.find(({ data }) =>
      data.includes("Subject: Sending mail as erin@passes.example needs a new code soon"),
    ),
  );
  assert.deepEqual([mail.mail.split(" ")[0], mail.recipients.length], ["FROM:<>", 1]);
  assert.match(mail.recipients[0]!, /<erin@passes\.example>/);
  assert.doesNotMatch(mail.data, /(?:[a-z2-7]{5}-){3}/);
  assert.ok(mail.data.includes(`=?utf-8?B?${Buffer.from("確認コードの更新のお願い").toString("base64")}?=`));
});

test("after its last day a listener says what to use instead", async (t) => {
  const session = await openDialogue(t, { address: ended, port });
  assert.match((await session.reply()).raw, /^554 5\.7\.0 .*until 2026-01-31: set your mail provider's own server/);
  session.destroy();
});
