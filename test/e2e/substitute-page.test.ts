// A customer enters the code himself, on the page of a real server over HTTPS: the mail says where, the page asks for the login, and nobody else
// learns anything or does any harm with it.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { request as plainRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import { after, test } from "node:test";
import { runProgram } from "../lab/child.ts";
import { atEnd } from "../lab/cleanup.ts";
import type { Scope } from "../lab/cleanup.ts";
import { openDialogue } from "../lab/client.ts";
import { startDns } from "../lab/dns.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, domain, plain, startSite } from "../lab/site.ts";
import { requires } from "../lab/skip.ts";
import { waitFor } from "../lab/wait.ts";
import { assertNothingBroke, readLog } from "./support/log.ts";

const scope: Scope = { after };
const [port, webPort] = [2527, 2443];
const ourAddress = "192.0.2.26";
const dns = await startDns(scope, { "third.example": { TXT: [`v=spf1 ip4:${ourAddress} -all`] } });
const sink = await startSink(scope);
const listener = loopbackAddress();
const web = loopbackAddress();
const tables = [
  "[[listener]]",
  'role = "substitute"',
  `listen = ["${listener}:${port}"]`,
  'until = "2099-12-31"',
  "[dns]",
  `servers = ["${dns.address}:${dns.port}"]`,
  'timeout = "5s"',
  "[substitute]",
  `sends-from = "${ourAddress}"`,
  'codes = ["100/1h"]',
  "code-page = true",
];
const site = await startSite(scope, {
  smarthost: sink,
  tables: [...tables, "[web]", `listen = ["${web}:${webPort}"]`],
});
atEnd(scope, () => assertNothingBroke(site.server.state));
const url = `https://mx.${domain}:${webPort}/code`;

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingMessage["headers"];
}

async function read(asked: ReturnType<typeof request>, body: string | undefined): Promise<Answer> {
  asked.end(body);
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  const { statusCode = 0, headers } = response;
  return { status: statusCode, text: Buffer.concat(parts).toString("utf8"), headers };
}

