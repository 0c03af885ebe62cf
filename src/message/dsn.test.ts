import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import * as fc from "fast-check";
import { parseAddress } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import { convertToSevenBit } from "./convert.ts";
import { makeDsn, type Dsn, type DsnRecipient, type DsnRequest } from "./dsn.ts";

const parsedHost = parseDomain("mail.sekimori.test");
assert.ok(parsedHost.ok);
const hostname = parsedHost.value;
const postmaster = parseAddress("postmaster@sekimori.test");
assert.ok(postmaster.ok);

const original = Buffer.from(
  "From: Alice <alice@sekimori.test>\r\nTo: bob@example.jp\r\nSubject: hello\r\n" +
    "Message-ID: <1@sekimori.test>\r\n\r\nHow are you?\r\n",
);

const failed: DsnRecipient = {
  recipient: "bob@example.jp",
  originalRecipient: "rfc822;bob@example.jp",
  action: "failed",
  status: "5.1.1",
  remote: "mx1.example.jp",
  diagnostic: "550-5.1.1 No such user here\r\n550 5.1.1 Ask your administrator",
  diagnosticFrom: "remote",
  lastAttempt: Date.UTC(2026, 10, 22, 3, 4, 5),
};

const request: DsnRequest = {
  id: "01kaxyz0a0123456",
  hostname,
  postmaster: postmaster.value,
  sender: "alice@sekimori.test",
  envelopeId: "QQ314159",
  arrivedAt: Date.UTC(2026, 10, 22, 3, 0, 0),
  at: Date.UTC(2026, 10, 22, 3, 5, 0),
  recipients: [failed],
  original: [original],
  returns: "message",
  largestReturn: 100_000,
};

function make(changes: Partial<DsnRequest> = {}): Dsn & { readonly text: string } {
  const result = makeDsn({ ...request, ...changes });
  assert.ok(result.ok);
  return { ...result.value, text: Buffer.concat(result.value.content).toString("latin1") };
}

/** Reads messages with the email package of Python, which knows nothing of the code under test. */
const reader = `
import sys, json, base64, quopri, email, email.policy
def fields(message): return [[name, str(value)] for name, value in message.items()]
def part(message):
    kind = message.get_content_type()
    result = {"type": kind, "encoding": str(message.get("Content-Transfer-Encoding", ""))}
    payload = message.get_payload()
    if kind == "message/delivery-status": result["groups"] = [fields(group) for group in payload]
    elif kind == "message/rfc822": result["message"] = base64.b64encode(payload[0].as_bytes(policy=plain)).decode()
    elif kind.startswith("message/global"):
        # Python reads any message/* as a message, before it looks at the encoding.
        octets = payload[0].as_bytes(policy=plain)
        if result["encoding"] == "quoted-printable": octets = quopri.decodestring(octets)
        if result["encoding"] == "base64": octets = base64.b64decode(octets)
        result["text"] = octets.decode("latin-1")
    else: result["text"] = message.get_payload(decode=True).decode("latin-1")
    return result
plain = email.policy.compat32.clone(linesep="\\r\\n", max_line_length=None)
answers = []
for text in json.load(sys.stdin):
    message = email.message_from_bytes(base64.b64decode(text), policy=plain)
    defects = [type(d).__name__ for p in message.walk() for d in p.defects]
    answers.append({
        "fields": fields(message), "type": message.get_content_type(), "report": message.get_param("report-type"),
        "defects": defects, "parts": [part(p) for p in message.get_payload()], "epilogue": message.epilogue,
    })
json.dump(answers, sys.stdout)
`;

interface ReadPart {
  readonly type: string;
  readonly encoding: string;
  readonly groups?: readonly (readonly [string, string][])[];
  readonly message?: string;
  readonly text?: string;
}

interface ReadMessage {
  readonly fields: readonly [string, string][];
  readonly type: string;
  readonly report: string;
  readonly defects: readonly string[];
  readonly parts: readonly ReadPart[];
  readonly epilogue: string | null;
}

function readByPython(dsns: readonly Dsn[]): ReadMessage[] {
  const input = JSON.stringify(dsns.map(({ content }) => Buffer.concat(content).toString("base64")));
  const output = execFileSync("python3", ["-I", "-S", "-c", reader], { input, encoding: "utf8", maxBuffer: 2 ** 28 });
  const read: ReadMessage[] = JSON.parse(output);
  return read;
}

