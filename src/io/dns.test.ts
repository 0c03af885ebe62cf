import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { decode, encode, streamEncode, type Answer, type DecodedPacket, type Packet } from "dns-packet";
import { createResolver, type Resolver, type ResolverOptions } from "./dns.ts";
import { readHosts, readSystemServers } from "./dns/system.ts";
import { protectionOf } from "./dns/validated.ts";
import { reverseName } from "./dns/name.ts";

const NXDOMAIN = 3;
const SERVFAIL = 2;
const TRUNCATED = 0x200;

interface Zone {
  answer(name: string, type: string, how: "udp" | "tcp", query: DecodedPacket): Partial<Packet> | Buffer[] | undefined;
}

interface TestServer {
  readonly port: number;
  readonly asked: string[];
}

/** Answers on one loopback port over UDP and TCP as the zone says; undefined stays silent. */
async function serve(context: TestContext, zone: Zone): Promise<TestServer> {
  const asked: string[] = [];
  const reply = (bytes: Buffer, how: "udp" | "tcp"): { packets: Packet[]; raw: Buffer[] } => {
    const query = decode(bytes);
    const question = query.questions?.[0];
    assert.ok(question);
    asked.push(`${question.name} ${question.type}${how === "tcp" ? " tcp" : ""}`);
    const answer = zone.answer(question.name, question.type, how, query);
    if (answer === undefined) return { packets: [], raw: [] };
    if (Array.isArray(answer)) return { packets: [], raw: answer };
    return { packets: [{ type: "response", id: query.id, questions: query.questions, ...answer }], raw: [] };
  };
  const { udp, tcp, port } = await bind();
  udp.on("message", (bytes, from) => {
    const { packets, raw } = reply(bytes, "udp");
    for (const each of [...raw, ...packets.map((packet) => encode(packet))]) udp.send(each, from.port, from.address);
  });
  tcp.on("connection", (socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      const { packets } = reply(bytes.subarray(2), "tcp");
      if (packets.length === 0) socket.destroy();
      for (const packet of packets) {
        // In two pieces: a stream has no borders.
        const wire = streamEncode(packet);
        socket.write(wire.subarray(0, 5));
        setImmediate(() => socket.write(wire.subarray(5)));
      }
    });
  });
  context.after(() => {
    udp.close();
    tcp.close();
  });
  return { port, asked };
}

async function bind(): Promise<{ udp: Socket; tcp: Server; port: number }> {
  for (;;) {
    const tcp = createServer().listen(0, "127.0.0.1");
    await once(tcp, "listening");
    const { port } = tcp.address() as AddressInfo;
    const udp = createSocket("udp4");
    try {
      udp.bind(port, "127.0.0.1");
      await once(udp, "listening");
      return { udp, tcp, port };
    } catch {
      // Somebody has the UDP port of that number.
      udp.close();
      tcp.close();
    }
  }
}

function resolverFor(servers: readonly TestServer[], options: Partial<ResolverOptions> = {}): Resolver {
  return createResolver({
    servers: servers.map(({ port }) => ({ address: "127.0.0.1", port })),
    timeout: 2_000,
    clock: { monotonic: () => 0 },
    hosts: "/nonexistent",
    ...options,
  });
}

const a = (name: string, data: string, ttl = 60): Answer => ({ type: "A", name, ttl, data });
const mx = (name: string, preference: number, exchange: string): Answer => ({
  type: "MX",
  name,
  ttl: 60,
  data: { preference, exchange },
});
const cname = (name: string, data: string): Answer => ({ type: "CNAME", name, ttl: 30, data });
const soa: Answer = {
  type: "SOA",
  name: "example.jp",
  ttl: 100,
  data: { mname: "ns.example.jp", rname: "hostmaster.example.jp", minimum: 50 },
};

