import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { connect as connectTls, createSecureContext, TLSSocket, type SecureContext } from "node:tls";
import { promisify } from "node:util";
import { parseAddress, type Address } from "../../address/address.ts";
import { createClientLimits } from "../../counters/client-limits.ts";
import { ensureSelfSigned } from "../../io/certificate.ts";
import { systemClock } from "../../io/clock.ts";
import { decoyScramKeys, makeScramKeys, parseScramKeys } from "../../io/scram-keys.ts";
import type { ScramKeys } from "../../io/scram-keys.ts";
import { openMailboxes } from "../../mailbox/maildir.ts";
import type { EventFields, EventName, Observer } from "../../observe/events.ts";
import { scramClient } from "../../proto/sasl/test-client.ts";
import { openPop3Listener, type Pop3ListenerOptions } from "./listener.ts";

const run = promisify(execFile);

let shared: string;
let secureContext: SecureContext;
let certificate: string;
let keys: ScramKeys;

before(async () => {
  shared = await mkdtemp(join(tmpdir(), "pop3-"));
  const files = await ensureSelfSigned(shared, ["localhost"], Date.now());
  certificate = files.certificate;
  keys = parseScramKeys(await makeScramKeys("secret"));
  secureContext = createSecureContext({ cert: await readFile(files.certificate), key: await readFile(files.key) });
});
after(() => rm(shared, { recursive: true }));

/** Remembers events; `seen` waits for one. */
function recorder() {
  const events: { readonly name: EventName; readonly fields: object }[] = [];
  const waiting = new Set<() => void>();
  const observer: Observer = {
    emit(name, fields) {
      events.push({ name, fields });
      for (const wake of waiting) wake();
    },
  };
  async function seen<Name extends EventName>(name: Name, fields: Partial<EventFields[Name]> = {}): Promise<void> {
    const matches = () =>
      events.some(
        (event) =>
          event.name === name &&
          Object.entries(fields).every(([key, value]) => Reflect.get(event.fields, key) === value),
      );
    while (!matches()) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          waiting.delete(wake);
          resolve();
        };
        waiting.add(wake);
      });
    }
  }
  return { events, observer, seen, names: () => events.map((event) => event.name) };
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok);
  return parsed.value;
}
const alice = address("alice@sekimori.test");

const unlimited = {
  connections: 1000,
  connectionRate: [],
  messages: [],
  recipients: [],
  authFailures: [],
  exempt: [],
};

async function serve(t: TestContext, options: Partial<Pop3ListenerOptions> = {}) {
  const root = await mkdtemp(join(shared, "mail-"));
  const mailboxes = openMailboxes(root, { hostname: "mx1.sekimori.test", clock: systemClock });
  const record = recorder();
  const attempts: string[] = [];
  let sessions = 0;
  const listener = await openPop3Listener({
    endpoint: { address: "127.0.0.1", port: 0 },
    tls: "implicit",
    secureContext: () => secureContext,
    hostname: "mx1.sekimori.test",
    observer: record.observer,
    mailboxes,
    clients: createClientLimits(unlimited, () => 0),
    newSessionId: () => `session-${++sessions}`,
    authenticate: async (login, password) => {
      attempts.push(`${login} ${password}`);
      if (login === "alice@sekimori.test" && password === "secret") return { kind: "account", account: alice };
      return { kind: "refused", reason: "auth.refused" };
    },
    scram: {
      keys: async (login) => {
        if (login === "down@sekimori.test") return { kind: "unavailable", cause: "the store is away" };
        return { kind: "keys", keys: login === "alice@sekimori.test" ? keys : decoyScramKeys("", login) };
      },
      confirm: async (login, proved) => {
        assert.equal(proved, keys);
        attempts.push(`${login} SCRAM`);
        return { kind: "account", account: alice };
      },
      refused: async () => ({ kind: "refused", reason: "auth.credentials" }),
    },
    ...options,
    limits: { refusal: 1, ...options.limits },
  });
  t.after(() => listener.close());
  const deliver = async (content: string) => {
    assert.ok((await mailboxes.deliver(alice, [Buffer.from(content, "latin1")], "counted")).ok);
  };
  const stored = () => readdir(join(root, "sekimori.test", "alice", "Maildir", "new"));
  return { ...record, listener, attempts, deliver, stored };
}