const skip = spawnSync("python3", ["-I", "-S", "-c", "import email"]).status === 0 ? false : "python3 is not here";

const dated = ([name, value]: [string, string]): [string, string | number] =>
  name.endsWith("-Date") ? [name, Date.parse(value)] : [name, value];

test("another reader finds three parts, the fields of RFC 3464 and the message as it was", { skip }, () => {
  const dsn = make();
  const [read] = readByPython([dsn]);
  assert.ok(read);
  assert.deepEqual(read.defects, []);
  assert.deepEqual([read.type, read.report], ["multipart/report", "delivery-status"]);
  assert.deepEqual(
    read.parts.map(({ type }) => type),
    ["text/plain", "message/delivery-status", "message/rfc822"],
  );
  const outer = new Map(read.fields);
  assert.equal(outer.get("From"), "Mail Delivery System <postmaster@sekimori.test>");
  assert.equal(outer.get("To"), "<alice@sekimori.test>");
  assert.equal(outer.get("Auto-Submitted"), "auto-replied");
  assert.equal(outer.get("MIME-Version"), "1.0");
  assert.equal(outer.get("Message-ID"), dsn.messageId);
  assert.equal(outer.get("References"), "<1@sekimori.test>");
  assert.equal(Date.parse(outer.get("Date") ?? ""), request.at);
  assert.equal(outer.size, read.fields.length);

  const [about, recipient, ...more] = read.parts[1]?.groups ?? [];
  assert.deepEqual(more, []);
  assert.deepEqual(about?.map(dated), [
    ["Original-Envelope-Id", "QQ314159"],
    ["Reporting-MTA", "dns; mail.sekimori.test"],
    ["Arrival-Date", request.arrivedAt],
  ]);
  assert.deepEqual(
    recipient?.map(([name, value]) => dated([name, value.replace(/\r\n /g, " ")])),
    [
      ["Original-Recipient", "rfc822;bob@example.jp"],
      ["Final-Recipient", "rfc822; bob@example.jp"],
      ["Action", "failed"],
      ["Status", "5.1.1"],
      ["Remote-MTA", "dns; mx1.example.jp"],
      ["Diagnostic-Code", "smtp; 550-5.1.1 No such user here 550 5.1.1 Ask your administrator"],
      ["Last-Attempt-Date", failed.lastAttempt],
    ],
  );
  assert.equal(Buffer.from(read.parts[2]?.message ?? "", "base64").toString(), original.toString());
});

test("people are told which recipient, what was said and what to do", () => {
  const text = make().text;
  assert.match(text, /\r\nSubject: Your message could not be delivered\r\n/);
  assert.match(
    text,
    /\r\n {2}bob@example\.jp\r\n {4}The server mx1\.example\.jp said:\r\n {6}550-5\.1\.1 No such user/,
  );
  assert.match(text, /\r\n {4}What you can do:\r\n {6}Check the address for typing errors/);
  const local = make({ recipients: [{ ...failed, diagnostic: "no answer in 5 days", diagnosticFrom: "local" }] }).text;
  assert.match(local, /\r\n {4}The reason:\r\n {6}no answer in 5 days\r\n/);
  assert.match(local, /\r\nDiagnostic-Code: x-sekimori; no answer in 5 days\r\n/);
  assert.ok(!local.includes("Remote-MTA"));
});

test("a delay says until when the server tries, and asks for nothing", { skip }, () => {
  const until = Date.UTC(2026, 10, 27, 3, 0, 0);
  const delayed: DsnRecipient = { ...failed, action: "delayed", status: "4.4.1", willRetryUntil: until };
  const [read] = readByPython([make({ recipients: [delayed] })]);
  const fields = new Map(read?.parts[1]?.groups?.[1]);
  assert.equal(fields.get("Action"), "delayed");
  assert.equal(Date.parse(fields.get("Will-Retry-Until") ?? ""), until);
  assert.match(read?.parts[0]?.text ?? "", /You need not do anything\. The server tries again until /);
  assert.ok(!read?.parts[0]?.text?.includes("What you can do"));
  // The sender has the message: only a failure returns it.
  assert.equal(read?.parts[2]?.type, "text/rfc822-headers");
});

