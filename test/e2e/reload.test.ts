// The configuration read again under a running server: open sessions go on, new ones have the new values, a bad file
// changes nothing, and mail under way is not lost.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { makeCertificate } from "../lab/certificate.ts";
import { openDialogue } from "../lab/client.ts";
import type { Where } from "../lab/client.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, openAuthenticated, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";
import { waitFor } from "../lab/wait.ts";

type Edit = readonly [from: string, to: string];

async function edit(site: Site, ...edits: readonly Edit[]): Promise<void> {
  const file = join(site.directory, "sekimori.toml");
  let text = await readFile(file, "utf8");
  for (const [from, to] of edits) {
    assert.ok(text.includes(from), from);
    text = text.replace(from, to);
  }
  await writeFile(file, text);
}

async function events(site: Site, name: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const file = join(site.server.state, "log", `${new Date().toISOString().slice(0, 10)}.jsonl`);
  const lines = (await readFile(file, "utf8")).split("\n").slice(0, -1);
  return lines
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    .filter(({ event }) => event === name);
}

async function sizeOf(t: Parameters<typeof openDialogue>[0], where: Where): Promise<string | undefined> {
  const session = await openDialogue(t, where);
  await session.reply();
  const { lines } = await session.expect("EHLO client.example.org", 250);
  await session.expect("QUIT", 221);
  return lines.find((line) => line.startsWith("SIZE"));
}

test("a transaction goes on over a reload with the bounds it began with; new sessions have the new ones", async (t) => {
  const site = await startSite(t, { smarthost: await startSink(t), smtp: ['message-size = "1MiB"'] });
  const session = await openAuthenticated(t, site, alice);
  await session.expect(`MAIL FROM:<${alice.address}>`, 250);
  await session.expect(`RCPT TO:<${bob.address}>`, 250);
  const pop3 = await openDialogue(t, site.pop3s, "implicit");
  await pop3.line();
  const extra = { address: loopbackAddress(), port: 2526 };
  await edit(
    site,
    ['message-size = "1MiB"', 'message-size = "64KiB"'],
    [`listen = ["${site.address}:2525"]`, `listen = ["${extra.address}:${extra.port}"]`],
    ["[smtp]", '[[domain]]\nname = "second.test"\npostmaster = "alice@sekimori.test"\n[smtp]'],
  );
  const { code, stdout } = await site.server.command("reload");
  assert.deepEqual([code, stdout], [0, "reloaded, changed: domains, listeners, smtp\n"]);

  await session.expect("DATA", 354);
  await session.expect(
    `From: <${alice.address}>\r\nSubject: over the reload\r\n\r\n${`${"x".repeat(70)}\r\n`.repeat(2000)}.`,
    250,
  );
  await session.expect("QUIT", 221);
  await pop3.send(`USER ${bob.address}\r\n`);
  assert.match((await pop3.line()) ?? "", /^\+OK/);

  assert.equal(await sizeOf(t, extra), "SIZE 65536");
  await assert.rejects(openDialogue(t, site.mx), "the listener that is gone takes no connections");
  const stranger = await openDialogue(t, extra);
  await stranger.reply();
  await stranger.expect("EHLO client.example.org", 250);
  await stranger.expect("MAIL FROM:<a@example.org>", 250);
  await stranger.expect("RCPT TO:<postmaster@second.test>", 250);
  assert.equal((await events(site, "listener.closed")).length, 1);
  assert.deepEqual((await events(site, "config.reloaded"))[0]?.["changed"], ["domains", "listeners", "smtp"]);
});

test("a bad file changes nothing and says why, to the command and to the log", async (t) => {
  const site = await startSite(t, { smarthost: await startSink(t), smtp: ['message-size = "1MiB"'] });
  await edit(site, ['message-size = "1MiB"', 'message-size = "2MiB"\nnonsense = 1']);
  const { code, stderr } = await site.server.command("reload");
  assert.equal(code, 2);
  assert.match(stderr, /sekimori\.toml:\d+:1: unknown key "nonsense"/);
  process.kill(site.server.pid, "SIGHUP");
  const [refused] = await waitFor("the log of the refusal", 10_000, async () => {
    const found = await events(site, "config.refused");
    return found.length > 0 ? found : undefined;
  });
  assert.match(String(refused?.["problems"]), /nonsense/);
  assert.equal(refused?.["by"], "SIGHUP");
  assert.equal(await sizeOf(t, site.mx), "SIZE 1048576");
});

test("a port that another program has, and a key that does not fit, change nothing", async (t) => {
  const taker = await startSink(t);
  const site = await startSite(t, { smarthost: await startSink(t), smtp: ['message-size = "1MiB"'] });
  const before = await readFile(join(site.directory, "sekimori.toml"), "utf8");
  await edit(
    site,
    ['message-size = "1MiB"', 'message-size = "2MiB"'],
    [`"${site.address}:2525"`, `"${site.address}:2525", "${taker.address}:${taker.port}"`],
  );
  const taken = await site.server.command("reload");
  assert.equal(taken.code, 2);
  assert.match(taken.stderr, /EADDRINUSE.*\n.*nothing has changed/);
  assert.equal(await sizeOf(t, site.mx), "SIZE 1048576");

  const [one, other] = [
    await makeCertificate(site.directory, "one.sekimori.test"),
    await makeCertificate(site.directory, "other.sekimori.test"),
  ];
  const tls = `[tls]\ncertificate = "${one.certificate}"\nkey = "${other.key}"\n[smtp]`;
  await writeFile(join(site.directory, "sekimori.toml"), before.replace("[smtp]", tls).replace("1MiB", "2MiB"));
  const mismatched = await site.server.command("reload");
  assert.equal(mismatched.code, 2);
  assert.equal(await sizeOf(t, site.mx), "SIZE 1048576");
});