/** A client that sends and reads until the text has come. */
function client(socket: Socket) {
  let received = "";
  let wake: (() => void) | undefined;
  let ended = false;
  socket.setEncoding("latin1");
  socket.on("data", (text: string) => {
    received += text;
    wake?.();
  });
  socket.on("close", () => {
    ended = true;
    wake?.();
  });
  socket.on("error", () => undefined);
  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  return {
    socket,
    async expect(text: string): Promise<string> {
      await until(() => received.includes(text) || ended);
      const at = received.indexOf(text);
      assert.notEqual(at, -1, `${JSON.stringify(text)} in ${JSON.stringify(received.slice(0, 500))}`);
      const upTo = received.slice(0, at + text.length);
      received = received.slice(at + text.length);
      return upTo;
    },
    /** Everything until the connection is closed. */
    async rest(): Promise<string> {
      await until(() => ended);
      return received;
    },
    send: (...lines: readonly string[]) => void socket.write(lines.map((line) => `${line}\r\n`).join(""), "latin1"),
  };
}

const inTls = (port: number, socket?: Socket) =>
  client(
    connectTls({ rejectUnauthorized: false, ...(socket === undefined ? { host: "127.0.0.1", port } : { socket }) }),
  );
const inClear = (port: number) => client(connect({ host: "127.0.0.1", port }));

async function loggedIn(port: number) {
  const session = inTls(port);
  session.send("USER alice@sekimori.test", "PASS secret");
  await session.expect("Logged in\r\n");
  return session;
}

test("a session reads, deletes at QUIT, and tells what happened", async (t) => {
  const { listener, deliver, stored, names, seen, events } = await serve(t);
  const content = "Subject: a\r\n\r\n.dot\r\n\xff\r\n";
  await deliver(content);
  await deliver("Subject: b\r\n\r\n");
  const session = await loggedIn(listener.port);
  session.send("RETR 1", "DELE 1", "STAT");
  await session.expect(`+OK ${content.length} octets\r\n`);
  assert.equal(await session.expect("\r\n.\r\n"), "Subject: a\r\n\r\n..dot\r\n\xff\r\n.\r\n");
  await session.expect("+OK 1 14\r\n");
  assert.equal((await stored()).length, 2);
  session.send("QUIT");
  assert.equal(await session.rest(), "+OK\r\n+OK Bye\r\n".slice(-9));
  assert.equal((await stored()).length, 1);
  await seen("session.closed", { cause: "quit", commands: 6, messages: 1 });
  assert.deepEqual(names(), [
    "session.opened",
    "session.secured",
    "auth.succeeded",
    "mailbox.opened",
    "mailbox.read",
    "mailbox.deleted",
    "session.closed",
  ]);
  assert.doesNotMatch(JSON.stringify(events), /secret/);
});

type Session = ReturnType<typeof client>;

const encode = (text: string) => Buffer.from(text).toString("base64");
const decoded = (line: string) => Buffer.from(line.slice(2), "base64").toString();

/** The rest of an exchange: up to +OK or -ERR. */
async function prove(session: Session, mechanism: string, sasl: ReturnType<typeof scramClient>): Promise<string> {
  const answer = async (line: string): Promise<string> => {
    session.send(line);
    return session.expect("\r\n");
  };
  const first = await answer(`AUTH ${mechanism} ${encode(sasl.first)}`);
  if (!first.startsWith("+ ")) return first;
  const last = await answer(encode(sasl.final(decoded(first))));
  if (!last.startsWith("+ ")) return last;
  assert.equal(decoded(last), sasl.expected());
  return answer("");
}

