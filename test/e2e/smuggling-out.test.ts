// SMTP smuggling, the other way round (SEC Consult 2023: a server that lets through what the next one takes for the end of
// a message). Every false end comes in by each way that lets octets in, BINARYMIME above all, and goes out by each way
// there is: DATA, BDAT, LMTP, to a Postfix that takes LF . LF for an end, into a mailbox and out by POP3, and back in a
// bounce. On the wire of DATA and LMTP there is no bare CR or LF, no NUL, and CRLF . CRLF stands at the end alone;
// BDAT announces what it sends; nobody ever reads a command that we did not write.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { after, test } from "node:test";
import { openDialogue, show } from "../lab/client.ts";
import { atEnd } from "../lab/cleanup.ts";
import type { Scope } from "../lab/cleanup.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { waitForMailbox } from "../lab/mailbox.ts";
import { startPostfix } from "../lab/postfix.ts";
import { alice, bob, openAuthenticated, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";
import { waitFor } from "../lab/wait.ts";
import { falseEnds } from "./support/false-ends.ts";

interface RawMessage {
  readonly recipients: readonly string[];
  /** As it was on the wire: dots doubled, without the final dot. */
  readonly wire: string;
  readonly transfer: "DATA" | "BDAT";
}

interface RawSink {
  readonly address: string;
  readonly port: number;
  readonly messages: readonly RawMessage[];
  /** First words of lines that no client of ours writes. */
  readonly strange: readonly string[];
}

interface RawOptions {
  readonly greeting?: "EHLO" | "LHLO";
  readonly extensions?: readonly string[];
  readonly refuse?: true;
}

/** Reads octets as they come: the first CRLF . CRLF is the end of DATA, BDAT takes what was announced, the rest are commands. */
async function startRawSink(scope: Scope, options: RawOptions = {}): Promise<RawSink> {
  const { greeting = "EHLO", extensions = [], refuse } = options;
  const address = loopbackAddress();
  const messages: RawMessage[] = [];
  const strange: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy());
    socket.write("220 raw sink\r\n");
    let buffer = "";
    let recipients: string[] = [];
    let mode: "commands" | "data" | { readonly chunk: number } = "commands";
    const say = (...lines: readonly string[]): void => void socket.write(lines.map((line) => `${line}\r\n`).join(""));
    const taken = (wire: string, transfer: RawMessage["transfer"]): void => {
      messages.push({ recipients, wire, transfer });
      const answer = refuse === true ? "554 5.6.0 not this" : "250 2.0.0 taken";
      say(...(greeting === "LHLO" ? recipients : [""]).map(() => answer));
      recipients = [];
      mode = "commands";
    };
    const command = (line: string): void => {
      const [verb = ""] = line.split(/[ :]/, 1);
      if (verb === greeting)
        say(...["raw", ...extensions].map((each, index) => `250${index === extensions.length ? " " : "-"}${each}`));
      else if (verb === "MAIL" || verb === "RSET" || verb === "NOOP") {
        recipients = [];
        say("250 2.1.0 ok");
      } else if (verb === "RCPT") {
        recipients.push(/<(.*?)>/.exec(line)?.[1] ?? "");
        say("250 2.1.5 ok");
      } else if (verb === "DATA") {
        mode = "data";
        say("354 go");
      } else if (verb === "BDAT") mode = { chunk: Number(/^BDAT (\d+) LAST$/.exec(line)?.[1] ?? Number.NaN) };
      else if (verb === "QUIT") {
        say("221 bye");
        socket.end();
      } else {
        strange.push(line.slice(0, 80));
        say("500 what");
      }
    };
    socket.setEncoding("latin1").on("data", (text: string) => {
      buffer += text;
      for (;;) {
        if (mode === "data") {
          // The content may begin with the final dot.
          const end = `\r\n${buffer}`.indexOf("\r\n.\r\n");
          if (end < 0) return;
          const wire = buffer.slice(0, end);
          buffer = buffer.slice(end + 3);
          taken(wire, "DATA");
        } else if (mode === "commands") {
          const end = buffer.indexOf("\n");
          if (end < 0) return;
          const line = buffer.slice(0, end).replace(/\r$/, "");
          buffer = buffer.slice(end + 1);
          command(line);
        } else {
          if (buffer.length < mode.chunk) return;
          const wire = buffer.slice(0, mode.chunk);
          buffer = buffer.slice(mode.chunk);
          taken(wire, "BDAT");
        }
      }
    });
  });
  server.listen(2525, address);
  await once(server, "listening");
  atEnd(scope, async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { address, port: 2525, messages, strange };
}

