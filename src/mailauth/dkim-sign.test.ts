import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { createSigner, type Signer } from "./dkim-sign.ts";

const domain = "sekimori.test";
const wall = Date.UTC(2026, 10, 22, 3, 4, 5);

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ed25519 = generateKeyPairSync("ed25519");

const records = new Map([
  [
    "rsa._domainkey.sekimori.test",
    `v=DKIM1; k=rsa; p=${rsa.publicKey.export({ type: "spki", format: "der" }).toString("base64")}`,
  ],
  [
    "ed._domainkey.sekimori.test",
    `v=DKIM1; k=ed25519; p=${ed25519.publicKey.export({ type: "spki", format: "der" }).subarray(12).toString("base64")}`,
  ],
]);

function signer(kind: "rsa" | "ed"): Signer {
  const { privateKey } = kind === "rsa" ? rsa : ed25519;
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const created = createSigner({ domain, selector: kind, privateKey: pem, clock: { wall: () => wall } });
  assert.ok(created.ok);
  return created.value;
}

async function signed(sign: Signer, content: readonly Uint8Array[]): Promise<string> {
  const result = await sign(content);
  assert.ok(result.ok);
  return Buffer.from(result.value).toString("latin1");
}

/** Results of the library's own verifier, one per signature. */
async function verify(message: string): Promise<readonly string[]> {
  const { results } = await dkimVerify(Buffer.from(message, "latin1"), {
    curTime: new Date(wall),
    resolver: async (name, type) => {
      const record = records.get(name);
      if (type !== "TXT" || record === undefined) throw Object.assign(new Error("no such name"), { code: "ENOTFOUND" });
      return await Promise.resolve([[record]]);
    },
  });
  return results.map(({ status }) => status.result);
}

const header =
  "Received: from x (unknown [192.0.2.1])\r\n\tby y; Sun, 22 Nov 2026 12:00:00 +0900\r\n" +
  "From: Alice  <alice@sekimori.test>\r\nTO: bob@example.jp,\r\n carol@example.jp\r\nSubject:\r\n two  words \r\n" +
  "Date: Sun, 22 Nov 2026 12:00:00 +0900\r\nMessage-ID: <1@sekimori.test>\r\n" +
  "Content-Type: text/plain; charset=utf-8\r\nX-Other: z\r\n";
const message = `${header}\r\nHow  are\tyou? \r\n\r\n\xe3\x81\x82\r\n\r\n\r\n`;

for (const kind of ["rsa", "ed"] as const) {
  test(`a signature with the ${kind} key is one field, and another program finds it good`, async () => {
    const field = await signed(signer(kind), [Buffer.from(message, "latin1")]);
    assert.match(field, /^DKIM-Signature: v=1; (?:[ -~]+\r\n[ \t])*[ -~]+\r\n$/);
    assert.ok(field.includes(`a=${kind === "rsa" ? "rsa" : "ed25519"}-sha256; c=relaxed/relaxed; d=sekimori.test;`));
    assert.ok(field.includes(` t=${wall / 1000};`));
    assert.ok(!/[ ;]l=/.test(field));
    assert.deepEqual(await verify(field + message), ["pass"]);
  });
}

test("what changes the message breaks the signature, what relays do does not", async () => {
  const field = await signed(signer("ed"), [Buffer.from(message, "latin1")]);
  const harmless = [
    `Received: from a by b; now\r\n${field}${message}`,
    field + message.replace("X-Other: z", "X-Other: changed"),
    field + message.replace("Subject:\r\n two  words ", "Subject: two words"),
    `${field + message}\r\n\r\n`,
  ];
  for (const text of harmless) assert.deepEqual(await verify(text), ["pass"], text);
  const harmful = [
    field + message.replace("How", "Who"),
    `${field + message}more\r\n`,
    field + message.replace("two", "one"),
    field + message.replace("bob@", "eve@"),
    ...["From", "To", "Subject", "Date", "Message-ID", "Reply-To", "Cc", "References", "Content-Type"].flatMap(
      (name) => [`${name}: x\r\n${field}${message}`, `${field}${header}${name}: x\r\n${message.slice(header.length)}`],
    ),
  ];
  for (const text of harmful) assert.notDeepEqual(await verify(text), ["pass"], text);
});

test("the chunks do not matter", async () => {
  const sign = signer("ed");
  const content = Buffer.from(message, "latin1");
  const whole = await signed(sign, [content]);
  const places = fc.array(fc.nat({ max: content.length }), { maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(places, async (at) => {
      const borders = [0, ...at.toSorted((a, b) => a - b), content.length];
      const chunks = borders.slice(1).map((end, index) => content.subarray(borders[index], end));
      assert.equal(await signed(sign, chunks), whole);
    }),
    { numRuns: 50 },
  );
});

test("any body and any subject is signed so that another program finds it good", async () => {
  const sign = signer("ed");
  const piece = fc.constantFrom("a", "b  c", " ", "\t", "\r\n", "\r\n\r\n", ".", "\xff", "=20");
  const text = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(""));
  await fc.assert(
    fc.asyncProperty(text, text, async (body, subject) => {
      const folded = subject.replace(/[\r\n]+/g, "\r\n ");
      const whole = `Subject: ${folded}\r\nFrom: alice@sekimori.test\r\n\r\n${body}`;
      const field = await signed(sign, [Buffer.from(whole, "latin1")]);
      assert.deepEqual(await verify(field + whole), ["pass"]);
    }),
    { numRuns: 100 },
  );
});

test("a body of several MiB is hashed in turns and comes out the same", async () => {
  const line = `${"0123456789 ".repeat(60)}\r\n`;
  const whole = `From: alice@sekimori.test\r\n\r\n${line.repeat(4000)}`;
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 0);
  const field = await signed(signer("ed"), [Buffer.from(whole)]);
  clearInterval(timer);
  assert.ok(turns > 0);
  assert.deepEqual(await verify(field + whole), ["pass"]);
});

test("a message without From is not signed", async () => {
  const result = await signer("ed")([Buffer.from("To: bob@example.jp\r\n\r\nbody\r\n")]);
  assert.ok(!result.ok && result.error.code === "no-from");
});

const outcomeOf = (privateKey: string, selector = "s"): string => {
  const created = createSigner({ domain, selector, privateKey });
  return created.ok ? "accepted" : created.error.code;
};

const pem = (pair: { privateKey: typeof rsa.privateKey }): string =>
  pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();

test("a key or selector that cannot make a signature is refused when it is read", () => {
  assert.equal(outcomeOf(pem(ed25519)), "accepted");
  assert.equal(outcomeOf("not a key"), "unreadable-key");
  assert.equal(outcomeOf(pem(generateKeyPairSync("rsa", { modulusLength: 512 }))), "short-key");
  assert.equal(outcomeOf(pem(generateKeyPairSync("ec", { namedCurve: "P-256" }))), "unsupported-key");
  for (const selector of ["", "a;b", "a\r\nb", "-a", "a..b", "a b"])
    assert.equal(outcomeOf(pem(ed25519), selector), "bad-name");
  for (const selector of ["s1", "2026-11", "a.b", "x_y"]) assert.equal(outcomeOf(pem(ed25519), selector), "accepted");
});