test("SCRAM opens the mailbox; a wrong proof and an unknown name are refused as every wrong password", async (t) => {
  const { listener, attempts, seen, events } = await serve(t);
  const session = inTls(listener.port);
  await session.expect("ready\r\n");
  session.send("CAPA");
  await session.expect("SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN\r\n");
  await session.expect(".\r\n");
  const who = { name: "alice@sekimori.test", password: "secret" };
  const refused = "-ERR [AUTH] Login refused\r\n";
  assert.equal(await prove(session, "SCRAM-SHA-256", scramClient({ ...who, password: "wrong" })), refused);
  await seen("auth.failed", { account: who.name, mechanism: "SCRAM-SHA-256", reason: "auth.credentials" });
  assert.equal(await prove(session, "SCRAM-SHA-256", scramClient({ ...who, name: "nobody@sekimori.test" })), refused);
  const away = await prove(session, "SCRAM-SHA-256", scramClient({ ...who, name: "down@sekimori.test" }));
  assert.match(away, /^-ERR \[SYS\/TEMP\]/);
  assert.deepEqual(attempts, []);
  assert.equal(await prove(session, "SCRAM-SHA-256", scramClient(who)), "+OK Logged in\r\n");
  assert.deepEqual(attempts, ["alice@sekimori.test SCRAM"]);
  await seen("auth.succeeded", { account: who.name, mechanism: "SCRAM-SHA-256" });
  assert.doesNotMatch(JSON.stringify(events), /storedKey|secret/);
});

test("SCRAM-SHA-256-PLUS is bound to the connection, over TLS from the start and after STLS", async (t) => {
  const implicit = await serve(t);
  const upgraded = await serve(t, { tls: "starttls" });
  const clear = inClear(upgraded.listener.port);
  await clear.expect("ready\r\n");
  clear.send("STLS");
  await clear.expect("\r\n");
  clear.socket.removeAllListeners("data");
  const sessions = [inTls(implicit.listener.port), inTls(upgraded.listener.port, clear.socket)];
  await sessions[0]!.expect("ready\r\n");
  for (const session of sessions) {
    session.send("CAPA");
    await session.expect("SCRAM-SHA-256-PLUS");
    await session.expect("\r\n.\r\n");
    const { socket } = session;
    assert.ok(socket instanceof TLSSocket);
    const binding = socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
    const who = { name: "alice@sekimori.test", password: "secret", header: "p=tls-exporter,," };
    const relayed = scramClient({ ...who, binding: Buffer.alloc(32) });
    assert.match(await prove(session, "SCRAM-SHA-256-PLUS", relayed), /^-ERR \[AUTH\]/);
    const sasl = scramClient({ ...who, binding });
    assert.equal(await prove(session, "SCRAM-SHA-256-PLUS", sasl), "+OK Logged in\r\n");
  }
});

test("everything may be sent at once, and the sending side closed after it", async (t) => {
  const { listener, deliver } = await serve(t);
  await deliver("Subject: a\r\n\r\n");
  const session = inTls(listener.port);
  session.send("CAPA", "USER alice@sekimori.test", "PASS secret", "UIDL", "RETR 1", "NOOP", "QUIT");
  session.socket.end();
  assert.match(await session.rest(), /PIPELINING[^]*Logged in[^]*Subject: a\r\n\r\n\.\r\n\+OK\r\n\+OK Bye\r\n$/);
});