const scope: Scope = { after };
const plain = await startRawSink(scope, { extensions: ["PIPELINING", "SIZE"] });
const binary = await startRawSink(scope, { extensions: ["PIPELINING", "8BITMIME", "CHUNKING", "BINARYMIME"] });
const lmtp = await startRawSink(scope, { greeting: "LHLO", extensions: ["PIPELINING", "8BITMIME"] });
const refusing = await startRawSink(scope, {
  refuse: true,
  extensions: ["PIPELINING", "8BITMIME", "CHUNKING", "BINARYMIME"],
});

const route = (
  domain: string,
  sink: { readonly address: string; readonly port: number },
  more: string,
): readonly string[] => [
  "[[route]]",
  `domain = "${domain}"`,
  `host = "${sink.address}"`,
  `port = ${sink.port}`,
  ...(more === "" ? [] : [more]),
];

const site: Site = await startSite(scope, {
  smarthost: plain,
  smtp: ["errors = 10000"],
  tables: [
    "[limits.account]",
    'recipients = ["100000/1h"]',
    ...route("binary.test", binary, ""),
    ...route("lmtp.test", lmtp, 'protocol = "lmtp"'),
    ...route("refusing.test", refusing, ""),
  ],
});

const smuggled = `MAIL FROM:<evil@x.test>\r\nRCPT TO:<smuggled@x.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nsecond\r\n.\r\nQUIT\r\n`;

function message(recipient: string, falseEnd: string, type: string): Buffer {
  const header = `From: ${alice.address}\r\nTo: ${recipient}\r\nSubject: honest\r\nMIME-Version: 1.0\r\nContent-Type: ${type}\r\n`;
  return Buffer.from(`${header}Content-Transfer-Encoding: binary\r\n\r\nfirst${falseEnd}${smuggled}`, "latin1");
}

/** True when the message was accepted. */
async function submit(recipient: string, content: Buffer, way: "DATA" | "8BITMIME" | "BINARYMIME"): Promise<boolean> {
  const own: Scope = { after: (undo) => void ends.push(undo) };
  const ends: (() => unknown)[] = [];
  const session = await openAuthenticated(own, site, alice);
  const body = way === "DATA" ? "" : ` BODY=${way}`;
  await session.expect(`MAIL FROM:<${alice.address}>${body}`, 250);
  await session.expect(`RCPT TO:<${recipient}>`, 250);
  if (way === "DATA") {
    await session.expect("DATA", 354);
    // Honest stuffing: what is inside is meant as text.
    await session.send(Buffer.from(content.toString("latin1").replaceAll(/(^|\r\n)\./g, "$1.."), "latin1"));
    await session.send("\r\n.\r\n");
  } else {
    await session.send(`BDAT ${content.length} LAST\r\n`);
    await session.send(content);
  }
  const line = await session.line();
  for (const undo of ends) await undo();
  return line?.startsWith("250") === true;
}

function checkWire(sink: RawSink, domain: string): void {
  assert.deepEqual(sink.strange, []);
  for (const { recipients, wire, transfer } of sink.messages) {
    assert.ok(recipients.length === 1 && recipients[0]!.endsWith(`@${domain}`), show(recipients.join()));
    if (transfer === "BDAT") continue;
    assert.doesNotMatch(wire, /(?<!\r)\n|\r(?!\n)|\0/, show(wire));
    assert.ok(wire.endsWith("\r\n"));
    for (const line of wire.split("\r\n")) assert.ok(!line.startsWith(".") || line.startsWith(".."), show(line));
    assert.doesNotMatch(wire.slice(0, wire.indexOf("\r\n\r\n")), /smuggled/);
  }
}

const ways = ["DATA", "8BITMIME", "BINARYMIME"] as const;
const types = ["application/octet-stream", "text/plain; charset=utf-8"] as const;

async function submitAll(recipient: string, kinds: readonly string[] = types.slice(0, 1)): Promise<number> {
  let accepted = 0;
  for (const way of ways) {
    for (const type of kinds) {
      const answers = await Promise.all(falseEnds.map((end) => submit(recipient, message(recipient, end, type), way)));
      accepted += answers.filter(Boolean).length;
    }
  }
  return accepted;
}

async function arrived(sink: RawSink, count: number): Promise<void> {
  await waitFor(`${count} messages`, 60_000, () => (sink.messages.length >= count ? true : undefined));
}

