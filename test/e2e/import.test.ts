// Accounts of another server with the hashes of their passwords: what libcrypt and Dovecot make is checked, a file of it is
// imported, real clients log in with the old passwords, and are logged in by SCRAM afterwards.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import * as fc from "fast-check";
import { prepare } from "../../src/base/saslprep.ts";
import { sha512Crypt } from "../../src/io/legacy-hash/sha512-crypt.ts";
import { readHash } from "../../src/io/legacy-hash/schemes.ts";
import { verifyPassword } from "../../src/io/password-hash.ts";
import { scramClient } from "../../src/proto/sasl/test-client.ts";
import { runProgram } from "../lab/child.ts";
import { openDialogue } from "../lab/client.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { alice, domain, openAuthenticated, plain, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";
import { requires } from "../lab/skip.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { waitFor } from "../lab/wait.ts";
import { sekimori } from "./support/command.ts";
import { assertNothingBroke, readLog } from "./support/log.ts";

function stored(text: string): string {
  const read = readHash(text);
  assert.ok(read.ok, read.ok ? "" : `${text}: ${read.error}`);
  return read.value;
}

test("libcrypt makes the same SHA512-CRYPT of any password, salt and number of rounds", async (t) => {
  const python = await requires(t, "python3");
  if (python === undefined) return;
  const sample = fc.sample(
    fc.record({
      password: fc
        .oneof(
          fc.string({ minLength: 1, maxLength: 30, unit: "grapheme" }),
          fc.string({ minLength: 1, maxLength: 200 }),
        )
        // libxcrypt takes no longer ones.
        .filter((text) => !text.includes("\0") && Buffer.byteLength(text) <= 512),
      salt: fc.stringMatching(/^[./0-9A-Za-z]{1,16}$/),
      rounds: fc.integer({ min: 1000, max: 3000 }),
    }),
    { numRuns: 60 },
  );
  const script =
    "import json,sys,warnings; warnings.simplefilter('ignore'); import crypt\n" +
    "print(json.dumps([crypt.crypt(p, '$6$rounds=%d$%s' % (r, s)) for p, s, r in json.load(sys.stdin)]))";
  const ran = await runProgram({
    program: python.path,
    parameters: ["-c", script],
    input: JSON.stringify(sample.map(({ password, salt, rounds }) => [password, salt, rounds])),
    milliseconds: 60_000,
  });
  if (ran.code !== 0 && /No module named 'crypt'/.test(ran.stderr)) return t.skip("this Python has no module crypt");
  assert.equal(ran.code, 0, ran.stderr);
  const theirs = JSON.parse(ran.stdout) as readonly string[];
  for (const [index, { password, salt, rounds }] of sample.entries()) {
    assert.equal(`$6$rounds=${rounds}$${salt}$${sha512Crypt(password, salt, rounds)}`, theirs[index], password);
  }
});

test("what Dovecot makes of a password is read and checked", async (t) => {
  const dovecot = await requires(t, "dovecot");
  if (dovecot === undefined) return;
  const password = `p${randomBytes(9).toString("base64")} ä`;
  for (const scheme of [
    "SHA512-CRYPT",
    "BLF-CRYPT",
    "SSHA",
    "SSHA256",
    "SSHA512",
    "SSHA512.hex",
    "ARGON2ID",
    "CRYPT",
  ]) {
    // oxlint-disable-next-line no-await-in-loop -- one program at a time
    const ran = await runProgram({
      program: `${dovecot.tree}/usr/bin/doveadm`,
      parameters: ["-O", "pw", "-s", scheme, "-p", password],
      environment: dovecot.environment,
      milliseconds: 30_000,
    });
    assert.equal(ran.code, 0, `${scheme}: ${ran.stderr}`);
    const hash = stored(ran.stdout.trim());
    // oxlint-disable-next-line no-await-in-loop
    const answers = [await verifyPassword(password, hash), await verifyPassword(`${password}.`, hash)];
    assert.deepEqual(answers, [true, false], ran.stdout);
  }
});

/** "Hello world!" and "U*U", as their authors published them. */
const sha512 = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
const bcrypt = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

async function siteFor(t: TestContext, threads?: number, tables: readonly string[] = []): Promise<Site> {
  return startSite(t, { smarthost: { address: loopbackAddress(), port: 2525 }, threads, tables });
}