test("STLS turns TLS on and drops what was sent ahead in the clear", async (t) => {
  const { listener, attempts, seen } = await serve(t, { tls: "starttls" });
  const clear = inClear(listener.port);
  await clear.expect("ready\r\n");
  clear.send("STLS", "USER alice@sekimori.test", "PASS secret", "STAT");
  assert.equal(await clear.expect("\r\n"), "+OK Begin TLS negotiation now\r\n");
  clear.socket.removeAllListeners("data");
  const session = inTls(listener.port, clear.socket);
  session.send("STAT");
  assert.equal(await session.expect("\r\n"), "-ERR Not now\r\n");
  assert.deepEqual(attempts, []);
  session.send("USER alice@sekimori.test", "PASS secret", "STAT", "QUIT");
  await session.expect("+OK 0 0\r\n");
  await session.rest();
  await seen("session.secured", { listener: "pop3" });
});

test("a login in the clear is refused without being looked at", async (t) => {
  const { listener, attempts } = await serve(t, { tls: "starttls" });
  const session = inClear(listener.port);
  session.send("USER alice@sekimori.test", "PASS secret", "USER nobody", "PASS wrong", "QUIT");
  const replies = (await session.rest()).split("\r\n");
  assert.equal(replies[1], replies[3]);
  assert.equal(replies[2], replies[4]);
  assert.match(replies[1] ?? "", /^-ERR \[AUTH\]/);
  assert.deepEqual(attempts, []);
});

test("the second session of a mailbox is told so, until the first has ended", async (t) => {
  const { listener } = await serve(t);
  const first = await loggedIn(listener.port);
  const second = inTls(listener.port);
  second.send("USER alice@sekimori.test", "PASS secret");
  await second.expect("-ERR [IN-USE]");
  first.send("QUIT");
  await first.expect("+OK Bye\r\n");
  second.send("USER alice@sekimori.test", "PASS secret");
  await second.expect("Logged in\r\n");
  second.socket.destroy();
});

test("a connection lost before QUIT deletes nothing and frees the mailbox", async (t) => {
  const { listener, deliver, stored, seen } = await serve(t);
  await deliver("Subject: a\r\n\r\n");
  const lost = await loggedIn(listener.port);
  lost.send("DELE 1");
  await lost.expect("+OK\r\n");
  lost.socket.destroy();
  await seen("session.closed");
  assert.equal((await stored()).length, 1);
  const next = await loggedIn(listener.port);
  next.send("STAT", "QUIT");
  await next.expect("+OK 1 14\r\n");
  await next.rest();
});

test("the third refused login ends the session; only what looks like an address is logged", async (t) => {
  const { listener, attempts, events, seen } = await serve(t);
  const session = inTls(listener.port);
  session.send("USER alice@sekimori.test", "PASS a", "USER hunter2", "PASS b");
  session.send("AUTH PLAIN AGFAYi5jAGQ=", "USER alice@sekimori.test", "PASS secret");
  assert.equal((await session.rest()).match(/-ERR \[AUTH\] Login refused\r\n/g)?.length, 3);
  assert.equal(attempts.length, 3);
  await seen("session.closed", { cause: "auth-failures" });
  const failed = events
    .filter((event) => event.name === "auth.failed")
    .map((event) => Reflect.get(event.fields, "account"));
  assert.deepEqual(failed, ["alice@sekimori.test", "", "a@b.c"]);
});

test("a directory that throws is a temporary failure", async (t) => {
  const { listener, seen } = await serve(t, { authenticate: () => Promise.reject(new Error("down")) });
  const session = inTls(listener.port);
  session.send("USER alice@sekimori.test", "PASS secret", "QUIT");
  await session.expect("-ERR [SYS/TEMP]");
  await session.rest();
  await seen("internal.failed", { where: "pop3 authentication" });
});

test("a large message comes whole", async (t) => {
  const { listener, deliver } = await serve(t);
  const line = `${".".repeat(998)}\r\n`;
  const content = `Subject: a\r\n\r\n${line.repeat(30_000)}`;
  await deliver(content);
  const reader = await loggedIn(listener.port);
  reader.send("RETR 1", "QUIT");
  const response = await reader.rest();
  assert.equal(
    response.length,
    `+OK ${content.length} octets\r\n`.length + content.length + 30_000 + ".\r\n+OK Bye\r\n".length,
  );
});