test("DATA to a server without extensions: converted or sent back, never smuggled", async (t) => {
  const accepted = await submitAll("carol@plain.test", types);
  assert.ok(accepted > falseEnds.length, "BINARYMIME lets everything in");
  // What could not be converted comes back to alice.
  await waitFor("every message here or back", 60_000, async () => {
    const back = await waitForMailbox(t, site.pop3s, alice, 0, 1000);
    return plain.messages.length + back.length >= accepted ? true : undefined;
  });
  assert.ok(plain.messages.length > 0);
  checkWire(plain, "plain.test");
});

test("BDAT: exactly the announced octets, content whole", async () => {
  const accepted = await submitAll("carol@binary.test");
  await arrived(binary, accepted);
  checkWire(binary, "binary.test");
  assert.equal(binary.messages.length, accepted);
  const chunks = binary.messages.filter(({ transfer }) => transfer === "BDAT");
  assert.ok(chunks.length >= falseEnds.length);
  for (const end of falseEnds)
    assert.ok(
      chunks.some(({ wire }) => wire.includes(`first${end}${smuggled}`)),
      show(end),
    );
});

test("LMTP", async () => {
  const accepted = await submitAll("carol@lmtp.test");
  await waitFor("what can be converted", 60_000, () => (lmtp.messages.length >= falseEnds.length ? true : undefined));
  assert.ok(lmtp.messages.length <= accepted);
  checkWire(lmtp, "lmtp.test");
});

test("a bounce that returns the message, out by POP3; and mailboxes that hold it: no false end in a response", async (t) => {
  const bounced = await submitAll("carol@refusing.test");
  await arrived(refusing, bounced);
  checkWire(refusing, "refusing.test");
  const kept = await submitAll(bob.address);
  for (const [account, least] of [
    [alice, bounced],
    [bob, kept],
  ] as const) {
    const mail = await waitForMailbox(t, site.pop3s, account, least, 60_000);
    const session = await openDialogue(t, site.pop3s, "implicit");
    await session.line();
    for (const command of [`USER ${account.address}`, `PASS ${account.password}`]) {
      await session.send(`${command}\r\n`);
      assert.match((await session.line()) ?? "", /^\+OK/);
    }
    await session.send(mail.map((_each, index) => `RETR ${index + 1}\r\nNOOP\r\n`).join("") + "QUIT\r\n");
    const raw = await session.rest(500);
    // Split as a strict reader does: every response is answered by the +OK of its NOOP.
    let rest = raw;
    for (const [index] of mail.entries()) {
      const end = rest.indexOf("\r\n.\r\n");
      const response = rest.slice(0, end + 2);
      assert.match(response, /^\+OK/);
      assert.doesNotMatch(response, /(?<!\r)\n/, `message ${index + 1} of ${account.address}`);
      rest = rest.slice(end + 5);
      assert.match(rest, /^\+OK/);
      rest = rest.slice(rest.indexOf("\r\n") + 2);
    }
    assert.match(rest, /^\+OK/);
  }
});

test("a Postfix that takes LF . LF for an end gets each message once, and no second one", async (t) => {
  const postfix = await startPostfix(t, {
    domains: ["example.jp"],
    settings: [
      "smtpd_forbid_bare_newline = no",
      "smtpd_forbid_unauth_pipelining = no",
      "smtpd_discard_ehlo_keywords = chunking",
    ],
  });
  if (postfix === undefined) return;
  const other = await startSite(t, { smarthost: postfix, tables: ["[limits.account]", 'recipients = ["100000/1h"]'] });
  let accepted = 0;
  for (const end of falseEnds) {
    const session = await openAuthenticated(t, other, alice);
    await session.expect(`MAIL FROM:<${alice.address}> BODY=BINARYMIME`, 250);
    await session.expect("RCPT TO:<carol@example.jp>", 250);
    const content = message("carol@example.jp", end, "application/octet-stream");
    await session.send(`BDAT ${content.length} LAST\r\n`);
    await session.send(content);
    if ((await session.line())?.startsWith("250") === true) accepted++;
    session.destroy();
  }
  assert.equal(accepted, falseEnds.length);
  const stored = await postfix.waitForMessages(accepted, 60_000);
  assert.equal(stored.length, accepted);
  for (const each of stored) assert.doesNotMatch(each.slice(0, each.indexOf("\n\n")), /smuggled/);
  assert.doesNotMatch(postfix.log(), /smuggled@/);
});