test("every recipient has its own group, and the subject tells the worst", { skip }, () => {
  const recipients: DsnRecipient[] = [
    { recipient: "a@example.jp", action: "delivered", status: "2.0.0", diagnosticFrom: "local" },
    { recipient: "b@example.jp", action: "relayed", status: "2.0.0", diagnosticFrom: "local" },
    { recipient: "c@example.jp", action: "expanded", status: "2.0.0", diagnosticFrom: "local" },
    { recipient: "d@example.jp", action: "delayed", status: "4.0.0", diagnosticFrom: "local" },
    { ...failed, recipient: "e@example.jp" },
  ];
  const [read] = readByPython([make({ recipients })]);
  const actions = read?.parts[1]?.groups?.slice(1).map((group) => new Map(group).get("Action"));
  assert.deepEqual(actions, ["delivered", "relayed", "expanded", "delayed", "failed"]);
  assert.equal(new Map(read?.fields).get("Subject"), "Your message could not be delivered");
  const subject = (count: number): string =>
    /Subject: (.*)\r/.exec(make({ recipients: recipients.slice(0, count) }).text)?.[1] ?? "";
  assert.deepEqual([1, 2, 3, 4].map(subject), [
    "Your message was delivered",
    "Your message was passed on",
    "Your message was delivered to a list",
    "Your message is delayed, no need to send it again",
  ]);
});

const outcomeFor = (sender: string): string => {
  const result = makeDsn({ ...request, sender });
  return result.ok ? "made" : result.error.code;
};

test("a message from nobody, or from no address, gets no notification", () => {
  assert.equal(outcomeFor(""), "null-sender");
  assert.equal(outcomeFor("alice"), "bad-sender");
  assert.equal(outcomeFor("alice@sekimori.test>\r\nBcc: <x@y.test"), "bad-sender");
  assert.deepEqual(make().recipients, ["alice@sekimori.test"]);
});

const statusOf = (changes: Partial<DsnRecipient>): string =>
  /\r\nStatus: (.*)\r\n/.exec(make({ recipients: [{ ...failed, ...changes }] }).text)?.[1] ?? "";

test("a code that is none becomes the general one of the action", () => {
  assert.equal(statusOf({ status: "5.7.26" }), "5.7.26");
  assert.equal(statusOf({ status: "" }), "5.0.0");
  assert.equal(statusOf({ status: "550" }), "5.0.0");
  assert.equal(statusOf({ status: "5.1.1\r\nX: y", action: "delayed" }), "4.0.0");
  assert.equal(statusOf({ status: "3.0.0", action: "relayed" }), "2.0.0");
});

test("a large message comes back as its header section", { skip }, () => {
  const [small, large, headers] = readByPython([
    make({ largestReturn: original.length }),
    make({ largestReturn: original.length - 1 }),
    make({ returns: "headers" }),
  ]);
  assert.equal(small?.parts[2]?.type, "message/rfc822");
  for (const read of [large, headers]) {
    assert.equal(read?.parts[2]?.type, "text/rfc822-headers");
    assert.match(read.parts[2].text ?? "", /^From: Alice .*Message-ID: <1@sekimori\.test>\r\n$/s);
  }
});

test("eight-bit content is returned as it is and declared, and only where it is returned", { skip }, () => {
  const eightBit = Buffer.concat([original, Buffer.from("ありがとう\r\n")]);
  const whole = make({ original: [eightBit.subarray(0, 200), eightBit.subarray(200)] });
  const header = make({ original: [eightBit], returns: "headers" });
  assert.deepEqual([whole.eightBit, header.eightBit, make().eightBit], [true, false, false]);
  const [read, readHeader] = readByPython([whole, header]);
  assert.equal(new Map(read?.fields).get("Content-Transfer-Encoding"), "8bit");
  assert.equal(read?.parts[2]?.encoding, "8bit");
  assert.deepEqual(Buffer.from(read.parts[2].message ?? "", "base64"), eightBit);
  assert.equal(new Map(readHeader?.fields).get("Content-Transfer-Encoding"), undefined);
});

const boundaryOf = (text: string): string => /boundary="(.*)"/.exec(text)?.[1] ?? "";

test("the boundary stands nowhere in the content", () => {
  const first = boundaryOf(make().text);
  const hostile = make({ original: [Buffer.from(`A: b\r\n\r\n--${first}`), Buffer.from("--\r\n")] });
  assert.notEqual(boundaryOf(hostile.text), first);
  assert.equal(hostile.text.split(`--${boundaryOf(hostile.text)}`).length, 5);
});