test("a client that stops reading is cut, and the mailbox is free again", async (t) => {
  const { listener, deliver, seen } = await serve(t, { limits: { idle: 300 } });
  await deliver("x\r\n".repeat(8_000_000));
  const lazy = await loggedIn(listener.port);
  lazy.socket.pause();
  lazy.send("RETR 1");
  await seen("session.closed", { cause: "slow-reader" });
  (await loggedIn(listener.port)).socket.destroy();
  lazy.socket.destroy();
});

test("silence ends a session, before and after the login, and deletes nothing", async (t) => {
  const { listener, deliver, stored, seen } = await serve(t, { limits: { idle: 200 } });
  await deliver("Subject: a\r\n\r\n");
  const session = await loggedIn(listener.port);
  session.send("DELE 1");
  await session.rest();
  await seen("session.closed", { cause: "timeout" });
  assert.equal((await stored()).length, 1);
});

test("who does not begin TLS, or talks something else, is cut", async (t) => {
  const { listener, seen, events } = await serve(t, { limits: { handshake: 250 } });
  const silent = inClear(listener.port);
  assert.equal(await silent.rest(), "");
  await seen("session.closed", { session: "session-1", cause: "handshake" });
  const wrong = inClear(listener.port);
  wrong.send("USER alice@sekimori.test", "PASS secret");
  await wrong.rest();
  await seen("session.closed", { session: "session-2", cause: "handshake" });
  assert.equal(
    events.some((event) => event.name === "internal.failed"),
    false,
  );
  (await loggedIn(listener.port)).socket.destroy();
});

test("garbage never hurts the listener", async (t) => {
  const { listener, events } = await serve(t, { tls: "starttls" });
  for (const garbage of [
    "\0".repeat(100_000),
    "\r\n".repeat(1000),
    "STLS\r\nSTLS\r\n\x16\x03\x01",
    "GET / HTTP/1.1\r\n\r\n\r\n",
  ]) {
    const session = inClear(listener.port);
    session.socket.end(garbage, "latin1");
    assert.match(await session.rest(), /^\+OK .*ready\r\n/);
  }
  assert.equal(
    events.some((event) => event.name === "internal.failed"),
    false,
  );
});

test("closing finishes what is on its way, ends idle sessions, and takes no more", async (t) => {
  const { listener, deliver, seen } = await serve(t);
  const content = `Subject: a\r\n\r\n${"x\r\n".repeat(5_000_000)}`;
  await deliver(content);
  const idle = inTls(listener.port);
  await idle.expect("ready\r\n");
  const busy = await loggedIn(listener.port);
  busy.send("RETR 1", "DELE 1", "QUIT");
  await busy.expect("octets\r\n");
  const closed = listener.close();
  assert.equal(await idle.rest(), "-ERR [SYS/TEMP] The server is shutting down\r\n");
  const response = await busy.rest();
  assert.equal(response.length, content.length + ".\r\n-ERR [SYS/TEMP] The server is shutting down\r\n".length);
  await closed;
  await seen("session.closed", { session: "session-2", cause: "shutdown" });
  const late = inClear(listener.port);
  assert.equal(await late.rest(), "");
});

test("one more session than allowed is not served", async (t) => {
  const { listener } = await serve(t, { limits: { sessions: 1 } });
  const first = await loggedIn(listener.port);
  assert.equal(await inClear(listener.port).rest(), "");
  first.socket.destroy();
});

async function missing(...command: readonly [string, ...string[]]): Promise<string | false> {
  const [name, ...parameters] = command;
  return run(name, parameters).then(
    () => false as const,
    () => `${name} is not on this machine`,
  );
}

