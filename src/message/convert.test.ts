import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { isAscii } from "node:buffer";
import { test } from "node:test";
import * as fc from "fast-check";
import { stuffContent } from "../proto/smtp-client/content.ts";
import { convertToSevenBit } from "./convert.ts";

function convert(message: string | Buffer): string {
  const octets = typeof message === "string" ? Buffer.from(message, "utf8") : message;
  const converted = convertToSevenBit([octets]);
  assert.ok(converted.ok, converted.ok ? "" : converted.error.message);
  return Buffer.concat(converted.value.content).toString("latin1");
}

function refusal(message: string | Buffer): string {
  const converted = convertToSevenBit([Buffer.from(message)]);
  assert.ok(!converted.ok);
  assert.equal(converted.error.status, "5.6.3");
  return converted.error.message;
}

/** A multipart of that type around one 8-bit part. */
function wrapped(type: string): string {
  return `MIME-Version: 1.0\r\nContent-Type: ${type}; boundary=b\r\n\r\n--b\r\n\r\n\u00e9\r\n--b--\r\n`;
}

/** A message in a message in a message, 8-bit at the bottom. */
function nested(levels: number): string {
  return levels === 0 ? "\r\n\u00e9" : `Content-Type: message/rfc822\r\n\r\n${nested(levels - 1)}`;
}

/** What the email package of Python finds in a message: type and octets of every leaf, in order. */
const reader = `
import sys, json, base64, email
def leaves(message):
    kind = message.get_content_type()
    if message.is_multipart():
        inner = []
        for part in message.get_payload(): inner += leaves(part)
        return [["{", kind, ""]] + inner + [["}", kind, ""]]
    return [["leaf", kind, base64.b64encode(message.get_payload(decode=True)).decode()]]
json.dump([leaves(email.message_from_bytes(base64.b64decode(text))) for text in json.load(sys.stdin)], sys.stdout)
`;
const hasPython = spawnSync("python3", ["-c", "import email"]).status === 0;

function leaves(messages: readonly (string | Buffer)[]): unknown[] {
  const input = JSON.stringify(messages.map((message) => Buffer.from(message as string, "latin1").toString("base64")));
  const answer: unknown = JSON.parse(execFileSync("python3", ["-c", reader], { input, maxBuffer: 1e9 }).toString());
  assert.ok(Array.isArray(answer));
  return answer;
}

test("text in UTF-8 becomes quoted-printable or base64, whichever is shorter", () => {
  const mostlyAscii = convert(
    "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" +
      "Content-Transfer-Encoding: 8bit\r\n\r\nR\u00e9sum\u00e9 = 1 \r\nend\r\n",
  );
  assert.equal(
    mostlyAscii,
    "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" +
      "Content-Transfer-Encoding: quoted-printable\r\n\r\nR=C3=A9sum=C3=A9 =3D 1=20\r\nend\r\n",
  );
  const japanese = convert(
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + "関守は門を守る".repeat(9) + "\r\n",
  );
  assert.match(japanese, /\r\nContent-Transfer-Encoding: base64\r\n\r\n6Zai/);
});

test("text without MIME says that nobody knows its characters", () => {
  assert.equal(
    convert("Subject: x\r\n\r\ncaf\u00e9, and some more words to read\r\n"),
    "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n" +
      "Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9, and some more words to read\r\n",
  );
});

test("what is 7-bit stays as it is, octet for octet", () => {
  const part = "--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n";
  const head = 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n';
  const plain = `${head}${part}${part}--b--\r\n`;
  assert.equal(convert(plain), plain);
  const mixed = convert(`${head}${part}--b\r\n\r\n\u00e9 and a few more words here\r\n--b--\r\n`);
  assert.equal(
    mixed,
    `${head}${part}--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9 and a few more words here\r\n--b--\r\n`,
  );
});

test("a long line, a bare line end and a NUL are encoded as well", () => {
  const head = "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\n";
  assert.match(convert(`${head}${"x".repeat(2000)}\r\n`), /quoted-printable\r\n\r\nx{75}=\r\n/);
  assert.match(convert(`${head}one\ntwo\r\n`), /base64\r\n\r\nb25lCnR3bw0K\r\n$/);
  assert.match(convert(`${head}nul\0\r\n`), /nul=00\r\n$/);
});

