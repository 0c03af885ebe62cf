// The table of bad input against a real session on a real socket. After each row the session is asked whether it is still
// there, and nothing may have been kept.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";
import { dial, dialAs, listen, makeMaterial, makeService } from "../../src/ingress/smtp/test-service.ts";
import type { Client, Material, Service } from "../../src/ingress/smtp/test-service.ts";
import { badInputs } from "./smtp.ts";
import type { BadInput } from "./smtp.ts";

let directory: string;
let material: Material;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "bad-input-"));
  material = await makeMaterial(directory);
});
after(() => rm(directory, { recursive: true }));

const MAIL = "MAIL FROM:<carol@example.jp>";
const RCPT = "RCPT TO:<bob@sekimori.test>";

const preludes: { readonly [Situation in Exclude<BadInput["after"], "account">]: readonly string[] } = {
  greeting: [],
  ehlo: ["EHLO c.example.jp"],
  mail: ["EHLO c.example.jp", MAIL],
  utf8: ["EHLO c.example.jp", `${MAIL} SMTPUTF8`],
  rcpt: ["EHLO c.example.jp", MAIL, RCPT],
  binary: ["EHLO c.example.jp", `${MAIL} BODY=BINARYMIME`, RCPT],
  data: ["EHLO c.example.jp", MAIL, RCPT, "DATA"],
};

async function open(t: TestContext, service: Service, situation: BadInput["after"]): Promise<Client> {
  if (situation === "account") return dialAs(t, service, await listen(t, service));
  const client = dial(t, await listen(t, service, { role: "mx", tls: "none" }));
  await client.reply();
  for (const line of preludes[situation]) {
    // oxlint-disable-next-line no-await-in-loop -- a dialogue
    assert.match(await client.ask(line), /^[23]/, line);
  }
  return client;
}

test("the table is not smaller than it was", () => {
  assert.ok(badInputs.length >= 90, `${badInputs.length} rows`);
  assert.equal(new Set(badInputs.map(({ name }) => name)).size, badInputs.length);
});

for (const { name, after: situation, send, expect, session } of badInputs) {
  test(`${name}: ${expect}`, async (t) => {
    const service = makeService(material, { smtp: { messageSize: 1500 } });
    const client = await open(t, service, situation);
    client.send(send);
    // Where the session goes on, the last reply shows that nothing was left over to be taken for commands.
    client.send("QUIT\r\n");
    const replies = (await client.rest()).split("\r\n").filter((line) => line !== "" && line[3] !== "-");
    // On submission the envelope is fine.
    const first = replies.find((line) => situation !== "account" || !line.startsWith("250"));
    assert.equal(first?.slice(0, expect.length), expect);
    assert.equal(replies.at(-1)?.startsWith("221 "), session === "open", replies.join(" | "));
    assert.deepEqual(service.spool.appended, []);
    assert.deepEqual(service.named("internal.failed"), []);
  });
}