test("Python's poplib lists, reads and deletes, over implicit TLS and STLS", async (t) => {
  const reason = await missing("python3", "-c", "import poplib, ssl");
  if (reason !== false) return t.skip(reason);
  const script = `
import poplib, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[3])
if sys.argv[1] == "implicit":
    pop = poplib.POP3_SSL("127.0.0.1", int(sys.argv[2]), context=context, timeout=20)
else:
    pop = poplib.POP3("127.0.0.1", int(sys.argv[2]), timeout=20)
    assert "STLS" in pop.capa() and "USER" not in pop.capa()
    pop.stls(context=context)
assert "USER" in pop.capa()
pop.user("alice@sekimori.test")
pop.pass_("secret")
assert pop.stat() == (2, 45), pop.stat()
assert pop.list()[1] == [b"1 27", b"2 18"], pop.list()
assert len(set(line.split()[1] for line in pop.uidl()[1])) == 2
assert pop.retr(1)[1] == [b"Subject: a", b"", b".dot", b"..", b"x"], pop.retr(1)
assert pop.top(2, 0)[1] == [b"Subject: b", b""], pop.top(2, 0)
try:
    pop.retr(3)
    assert False
except poplib.error_proto:
    pass
pop.dele(2)
pop.quit()
`;
  for (const tls of ["implicit", "starttls"] as const) {
    const { listener, deliver, stored } = await serve(t, { tls });
    await deliver("Subject: a\r\n\r\n.dot\r\n..\r\nx\r\n");
    await deliver("Subject: b\r\n\r\nbb\r\n");
    await run("python3", ["-c", script, tls, String(listener.port), certificate]);
    assert.equal((await stored()).length, 1);
  }
});

test("curl fetches a message over implicit TLS and STLS, with each mechanism", async (t) => {
  const reason = await missing("curl", "--version");
  if (reason !== false) return t.skip(reason);
  const content = "Subject: a\r\n\r\n.dot\r\nbody\r\n";
  for (const tls of ["implicit", "starttls"] as const) {
    const { listener, deliver } = await serve(t, { tls });
    await deliver(content);
    const url = `${tls === "implicit" ? "pop3s" : "pop3"}://127.0.0.1:${listener.port}/1`;
    for (const way of ["AUTH=PLAIN", "AUTH=LOGIN"]) {
      const login = ["--user", "alice@sekimori.test:secret", "--login-options", way];
      const options = ["--silent", "--show-error", "--max-time", "20", "--ssl-reqd", "--cacert", certificate, ...login];
      const { stdout } = await run("curl", [...options, url], { encoding: "latin1" });
      assert.equal(stdout, content, `${tls} ${way}`);
    }
  }
});

const minute = (limit: number) => [{ name: "1m", length: 60_000, limit }];

test("a client has so many connections at once, and one more when one has ended", async (t) => {
  const clients = createClientLimits({ ...unlimited, connections: 1 }, () => 0);
  const { listener, seen, names } = await serve(t, { tls: "starttls", clients });
  const first = inClear(listener.port);
  await first.expect("ready\r\n");
  assert.match(await inClear(listener.port).rest(), /^-ERR \[SYS\/TEMP\] Too many connections/);
  await seen("session.refused", { reason: "connect.client-connections" });
  first.send("QUIT");
  await first.rest();
  await seen("session.closed");
  await inClear(listener.port).expect("ready\r\n");
  assert.equal(names().filter((name) => name === "session.opened").length, 2);
});