test("content that does not end its last line gets a line end, and none is added to what it says", () => {
  assert.equal(convert("Subject: x\r\n\r\nplain"), "Subject: x\r\n\r\nplain\r\n");
  assert.match(convert(`\r\n\u00e9 ${"word ".repeat(9)}end`), / end=\r\n$/);
  assert.match(convert("Subject: x"), /^Subject: x\r\n$/);
});

test("what must not change, or can be read in two ways, is refused", () => {
  const eight = "\r\n\r\n\u00e9\r\n";
  for (const [message, why] of [
    [wrapped("multipart/signed"), /multipart\/signed must not be changed/],
    [wrapped("multipart/encrypted"), /multipart\/encrypted must not be changed/],
    [`Content-Type: message/partial${eight}`, /message\/partial must not be changed/],
    [`Content-Type: message/delivery-status${eight}`, /must not be changed/],
    ["Subject: \u00e9\r\n\r\nx\r\n", /header section is not 7-bit/],
    [`X: ${"x".repeat(1000)}${eight}`, /header section is not 7-bit/],
    [`Content-Transfer-Encoding: base64${eight}`, /says base64/],
    [`Content-Transfer-Encoding: x-uuencode${eight}`, /says x-uuencode/],
    [`Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: 7bit${eight}`, /cannot be understood/],
    [`Content-Type: text/plain\r\nContent-Type: text/html${eight}`, /cannot be understood/],
    [`Content-Type: text${eight}`, /cannot be understood/],
    [`Content-Type: multipart/mixed${eight}`, /no usable boundary/],
    [`Content-Type: multipart/mixed; boundary=a; boundary=b${eight}`, /cannot be understood/],
    [`Content-Type: multipart/mixed; boundary*0=a${eight}`, /cannot be understood/],
    [`Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\u00e9\r\n`, /does not end with its boundary/],
    [wrapped("multipart/mixed").replace("--b\r\n\r\n\u00e9", "--b\r\nSubject: \u00e9\r\n\r\nx"), /header section/],
  ] as const) {
    assert.match(refusal(message), why);
  }
});

test("a signed part inside is kept when it is 7-bit, whatever stands beside it", () => {
  const signed =
    "--a\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\nContent-Transfer-Encoding: 8bit\r\n\r\nsigned \r\n" +
    "--s\r\nContent-Type: application/pgp-signature\r\n\r\nxyz\r\n--s--\r\n";
  const whole = `Content-Type: multipart/mixed; boundary=a\r\n\r\n${signed}--a\r\n\r\n\u00e9\r\n--a--\r\n`;
  assert.ok(convert(whole).includes(signed));
});

test("messages in messages are converted inside, and global ones are wrapped", () => {
  const inner = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nr\u00e9sum\u00e9 of what was said\r\n";
  assert.match(
    convert(`Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${inner}`),
    /^Content-Type: message\/rfc822\r\nMIME-Version: 1.0\r\n\r\nSubject: x[^]*quoted-printable\r\n\r\nr=C3=A9sum/,
  );
  const global = convert(`Content-Type: message/global\r\n\r\nSubject: \u00e9${" x".repeat(40)}\r\n\r\nx\r\n`);
  assert.match(global, /Content-Transfer-Encoding: quoted-printable\r\n\r\nSubject: =C3=A9 x/);
});

test("levels and parts are bounded, and signatures that break are counted", () => {
  assert.match(convert(nested(19)), /=C3=A9/);
  assert.match(refusal(nested(20)), /more than 20 levels/);
  const many = `Content-Type: multipart/mixed; boundary=b\r\n\r\n${"--b\r\n\r\n\u00e9\r\n".repeat(1001)}--b--\r\n`;
  assert.match(refusal(many), /more than 1000 MIME parts|does not end/);
  const signed = convertToSevenBit([Buffer.from("DKIM-Signature: v=1\r\nDKIM-Signature: v=1\r\n\r\n\u00e9\r\n")]);
  assert.equal(signed.ok && signed.value.brokenSignatures, 2);
});

test("the cost is linear in the octets, also for delimiters that are none", () => {
  const head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  const line = "--bx\r\n";
  const part = `${head}--b\r\n\r\n\u00e9\r\n${line.repeat(500_000)}--b--\r\n`;
  // A quadratic search would take minutes; the time itself is not asserted.
  assert.match(convert(part), /=C3=A9/);
});

