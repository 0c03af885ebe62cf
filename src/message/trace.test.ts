import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { parseAddress, type Address } from "../address/address.ts";
import { parseDomain, type Domain } from "../address/domain.ts";
import { readHeaders } from "./headers.ts";
import { deliveredToField, receivedField, returnPathField, type ReceivedFacts } from "./trace.ts";

function domain(text: string): Domain {
  const parsed = parseDomain(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

const facts: ReceivedFacts = {
  helo: "client.example.jp",
  client: "192.0.2.7",
  reverseName: "host7.example.jp",
  hostname: domain("mx.sekimori.test"),
  transmission: "ESMTPSA",
  cipher: "TLS_AES_256_GCM_SHA384",
  id: "01kaxyz0a0123456",
  recipients: [address("bob@example.jp")],
  at: Date.UTC(2026, 10, 22, 3, 4, 5),
};

test("Received tells who gave the message to whom, how, for whom and when", () => {
  const [date, ...rest] = receivedField(facts).split("\r\n\t").toReversed();
  assert.deepEqual(rest.toReversed(), [
    "Received: from client.example.jp (host7.example.jp [192.0.2.7])",
    "by mx.sekimori.test with ESMTPSA id 01kaxyz0a0123456",
    "for <bob@example.jp>",
    "tls TLS_AES_256_GCM_SHA384;",
  ]);
  assert.equal(Date.parse(date ?? ""), facts.at);
});

test("without TLS, reverse name or a single recipient nothing is said about them", () => {
  const recipients = [address("bob@example.jp"), address("carol@example.jp")];
  const plain: ReceivedFacts = {
    ...facts,
    recipients,
    cipher: undefined,
    reverseName: undefined,
    transmission: "SMTP",
  };
  const field = receivedField(plain);
  assert.match(
    field,
    /^Received: from client\.example\.jp \(unknown \[192\.0\.2\.7\]\)\r\n\tby \S+ with SMTP id \S+;\r\n\t/,
  );
  assert.ok(!/bob|carol|tls/.test(field));
});

test("who logged in is told in a comment before our name, and can say nothing else there", () => {
  const field = receivedField({ ...facts, authenticated: "alice@sekimori.test" });
  assert.match(
    field,
    /\[192\.0\.2\.7\]\)\r\n\t\(Authenticated sender: alice@sekimori\.test\)\r\n\tby mx\.sekimori\.test /,
  );
  assert.ok(!receivedField(facts).includes("Authenticated"));
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (authenticated) => {
      const [, comment, rest] = receivedField({ ...facts, authenticated }).split("\r\n\t");
      assert.match(comment ?? "", /^\(Authenticated sender: [!-~]*\)$/);
      assert.doesNotMatch(comment!.slice(1, -1), /[()\\<>;",[\]]/);
      assert.match(rest ?? "", /^by mx/);
    }),
  );
});

const fromClient = (client: string, helo = "x"): string => receivedField({ ...facts, client, helo });

test("addresses of clients are written as literals", () => {
  assert.match(fromClient("2001:db8::1"), /\(host7\.example\.jp \[IPv6:2001:db8::1\]\)/);
  assert.match(fromClient("::ffff:192.0.2.9"), /\[192\.0\.2\.9\]/);
  assert.match(fromClient("192.0.2.7", "[192.0.2.7]"), /from \[192\.0\.2\.7\] \(/);
  assert.match(fromClient("2001:db8::1", "[IPv6:2001:db8::1]"), /from \[IPv6:2001:db8::1\] \(/);
});

const heloToken = (text: string): string =>
  /from (.*?) \(host7/.exec(receivedField({ ...facts, helo: text }))?.[1] ?? "";

test("a greeting that is no name comes out as one harmless token", () => {
  assert.equal(heloToken("evil (by mx.example.jp)\r\nX-Spam: no"), "evil??by?mx.example.jp???X-Spam??no");
  assert.equal(heloToken(""), "unknown");
  assert.equal(heloToken("[not an address]"), "?not?an?address?");
  assert.equal(heloToken("x".repeat(5000)).length, 255);
});

test("final delivery adds Return-Path and Delivered-To", () => {
  assert.equal(returnPathField(address("alice@sekimori.test")), "Return-Path: <alice@sekimori.test>\r\n");
  assert.equal(returnPathField(undefined), "Return-Path: <>\r\n");
  assert.equal(deliveredToField(address("bob@example.jp")), "Delivered-To: bob@example.jp\r\n");
  assert.equal(returnPathField(address('"a> b"@example.jp')), 'Return-Path: <"a> b"@example.jp>\r\n');
});

test("an address outside ASCII stands in the fields of final delivery only", () => {
  const exotic: Address = { local: "ありす", domain: domain("example.jp"), literal: undefined };
  assert.equal(returnPathField(exotic), "Return-Path: <ありす@example.jp>\r\n");
  assert.equal(deliveredToField(exotic), "Delivered-To: ありす@example.jp\r\n");
  assert.ok(!receivedField({ ...facts, recipients: [exotic] }).includes("\tfor"));
});

test("no text of a client makes a second field, a comment or a character outside ASCII", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.constantFrom("a\r\nX: y", "a\r\n\r\nbody", "a)", "(", '"', "\\", "a;b", "<x@y>", "[::1]\r\nX: y", "a\0"),
  );
  fc.assert(
    fc.property(text, text, text, text, (helo, client, reverseName, cipher) => {
      const field = receivedField({ ...facts, helo, client, reverseName, cipher });
      const read = readHeaders([Buffer.from(field, "latin1")]);
      assert.ok(read.ok && read.value.defect === undefined);
      assert.deepEqual(
        read.value.fields.map(({ name }) => name),
        ["Received"],
      );
      assert.match(field, /^[\t -~\r\n]+$/);
      // One comment, closed where we close it, and one semicolon: the one before the date.
      assert.equal(field.replace(/[^()";\\]/g, ""), "();");
    }),
    { numRuns: 2000 },
  );
});
