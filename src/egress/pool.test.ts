import assert from "node:assert/strict";
import { createServer as createTcpServer } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import type { DeliverySettings, RouteTarget } from "../config/settings.ts";
import type { AttemptResult } from "./dispatch/transport.ts";
import { standardLimits } from "./limits.ts";
import { PartQueue, type Part } from "./part.ts";
import { startServer, type ScriptedServer } from "./scripted-server.ts";
import { Slots } from "./slots.ts";
import { egressFor, patience } from "./test-support.ts";

function target(port: number): RouteTarget {
  return { host: "127.0.0.1", port, protocol: "smtp", tls: "never", auth: undefined };
}

function routes(sites: Readonly<Record<string, ScriptedServer>>): DeliverySettings["routes"] {
  const entries = Object.entries(sites).map(([domain, { port }]) => [domain, target(port)] as const);
  return new Map(entries) as unknown as DeliverySettings["routes"];
}

const times = (count: number): readonly number[] => Array.from({ length: count }, (_each, index) => index);

const subject = (index: number) => () => Promise.resolve([Buffer.from(`Subject: ${index}\r\n`)]);

function kinds(all: readonly (readonly AttemptResult[])[]): readonly string[] {
  return [...new Set(all.flat().map(({ kind }) => kind))];
}

test("messages share connections, no more than the site may have, and idle ones end with QUIT", async (context) => {
  const server = await startServer(context);
  const egress = egressFor(context, { smarthost: target(server.port), connectionsPerDestination: 3 });
  assert.deepEqual(kinds(await Promise.all(times(200).map(() => egress.deliver(["bob@example.jp"])))), ["delivered"]);
  assert.equal(server.messages.length, 200);
  assert.ok(server.connections() <= 3);
  while (egress.status().connections > 0 || server.open() > 0) await sleep(5);
  assert.equal(server.commands.filter((line) => line === "QUIT").length, server.connections());
});

test("messages share connections without pipelining too, and none is mixed up", async (context) => {
  const server = await startServer(context, { extensions: [] });
  const egress = egressFor(context, { smarthost: target(server.port), connectionsPerDestination: 2 });
  const to = times(30).map((index) => `r${index}@example.jp`);
  await Promise.all(to.map((each, index) => egress.deliver([each], { content: subject(index) })));
  assert.equal(server.messages.length, 30);
  for (const { recipients, content: got } of server.messages) {
    assert.equal(got, `Subject: ${to.indexOf(recipients[0] ?? "")}\r\n`);
  }
});

test("refusals between messages on one connection stay with their message", async (context) => {
  const server = await startServer(context, {
    play: (step, { line }) => (step === "RCPT" && /[13579]@/.test(line) ? "550 5.1.1 odd" : undefined),
  });
  const egress = egressFor(context, { smarthost: target(server.port), connectionsPerDestination: 1 });
  const results = await Promise.all(times(40).map((index) => egress.deliver([`r${index}@example.jp`])));
  results.forEach(([result], index) => assert.equal(result?.kind, index % 2 === 1 ? "failed" : "delivered"));
  // Where no recipient was left the server got a lone dot.
  assert.equal(server.messages.filter(({ recipients }) => recipients.length > 0).length, 20);
  assert.ok(server.messages.every(({ recipients, content }) => (recipients.length === 0) === (content === "")));
});

test("a server that ends each session after one message still gets all mail", async (context) => {
  for (const extensions of [["PIPELINING"], []]) {
    const server = await startServer(context, {
      extensions,
      play: (() => {
        const mails = new Map<number, number>();
        return (step, { connection }) => {
          if (step !== "MAIL") return undefined;
          mails.set(connection, (mails.get(connection) ?? 0) + 1);
          return mails.get(connection) === 1 ? undefined : "421 4.7.0 one message is enough";
        };
      })(),
    });
    const egress = egressFor(context, { smarthost: target(server.port), connectionsPerDestination: 2 });
    const results = await Promise.all(times(10).map(() => egress.deliver(["bob@example.jp"])));
    // What 421 answered is deferred with it; nothing is lost, nothing is reported twice.
    assert.equal(results.flat().length, 10);
    assert.equal(server.messages.length, results.flat().filter(({ kind }) => kind === "delivered").length);
  }
});

test("a connection that is closed under a message loses nothing: it goes over another one", async (context) => {
  const server = await startServer(context, {
    play: (step, { connection }) => (step === "MAIL" && connection === 1 ? "drop" : undefined),
  });
  const egress = egressFor(context, { smarthost: target(server.port) });
  assert.deepEqual(kinds(await Promise.all(times(5).map(() => egress.deliver(["bob@example.jp"])))), ["delivered"]);
});

