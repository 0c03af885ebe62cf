// We log in at a Postfix with Cyrus SASL: by SCRAM-SHA-256 where it offers that, by PLAIN else, and not at all with a wrong
// password, in which case mail waits.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { egressFor } from "../../src/egress/test-support.ts";
import { makeCertificate } from "../lab/certificate.ts";
import { startPostfix } from "../lab/postfix.ts";
import { makeSasl } from "../lab/sasl.ts";
import { temporaryDirectory } from "../lab/temporary.ts";

const account = { address: "relay@sekimori.test", password: "correct horse, = battery" } as const;

async function deliver(t: TestContext, mechanisms: string, password: string, mechanism?: "plain") {
  const sasl = await makeSasl(t, account, mechanisms);
  if (sasl.kind === "absent") {
    t.skip(sasl.reason);
    return undefined;
  }
  const tls = await makeCertificate(await temporaryDirectory(t), "mx.example.jp");
  const postfix = await startPostfix(t, {
    domains: ["example.jp"],
    tls,
    ...sasl,
    settings: [...sasl.settings, "smtpd_recipient_restrictions = permit_sasl_authenticated, reject"],
  });
  if (postfix === undefined) return undefined;
  const auth = { username: account.address, password, ...(mechanism === undefined ? {} : { mechanism }) };
  const smarthost = { host: postfix.address, port: postfix.port, protocol: "smtp", tls: "required", auth } as const;
  const [result] = await egressFor(t, { smarthost }).deliver(["bob@example.jp"]);
  return { result, log: () => postfix.waitForLog(/sasl_method=\S+/, 10_000) };
}

test("Postfix offers SCRAM-SHA-256 and PLAIN: we say SCRAM, and it believes us", async (t) => {
  const peer = await deliver(t, "PLAIN SCRAM-SHA-256 LOGIN", account.password);
  if (peer === undefined) return;
  assert.equal(peer.result?.kind, "delivered", peer.result?.reply);
  assert.match(await peer.log(), /sasl_method=SCRAM-SHA-256\b/);
});

test("where the configuration says so we log in by PLAIN although SCRAM is offered", async (t) => {
  const peer = await deliver(t, "PLAIN SCRAM-SHA-256 LOGIN", account.password, "plain");
  if (peer === undefined) return;
  assert.equal(peer.result?.kind, "delivered", peer.result?.reply);
  assert.match(await peer.log(), /sasl_method=PLAIN\b/);
});

test("Postfix offers LOGIN alone: we say LOGIN", async (t) => {
  const peer = await deliver(t, "LOGIN", account.password);
  if (peer === undefined) return;
  assert.equal(peer.result?.kind, "delivered", peer.result?.reply);
  assert.match(await peer.log(), /sasl_method=LOGIN\b/);
});

test("a wrong password is our fault: the mail waits", async (t) => {
  const peer = await deliver(t, "SCRAM-SHA-256", "wrong");
  if (peer === undefined) return;
  assert.deepEqual([peer.result?.kind, peer.result?.status], ["deferred", "4.7.8"]);
  assert.match(peer.result?.reply ?? "", /535/);
});
