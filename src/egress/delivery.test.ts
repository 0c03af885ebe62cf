import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { createSecureContext, type SecureContext } from "node:tls";
import type { RouteTarget } from "../config/settings.ts";
import { ensureSelfSigned } from "../io/certificate.ts";
import { startServer, type Script, type ScriptedServer, type Step } from "./scripted-server.ts";
import { egressFor, fakeResolver, inWords, mxRecords, patience, testContent, type TestEgress } from "./test-support.ts";

function relay(server: ScriptedServer, change: Partial<RouteTarget> = {}): { smarthost: RouteTarget } {
  return {
    smarthost: {
      host: "127.0.0.1",
      port: server.port,
      protocol: "smtp",
      tls: "opportunistic",
      auth: undefined,
      ...change,
    },
  };
}

async function pair(context: TestContext, script: Script): Promise<{ server: ScriptedServer; egress: TestEgress }> {
  const server = await startServer(context, script);
  return { server, egress: egressFor(context, relay(server)) };
}

async function serverContext(context: TestContext): Promise<SecureContext> {
  const directory = mkdtempSync(join(tmpdir(), "sekimori-egress-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const files = await ensureSelfSigned(directory, ["mx.example.jp"], Date.now());
  return createSecureContext({ cert: readFileSync(files.certificate), key: readFileSync(files.key) });
}

test("a message arrives as it is, dots doubled, and its attempt is announced", async (context) => {
  const { server, egress } = await pair(context, {});
  const results = await egress.deliver(["bob@example.jp"]);
  assert.deepEqual(inWords(results), ["0 delivered 2.0.0 250 2.0.0 taken"]);
  assert.equal(results[0]?.remote, `127.0.0.1[127.0.0.1]:${server.port}`);
  assert.equal(results[0].tls, undefined);
  const [taken] = server.messages;
  assert.equal(taken?.content, "Subject: x\r\n\r\n..dot\r\n");
  assert.equal(taken.sender, "alice@sekimori.test");
  assert.equal(egress.events.length, 1);
  assert.match(egress.events[0] ?? "", /^delivery.started .*"attempt":1/);
});

test("each recipient has its own result, whatever order they are asked in", async (context) => {
  const { egress } = await pair(context, {
    play: (step, { line }) => {
      if (step !== "RCPT") return undefined;
      return line.includes("b@") ? "550 5.1.1 no such user" : line.includes("c@") ? "452 4.2.2 full" : undefined;
    },
  });
  assert.deepEqual(inWords(await egress.deliver(["a@x.test", "b@y.test", "c@z.test", "d@x.test"])), [
    "0 delivered 2.0.0 250 2.0.0 taken",
    "1 failed 5.1.1 550 5.1.1 no such user",
    "2 deferred 4.2.2 452 4.2.2 full",
    "3 delivered 2.0.0 250 2.0.0 taken",
  ]);
});

test("many recipients go in transactions of a hundred (RFC 5321 §4.5.3.1.8)", async (context) => {
  const { server, egress } = await pair(context, {});
  const results = await egress.deliver(Array.from({ length: 250 }, (_each, index) => `r${index}@example.jp`));
  assert.equal(new Set(results.map(({ recipient }) => recipient)).size, 250);
  assert.deepEqual(
    server.messages.map(({ recipients }) => recipients.length).toSorted((a, b) => a - b),
    [50, 100, 100],
  );
});

const steps: readonly Step[] = ["banner", "EHLO", "MAIL", "RCPT", "DATA", "content"];

for (const step of steps) {
  test(`a server that hangs up at ${step}: deferred once; tried again only where the content had not left`, async (context) => {
    const { server, egress } = await pair(context, { play: (at) => (at === step ? "drop" : undefined) });
    const results = await egress.deliver(["bob@example.jp", "carol@example.jp"]);
    assert.deepEqual(
      results.map(({ kind }) => kind),
      ["deferred", "deferred"],
    );
    assert.equal(server.connections(), ["MAIL", "RCPT", "DATA"].includes(step) ? 2 : 1);
    assert.match(results[0]?.reply ?? "", step === "content" ? /may have arrived/ : /closed the connection|reset/);
    assert.deepEqual(egress.status(), { destinations: 0, connections: 0, unproven: 0, queued: 0, routing: 0 });
  });

  test(`a server that falls silent at ${step}: deferred when the time is up`, async (context) => {
    const server = await startServer(context, { play: (at) => (at === step ? "hang" : undefined) });
    const egress = egressFor(context, relay(server), patience(40));
    const [result] = await egress.deliver(["bob@example.jp"]);
    assert.equal(result?.kind, "deferred");
    assert.equal(result.status, "4.4.2");
    assert.equal(server.connections(), 1);
  });

  test(`a server that is no mail server at ${step}: deferred`, async (context) => {
    const { egress } = await pair(context, { play: (at) => (at === step ? "HTTP/1.1 400 Bad Request" : undefined) });
    const [result] = await egress.deliver(["bob@example.jp"]);
    assert.equal(result?.kind, "deferred");
    assert.match(result.reply, /protocol error/);
  });
}

test("421 in the middle is deferred with the server's words", async (context) => {
  const { egress } = await pair(context, { play: (step) => (step === "content" ? "421 4.3.2 going down" : undefined) });
  assert.deepEqual(inWords(await egress.deliver(["bob@example.jp"])), ["0 deferred 4.3.2 421 4.3.2 going down"]);
});

test("nobody listens: deferred, and all that wait with it", async (context) => {
  const server = await startServer(context);
  const closed = egressFor(context, relay(server, { host: "127.0.0.9", port: 1 }));
  const results = await Promise.all([1, 2, 3].map(() => closed.deliver(["bob@example.jp"])));
  for (const [result] of results) assert.deepEqual([result?.kind, result?.status], ["deferred", "4.4.1"]);
});

test("a host name that does not exist: a recipient's domain fails, a configured host waits", async (context) => {
  const server = await startServer(context);
  const mx = { "example.jp": mxRecords("gone.example.jp") };
  const direct = egressFor(context, { port: server.port }, { resolver: fakeResolver({ mx }) });
  assert.deepEqual(
    (await direct.deliver(["bob@example.jp"])).map(({ kind, status }) => `${kind} ${status}`),
    ["failed 5.4.4"],
  );
  const configured = egressFor(context, relay(server, { host: "gone.example.jp" }));
  assert.deepEqual(
    (await configured.deliver(["bob@example.jp"])).map(({ kind, status }) => `${kind} ${status}`),
    ["deferred 4.4.4"],
  );
});

test("no route: the reason is the result, beside recipients that arrive", async (context) => {
  const server = await startServer(context);
  const names = { mx: { "example.jp": mxRecords("mx.example.jp") }, addresses: { "mx.example.jp": ["127.0.0.1"] } };
  const egress = egressFor(context, { port: server.port }, { resolver: fakeResolver(names) });
  const results = await egress.deliver(["bob@example.jp", "bob@gone.example.jp"]);
  assert.deepEqual(
    results.toSorted((a, b) => a.recipient - b.recipient).map(({ kind, status }) => `${kind} ${status}`),
    ["delivered 2.0.0", "failed 5.1.2"],
  );
});

test("the next mail exchanger is tried when one is down or greets with 4yz", async (context) => {
  const script: Script = { address: "127.0.0.2", play: (step) => (step === "banner" ? "421 4.3.2 busy" : undefined) };
  const busy = await startServer(context, script);
  // The second exchanger has the same port on another address.
  const names = {
    mx: { "example.jp": mxRecords("down.example.jp", "busy.example.jp", "good.example.jp") },
    addresses: {
      "down.example.jp": ["127.0.0.4"],
      "busy.example.jp": ["127.0.0.2"],
      "good.example.jp": ["127.0.0.3"],
    },
  };
  const taken: string[] = [];
  const good = await import("node:net").then(({ createServer }) =>
    createServer((socket) => {
      taken.push("good");
      socket.on("error", () => undefined);
      socket.end("554 5.7.1 not today\r\n");
    }).listen(busy.port, "127.0.0.3"),
  );
  context.after(() => good.close());
  const egress = egressFor(context, { port: busy.port }, { resolver: fakeResolver(names) });
  const [result] = await egress.deliver(["bob@example.jp"]);
  assert.deepEqual([busy.connections(), taken], [1, ["good"]]);
  // A 5yz greeting is about the session, not about the recipient.
  assert.deepEqual([result?.kind, result?.status], ["deferred", "4.7.1"]);
  assert.match(result?.remote ?? "", /^good\.example\.jp\[127\.0\.0\.3\]/);
});

test("a mail exchanger that is ourselves under another name is a loop", async (context) => {
  const server = await startServer(context, {
    play: (step) => (step === "EHLO" ? "250 MX1.sekimori.test" : undefined),
  });
  const names = { mx: { "example.jp": mxRecords("mx.example.jp") }, addresses: { "mx.example.jp": ["127.0.0.1"] } };
  const egress = egressFor(context, { port: server.port }, { resolver: fakeResolver(names) });
  const [result] = await egress.deliver(["bob@example.jp"]);
  assert.deepEqual([result?.kind, result?.status], ["failed", "5.4.6"]);
});

test("a host that says 521 takes no mail, ever (RFC 7504)", async (context) => {
  const server = await startServer(context, { play: (step) => (step === "banner" ? "521 no mail here" : undefined) });
  const names = { mx: { "example.jp": mxRecords("mx.example.jp") }, addresses: { "mx.example.jp": ["127.0.0.1"] } };
  const egress = egressFor(context, { port: server.port }, { resolver: fakeResolver(names) });
  assert.equal((await egress.deliver(["bob@example.jp"]))[0]?.status, "5.3.2");
});

test("TLS is used when offered, its certificate unchecked", async (context) => {
  const { server, egress } = await pair(context, { tls: await serverContext(context) });
  const [result] = await egress.deliver(["bob@example.jp"]);
  assert.equal(result?.kind, "delivered");
  assert.match(result.tls ?? "", /^TLSv1\.3 TLS_/);
  assert.equal(server.messages[0]?.secured, true);
});

test("a broken handshake is repeated in the clear where TLS is opportunistic, and defers where it is required", async (context) => {
  const { server, egress } = await pair(context, { tls: "broken" });
  assert.equal((await egress.deliver(["bob@example.jp"]))[0]?.kind, "delivered");
  assert.equal(server.messages[0]?.connection, 2);
  const strict = egressFor(context, relay(server, { tls: "required" }));
  const [result] = await strict.deliver(["bob@example.jp"]);
  assert.deepEqual([result?.kind, result?.status], ["deferred", "4.7.5"]);
  const none = await startServer(context);
  const [refused] = await egressFor(context, relay(none, { tls: "required" })).deliver(["bob@example.jp"]);
  assert.deepEqual([refused?.kind, refused?.status], ["deferred", "4.7.4"]);
});

test("a smarthost gets the password inside TLS; one that refuses it makes mail wait", async (context) => {
  const tls = await serverContext(context);
  const auth = { username: "site", password: "secret" };
  const good = await startServer(context, { tls, extensions: ["PIPELINING", "AUTH PLAIN"] });
  assert.equal((await egressFor(context, relay(good, { auth })).deliver(["bob@example.jp"]))[0]?.kind, "delivered");
  assert.ok(good.commands.includes("AUTH PLAIN AHNpdGUAc2VjcmV0"));
  const bad = await startServer(context, {
    tls,
    extensions: ["AUTH PLAIN"],
    play: (step) => (step === "AUTH" ? "535 5.7.8 no" : undefined),
  });
  const [result] = await egressFor(context, relay(bad, { auth })).deliver(["bob@example.jp"]);
  assert.deepEqual([result?.kind, result?.status], ["deferred", "4.7.8"]);
});

test("a message the server cannot take is refused here, and the connection goes on", async (context) => {
  const { server, egress } = await pair(context, { extensions: ["PIPELINING", "SIZE 30"] });
  const big = egress.deliver(["bob@example.jp"], { content: () => Promise.resolve([testContent, testContent]) });
  assert.equal((await big)[0]?.status, "5.3.4");
  const header = { eightBit: true, content: () => Promise.resolve([Buffer.from("Subject: \u00e9\r\n\r\nx\r\n")]) };
  assert.equal((await egress.deliver(["bob@example.jp"], header))[0]?.status, "5.6.3");
  const bare = { content: () => Promise.resolve([Buffer.from("a\n.\r\n")]) };
  assert.deepEqual(
    (await egress.deliver(["bob@example.jp"], bare)).map(({ kind, status }) => `${kind} ${status}`),
    ["failed 5.6.0"],
  );
  assert.equal((await egress.deliver(["bob@example.jp\r\nDATA"]))[0]?.status, "5.1.3");
  assert.equal((await egress.deliver(["bob@example.jp"]))[0]?.kind, "delivered");
  assert.equal(server.connections(), 1);
  assert.ok(server.commands.filter((line) => line.startsWith("MAIL")).length === 1);
});

test("content that cannot be read is deferred, and the connection goes on", async (context) => {
  const { server, egress } = await pair(context, {});
  const unreadable = { content: () => Promise.reject(new Error("checksum")) };
  assert.deepEqual(inWords(await egress.deliver(["bob@example.jp"], unreadable)), [
    "0 deferred 4.3.0 the content cannot be read: checksum",
  ]);
  const throwing = {
    content: () => {
      throw new Error("gone");
    },
  };
  assert.equal((await egress.deliver(["bob@example.jp"], throwing))[0]?.status, "4.3.0");
  assert.equal((await egress.deliver(["bob@example.jp"]))[0]?.kind, "delivered");
  assert.equal(server.connections(), 1);
});

test("8-bit content goes as it is where that is offered, and converted where it is not", async (context) => {
  const content = Buffer.from("Content-Type: text/plain; charset=utf-8\r\n\r\nr\u00e9sum\u00e9 of what was said\r\n");
  const job = { eightBit: true, content: () => Promise.resolve([content]) };
  const able = await pair(context, { extensions: ["PIPELINING", "8BITMIME"] });
  await able.egress.deliver(["bob@example.jp"], job);
  assert.match(able.server.commands.join("\n"), /^MAIL FROM:<.*> BODY=8BITMIME$/m);
  assert.equal(able.server.messages[0]?.content, content.toString("latin1"));
  const unable = await pair(context, {});
  assert.equal((await unable.egress.deliver(["bob@example.jp"], job))[0]?.kind, "delivered");
  assert.match(unable.server.commands.join("\n"), /^MAIL FROM:<alice@sekimori.test>$/m);
  assert.match(unable.server.messages[0]?.content ?? "", /quoted-printable\r\n\r\nr=C3=A9sum=C3=A9 of/);
});

test("binary content is converted for a server without BINARYMIME", async (context) => {
  const content = Buffer.from(
    "Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\n\r\xff",
    "latin1",
  );
  const { server, egress } = await pair(context, { extensions: ["PIPELINING", "8BITMIME", "CHUNKING"] });
  const job = { more: { binary: true }, content: () => Promise.resolve([content]) } as const;
  assert.equal((await egress.deliver(["bob@example.jp"], job))[0]?.kind, "delivered");
  assert.match(server.messages[0]?.content ?? "", /base64\r\n\r\nAAoN\/w==\r\n$/);
});

test("a UTF-8 header or address stays here without SMTPUTF8; the mere wish for it does not matter", async (context) => {
  const { server, egress } = await pair(context, { extensions: ["PIPELINING", "8BITMIME"] });
  const header = Buffer.from("Subject: 関守\r\n\r\nx\r\n");
  const utf8 = { more: { utf8: true }, eightBit: true, content: () => Promise.resolve([header]) } as const;
  assert.match(inWords(await egress.deliver(["bob@example.jp"], utf8))[0] ?? "", /^0 failed 5\.6\.7 /);
  assert.match(inWords(await egress.deliver(["葉子@example.jp"]))[0] ?? "", /^0 failed 5\.6\.7 /);
  assert.equal((await egress.deliver(["bob@example.jp"], { more: { utf8: true } }))[0]?.kind, "delivered");
  assert.equal(server.messages.length, 1);
});

test("DSN parameters travel with their recipients, and the result says who has the duty now", async (context) => {
  const more = {
    dsn: { envelopeId: "QQ1", returns: "HDRS" },
    recipientDsn: { 1: { notify: ["SUCCESS"], originalRecipient: "rfc822;carol@example.jp" } },
  } as const;
  const offers = await pair(context, { extensions: ["PIPELINING", "DSN"] });
  const results = await offers.egress.deliver(["bob@example.jp", "carol@example.jp"], { more });
  assert.deepEqual(
    results.map(({ confirms }) => confirms),
    [true, true],
  );
  assert.deepEqual(offers.server.commands.slice(1, 4), [
    "MAIL FROM:<alice@sekimori.test> RET=HDRS ENVID=QQ1",
    "RCPT TO:<bob@example.jp>",
    "RCPT TO:<carol@example.jp> NOTIFY=SUCCESS ORCPT=rfc822;carol@example.jp",
  ]);
  const other = await pair(context, {});
  const [result] = await other.egress.deliver(["carol@example.jp"], { more });
  assert.equal(result?.confirms, undefined);
});