test("a message that ends every session it travels on is tried twice, then deferred", async (context) => {
  const server = await startServer(context, {
    play: (step, { line }) => (step === "RCPT" && line.includes("poison") ? "drop" : undefined),
  });
  const egress = egressFor(context, { smarthost: target(server.port), connectionsPerDestination: 2 });
  const poison = egress.deliver(["poison@example.jp"]);
  // Good mail all the while, so that the site is never given up as a whole.
  for (let round = 0; round < 30; round++) await egress.deliver(["bob@example.jp"]);
  assert.deepEqual(kinds([await poison]), ["deferred"]);
  assert.equal(server.commands.filter((line) => line.startsWith("RCPT TO:<poison")).length, 2);
});

test("a site that hangs holds up nobody else", async (context) => {
  const hanging = await startServer(context, { play: (step) => (step === "banner" ? "hang" : undefined) });
  const good = await startServer(context);
  const settings = { routes: routes({ "dead.test": hanging, "good.test": good }), connections: 4 };
  const egress = egressFor(context, settings);
  const stuck = times(50).map(() => egress.deliver(["bob@dead.test"]));
  assert.deepEqual(kinds(await Promise.all(times(50).map(() => egress.deliver(["bob@good.test"])))), ["delivered"]);
  assert.ok(hanging.connections() <= standardLimits.unprovenConnections);
  await egress.close();
  assert.deepEqual(kinds(await Promise.all(stuck)), ["deferred"]);
});

test("any number of sites that hang leave half of the connections to those that answer", async (context) => {
  const hanging = await Promise.all(
    times(20).map(() => startServer(context, { play: (step) => (step === "EHLO" ? "hang" : undefined) })),
  );
  const good = await startServer(context);
  const dead = Object.fromEntries(hanging.map((server, index) => [`dead${index}.test`, server]));
  const egress = egressFor(context, { routes: routes({ "good.test": good, ...dead }), connections: 8 });
  await egress.deliver(["bob@good.test"]);
  const stuck = times(20).map((index) => egress.deliver([`bob@dead${index}.test`]));
  await sleep(20);
  assert.deepEqual(kinds(await Promise.all(times(20).map(() => egress.deliver(["bob@good.test"])))), ["delivered"]);
  assert.ok(egress.status().unproven <= 4);
  assert.ok(hanging.filter((server) => server.connections() > 0).length <= 4);
  await egress.close();
  assert.deepEqual(kinds(await Promise.all(stuck)), ["deferred"]);
});

test("a healthy site of which nothing was heard yet begins soon beside dead ones that came first", async (context) => {
  const hanging = await Promise.all(
    times(20).map(() => startServer(context, { play: (step) => (step === "banner" ? "hang" : undefined) })),
  );
  const good = await startServer(context);
  const dead = Object.fromEntries(hanging.map((server, index) => [`dead${index}.test`, server]));
  const settings = { routes: routes({ "good.test": good, ...dead }), connections: 8 };
  const egress = egressFor(context, settings, { limits: { stalled: 50 } });
  const stuck = times(20).map((index) => egress.deliver([`bob@dead${index}.test`]));
  while (egress.status().unproven < 4) await sleep(5);
  // Long before the minute is over that a site gets which may be slow.
  assert.deepEqual(kinds([await egress.deliver(["bob@good.test"])]), ["delivered"]);
  assert.ok(hanging.some((server) => server.connections() === 0));
  await egress.close();
  assert.deepEqual(kinds(await Promise.all(stuck)), ["deferred"]);
});

test("a site that was quiet for a while is still known to answer", async (context) => {
  const hanging = await Promise.all(
    times(4).map(() => startServer(context, { play: (step) => (step === "EHLO" ? "hang" : undefined) })),
  );
  const good = await startServer(context);
  const dead = Object.fromEntries(hanging.map((server, index) => [`dead${index}.test`, server]));
  const settings = { routes: routes({ "good.test": good, ...dead }), connections: 4 };
  const egress = egressFor(context, settings);
  await egress.deliver(["bob@good.test"]);
  while (egress.status().destinations > 0) await sleep(5);
  const stuck = times(4).map((index) => egress.deliver([`bob@dead${index}.test`]));
  await sleep(20);
  assert.deepEqual(kinds([await egress.deliver(["bob@good.test"])]), ["delivered"]);
  await egress.close();
  assert.deepEqual(kinds(await Promise.all(stuck)), ["deferred"]);
});

test("each site that hangs gets its turn, and all their mail is deferred in the end", async (context) => {
  const hanging = await Promise.all(
    times(6).map(() => startServer(context, { play: (step) => (step === "MAIL" ? "hang" : undefined) })),
  );
  const dead = Object.fromEntries(hanging.map((server, index) => [`dead${index}.test`, server]));
  const egress = egressFor(context, { routes: routes(dead), connections: 2 }, patience(20));
  const results = await Promise.all(times(60).map((index) => egress.deliver([`bob@dead${index % 6}.test`])));
  assert.deepEqual(kinds(results), ["deferred"]);
  assert.ok(hanging.every((server) => server.connections() > 0));
});

