import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { addressKey, parseAddress, type Address } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import { readHeaders } from "./headers.ts";
import { earlierPasses } from "./passes.ts";
import { deliveredToField, receivedField } from "./trace.ts";

const HOST = "mx1.sekimori.test";

function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

function passes(header: string, ...recipients: readonly string[]): string {
  const section = readHeaders([Buffer.from(`${header}\r\nbody\r\n`, "latin1")]);
  assert.ok(section.ok);
  const found = earlierPasses(section.value, HOST, recipients.map(address));
  return found === undefined ? "never" : `${found.count} ${addressKey(found.recipient)}`;
}

const received = (by: string, recipient: string) =>
  `Received: from a.example by ${by} with ESMTP id 1\r\n\tfor <${recipient}>;\r\n\tThu, 1 Jan 2026 00:00:00 +0000\r\n`;
const BOB = "bob@sekimori.test";

test("our own trace field is recognised", () => {
  const hostname = parseDomain(HOST);
  assert.ok(hostname.ok);
  const field = receivedField({
    helo: "c.example.jp",
    client: "192.0.2.1",
    reverseName: undefined,
    hostname: hostname.value,
    transmission: "ESMTPS",
    cipher: "TLS_AES_128_GCM_SHA256",
    id: "one",
    recipients: [address(BOB)],
    at: 0,
  });
  assert.equal(passes(field, BOB), `1 ${BOB}`);
  assert.equal(passes(field + field, "carol@sekimori.test", BOB), `2 ${BOB}`);
  assert.equal(passes(field, "carol@sekimori.test"), "never");
});

const cases: readonly (readonly [name: string, header: string, expected: string])[] = [
  ["nothing", "Subject: one\r\n", "never"],
  ["another host", received("mx2.sekimori.test", BOB), "never"],
  ["a host whose name begins like ours", received(`${HOST}.example`, BOB), "never"],
  ["another recipient", received(HOST, "carol@sekimori.test"), "never"],
  ["letters in another case", received("MX1.Sekimori.TEST", "Bob@SEKIMORI.test"), `1 ${BOB}`],
  ["refolded by a relay", received(HOST, BOB).replaceAll("\r\n\t", " "), `1 ${BOB}`],
  ["one delivery tells it twice", received(HOST, BOB) + deliveredToField(address(BOB)), `1 ${BOB}`],
  ["delivered twice", deliveredToField(address(BOB)).repeat(2), `2 ${BOB}`],
  ["no recipient named", "Received: from a by mx1.sekimori.test with ESMTP id 1; x\r\n", "never"],
  ["no address", "Received: by mx1.sekimori.test for <@@>\r\nDelivered-To: \r\nDelivered-To: bob\r\n", "never"],
  ["never closed", "Received: by mx1.sekimori.test for <bob@sekimori.test\r\n", "never"],
];

for (const [name, header, expected] of cases) {
  test(`passes: ${name}`, () => assert.equal(passes(header, BOB), expected));
}

test("any header section is read without an exception", () => {
  const word = fc.constantFrom("Received:", " by ", HOST, " for <", BOB, ">", "Delivered-To: ", "\r\n", "\t", "<", '"');
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.string()), { maxLength: 30 }), (parts) => {
      passes(parts.join(""), BOB);
    }),
  );
});
