// The table of bad logins against a real session on a real socket. After each row the session is asked whether it is still there;
// what was refused is in the log, and no secret is.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { TestContext } from "node:test";
import {
  dial,
  dialAs,
  dialSecured,
  listen,
  makeMaterial,
  makeService,
  PASSWORD,
} from "../../src/ingress/smtp/test-service.ts";
import type { LoginAnswer } from "../../src/directory/login.ts";
import type { Client, Material, Service } from "../../src/ingress/smtp/test-service.ts";
import { badLogins, firstOfScram } from "./auth.ts";
import type { BadLogin } from "./auth.ts";

let directory: string;
let material: Material;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "bad-login-"));
  material = await makeMaterial(directory);
});
after(() => rm(directory, { recursive: true }));

const ALICE = "alice@sekimori.test";
const base64 = (text: string): string => Buffer.from(text).toString("base64");

const now = (answer: LoginAnswer): LoginAnswer => (answer.kind === "refused" ? { ...answer, delay: 0 } : answer);

/** Refusals are answered at once: how long they wait is not what these tests are about. */
function impatient(service: Service): Service {
  const { login, scram } = service.services;
  return {
    ...service,
    services: {
      ...service.services,
      login: async (...asked) => now(await login(...asked)),
      scram: {
        keys: (...asked) => scram.keys(...asked),
        confirm: async (...asked) => now(await scram.confirm(...asked)),
        refused: async (...asked) => ({ ...(await scram.refused(...asked)), delay: 0 }),
      },
    },
  };
}

async function open(t: TestContext, service: Service, situation: BadLogin["after"]): Promise<Client> {
  const listener = await listen(t, service, situation === "mx" ? { role: "mx" } : {});
  const secured = (): Promise<Client> => dialSecured(t, service, listener);
  const after334 = async (...lines: readonly string[]): Promise<Client> => {
    const client = await secured();
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    for (const line of lines) assert.match(await client.ask(line), /^334 /, line);
    return client;
  };
  switch (situation) {
    case "clear":
    case "hello": {
      const client = dial(t, listener);
      await client.reply();
      await client.ask("EHLO c.example.jp");
      if (situation === "clear") return client;
      assert.match(await client.ask("STARTTLS"), /^220 /);
      await client.secure(service.certificate);
      return client;
    }
    case "tls":
    case "mx":
      return secured();
    case "plain":
      return after334("AUTH PLAIN");
    case "login":
      return after334("AUTH LOGIN");
    case "password":
      return after334("AUTH LOGIN", base64(ALICE));
    case "scram":
      return after334("AUTH SCRAM-SHA-256");
    case "proof":
      return after334(`AUTH SCRAM-SHA-256 ${base64(firstOfScram)}`);
    case "account":
    case "mail": {
      const client = await dialAs(t, service, listener);
      if (situation === "mail") assert.match(await client.ask(`MAIL FROM:<${ALICE}>`), /^250 /);
      return client;
    }
  }
}

test("the table is not smaller than it was", () => {
  assert.ok(badLogins.length >= 90, `${badLogins.length} rows`);
  assert.equal(new Set(badLogins.map(({ name }) => name)).size, badLogins.length);
});

