import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { connect } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";
import { parsePrefix } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import { systemClock } from "../io/clock.ts";
import { openMailboxes } from "../mailbox/maildir.ts";
import { openPop3Listener } from "./pop3/listener.ts";
import { createProxyGate } from "./proxy-gate.ts";
import { dial, listen, makeMaterial, makeService, message, plainLogin } from "./smtp/test-service.ts";
import type { Client, Material, Service } from "./smtp/test-service.ts";

let directory: string;
let material: Material;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "proxy-"));
  material = await makeMaterial(directory);
});
after(() => rm(directory, { recursive: true }));

function prefixes(...texts: readonly string[]): readonly Prefix[] {
  return texts.map((text) => {
    const prefix = parsePrefix(text);
    assert.ok(prefix.ok);
    return prefix.value;
  });
}

const loopback = prefixes("127.0.0.0/8");
const V1 = "PROXY TCP4 192.0.2.9 198.51.100.1 56324 587\r\n";
const V2 = Buffer.concat([
  Buffer.from("\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x28", "latin1"),
  Buffer.from("20010db8000000000000000000000009", "hex"),
  Buffer.from("20010db8000000000000000000000001", "hex"),
  Buffer.from([0xdc, 0x04, 0x02, 0x4b, 0xee, 0, 1, 0]),
]).toString("latin1");
const LOCAL = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

async function closed(client: Client): Promise<void> {
  assert.equal(await client.reply(), "(closed)");
}

function clients(house: Service): readonly string[] {
  return house.named("session.opened").map((event) => `${Reflect.get(event, "client")} ${Reflect.get(event, "port")}`);
}

test("the client is whom the header names: in events, limits and Received", async (t) => {
  const house = makeService(material);
  const client = dial(t, await listen(t, house, { proxies: loopback }));
  client.send(V1);
  assert.equal(await client.reply(), "220 mx1.sekimori.test ESMTP");
  await client.ask("EHLO c.example.jp");
  assert.match(await client.ask("STARTTLS"), /^220 /);
  await client.secure(house.certificate);
  await client.ask("EHLO c.example.jp");
  assert.match(await client.ask(plainLogin("alice@sekimori.test")), /^235 /);
  await client.ask("MAIL FROM:<alice@sekimori.test>");
  await client.ask("RCPT TO:<x@example.jp>");
  await client.ask("DATA");
  assert.match(await client.ask(`${message()}.`), /^250 /);
  assert.match(house.spool.appended[0]!.content, /^Received: from c\.example\.jp \(unknown \[192\.0\.2\.9\]\)/);
  assert.deepEqual(clients(house), ["192.0.2.9 56324"]);
  for (const { fields } of house.events) assert.notEqual(Reflect.get(fields, "client"), "127.0.0.1");
});