/** `from`: source address; the page counts by it. */
function ask(from: string, fields?: Readonly<Record<string, string>>): Promise<Answer> {
  const body = fields === undefined ? undefined : new URLSearchParams(fields).toString();
  const asked = request({
    host: web,
    port: webPort,
    localAddress: from,
    servername: `mx.${domain}`,
    path: "/code",
    method: body === undefined ? "GET" : "POST",
    headers: {
      host: `mx.${domain}:${webPort}`,
      ...(body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
    },
    // Made by the server itself.
    rejectUnauthorized: false,
    agent: false,
  });
  return read(asked, body);
}

/** Of the API, for the operator. */
async function operate(method: "GET" | "PUT", path: string): Promise<Response> {
  const token = (await readFile(join(site.server.state, "api-token"), "utf8")).trim();
  return fetch(`http://${site.http.address}:${site.http.port}/api/v1/accounts/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
  });
}

/** Asks for a code, and reads it where it was mailed to. */
async function mailedCode(account: string, address: string): Promise<{ readonly code: string; readonly mail: string }> {
  const before = sink.messages.length;
  assert.equal((await operate("PUT", `${account}/substitutes/${address}`)).status, 202);
  const { data } = await waitFor(`a code for ${address}`, 30_000, () =>
    sink.messages.slice(before).find(({ recipients }) => recipients.some((each) => each.includes(`<${address}>`))),
  );
  const code = /^ {2}([a-z2-7]{5}(?:-[a-z2-7]{5}){3})\r$/m.exec(data)?.[1];
  assert.ok(code !== undefined, data);
  return { code, mail: data };
}

async function stateOf(account: string, address: string): Promise<string | undefined> {
  const answer = await operate("GET", `${account}/substitutes`);
  const list = (await answer.json()) as readonly { readonly address: string; readonly state: string }[];
  return list.find((each) => each.address === address)?.state;
}

/** The page without what was typed into it. */
function without({ text }: Answer, address: string): string {
  return text.replaceAll(address, "ADDRESS");
}

test("the mail says where, a form is filled in there, and the address can be used", async (t) => {
  const address = "carol@third.example";
  const { code, mail } = await mailedCode(alice.address, address);
  assert.equal(
    [...mail.matchAll(/^ {2}(https:\S+)\r$/gm)].every(([, named]) => named === url),
    true,
    mail,
  );
  assert.equal(mail.split(url).length, 3, "once in each language");
  const from = loopbackAddress();
  const shown = await ask(from);
  assert.equal(shown.status, 200);
  assert.match(shown.text, /<form action="\/code\?lang=en" method="post"/);
  assert.equal(shown.headers["cache-control"], "no-store");
  assert.equal(shown.headers["referrer-policy"], "no-referrer");

  const entry = { account: alice.address, password: alice.password, address, code };
  const wrong = await ask(from, { ...entry, password: bob.password });
  assert.deepEqual([wrong.status, wrong.text.includes("The code was not looked at")], [403, true]);
  assert.equal(await stateOf(alice.address, address), "unproved");
  const other = await ask(from, { ...entry, account: bob.address, password: bob.password });
  assert.equal(other.status, 403, "another account's login and this one's code");
  // As people type it.
  const done = await ask(from, { ...entry, code: ` ${code.toUpperCase().replaceAll("-", " ")} ` });
  assert.equal(done.status, 200, done.text);
  assert.match(done.text, /Done\. Until \d{4}-\d\d-\d\d you can send as carol@third\.example/);
  assert.equal(await stateOf(alice.address, address), "proved");

  const session = await openDialogue(t, { address: listener, port });
  await session.reply();
  await session.expect("EHLO client.example.org", 250);
  await session.expect("STARTTLS", 220);
  await session.upgrade();
  await session.expect("EHLO client.example.org", 250);
  await session.expect(`AUTH PLAIN ${plain(alice.address, alice.password)}`, 235);
  await session.expect(`MAIL FROM:<${address}>`, 250);
  session.destroy();

  const log = readLog(site.server.state);
  const text = JSON.stringify(log);
  for (const secret of [code, code.replaceAll("-", ""), alice.password, bob.password]) {
    assert.ok(!text.toLowerCase().includes(secret), "no secret in the log");
  }
  const accepted = log.find((entry_) => entry_["event"] === "code.accepted");
  assert.deepEqual([accepted?.["account"], accepted?.["client"]], [alice.address, from]);
  const changed = log.find((entry_) => entry_["change"] === "substitute-proved");
  assert.equal(changed?.["by"], "code page");
});

test("a wrong code, one used already, and an address that nobody asked for or that is not his are one answer", async () => {
  const address = "dave@third.example";
  const from = loopbackAddress();
  const login = { account: bob.address, password: bob.password };
  const { code } = await mailedCode(bob.address, address);
  const others = await mailedCode(alice.address, "erin@third.example");
  const wrong = await ask(from, { ...login, address, code: "aaaaa-aaaaa-aaaaa-aaaaa" });
  assert.equal((await ask(from, { ...login, address, code })).status, 200);
  const answers = [
    [await ask(from, { ...login, address, code }), address],
    [await ask(from, { ...login, address: "nobody@third.example", code }), "nobody@third.example"],
    [await ask(from, { ...login, address: "erin@third.example", code: others.code }), "erin@third.example"],
    [await ask(from, { ...login, address: "no address", code }), "no address"],
  ] as const;
  for (const [answer, typed] of answers) {
    assert.equal(answer.status, wrong.status);
    assert.equal(without(answer, typed), without(wrong, address));
  }
  // Whose account it is, and whether there is one, is no stranger's to know either.
  const stranger = { password: "guessed", address, code };
  const [known, unknown] = await Promise.all(
    [alice.address, `nobody@${domain}`].map((account) => ask(loopbackAddress(), { ...stranger, account })),
  );
  assert.equal(known!.text.replaceAll(alice.address, ""), unknown!.text.replaceAll(`nobody@${domain}`, ""));
});

test("strangers use up no tries; five wrong codes of the customer do, and then one client has had enough", async () => {
  const address = "frank@third.example";
  const { code } = await mailedCode(alice.address, address);
  const entry = { account: alice.address, password: alice.password, address, code };
  const guessed = await Promise.all(
    Array.from({ length: 5 }, (_, index) =>
      ask(loopbackAddress(), { ...entry, password: `guess ${index}`, code: "x" }),
    ),
  );
  assert.deepEqual(
    guessed.map(({ status }) => status),
    [403, 403, 403, 403, 403],
  );
  assert.equal((await ask(loopbackAddress(), entry)).status, 200, "the code is as good as before");

  const again = await mailedCode(alice.address, address);
  const from = loopbackAddress();
  const statuses: number[] = [];
  for (let index = 0; index < 10; index++) {
    const typed = index < 5 ? `wrong ${index}` : again.code;
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    statuses.push((await ask(from, { ...entry, code: typed })).status);
  }
  assert.deepEqual(statuses, Array<number>(10).fill(403), "the right one is worth nothing any more");
  const more = await ask(from, entry);
  assert.deepEqual([more.status, more.headers["retry-after"]], [429, "600"]);
  const causes = readLog(site.server.state)
    .filter((line) => line["event"] === "enrolment.refused" && line["address"] === address)
    .map((line) => line["cause"]);
  assert.deepEqual(causes, [...Array<string>(5).fill("wrong"), ...Array<string>(5).fill("tries")]);
  // Others are not held for it.
  assert.equal((await ask(loopbackAddress(), { ...entry, code: "x" })).status, 403);
});

test("an app password and a suspended account open nothing", async () => {
  const { stdout } = await site.server.command("account", "app", "add", bob.address, "phone", "--json");
  const { password } = JSON.parse(stdout) as { readonly password: string };
  const address = "grace@third.example";
  const { code } = await mailedCode(bob.address, address);
  const entry = { account: bob.address, password: bob.password, address, code };
  assert.equal((await ask(loopbackAddress(), { ...entry, password })).status, 403);
  assert.equal((await site.server.command("account", "suspend", bob.address)).code, 0);
  const refused = await ask(loopbackAddress(), entry);
  assert.deepEqual([refused.status, refused.text.includes("The code was not looked at")], [403, true]);
  assert.equal((await site.server.command("account", "resume", bob.address)).code, 0);
  assert.equal((await ask(loopbackAddress(), entry)).status, 200);
});

const curl = async (...parameters: readonly string[]): Promise<string> => {
  const reach = ["-sk", "--resolve", `mx.${domain}:${webPort}:${web}`, "-o", "/dev/null", "-w", "%{http_code}"];
  const { stdout } = await runProgram({
    program: "curl",
    parameters: [...reach, ...parameters],
    milliseconds: 60_000,
  });
  return stdout;
};

test("curl: a link confirms nothing, other methods are refused, large bodies are not read", async (t) => {
  if ((await requires(t, "curl")) === undefined) return;
  const address = "heidi@third.example";
  const { code } = await mailedCode(alice.address, address);
  const query = new URLSearchParams({ account: alice.address, password: alice.password, address, code }).toString();
  assert.equal(await curl(`${url}?${query}`), "200");
  assert.equal(await curl("-I", `${url}?${query}`), "200");
  assert.equal(await stateOf(alice.address, address), "unproved");
  assert.equal(await curl("-X", "PUT", url), "405");
  assert.equal(await curl("-H", "Sec-Fetch-Site: cross-site", "-d", query, url), "403");
  assert.equal(await curl("-d", `${query}&more=${"x".repeat(8000)}`, url), "413");
  assert.equal(await stateOf(alice.address, address), "unproved");
  assert.equal(await curl("-d", query, url), "200");
  assert.equal(await stateOf(alice.address, address), "proved");
});

test("behind a proxy the page is for what comes through it, and clients are told apart by its word", async (t) => {
  const proxy = loopbackAddress();
  const inner = loopbackAddress();
  const behind = await startSite(t, {
    smarthost: sink,
    tables: [
      ...tables.map((line) => line.replace(listener, loopbackAddress())),
      "[web]",
      `listen = ["${inner}:${webPort}"]`,
      'tls = "none"',
      `forwarded-by = "${proxy}"`,
    ],
  });
  const through = (from: string, client: string, body?: string): Promise<Answer> =>
    read(
      plainRequest({
        host: inner,
        port: webPort,
        localAddress: from,
        path: "/code",
        method: body === undefined ? "GET" : "POST",
        headers: {
          "x-forwarded-for": `192.0.2.99, ${client}`,
          "x-forwarded-proto": "https",
          ...(body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
        },
        agent: false,
      }),
      body,
    );
  assert.equal((await through(loopbackAddress(), "198.51.100.1")).status, 404, "in clear, from somebody else");
  assert.equal((await through(proxy, "198.51.100.1")).status, 200);
  const fields = { account: alice.address, password: alice.password, address: "x@third.example", code: "x" };
  const body = new URLSearchParams(fields).toString();
  for (let index = 0; index < 10; index++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    assert.equal((await through(proxy, "198.51.100.1", body)).status, 403);
  }
  assert.equal((await through(proxy, "198.51.100.1", body)).status, 429);
  assert.equal((await through(proxy, "198.51.100.2", body)).status, 403);
  assertNothingBroke(behind.server.state);
});