// Each with a server of its own, and most of its time is waiting.
describe("each row", { concurrency: 16 }, () => {
  for (const { name, after: situation, send, expect, logged, session } of badLogins) {
    test(`${name}: ${expect}`, async (t) => {
      const service = impatient(makeService(material));
      const client = await open(t, service, situation);
      const start = service.events.length;
      client.send(send);
      // Where the session goes on, the last reply shows that nothing was left over to be taken for commands.
      client.send("QUIT\r\n");
      const answers = (await client.rest()).split("\r\n").filter((line) => line !== "" && line[3] !== "-");
      assert.equal(answers[0]?.slice(0, expect.length), expect, answers.join(" | "));
      assert.equal(answers.at(-1)?.startsWith("221 "), session === "open", answers.join(" | "));
      await service.until(() => service.named("session.closed").length === 1);

      const events = service.events.slice(start);
      const failed = events.filter((event) => event.name === "auth.failed").map(({ fields }) => fields);
      const reasons = failed.map((fields) => String(Reflect.get(fields, "reason")));
      const succeeded = events.filter((event) => event.name === "auth.succeeded");
      const [closed] = service.named("session.closed");
      assert.deepEqual(reasons, logged === "succeeded" || logged === "counted" ? [] : [logged]);
      assert.equal(succeeded.length, logged === "succeeded" ? 1 : 0);
      assert.equal(Reflect.get(closed!, "errors"), logged === "succeeded" ? undefined : 1);
      for (const fields of failed) assert.notEqual(Reflect.get(fields, "mechanism"), "", "which mechanism");
      const log = JSON.stringify(service.events);
      for (const secret of [PASSWORD, base64(PASSWORD), base64(`\0${ALICE}\0${PASSWORD}`)]) {
        assert.ok(!log.includes(secret), "no secret in the log");
      }
      assert.deepEqual(service.named("internal.failed"), []);
      assert.deepEqual(service.spool.appended, []);
    });
  }
});

test("after a refused login the same session may try again, in another way as well", async (t) => {
  const service = impatient(makeService(material));
  const client = await open(t, service, "tls");
  assert.match(await client.ask("AUTH PLAIN !!!!"), /^501 /);
  assert.match(await client.ask("AUTH LOGIN"), /^334 /);
  assert.match(await client.ask("*"), /^501 /);
  assert.match(await client.ask("AUTH PLAIN"), /^334 /);
  assert.match(await client.ask("A".repeat(13_000)), /^500 5\.5\.6 /);
  assert.match(await client.ask("NOOP"), /^250 /, "a command again, and no response");
  assert.match(await client.ask(`AUTH PLAIN ${base64(`\0${ALICE}\0wrong`)}`), /^535 /);
  assert.match(await client.ask(`AUTH PLAIN ${base64(`\0${ALICE}\0${PASSWORD}`)}`), /^235 /);
  assert.match(await client.ask(`MAIL FROM:<${ALICE}>`), /^250 /);
});

test("an AUTH that is refused within a transaction leaves the transaction as it was", async (t) => {
  const service = impatient(makeService(material));
  const client = await open(t, service, "mail");
  assert.match(await client.ask("AUTH PLAIN AGEAYg=="), /^503 5\.5\.1 /);
  assert.match(await client.ask("RCPT TO:<x@example.jp>"), /^250 /);
  assert.match(await client.ask("DATA"), /^354 /);
});

test("what stands behind STARTTLS is thrown away: no login comes of it (CVE-2011-0411)", async (t) => {
  const service = impatient(makeService(material));
  const client = dial(t, await listen(t, service));
  await client.reply();
  await client.ask("EHLO c.example.jp");
  const login = `AUTH PLAIN ${base64(`\0${ALICE}\0${PASSWORD}`)}\r\n`;
  client.send(`STARTTLS\r\nEHLO c.example.jp\r\n${login}MAIL FROM:<${ALICE}>\r\n`);
  assert.match(await client.reply(), /^220 /);
  await client.secure(service.certificate);
  assert.match(await client.ask("EHLO c.example.jp"), /^250-/);
  assert.match(await client.ask(`MAIL FROM:<${ALICE}>`), /^530 /);
  assert.equal(service.logins.count, 0);
  assert.deepEqual(service.named("auth.succeeded"), []);
});

test("enough bad logins end the session, whatever was bad about them", async (t) => {
  const service = impatient(makeService(material, { smtp: { errors: 5 } }));
  const client = await open(t, service, "tls");
  client.send("AUTH PLAIN !!!!\r\nAUTH XYZZY\r\nAUTH PLAIN\r\n*\r\nAUTH\r\nAUTH PLAIN =\r\nNOOP\r\n");
  const answers = (await client.rest()).split("\r\n").filter((line) => line !== "");
  assert.deepEqual(
    answers.map((line) => line.slice(0, 3)),
    ["501", "504", "334", "501", "501", "501", "421"],
  );
});