test("MX, TXT and PTR are found, whatever the case of names", async (context) => {
  const server = await serve(context, {
    answer: (name, type) => {
      if (type === "MX")
        return { answers: [mx(name.toUpperCase(), 10, "MX1.Example.JP"), mx(name, 20, "mx2.example.jp")] };
      if (type === "TXT") return { answers: [{ type: "TXT", name, ttl: 60, data: ["v=spf1 ", "-all"] }] };
      return { answers: [{ type: "PTR", name, ttl: 60, data: "mx1.example.jp" }] };
    },
  });
  const resolver = resolverFor([server]);
  assert.deepEqual(await resolver.mx("Example.JP."), {
    kind: "found",
    ttl: 60,
    records: [
      { preference: 10, exchange: "mx1.example.jp" },
      { preference: 20, exchange: "mx2.example.jp" },
    ],
  });
  assert.deepEqual(await resolver.txt("example.jp"), { kind: "found", ttl: 60, records: ["v=spf1 -all"] });
  assert.deepEqual(await resolver.ptr("192.0.2.1"), { kind: "found", ttl: 60, records: ["mx1.example.jp"] });
  assert.deepEqual(server.asked, ["example.jp MX", "example.jp TXT", "1.2.0.192.in-addr.arpa PTR"]);
});

test("the null MX is an empty exchange", async (context) => {
  const server = await serve(context, { answer: (name) => ({ answers: [mx(name, 0, ".")] }) });
  const answer = await resolverFor([server]).mx("example.jp");
  assert.ok(answer.kind === "found");
  assert.deepEqual(answer.records, [{ preference: 0, exchange: "" }]);
});

test("no such name, no such record, and no answer are three things", async (context) => {
  const server = await serve(context, {
    answer: (name) => {
      if (name === "gone.example.jp") return { flags: NXDOMAIN };
      if (name === "broken.example.jp") return { flags: SERVFAIL };
      return { answers: [] };
    },
  });
  const resolver = resolverFor([server]);
  assert.deepEqual(await resolver.mx("gone.example.jp"), { kind: "none", reason: "nxdomain" });
  assert.deepEqual(await resolver.mx("empty.example.jp"), { kind: "none", reason: "nodata" });
  const failed = await resolver.mx("broken.example.jp");
  assert.equal(failed.kind, "failed");
  assert.match(failed.kind === "failed" ? failed.cause : "", /SERVFAIL/);
});

test("names that cannot be asked for do not exist and are not asked for", async (context) => {
  const server = await serve(context, { answer: () => undefined });
  const resolver = resolverFor([server]);
  for (const name of [
    "",
    ".",
    "a..jp",
    "a b.jp",
    `${"x".repeat(64)}.jp`,
    "x.".repeat(127) + "jp",
    "-a.jp",
    "日本.jp",
  ]) {
    assert.deepEqual(await resolver.mx(name), { kind: "none", reason: "nxdomain" }, name);
  }
  assert.deepEqual(server.asked, []);
});

test("a truncated answer is asked for again over TCP", async (context) => {
  const server = await serve(context, {
    answer: (name, _type, how) => (how === "udp" ? { flags: TRUNCATED } : { answers: [mx(name, 10, "mx.example.jp")] }),
  });
  assert.equal((await resolverFor([server]).mx("example.jp")).kind, "found");
  assert.deepEqual(server.asked, ["example.jp MX", "example.jp MX tcp"]);
});

test("truncated and no TCP is a failure", async (context) => {
  const server = await serve(context, { answer: (_n, _t, how) => (how === "udp" ? { flags: TRUNCATED } : undefined) });
  assert.equal((await resolverFor([server]).mx("example.jp")).kind, "failed");
});

test("wrong id, wrong question, queries and garbage are ignored; the right answer behind them counts", async (context) => {
  const server = await serve(context, {
    answer: (name, type, _how, query) => {
      const forged = [mx(name, 1, "forged.example.jp")];
      const { id = 0, questions } = query;
      const other = [{ type: "MX" as const, name: "other.example.jp" }];
      return [
        encode({ type: "response", id: (id + 1) % 65536, questions, answers: forged }),
        encode({ type: "response", id, questions: other, answers: forged }),
        encode({ type: "response", id, questions: [{ type: "TXT", name }], answers: forged }),
        encode({ type: "response", id, questions: [], answers: forged }),
        encode({ type: "query", id, questions, answers: forged }),
        Buffer.from("garbage"),
        Buffer.alloc(0),
        encode({ type: "response", id, questions, answers: type === "MX" ? [mx(name, 10, "real.example.jp")] : [] }),
      ];
    },
  });
  const answer = await resolverFor([server]).mx("example.jp");
  assert.ok(answer.kind === "found");
  assert.deepEqual(answer.records, [{ preference: 10, exchange: "real.example.jp" }]);
});