async function fileOf(site: Site, ...lines: readonly string[]): Promise<string> {
  const file = join(site.directory, "users");
  await writeFile(file, `${lines.join("\n")}\n`);
  return file;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

async function scramReply(t: TestContext, site: Site, name: string, password: string): Promise<number> {
  const session = await openDialogue(t, site.submissions, "implicit");
  await session.reply();
  await session.expect("EHLO client.example.org", 250);
  const sasl = scramClient({ name, password });
  const challenge = await session.expect(`AUTH SCRAM-SHA-256 ${base64(sasl.first)}`, 334);
  const serverFirst = Buffer.from(challenge.lines[0]!, "base64").toString();
  const answer = await session.command(base64(sasl.final(serverFirst)));
  return answer.code === 334 ? (await session.command("")).code : answer.code;
}

test("a file is imported into a running server; old passwords work at once, and SCRAM after the first of them", async (t) => {
  const site = await siteFor(t, 2);
  const file = await fileOf(
    site,
    "# from the old server",
    `carol@${domain}:{SHA512-CRYPT}${sha512}:1000:1000::/home/carol::`,
    `dave@${domain}:{BLF-CRYPT}${bcrypt}`,
    `locked@${domain}:!${sha512}`,
  );
  const look = await site.server.command("account", "import", file, "--dry-run");
  assert.deepEqual([look.code, look.stdout], [0, "would import 2 accounts; 1 locked one left out\n"], look.stderr);
  assert.match((await site.server.command("account", "show", `carol@${domain}`)).stderr, /no such account/);
  const done = await site.server.command("account", "import", file);
  assert.deepEqual([done.code, done.stdout], [0, "imported 2 accounts; 1 locked one left out\n"], done.stderr);
  assert.match(done.stderr, /users:4: locked@sekimori\.test: locked, left out/);

  const shown = await site.server.command("account", "show", `carol@${domain}`);
  assert.match(shown.stdout, /^password +sha512-crypt of another server/m);
  assert.equal(await scramReply(t, site, `carol@${domain}`, "Hello world!"), 535, "no keys yet: as an unknown name");
  assert.equal(await scramReply(t, site, `nobody@${domain}`, "Hello world!"), 535);
  for (const [name, password] of [
    ["carol", "Hello world!"],
    ["dave", "U*U"],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one login at a time
    const session = await openAuthenticated(t, site, { address: `${name}@${domain}`, password });
    // oxlint-disable-next-line no-await-in-loop
    await session.expect(`MAIL FROM:<${name}@${domain}>`, 250);
    // oxlint-disable-next-line no-await-in-loop
    assert.doesNotMatch((await site.server.command("account", "show", `${name}@${domain}`)).stdout, /another server/);
  }
  // Whichever of the two threads takes it.
  for (let turn = 0; turn < 4; turn++) {
    // oxlint-disable-next-line no-await-in-loop
    assert.equal(await scramReply(t, site, `carol@${domain}`, "Hello world!"), 235);
  }
  const wrong = await openDialogue(t, site.submissions, "implicit");
  await wrong.reply();
  await wrong.expect("EHLO client.example.org", 250);
  await wrong.expect(`AUTH PLAIN ${plain(`dave@${domain}`, "U*V")}`, 535);
  assert.equal((await site.server.command("account", "import", file)).code, 1, "they exist already");
  assertNothingBroke(site.server.state);
  const log = JSON.stringify(readLog(site.server.state));
  for (const secret of [sha512.slice(20), bcrypt.slice(10), "Hello world!"]) assert.ok(!log.includes(secret));
});

test("passwords that SASLprep changes or prohibits open what Dovecot made of them, and SCRAM what it can prove", async (t) => {
  const dovecot = await requires(t, "dovecot");
  if (dovecot === undefined) return;
  const old = [
    { name: "carol", scheme: "SHA512-CRYPT", password: "\uff50\uff41ss\u3000word" },
    { name: "dave", scheme: "BLF-CRYPT", password: "caf\u0065\u0301 \uff8a\uff9f" },
    { name: "erin", scheme: "ARGON2ID", password: "no\u00a0break" },
    { name: "frank", scheme: "SSHA512", password: "bell\u0007" },
  ] as const;
  const site = await siteFor(t);
  const lines: string[] = [];
  for (const { name, scheme, password } of old) {
    // oxlint-disable-next-line no-await-in-loop -- one program at a time
    const ran = await runProgram({
      program: `${dovecot.tree}/usr/bin/doveadm`,
      parameters: ["-O", "pw", "-s", scheme, "-p", password],
      environment: dovecot.environment,
      milliseconds: 30_000,
    });
    assert.equal(ran.code, 0, ran.stderr);
    lines.push(`${name}@${domain}:${ran.stdout.trim()}`);
  }
  const done = await site.server.command("account", "import", await fileOf(site, ...lines));
  assert.equal(done.code, 0, done.stderr);
  for (const { name, password } of old) {
    const address = `${name}@${domain}`;
    // Until the hash is ours, and then.
    for (let turn = 0; turn < 2; turn++) {
      // oxlint-disable-next-line no-await-in-loop -- one login at a time
      (await openAuthenticated(t, site, { address, password })).destroy();
    }
    // oxlint-disable-next-line no-await-in-loop
    assert.doesNotMatch((await site.server.command("account", "show", address)).stdout, /another server/);
    const prepared = prepare(password);
    // oxlint-disable-next-line no-await-in-loop
    assert.equal(await scramReply(t, site, address, prepared ?? password), prepared === undefined ? 535 : 235, name);
  }
  assertNothingBroke(site.server.state);
});

test("Python's smtplib logs in with the password of another server, and Dovecot's copy has what replaced it", async (t) => {
  const python = await requires(t, "python3");
  if (python === undefined) return;
  const users = join(await temporaryDirectory(t), "users");
  const site = await siteFor(t, 1, ["[dovecot]", `users = ${JSON.stringify(users)}`]);
  const copied = (scheme: string): Promise<true> =>
    waitFor(`${scheme} in ${users}`, 30_000, async () => {
      const text = await readFile(users, "utf8").catch(() => "");
      return text.includes(`carol@${domain}:{${scheme}}`) || undefined;
    });
  const added = await sekimori(
    ["account", "add", `carol@${domain}`, "--hash", "--config", join(site.directory, "sekimori.toml")],
    { input: `{SHA512-CRYPT}${sha512}\n` },
  );
  assert.equal(added.code, 0, added.stderr);
  await copied("SHA512-CRYPT");
  const { address, port } = site.submissions;
  const script =
    "import smtplib, ssl, sys\n" +
    "s = smtplib.SMTP_SSL(sys.argv[1], int(sys.argv[2]), context=ssl._create_unverified_context(), timeout=30)\n" +
    "print(s.login(sys.argv[3], sys.argv[4])[0])";
  for (const password of ["Hello world!", "Hello world?"]) {
    // oxlint-disable-next-line no-await-in-loop -- one login at a time
    const ran = await runProgram({
      program: python.path,
      parameters: ["-c", script, address, String(port), `carol@${domain}`, password],
      milliseconds: 60_000,
    });
    if (password === "Hello world!") assert.equal(ran.stdout.trim(), "235", ran.stderr);
    else assert.match(ran.stderr, /SMTPAuthenticationError: \(535/);
  }
  await copied("ARGON2ID");
});

test("a file with a fault imports nothing, and says where; --partial takes the rest; stopped or from standard input alike", async (t) => {
  const site = await siteFor(t);
  await site.server.stop();
  const lines = [
    `carol@${domain}:${sha512}`,
    `dave@${domain}:{LANMAN}x`,
    `erin@elsewhere.test:${bcrypt}`,
    `${alice.address}:${bcrypt}`,
    `carol@${domain}:${bcrypt}`,
  ];
  const file = await fileOf(site, ...lines);
  const faulty = await site.server.command("account", "import", file);
  assert.equal(faulty.code, 2);
  assert.equal(faulty.stdout, "");
  for (const line of [
    /users:2: dave@sekimori\.test: \{LANMAN\} is not read here/,
    /users:3: erin@elsewhere\.test: .*not one of \[\[domain\]\]/,
    /users:4: alice@sekimori\.test: .*exists already/,
    /users:5: carol@sekimori\.test: the same account as in line 1/,
    /4 lines that cannot be taken; nothing was imported/,
  ]) {
    assert.match(faulty.stderr, line);
  }
  const missing = await site.server.command("account", "import", join(site.directory, "missing"));
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /missing cannot be read/);
  const partial = await sekimori(
    ["account", "import", "-", "--partial", "--json", "--config", join(site.directory, "sekimori.toml")],
    { input: lines.join("\n") },
  );
  assert.equal(partial.code, 1);
  const told = JSON.parse(partial.stdout) as { readonly imported: number; readonly problems: readonly object[] };
  assert.deepEqual([told.imported, told.problems.length], [1, 4]);
  await site.restart();
  await openAuthenticated(t, site, { address: `carol@${domain}`, password: "Hello world!" });
});