test("a message that ends without a line end, or has no fields at all, is returned as it is", { skip }, () => {
  const odd = [Buffer.from("A: b\r\n\r\nno end"), Buffer.from("\r\nonly a body\r\n")];
  const read = readByPython(odd.map((content) => make({ original: [content] })));
  for (const [index, message] of read.entries()) {
    assert.equal(message.parts.length, 3);
    assert.equal(Buffer.from(message.parts[2]?.message ?? "", "base64").toString(), odd[index]?.toString());
  }
});

test("what strangers said never makes a field, a part or a character outside ASCII", { skip }, () => {
  const nasty = fc.oneof(
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.constantFrom(
      "a\r\n\r\n--=_01kaxyz0a0123456_0--",
      "550 x\r\nAction: delivered",
      "\r\n\r\n",
      "x".repeat(5000),
      "",
    ),
    fc.lorem({ maxCount: 200 }),
  );
  const recipients = fc.array(
    fc.record({
      recipient: nasty,
      originalRecipient: nasty,
      action: fc.constantFrom("failed", "delayed", "delivered", "relayed", "expanded"),
      status: nasty,
      remote: nasty,
      diagnostic: nasty,
      diagnosticFrom: fc.constantFrom("remote", "local"),
    }),
    { minLength: 1, maxLength: 3 },
  );
  const made: Dsn[] = [];
  const counts: number[] = [];
  fc.assert(
    fc.property(recipients, nasty, (about, envelopeId) => {
      const dsn = make({ recipients: about, envelopeId });
      assert.ok(/^(?:[ -~\t]{0,998}\r\n)+$/.test(dsn.text));
      made.push(dsn);
      counts.push(about.length);
    }),
    { numRuns: 300 },
  );
  const known =
    /^(Original-Envelope-Id|Reporting-MTA|Arrival-Date|Original-Recipient|Final-Recipient|Action|Status|Remote-MTA|Diagnostic-Code)$/;
  for (const [index, message] of readByPython(made).entries()) {
    assert.deepEqual(message.defects, []);
    assert.equal(message.parts.length, 3);
    const groups = message.parts[1]?.groups ?? [];
    assert.equal(groups.length, 1 + (counts[index] ?? 0));
    for (const group of groups) {
      for (const [name] of group) assert.match(name, known);
      assert.equal(new Set(group.map(([name]) => name)).size, group.length);
    }
    assert.equal(message.fields.filter(([name]) => name === "Subject").length, 1);
    assert.equal(message.fields.length, 10);
  }
});

test("with UTF-8 the parts are those of RFC 6533, and fit through a server that takes 7 bits only", { skip }, () => {
  const utf8Original = Buffer.from("From: 葉子 <葉子@sekimori.test>\r\nSubject: 関守\r\n\r\nどうも\r\n");
  const dsn = make({
    sender: "葉子@sekimori.test",
    utf8: true,
    original: [utf8Original],
    recipients: [{ ...failed, recipient: "太郎@example.jp", originalRecipient: "utf-8;太郎@example.jp" }],
  });
  assert.deepEqual([dsn.recipients, dsn.utf8, dsn.eightBit], [["葉子@sekimori.test"], true, true]);
  const whole = Buffer.concat(dsn.content);
  const text = whole.toString("utf8");
  assert.match(text, /^To: <葉子@sekimori\.test>\r$/m);
  assert.match(text, /Content-Type: message\/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n/);
  assert.match(text, /^Original-Recipient: utf-8;太郎@example\.jp\r\nFinal-Recipient: utf-8; 太郎@example\.jp\r$/m);
  assert.match(text, /Content-Type: message\/global\r\n/);
  const ascii = make({
    utf8: true,
    original: [utf8Original],
    recipients: [{ ...failed, originalRecipient: "utf-8;太郎@example.jp" }],
  });
  assert.deepEqual([ascii.utf8, ascii.eightBit], [false, true], "the sender's address is ASCII");
  const converted = convertToSevenBit(ascii.content);
  assert.ok(converted.ok);
  const [read] = readByPython([{ ...ascii, content: [...converted.value.content] }]);
  assert.deepEqual(
    read?.parts.map(({ type }) => type),
    ["text/plain", "message/global-delivery-status", "message/global"],
  );
  assert.match(
    Buffer.from(read?.parts[1]?.text ?? "", "latin1").toString("utf8"),
    /^Original-Recipient: utf-8;太郎@example\.jp\r$/m,
  );
  assert.equal(Buffer.from(read?.parts[2]?.text ?? "", "latin1").toString("utf8"), utf8Original.toString("utf8"));
});