test("records for names nobody asked for are not looked at", async (context) => {
  const server = await serve(context, { answer: () => ({ answers: [mx("other.example.jp", 10, "x.example.jp")] }) });
  assert.deepEqual(await resolverFor([server]).mx("example.jp"), { kind: "none", reason: "nodata" });
});

test("CNAME chains are followed in a response and across responses, and not for ever", async (context) => {
  const server = await serve(context, {
    answer: (name, type) => {
      if (type === "AAAA") return { answers: [], authorities: [soa] };
      switch (name) {
        case "one.example.jp":
          return { answers: [cname(name, "Two.example.jp"), cname("two.example.jp", "three.example.jp")] };
        case "three.example.jp":
          return { answers: [cname(name, "four.example.jp"), a("four.example.jp", "192.0.2.4")] };
        case "loop.example.jp":
          return { answers: [cname(name, "pool.example.jp")] };
        case "pool.example.jp":
          return { answers: [cname(name, "loop.example.jp")] };
        case "dead.example.jp":
          return { flags: NXDOMAIN, answers: [cname(name, "gone.example.jp")] };
        default:
          return { answers: [], authorities: [soa] };
      }
    },
  });
  const resolver = resolverFor([server]);
  assert.deepEqual(await resolver.addresses("one.example.jp"), {
    kind: "found",
    ttl: 30,
    records: [{ family: 4, address: "192.0.2.4" }],
  });
  assert.equal((await resolver.addresses("loop.example.jp")).kind, "failed");
  assert.deepEqual(await resolver.addresses("dead.example.jp"), { kind: "none", reason: "nxdomain" });
});

test("addresses: one family is enough, but none is only what both say", async (context) => {
  const server = await serve(context, {
    answer: (name, type) => {
      if (name.startsWith("both")) {
        return {
          answers: [type === "A" ? a(name, "192.0.2.1") : { type: "AAAA", name, ttl: 60, data: "2001:db8::1" }],
        };
      }
      if (name.startsWith("four")) return type === "A" ? { answers: [a(name, "192.0.2.1")] } : { flags: SERVFAIL };
      return type === "A" ? { answers: [] } : { flags: SERVFAIL };
    },
  });
  const resolver = resolverFor([server]);
  const both = await resolver.addresses("both.example.jp");
  assert.deepEqual(
    both.kind === "found" && both.records.map(({ family }) => family).toSorted((one, other) => one - other),
    [4, 6],
  );
  assert.equal((await resolver.addresses("four.example.jp")).kind, "found");
  assert.equal((await resolver.addresses("half.example.jp")).kind, "failed");
  assert.deepEqual(await resolver.addresses("192.0.2.7"), {
    kind: "found",
    ttl: 3600,
    records: [{ family: 4, address: "192.0.2.7" }],
  });
});

test("a silent server is not the end: the next one is asked, and the question ends with its deadline", async (context) => {
  const silent = await serve(context, { answer: () => undefined });
  const good = await serve(context, { answer: (name) => ({ answers: [mx(name, 10, "mx.example.jp")] }) });
  assert.equal((await resolverFor([silent, good], { timeout: 400 }).mx("example.jp")).kind, "found");
  assert.equal((await resolverFor([silent], { timeout: 60 }).mx("example.jp")).kind, "failed");
});

test("a server that refuses EDNS is asked without it", async (context) => {
  const server = await serve(context, {
    answer: (name, _type, _how, query) =>
      (query.additionals ?? []).length > 0 ? { flags: 1 } : { answers: [mx(name, 10, "mx.example.jp")] },
  });
  assert.equal((await resolverFor([server]).mx("example.jp")).kind, "found");
});