test("a header may come octet by octet, and commands in one piece with it", async (t) => {
  const house = makeService(material);
  const listener = await listen(t, house, { proxies: loopback });
  const slow = dial(t, listener);
  for (const octet of V2) {
    slow.send(octet);
    // oxlint-disable-next-line no-await-in-loop -- so that each is a packet of its own
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  assert.match(await slow.reply(), /^220 /);
  const eager = dial(t, listener);
  eager.send(`${V2}EHLO c.example.jp\r\nQUIT\r\n`);
  assert.match(await eager.rest(), /^220 [^]*\r\n250 STARTTLS\r\n221 /);
  assert.deepEqual(clients(house), ["2001:db8::9 56324", "2001:db8::9 56324"]);
});

test("a header comes before implicit TLS, also in one piece with the first record", async (t) => {
  const house = makeService(material);
  const listener = await listen(t, house, { proxies: loopback, tls: "implicit" });
  const apart = dial(t, listener);
  apart.send(V1);
  await apart.secure(house.certificate);
  assert.match(await apart.reply(), /^220 /);
  assert.match(await apart.ask("EHLO c.example.jp"), /AUTH/);

  const together = connectTls({
    socket: behindHeader(t, listener.port, V2),
    ca: house.certificate,
    servername: "mx1.sekimori.test",
  });
  const greeting = await new Promise<Buffer>((resolve, reject) => {
    together.once("data", resolve);
    together.once("error", reject);
  });
  assert.equal(greeting.toString(), "220 mx1.sekimori.test ESMTP\r\n");
  together.destroy();
  assert.deepEqual(clients(house), ["192.0.2.9 56324", "2001:db8::9 56324"]);
});

/** A connection whose first octets are the header and whatever is written first, in one write. */
function behindHeader(t: TestContext, port: number, header: string): Duplex {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  t.after(() => socket.destroy());
  let ahead = Buffer.from(header, "latin1");
  const duplex = new Duplex({
    read: () => undefined,
    write: (octets: Buffer, _encoding, done) => {
      socket.write(Buffer.concat([ahead, octets]), done);
      ahead = Buffer.alloc(0);
    },
  });
  socket.on("data", (octets) => duplex.push(octets));
  socket.on("close", () => duplex.push(null));
  return duplex;
}

test("a proxy that speaks for itself is its own client", async (t) => {
  const house = makeService(material);
  const listener = await listen(t, house, { proxies: loopback });
  for (const header of [LOCAL, "PROXY UNKNOWN\r\n"]) {
    const client = dial(t, listener);
    client.send(header);
    // oxlint-disable-next-line no-await-in-loop -- one after the other, as their order is looked at
    assert.match(await client.reply(), /^220 /);
  }
  for (const client of clients(house)) assert.match(client, /^127\.0\.0\.1 \d+$/);
});

test("without a header, or with a bad one, a proxy's connection is cut without a word", async (t) => {
  const house = makeService(material);
  const listener = await listen(t, house, { proxies: loopback });
  for (const [octets, cause] of [
    ["EHLO c.example.jp\r\n", "no PROXY header"],
    ["\x16\x03\x01", "no PROXY header"],
    ["PROXY TCP4 192.0.2.9 198.51.100.1 1 99999\r\n", "PROXY line with a bad port"],
  ] as const) {
    const client = dial(t, listener);
    client.send(octets);
    // oxlint-disable-next-line no-await-in-loop -- one after the other, as their order is looked at
    await closed(client);
    const refused = house.named("proxy.refused").at(-1)!;
    assert.equal(Reflect.get(refused, "cause"), cause);
    assert.equal(Reflect.get(refused, "client"), "127.0.0.1");
    assert.equal(Reflect.get(refused, "listener"), "test");
  }
  const gone = dial(t, listener);
  gone.send("PROXY TCP4");
  gone.socket.end();
  await closed(gone);
  assert.equal(house.named("session.opened").length, 0);
});

test("a header from any other address is no header", async (t) => {
  const house = makeService(material);
  const client = dial(t, await listen(t, house, { proxies: prefixes("127.0.0.2", "192.0.2.0/24") }));
  assert.match(await client.reply(), /^220 /, "greeted before it says anything");
  assert.match(await client.ask(V1.trimEnd()), /^500 5\.5\.1 /);
  assert.match(clients(house)[0]!, /^127\.0\.0\.1 /);
});

/** A gate with little patience behind a bare socket. */
async function bareGate(t: TestContext, patience: number) {
  const causes: string[] = [];
  const observer = { emit: (_name: string, fields: object) => void causes.push(String(Reflect.get(fields, "cause"))) };
  const gate = createProxyGate({ listener: "test", proxies: loopback, observer }, patience);
  let admitted: (() => void) | undefined;
  const arrived = new Promise<void>((resolve) => {
    admitted = resolve;
  });
  const server = createServer((socket) => {
    gate.admit(socket, () => assert.fail("nobody was named"));
    admitted?.();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  t.after(() => server.close());
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- not a pipe
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, "127.0.0.1");
  return { gate, causes, socket, arrived };
}

function ending(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on("error", () => undefined).on("close", () => resolve());
    socket.resume();
  });
}

test("a proxy that says nothing is cut after a while", async (t) => {
  const { causes, socket } = await bareGate(t, 20);
  socket.write("PROXY");
  await ending(socket);
  assert.deepEqual(causes, ["no PROXY header in time"]);
});

test("a listener that closes cuts who has not said whose connection it is", async (t) => {
  const { gate, causes, socket, arrived } = await bareGate(t, 60_000);
  const over = ending(socket);
  await arrived;
  gate.close();
  await over;
  assert.deepEqual(causes, []);
});

test("POP3 sessions are the client's too, inside TLS from the first octet", async (t) => {
  const house = makeService(material);
  const listener = await openPop3Listener({
    endpoint: { address: "127.0.0.1", port: 0 },
    tls: "implicit",
    proxies: loopback,
    secureContext: () => material.secureContext,
    hostname: "mx1.sekimori.test",
    observer: house.services.observer,
    clients: house.services.clients,
    mailboxes: openMailboxes(join(directory, "mail"), { hostname: "mx1.sekimori.test", clock: systemClock }),
    newSessionId: () => "session",
    authenticate: async () => ({ kind: "unavailable" }),
    scram: {
      keys: async () => ({ kind: "unavailable", cause: "" }),
      confirm: async () => ({ kind: "unavailable" }),
      refused: async () => ({ kind: "unavailable" }),
    },
  });
  t.after(() => listener.close());
  const client = dial(t, listener);
  client.send(V2);
  await client.secure(house.certificate);
  client.send("QUIT\r\n");
  assert.equal(await client.rest(), "+OK mx1.sekimori.test POP3 server ready\r\n+OK Bye\r\n");
  assert.deepEqual(clients(house), ["2001:db8::9 56324"]);
});
