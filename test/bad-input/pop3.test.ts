// The table of bad POP3 dialogues against a real session. After each row the session is asked whether it is still there, and the
// one message is where it was.

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls, createSecureContext } from "node:tls";
import { parseAddress } from "../../src/address/address.ts";
import { prepare } from "../../src/base/saslprep.ts";
import { createClientLimits } from "../../src/counters/client-limits.ts";
import { openPop3Listener } from "../../src/ingress/pop3/listener.ts";
import { ensureSelfSigned } from "../../src/io/certificate.ts";
import { systemClock } from "../../src/io/clock.ts";
import { decoyScramKeys } from "../../src/io/scram-keys.ts";
import { openMailboxes } from "../../src/mailbox/maildir.ts";
import { waitFor } from "../lab/wait.ts";
import { badDialogues, firstOfScram } from "./pop3.ts";
import type { BadDialogue } from "./pop3.ts";

let directory: string;
let listener: Awaited<ReturnType<typeof openPop3Listener>>;
const events: { readonly name: string; readonly fields: object }[] = [];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "bad-pop3-"));
  const files = await ensureSelfSigned(directory, ["localhost"], Date.now());
  const secureContext = createSecureContext({
    cert: await readFile(files.certificate),
    key: await readFile(files.key),
  });
  const mailboxes = openMailboxes(join(directory, "mail"), { hostname: "mx1.sekimori.test", clock: systemClock });
  const alice = parseAddress("alice@sekimori.test");
  assert.ok(alice.ok);
  assert.ok((await mailboxes.deliver(alice.value, [Buffer.from("Subject: one\r\n\r\nhello\r\n")], "counted")).ok);
  let sessions = 0;
  listener = await openPop3Listener({
    endpoint: { address: "127.0.0.1", port: 0 },
    tls: "starttls",
    proxies: [],
    secureContext: () => secureContext,
    clients: createClientLimits(
      { connections: 1000, connectionRate: [], messages: [], recipients: [], authFailures: [], exempt: [] },
      () => 0,
    ),
    hostname: "mx1.sekimori.test",
    observer: { emit: (name, fields) => void events.push({ name, fields }) },
    mailboxes,
    newSessionId: () => `session-${++sessions}`,
    authenticate: async (login, password) =>
      login === "alice@sekimori.test" && prepare(password) === "secret"
        ? { kind: "account", account: alice.value }
        : { kind: "refused", reason: "auth.credentials" },
    scram: {
      keys: async (login) => ({ kind: "keys", keys: decoyScramKeys("", login) }),
      confirm: async () => ({ kind: "refused", reason: "auth.credentials" }),
      refused: async () => ({ kind: "refused", reason: "auth.credentials" }),
    },
    limits: { refusal: 1 },
  });
});
after(async () => {
  await listener.close();
  await rm(directory, { recursive: true });
});

const preludes: Readonly<Record<Exclude<BadDialogue["after"], "clear">, readonly string[]>> = {
  greeting: [],
  user: ["USER alice@sekimori.test"],
  sasl: ["AUTH PLAIN"],
  proof: [`AUTH SCRAM-SHA-256 ${firstOfScram}`],
  account: ["USER alice@sekimori.test", "PASS secret"],
};

/** Reads one line at a time; "" when the server has ended. */
function reader(socket: Socket): () => Promise<string> {
  let received = "";
  let ended = false;
  let wake: (() => void) | undefined;
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
    wake?.();
  });
  for (const event of ["end", "close", "error"])
    socket.on(event, () => {
      ended = true;
      wake?.();
    });
  return async () => {
    for (;;) {
      const end = received.indexOf("\r\n");
      if (end >= 0) {
        const line = received.slice(0, end);
        received = received.slice(end + 2);
        return line;
      }
      if (ended) return "";
      // oxlint-disable-next-line no-await-in-loop -- until there is more
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}

async function open(situation: BadDialogue["after"]): Promise<{ socket: Socket; line: () => Promise<string> }> {
  const clear = connect({ host: "127.0.0.1", port: listener.port, noDelay: true });
  let line = reader(clear);
  assert.match(await line(), /^\+OK/);
  if (situation === "clear") return { socket: clear, line };
  clear.write("STLS\r\n");
  assert.match(await line(), /^\+OK/);
  clear.removeAllListeners("data");
  const socket = connectTls({ socket: clear, rejectUnauthorized: false });
  line = reader(socket);
  for (const command of preludes[situation]) {
    socket.write(`${command}\r\n`);
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    assert.match(await line(), /^\+/, command);
  }
  return { socket, line };
}

test("the table is not smaller than it was", () => {
  assert.ok(badDialogues.length >= 80, `${badDialogues.length} rows`);
  assert.equal(new Set(badDialogues.map(({ name }) => name)).size, badDialogues.length);
});

for (const { name, after: situation, send, expect, session } of badDialogues) {
  test(`${name}: ${expect}`, async () => {
    events.length = 0;
    const { socket, line } = await open(situation);
    try {
      socket.write(Buffer.from(send, "latin1"));
      const reply = await line();
      assert.equal(reply.slice(0, expect.length), expect);
      if (session === "open") socket.write("QUIT\r\n");
      assert.match(await line(), session === "open" ? /^\+OK Bye$/ : /^$/);
      const closed = await waitFor("the end of the session", 20_000, () =>
        events.find((event) => event.name === "session.closed"),
      );
      const names = events.map((event) => event.name);
      assert.ok(!names.includes("internal.failed"), names.join(" "));
      // What was refused is told: as a login that failed, among the errors of the session, or as the cause of its end.
      const { errors = 0, cause } = closed.fields as { readonly errors?: number; readonly cause: string };
      const isTold = names.includes("auth.failed") || errors > 0 || cause === "bad-line";
      const isRefusal = expect.startsWith("-ERR") && !expect.includes("No such message");
      assert.equal(isTold, isRefusal, JSON.stringify(events));
    } finally {
      socket.destroy();
    }
    const box = join(directory, "mail/sekimori.test/alice/Maildir");
    const kept = await Promise.all(["new", "cur"].map((folder) => readdir(join(box, folder))));
    assert.equal(kept.flat().length, 1);
  });
}