test("from where too many logins failed, only they may log in who are known there; the others' session ends", async (t) => {
  const now = { at: 0 };
  const clients = createClientLimits({ ...unlimited, authFailures: minute(2) }, () => now.at);
  const shut = { kind: "shut", limit: 2, window: "1m" } as const;
  const asked: unknown[] = [];
  const { listener, seen } = await serve(t, {
    clients,
    authenticate: async (login, password, { over }) => {
      asked.push(over);
      if (over !== undefined && login !== "known@sekimori.test") return { kind: "shut", reason: "auth.client-logins" };
      return login === "known@sekimori.test" || password === "secret"
        ? { kind: "account", account: alice }
        : { kind: "refused", reason: "auth.credentials" };
    },
    scram: {
      keys: async () => shut,
      confirm: async () => assert.fail("no keys were given"),
      refused: async () => assert.fail("no proof was asked for"),
    },
  });
  const session = inTls(listener.port);
  await session.expect("ready\r\n");
  for (const password of ["wrong", "worse"]) {
    session.send("USER alice@sekimori.test", `PASS ${password}`);
    await session.expect("[AUTH] Login refused\r\n");
  }
  const stranger = inTls(listener.port);
  stranger.send("USER alice@sekimori.test", "PASS secret", "NOOP");
  assert.match(await stranger.rest(), /ready\r\n\+OK [^\n]+\n-ERR \[SYS\/TEMP\] Too many [^\n]+\n$/);
  await seen("auth.failed", { reason: "auth.client-logins", account: "alice@sekimori.test" });
  const proving = inTls(listener.port);
  proving.send(`AUTH SCRAM-SHA-256 ${Buffer.from("n,,n=bob@sekimori.test,r=abc").toString("base64")}`);
  assert.match(await proving.rest(), /-ERR \[SYS\/TEMP\] Too many [^\n]+\n$/);
  await seen("auth.failed", { reason: "auth.client-logins", account: "bob@sekimori.test" });
  const known = inTls(listener.port);
  known.send("USER known@sekimori.test", "PASS anything");
  await known.expect("Logged in\r\n");
  known.send("QUIT");
  await known.rest();
  assert.deepEqual(asked, [undefined, undefined, { limit: 2, window: "1m" }, { limit: 2, window: "1m" }]);
  now.at = 61_000;
  await loggedIn(listener.port);
  assert.equal(asked.at(-1), undefined);
});

test("a right password that is not for POP3 is answered as a wrong one, and is no failure of the client", async (t) => {
  const clients = createClientLimits({ ...unlimited, authFailures: minute(2) }, () => 0);
  const { listener } = await serve(t, {
    clients,
    authenticate: async (_login, password) =>
      password === "secret"
        ? { kind: "account", account: alice }
        : { kind: password === "of another scope" ? "not-here" : "refused", reason: "auth.scope" },
  });
  const logIn = async (password: string): Promise<void> => {
    const session = inTls(listener.port);
    session.send("USER alice@sekimori.test", `PASS ${password}`);
    await session.expect("[AUTH] Login refused\r\n");
  };
  for (let time = 0; time < 5; time++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await logIn("of another scope");
  }
  assert.equal(clients.connect("127.0.0.1").connecting.kind, "within");
  await logIn("wrong");
  await logIn("wrong");
  assert.equal(clients.connect("127.0.0.1").connecting.kind, "logins");
});

test("a client that nobody can count is refused, and one whose count comes late is served", async (t) => {
  const counts = [
    Promise.resolve({ kind: "unavailable", cause: "no answer" } as const),
    Promise.resolve({ kind: "within" } as const),
  ];
  const closed: string[] = [];
  const handle = { message: () => undefined, recipient: () => undefined, failed: () => undefined };
  const clients = {
    connect: () => ({ ...handle, connecting: counts.shift()!, close: () => void closed.push("closed") }),
  };
  const { listener, seen } = await serve(t, { tls: "starttls", clients });
  assert.match(await inClear(listener.port).rest(), /^-ERR \[SYS\/TEMP\]/);
  await seen("session.refused", { reason: "connect.uncounted" });
  assert.deepEqual(closed, ["closed"]);
  const session = inClear(listener.port);
  await session.expect("ready\r\n");
  session.send("QUIT");
  await session.rest();
  await seen("session.closed");
  assert.deepEqual(closed, ["closed", "closed"]);
});