// Words that come near to what the formats are made of.
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom("\u00e9", "関", " ", "\t", "=", ".", "--", "--b", "x", "\r\n", "\r\n", "=20", "From "),
      fc.string({ maxLength: 6 }).map((each) => each.replaceAll(/[\r\n]/g, "")),
    ),
    { maxLength: 30 },
  )
  .map((words) => Buffer.from(words.join(""), "utf8"));
const octets = fc.oneof(
  text,
  fc.uint8Array({ maxLength: 200 }).map((each) => Buffer.from(each)),
  text.map((each) => Buffer.concat(Array.from({ length: 40 }, () => each))),
);
const leafType = fc.constantFrom("text/plain; charset=utf-8", 'text/html; charset="utf-8"', "image/png (a comment)");

interface Entity {
  readonly head: string;
  readonly body: Buffer;
}

const leaf: fc.Arbitrary<Entity> = fc
  .tuple(leafType, fc.constantFrom("8bit", "BINARY", undefined), octets)
  .map(([type, encoding, body]) => ({
    head: `Content-Type: ${type}\r\n${encoding === undefined ? "" : `Content-Transfer-Encoding: ${encoding}\r\n`}`,
    // Bare line ends beside a delimiter are read differently by everybody; they have their own cases.
    body: body.includes("--") ? Buffer.from(body.toString("latin1").replaceAll("--", "-_"), "latin1") : body,
  }));

const { entity } = fc.letrec<{ entity: Entity }>((tie) => ({
  entity: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.tuple(fc.array(tie("entity"), { minLength: 1, maxLength: 3 }), fc.uuid()).map(([parts, boundary]) => ({
      head: `Content-Type: multipart/mixed;\r\n\tboundary="${boundary}"\r\n`,
      body: Buffer.concat([
        ...parts.map(({ head, body }) =>
          Buffer.concat([Buffer.from(`--${boundary}\r\n${head}\r\n`), body, Buffer.from("\r\n")]),
        ),
        Buffer.from(`--${boundary}--\r\n`),
      ]),
    })),
    tie("entity").map(({ head, body }) => ({
      head: "Content-Type: message/rfc822\r\n",
      body: Buffer.concat([Buffer.from(`Subject: inside\r\nMIME-Version: 1.0\r\n${head}\r\n`), body]),
    })),
  ),
}));
const message = entity.map(({ head, body }) =>
  Buffer.concat([Buffer.from(`Subject: x\r\nMIME-Version: 1.0\r\n${head}\r\n`), body, Buffer.from("\r\n")]),
);

test("whatever comes out is 7-bit, in lines that every server takes, and decodes to the same octets", (t) => {
  const pairs: [Buffer, Buffer][] = [];
  fc.assert(
    fc.property(message, (original) => {
      const converted = convertToSevenBit([original]);
      assert.ok(converted.ok);
      const out = Buffer.concat(converted.value.content);
      assert.ok(isAscii(out) && !out.includes(0));
      assert.ok(stuffContent([out]).ok);
      for (const line of out.toString("latin1").split("\r\n")) assert.ok(line.length <= 998);
      const again = convertToSevenBit([out]);
      assert.ok(again.ok && Buffer.concat(again.value.content).equals(out), "a second time changes nothing");
      pairs.push([original, out]);
    }),
    { numRuns: 300 },
  );
  if (!hasPython) return t.skip("no python3 to compare with");
  const before = leaves(pairs.map(([original]) => original));
  const after = leaves(pairs.map(([, out]) => out));
  for (const [index, [original, out]] of pairs.entries()) {
    assert.deepEqual(after[index], before[index], `${original.toString()}\n=====\n${out.toString()}`);
  }
});

test("no octets make it throw", () => {
  fc.assert(
    fc.property(fc.oneof(octets, message), fc.nat(), fc.uint8Array({ maxLength: 4 }), (original, at, noise) => {
      const place = at % (original.length + 1);
      const broken = Buffer.concat([original.subarray(0, place), noise, original.subarray(place)]);
      const converted = convertToSevenBit([broken]);
      if (converted.ok) assert.ok(stuffContent([...converted.value.content]).ok);
    }),
  );
});