test("what cannot change is named and stays; the rest is in effect", async (t) => {
  const site = await startSite(t, { smarthost: await startSink(t), smtp: ['message-size = "1MiB"'] });
  await edit(
    site,
    ['message-size = "1MiB"', 'message-size = "2MiB"'],
    ['hostname = "mx.sekimori.test"', 'hostname = "mx2.sekimori.test"'],
    ['tls = "starttls"', 'tls = "none"'],
  );
  const { code, stdout } = await site.server.command("reload");
  assert.equal(code, 1);
  assert.match(stdout, /^restart needed: hostname$/m);
  assert.match(
    stdout,
    /^restart needed: listener mx on \S+:2525: the port is open with another role, TLS, mechanisms or proxy setting$/m,
  );
  assert.equal(await sizeOf(t, site.mx), "SIZE 2097152");
  const session = await openDialogue(t, site.mx);
  assert.match((await session.reply()).raw, /^220 mx\.sekimori\.test /);

  await edit(site, ["state-directory = ", `state-directory = "${site.directory}/elsewhere" #`]);
  process.kill(site.server.pid, "SIGHUP");
  await waitFor("the refusal", 10_000, async () => (await events(site, "config.refused"))[0]);
});

test("a renewed certificate is what the next session sees", async (t) => {
  const site = await startSite(t, { smarthost: await startSink(t) });
  const files = await makeCertificate(site.directory, "renewed.sekimori.test");
  await edit(site, ["[smtp]", `[tls]\ncertificate = "${files.certificate}"\nkey = "${files.key}"\n[smtp]`]);
  const { code, stdout } = await site.server.command("reload");
  assert.deepEqual([code, stdout], [0, "reloaded, changed: tls, certificate\n"]);
  assert.equal(await subjectAt(site.submissions), "renewed.sekimori.test");
  assert.equal(await subjectAt(site.pop3s), "renewed.sekimori.test");
});

function subjectAt({ address, port }: Where): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: address, port, rejectUnauthorized: false }, () => {
      const { CN: name } = socket.getPeerCertificate().subject;
      resolve(Array.isArray(name) ? name[0] : name);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

test("mail that waited while delivery was paused goes out after the reload that ends the pause", async (t) => {
  const sink = await startSink(t);
  const site = await startSite(t, { smarthost: sink, delivery: ["paused = true"] });
  const session = await openAuthenticated(t, site, alice);
  await send(session, "stranger@example.org", "paused");
  assert.equal(sink.messages.length, 0);
  await edit(site, ["paused = true", "paused = false"]);
  assert.equal((await site.server.command("reload")).code, 0);
  await sink.waitForMessages(1, 20_000);
});

test("20 reloads under load, each with other ways out, lose nothing and drop no session", async (t) => {
  const sinks = [await startSink(t), await startSink(t)] as const;
  const site = await startSite(t, {
    smarthost: sinks[0],
    tables: ["[limits.account]", 'recipients = ["100000/1h"]'],
    smtp: ["messages = 100000"],
  });
  const load = { over: false };
  const answered: string[] = [];
  const client = async (name: string): Promise<void> => {
    const session = await openAuthenticated(t, site, alice);
    for (let index = 0; !load.over; index++) {
      // oxlint-disable-next-line no-await-in-loop -- one session
      await send(session, "stranger@example.org", `${name}-${index}`);
      answered.push(`${name}-${index}`);
    }
    await session.expect("QUIT", 221);
  };
  const clients = Promise.all(["one", "two", "three", "four"].map(client));
  try {
    for (let turn = 0; turn < 20; turn++) {
      const [from, to] = turn % 2 === 0 ? sinks : [sinks[1], sinks[0]];
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await edit(
        site,
        [`host = "${from.address}"`, `host = "${to.address}"`],
        [`port = ${from.port}`, `port = ${to.port}`],
      );
      process.kill(site.server.pid, "SIGHUP");
      // oxlint-disable-next-line no-await-in-loop
      await waitFor(`reload ${turn + 1}`, 20_000, async () =>
        (await events(site, "config.reloaded")).length === turn + 1 ? true : undefined,
      );
    }
  } finally {
    load.over = true;
  }
  await clients;
  assert.equal((await events(site, "config.refused")).length, 0);
  const arrived = (): readonly string[] =>
    sinks.flatMap(({ messages }) => messages).map(({ data }) => /^Subject: (\S+)/m.exec(data)?.[1] ?? "");
  await waitFor("all mail at the sinks", 60_000, () => (arrived().length >= answered.length ? true : undefined));
  assert.deepEqual(arrived().toSorted(), answered.toSorted());
  assert.ok(sinks.every(({ messages }) => messages.length > 0));
});

async function send(
  session: Awaited<ReturnType<typeof openAuthenticated>>,
  recipient: string,
  subject: string,
): Promise<void> {
  await session.expect(`MAIL FROM:<${alice.address}>`, 250);
  await session.expect(`RCPT TO:<${recipient}>`, 250);
  await session.expect("DATA", 354);
  await session.expect(`From: <${alice.address}>\r\nSubject: ${subject}\r\n\r\nx\r\n.`, 250);
}
