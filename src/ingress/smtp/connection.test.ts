import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";
import { SmtpSession } from "./session.ts";
import { systemClock } from "../../io/clock.ts";
import { dial, dialAs, dialSecured, listen, makeGate, makeMaterial, makeService, message } from "./test-service.ts";
import type { Material, Service, Settings } from "./test-service.ts";

let directory: string;
let material: Material;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "smtp-connection-"));
  material = await makeMaterial(directory);
});
after(() => rm(directory, { recursive: true }));

const service = (settings?: Settings) => makeService(material, settings);
const mx = { role: "mx" } as const;
const DIALOGUE =
  "EHLO c.example.jp\r\nMAIL FROM:<>\r\nRCPT TO:<alice@sekimori.test>\r\nRCPT TO:<x@example.jp>\r\nDATA\r\nSubject: one\r\n\r\nbody\r\n.\r\n";
const CODES = ["220", "250", "250", "250", "550", "354", "250"];

const codes = (output: string) => [...output.matchAll(/^(\d{3}) /gm)].map((match) => match[1]);
const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

/** A session whose server socket the test can look at. */
async function exposed(t: TestContext, house: Service): Promise<{ readonly port: number; readonly sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    void new SmtpSession(
      socket,
      { address: "192.0.2.1", port: 1 },
      { role: "mx", listener: "test", tls: "none" },
      house.services,
      () => undefined,
    );
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

test("a client that says everything at once and half-closes gets all replies", async (t) => {
  const house = service();
  const client = dial(t, await listen(t, house, mx));
  client.socket.end(DIALOGUE);
  assert.deepEqual(codes(await client.rest()), CODES);
  await house.until(() => house.named("session.closed").length === 1);
  assert.equal(house.spool.appended.length, 1);
});

test("the same inside TLS, and while the spool takes its time", async (t) => {
  const house = service();
  const gate = makeGate();
  house.spool.gate = gate.promise;
  const client = await dialAs(t, house, await listen(t, house));
  client.socket.end(
    `MAIL FROM:<alice@sekimori.test>\r\nRCPT TO:<x@example.jp>\r\nDATA\r\n${message()}.\r\nNOOP\r\nNOO`,
  );
  await house.until(() => house.spool.asked === 1);
  gate.open();
  assert.deepEqual(codes(await client.rest()), ["250", "250", "354", "250", "250"]);
  await house.until(() => house.named("session.closed").length === 1);
});

test("more commands at once than one turn takes are all answered", async (t) => {
  const house = service();
  const client = dial(t, await listen(t, house, mx));
  client.socket.end("NOOP\r\n".repeat(1050));
  assert.equal(codes(await client.rest()).length, 1051);
});

test("a client that does not read its replies is not read from until it does", async (t) => {
  const house = service();
  const { port, sockets } = await exposed(t, house);
  const client = dial(t, { port });
  assert.match(await client.reply(), /^220 /);
  client.socket.pause();
  const commands = 150_000;
  const input = "EHLO c\r\n".repeat(commands);
  client.socket.end(input);
  const server = sockets[0]!;
  let most = 0;
  while (!server.isPaused() && server.bytesRead < input.length) {
    most = Math.max(most, server.writableLength);
    await turn();
  }
  assert.ok(server.isPaused(), "everything was read");
  assert.ok(server.bytesRead < input.length);
  assert.ok(most < 512 * 1024, `${most} octets of replies held`);
  client.socket.resume();
  assert.equal(codes(await client.rest()).length, commands);
});

test("a client that sends far ahead of an answer is not read from until it has it", async (t) => {
  const house = service();
  const gate = makeGate();
  house.spool.gate = gate.promise;
  const { port, sockets } = await exposed(t, house);
  const client = dial(t, { port });
  client.send(DIALOGUE);
  await house.until(() => house.spool.asked === 1);
  const commands = 150_000;
  const input = "NOOP\r\n".repeat(commands);
  client.socket.end(input);
  const server = sockets[0]!;
  while (!server.isPaused() && server.bytesRead < input.length) await turn();
  assert.ok(server.isPaused(), "everything was read");
  assert.ok(server.bytesRead < 512 * 1024, `${server.bytesRead} octets read`);
  gate.open();
  assert.equal(codes(await client.rest()).length, CODES.length + commands);
});

test("a silent client gets 421, in a transaction too, and its quota back", async (t) => {
  const house = service({ smtp: { timeout: 300 } });
  const listener = await listen(t, house);
  const client = await dialAs(t, house, listener);
  assert.match(await client.ask("MAIL FROM:<alice@sekimori.test>"), /^250 /);
  assert.match(await client.ask("RCPT TO:<x@example.jp>"), /^250 /);
  assert.match(await client.reply(), /^421 4\.4\.2 /);
  assert.equal(await client.rest(), "");
  client.socket.end();
  await house.until(() => house.named("session.closed").length === 1);
  assert.deepEqual(
    house.named("session.closed").map((fields) => Reflect.get(fields, "cause")),
    ["timeout"],
  );
  assert.equal(house.quotaUsed(), 0);
});

test("waiting for the server is not silence of the client", async (t) => {
  const house = service({ smtp: { timeout: 30 } });
  const gate = makeGate();
  house.spool.gate = gate.promise;
  const { port, sockets } = await exposed(t, house);
  const client = dial(t, { port });
  client.send(DIALOGUE);
  await house.until(() => house.spool.asked === 1);
  await new Promise<void>((resolve) => void sockets[0]!.once("timeout", resolve));
  gate.open();
  const replies: string[] = [];
  while (replies.length < CODES.length) replies.push(await client.reply());
  assert.deepEqual(codes(replies.join("\r\n")), CODES);
  assert.match(await client.reply(), /^421 4\.4\.2 /);
});

test("a client that goes on sending after the end is cut off", async (t) => {
  const house = service();
  const client = dial(t, await listen(t, house, mx));
  t.mock.timers.enable({ apis: ["setTimeout"] });
  await client.reply();
  // What stands behind QUIT says that more may come.
  assert.match(await client.ask("QUIT\r\nNOOP"), /^221 /);
  client.socket.on("error", () => undefined);
  t.mock.timers.tick(9999);
  for (let index = 0; index < 20; index++) {
    client.send("NOOP\r\n");
    await turn();
  }
  assert.equal(house.named("session.closed").length, 0);
  t.mock.timers.tick(1);
  // Never silent: only the clock that counts from the last reply can have ended it.
  for (let index = 0; index < 200; index++) {
    client.send("NOOP\r\n");
    await turn();
  }
  assert.equal(house.named("session.closed").length, 1);
});

test("a client that says QUIT gets its reply and the end of the connection, without a timer", async (t) => {
  const house = service();
  const client = dial(t, await listen(t, house, mx));
  t.mock.timers.enable({ apis: ["setTimeout"] });
  await client.reply();
  const ended = once(client.socket, "end");
  assert.match(await client.ask("QUIT"), /^221 /);
  await ended;
  assert.equal(house.named("session.closed").length, 1);
});

test("content that drips is ended and let go, by DATA and between chunks, though the client is never silent", async (t) => {
  const house = service({ smtp: { contentRate: 1_000_000, contentTime: 200 } });
  const services = { ...house.services, clock: systemClock };
  const listener = await listen(t, { ...house, services }, mx);
  for (const begin of ["DATA\r\nSubject: slow\r\n", `BDAT 5000\r\n${"x".repeat(5000)}`]) {
    const client = dial(t, listener);
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await client.reply();
    for (const line of ["EHLO c.example.jp", "MAIL FROM:<>", "RCPT TO:<alice@sekimori.test>"]) {
      // oxlint-disable-next-line no-await-in-loop
      assert.match(await client.ask(line), /^250/);
    }
    client.send(begin);
    // oxlint-disable-next-line no-await-in-loop
    assert.match(await client.reply(), /^(354|250) /);
    const drip = setInterval(() => client.send(begin.startsWith("DATA") ? "x" : "NOOP\r\n"), 20);
    t.after(() => clearInterval(drip));
    // oxlint-disable-next-line no-await-in-loop
    const said = await client.rest();
    clearInterval(drip);
    assert.match(said, /421 4\.4\.2 mx1\.sekimori\.test your message comes too slowly, closing\r\n$/);
    assert.equal(house.services.load.content, 0);
    client.socket.destroy();
  }
  await house.until(() => house.named("session.closed").length === 2);
  assert.deepEqual(
    house.named("session.closed").map((event) => Reflect.get(event, "cause")),
    ["slow", "slow"],
  );
  assert.equal(house.named("session.refused").length, 2);
  assert.equal(house.services.load.sessions, 0);
});

test("what is said before TLS is not executed after it", async (t) => {
  const house = service();
  const client = dial(t, await listen(t, house));
  await client.reply();
  await client.ask("EHLO c.example.jp");
  assert.match(await client.ask("STARTTLS\r\nEHLO c.example.jp\r\nNOOP"), /^220 /);
  await client.secure(house.certificate);
  assert.match(await client.ask("MAIL FROM:<>"), /^503 5\.5\.1 say EHLO first/);
});

test("a client that leaves in the handshake, or speaks no TLS there, ends its session", async (t) => {
  const house = service();
  const listener = await listen(t, house);
  for (const [index, leave] of [
    (socket: Socket) => socket.end(),
    (socket: Socket) => socket.write("NOOP\r\n"),
  ].entries()) {
    const client = dial(t, listener);
    await client.reply();
    await client.ask("EHLO c.example.jp");
    await client.ask("STARTTLS");
    leave(client.socket);
    await house.until(() => house.named("session.closed").length === index + 1);
  }
  assert.equal(house.services.load.sessions, 0);
  assert.deepEqual(house.named("internal.failed"), []);
});

test("draining ends idle sessions now, open transactions when they are over, and takes no new ones", async (t) => {
  const house = service();
  const listener = await listen(t, house);
  const idle = await dialSecured(t, house, listener);
  const busy = await dialAs(t, house, listener);
  assert.match(await busy.ask("MAIL FROM:<alice@sekimori.test>"), /^250 /);
  const closing = listener.close(60_000);
  assert.match(await idle.reply(), /^421 4\.3\.2 /);
  idle.socket.end();
  assert.match(await busy.ask("RCPT TO:<x@example.jp>"), /^250 /);
  assert.match(await busy.ask("DATA"), /^354 /);
  assert.match(await busy.ask(`${message()}.`), /^250 /);
  assert.match(await busy.reply(), /^421 4\.3\.2 /);
  busy.socket.end();
  await closing;
  assert.equal(house.spool.appended.length, 1);
  assert.match(await dial(t, listener).reply(), /^\(closed\)/);
});

test("draining waits for the spool and then ends the session", async (t) => {
  const house = service();
  const gate = makeGate();
  house.spool.gate = gate.promise;
  const listener = await listen(t, house, mx);
  const client = dial(t, listener);
  client.send(DIALOGUE);
  await house.until(() => house.spool.asked === 1);
  const closing = listener.close(60_000);
  gate.open();
  const output = await client.rest();
  client.socket.end();
  assert.deepEqual(codes(output), [...CODES, "421"]);
  await closing;
});

test("after the grace the rest is cut", async (t) => {
  const house = service();
  const listener = await listen(t, house, mx);
  const client = dial(t, listener);
  await client.reply();
  await client.ask("EHLO c.example.jp");
  assert.match(await client.ask("MAIL FROM:<>"), /^250 /);
  await listener.close(1);
  assert.match(await client.reply(), /^\(closed\)/);
  await house.until(() => house.named("session.closed").length === 1);
});
