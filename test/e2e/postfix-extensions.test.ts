// What we send to Postfix arrives as it was meant: DSN parameters, UTF-8 addresses, 8-bit and binary content.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { egressFor, type TestEgress } from "../../src/egress/test-support.ts";
import { startPostfix, type Postfix } from "../lab/postfix.ts";
import { startSink, type Sink } from "../lab/sink.ts";

interface Peer {
  readonly postfix: Postfix;
  /** Where Postfix sends what is not its own. */
  readonly sink: Sink;
  readonly egress: TestEgress;
}

async function startPeer(t: TestContext, settings: readonly string[] = []): Promise<Peer | undefined> {
  const sink = await startSink(t);
  const postfix = await startPostfix(t, { domains: ["example.jp"], relayTo: sink, settings });
  if (postfix === undefined) return undefined;
  const { address, port } = postfix;
  const smarthost = { host: address, port, protocol: "smtp", tls: "never", auth: undefined } as const;
  return { postfix, sink, egress: egressFor(t, { smarthost }) };
}

const text = Buffer.from(
  "From: alice@sekimori.test\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" +
    "Content-Transfer-Encoding: 8bit\r\n\r\nr\u00e9sum\u00e9 of what was said\r\n",
);

test("Postfix gets NOTIFY, ENVID and ORCPT, and reports the success itself", async (t) => {
  const peer = await startPeer(t);
  if (peer === undefined) return;
  const more = {
    dsn: { envelopeId: "QQ+2B314159", returns: "HDRS" },
    recipientDsn: { 0: { notify: ["SUCCESS"], originalRecipient: "rfc822;team+2Bx@example.org" } },
  } as const;
  const [result] = await peer.egress.deliver(["bob@example.jp"], { more });
  assert.deepEqual([result?.kind, result?.confirms], ["delivered", true]);
  const [report] = await peer.sink.waitForMessages(1, 20_000);
  assert.match(report?.mail ?? "", /^FROM:<>/);
  assert.match(report?.recipients[0] ?? "", /^TO:<alice@sekimori\.test>/);
  const data = report?.data ?? "";
  assert.match(data, /^Original-Envelope-Id: QQ\+314159\r$/m);
  assert.match(data, /^Original-Recipient: rfc822;team\+x@example\.org\r$/m);
  assert.match(data, /^Action: delivered\r$/m);
});

test("Postfix gets UTF-8 addresses and 8-bit content as they are", async (t) => {
  const peer = await startPeer(t);
  if (peer === undefined) return;
  const job = { eightBit: true, content: () => Promise.resolve([text]) };
  assert.equal((await peer.egress.deliver(["葉子@example.jp"], job))[0]?.kind, "delivered");
  const [kept] = await peer.postfix.waitForMessages(1, 20_000);
  const utf8 = Buffer.from(kept ?? "", "latin1").toString("utf8");
  assert.match(utf8, /^Delivered-To: 葉子@example\.jp$/m);
  assert.match(utf8, /^Content-Transfer-Encoding: 8bit$/m);
  assert.match(utf8, /\n\nr\u00e9sum\u00e9 of what was said\n$/);
});

test("Postfix without the extensions gets 7-bit content, and no UTF-8 address", async (t) => {
  const peer = await startPeer(t, ["smtpd_discard_ehlo_keywords = 8bitmime, smtputf8, dsn"]);
  if (peer === undefined) return;
  const job = { eightBit: true, content: () => Promise.resolve([text]) };
  assert.equal((await peer.egress.deliver(["葉子@example.jp"], job))[0]?.status, "5.6.7");
  assert.equal((await peer.egress.deliver(["bob@example.jp"], job))[0]?.kind, "delivered");
  const image = Buffer.from("Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\n\r\xff", "latin1");
  const binary = { more: { binary: true }, content: () => Promise.resolve([image]) } as const;
  assert.equal((await peer.egress.deliver(["bob@example.jp"], binary))[0]?.kind, "delivered");
  const kept = (await peer.postfix.waitForMessages(2, 20_000)).join("\n");
  assert.match(kept, /^Content-Transfer-Encoding: quoted-printable\n[^]*\n\nr=C3=A9sum=C3=A9 of what was said\n/m);
  assert.match(kept, /^Content-Transfer-Encoding: base64\n[^]*\n\nAAoN\/w==\n$/m);
});