test("a site that answered once and then hangs is given up when others wait for its connections", async (context) => {
  let silent = false;
  const turned = await startServer(context, { play: (step) => (silent && step === "MAIL" ? "hang" : undefined) });
  const good = await startServer(context);
  const settings = { routes: routes({ "turned.test": turned, "good.test": good }), connections: 2 };
  const egress = egressFor(context, settings, { limits: { stalled: 20, crowded: 20 } });
  await Promise.all(times(20).map(() => egress.deliver(["bob@turned.test"])));
  silent = true;
  const stuck = times(10).map(() => egress.deliver(["bob@turned.test"]));
  assert.deepEqual(kinds(await Promise.all(times(5).map(() => egress.deliver(["bob@good.test"])))), ["delivered"]);
  await egress.close();
  assert.deepEqual(kinds(await Promise.all(stuck)), ["deferred"]);
});

test("with one connection in all, every site gets its turn", async (context) => {
  const servers = await Promise.all(times(5).map(() => startServer(context)));
  const sites = Object.fromEntries(servers.map((server, index) => [`site${index}.test`, server]));
  const egress = egressFor(context, { routes: routes(sites), connections: 1 });
  const results = await Promise.all(times(50).map((index) => egress.deliver([`bob@site${index % 5}.test`])));
  assert.deepEqual(kinds(results), ["delivered"]);
});

test("closing: what is under way may end, what waits is deferred, and nothing is taken any more", async (context) => {
  const content = Promise.withResolvers<readonly Uint8Array[]>();
  const server = await startServer(context);
  const egress = egressFor(context, { smarthost: target(server.port), connectionsPerDestination: 1 });
  await egress.deliver(["bob@example.jp"]);
  const slow = egress.deliver(["slow@example.jp"], { content: () => content.promise });
  const queued = egress.deliver(["bob@example.jp"]);
  const closed = egress.close();
  assert.equal((await queued)[0]?.status, "4.3.2");
  assert.equal((await egress.deliver(["bob@example.jp"]))[0]?.status, "4.3.2");
  content.resolve([Buffer.from("x\r\n")]);
  assert.equal((await slow)[0]?.kind, "delivered");
  await closed;
  assert.equal(egress.status().connections, 0);
});

test("closing ends after the grace although a server hangs and content never comes", async (context) => {
  const hanging = await startServer(context, { play: (step) => (step === "content" ? "hang" : undefined) });
  const good = await startServer(context);
  const settings = { routes: routes({ "dead.test": hanging, "good.test": good }) };
  const egress = egressFor(context, settings, { limits: { grace: 30 } });
  const stuck = egress.deliver(["bob@dead.test"]);
  const endless = egress.deliver(["bob@good.test"], { content: () => new Promise(() => undefined) });
  while (!hanging.commands.includes("DATA")) await sleep(2);
  await egress.close();
  assert.equal((await stuck)[0]?.kind, "deferred");
  assert.equal((await endless)[0]?.kind, "deferred");
});

test("a server that trickles bytes is not alive", async (context) => {
  const server = createTcpServer((socket) => {
    socket.on("error", () => undefined);
    const drip = setInterval(() => socket.write("2"), 5);
    socket.on("close", () => clearInterval(drip));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  const egress = egressFor(context, { smarthost: target((server.address() as AddressInfo).port) }, patience(40));
  assert.equal((await egress.deliver(["bob@example.jp"]))[0]?.status, "4.4.2");
});

test("slots: at most so many in all, at most half of them for the unproven", () => {
  const slots = new Slots(5);
  assert.deepEqual([slots.take("unproven"), slots.take("unproven"), slots.take("unproven")], [true, true, false]);
  assert.deepEqual(
    [slots.take("proven"), slots.take("proven"), slots.take("proven"), slots.take("proven")],
    [true, true, true, false],
  );
  slots.give("unproven");
  assert.equal(slots.unproven, 1);
  slots.move(1, "proven");
  assert.equal(slots.unproven, 0);
  assert.equal(slots.total, 4);
  assert.equal(new Slots(1).take("unproven"), true);
});

test("the queue is first in, first out", () => {
  const queue = new PartQueue();
  const parts = times(300).map((index) => ({ submittedAt: index }) as Part);
  for (const part of parts.slice(0, 200)) queue.push(part);
  const taken = times(150).map(() => queue.take()?.submittedAt);
  for (const part of parts.slice(200)) queue.push(part);
  assert.equal(queue.length, 150);
  assert.equal(queue.first()?.submittedAt, 150);
  while (queue.length > 0) taken.push(queue.take()?.submittedAt);
  assert.deepEqual(taken, times(300));
  assert.equal(queue.take(), undefined);
});