test("equal questions in flight are one; answers are kept for their time and no longer", async (context) => {
  let now = 0;
  const server = await serve(context, { answer: (name) => ({ answers: [mx(name, 10, "mx.example.jp")] }) });
  const resolver = resolverFor([server], { clock: { monotonic: () => now } });
  await Promise.all([resolver.mx("example.jp"), resolver.mx("EXAMPLE.jp"), resolver.mx("example.jp.")]);
  assert.equal(server.asked.length, 1);
  now = 59_999;
  await resolver.mx("example.jp");
  assert.equal(server.asked.length, 1);
  now = 60_001;
  await resolver.mx("example.jp");
  assert.equal(server.asked.length, 2);
});

test("none is kept as long as the SOA says, and not without one", async (context) => {
  let now = 0;
  const server = await serve(context, {
    answer: (name) => ({ flags: NXDOMAIN, authorities: name === "signed.example.jp" ? [soa] : [] }),
  });
  const resolver = resolverFor([server], { clock: { monotonic: () => now } });
  for (const name of ["signed.example.jp", "signed.example.jp", "bare.example.jp", "bare.example.jp"])
    await resolver.mx(name);
  assert.equal(server.asked.length, 3);
  now = 50_001;
  await resolver.mx("signed.example.jp");
  assert.equal(server.asked.length, 4);
});

test("the hosts file answers before DNS, and localhost is always there", async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "sekimori-dns-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const hosts = join(directory, "hosts");
  writeFileSync(
    hosts,
    "# comment\n192.0.2.5\tmail.example.jp Mail2.example.jp # more\n2001:db8::5 mail.example.jp\nbad line\n",
  );
  const server = await serve(context, { answer: () => undefined });
  const resolver = resolverFor([server], { hosts });
  assert.deepEqual(await resolver.addresses("MAIL.example.jp"), {
    kind: "found",
    ttl: 3600,
    records: [
      { family: 4, address: "192.0.2.5" },
      { family: 6, address: "2001:db8::5" },
    ],
  });
  assert.equal((await resolver.addresses("mail2.example.jp")).kind, "found");
  assert.equal((await resolver.addresses("localhost")).kind, "found");
  assert.deepEqual(server.asked, []);
  assert.ok(readHosts("/nonexistent").has("localhost"));
});

test("name servers are those of resolv.conf, three at most, or the local host", (context) => {
  const directory = mkdtempSync(join(tmpdir(), "sekimori-dns-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "resolv.conf");
  writeFileSync(
    file,
    "search example.jp\nnameserver 192.0.2.1\n;nameserver 192.0.2.2\nnameserver 2001:db8::1\nnameserver x\n",
  );
  assert.deepEqual(
    readSystemServers(file).map(({ address }) => address),
    ["192.0.2.1", "2001:db8::1"],
  );
  assert.deepEqual(readSystemServers("/nonexistent"), [{ address: "127.0.0.1", port: 53 }]);
});

test("reverse names (RFC 3596 §2.5)", () => {
  assert.equal(
    reverseName("2001:db8::567:89ab"),
    "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
  );
  assert.equal(reverseName("::ffff:192.0.2.1").slice(0, 27), "1.0.2.0.0.0.0.c.f.f.f.f.0.0");
});

function askProtection(address: string, port: number, timeout = 2000): ReturnType<typeof protectionOf> {
  return protectionOf("mx.example.jp", { servers: [{ address, port }], timeout });
}

test("a resolver of this host says whether it validated; no other is believed, and silence is no answer", async (t) => {
  const AUTHENTIC = 0x20;
  const server = (flags: number): Promise<TestServer> =>
    serve(t, {
      answer: (name, _type, _how, query) => ({
        // Only who asks for the bit gets it (RFC 6840 §5.8).
        flags: query.flag_ad ? flags : 0,
        answers: [{ type: "A", name, ttl: 60, data: "192.0.2.1" }],
      }),
    });
  assert.deepEqual(await askProtection("127.0.0.1", (await server(AUTHENTIC)).port), { kind: "secure" });
  assert.deepEqual(await askProtection("127.0.0.1", (await server(0)).port), { kind: "insecure" });
  assert.equal((await askProtection("192.0.2.53", 53)).kind, "unknown");
  const silent = await serve(t, { answer: () => undefined });
  const nobody = await askProtection("127.0.0.1", silent.port, 50);
  assert.equal(nobody.kind, "unknown");
});
