import assert from "node:assert/strict";
import { test } from "node:test";
import { makeCertificate } from "./certificate.ts";
import { runProgram } from "./child.ts";
import { openDialogue } from "./client.ts";
import { startPostfix } from "./postfix.ts";
import { startSink } from "./sink.ts";
import { requires } from "./skip.ts";
import { temporaryDirectory } from "./temporary.ts";

const smtplib = `
import smtplib, sys
host, port, recipient = sys.argv[1], int(sys.argv[2]), sys.argv[3]
session = smtplib.SMTP(host, port, timeout=10)
session.sendmail("alice@sekimori.test", [recipient], "Subject: greetings\\r\\n\\r\\n.dot\\r\\nhello\\r\\n")
session.quit()
`;

test("Postfix takes mail for its own domain and relays the rest", async (t) => {
  const python = await requires(t, "python3");
  if (python === undefined) return;
  const sink = await startSink(t);
  const postfix = await startPostfix(t, { domains: ["example.jp"], relayTo: sink });
  if (postfix === undefined) return;
  for (const recipient of ["bob@example.jp", "carol@example.org"]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const sent = await runProgram({
      program: python.path,
      parameters: ["-c", smtplib, postfix.address, String(postfix.port), recipient],
      milliseconds: 30_000,
    });
    assert.equal(sent.code, 0, sent.stderr);
  }
  const [kept] = await postfix.waitForMessages(1, 20_000);
  assert.match(kept ?? "", /^Delivered-To: bob@example\.jp$/m);
  assert.match(kept ?? "", /\n\n\.dot\nhello\n$/);
  const [relayed] = await sink.waitForMessages(1, 20_000);
  assert.match(relayed?.mail ?? "", /^FROM:<alice@sekimori\.test>/);
  assert.deepEqual(
    relayed?.recipients.map((recipient) => recipient.split(" ")[0]),
    ["TO:<carol@example.org>"],
  );
  assert.match(relayed?.data ?? "", /\r\n\r\n\.dot\r\nhello\r\n$/);
  assert.match(await postfix.waitForLog(/status=sent .*taken/, 10_000), /relay=/);
  await postfix.stop();
});

test("Postfix offers STARTTLS to the dialogue client", async (t) => {
  const certificate = await makeCertificate(await temporaryDirectory(t), "peer.example.jp");
  const postfix = await startPostfix(t, { domains: ["example.jp"], tls: certificate });
  if (postfix === undefined) return;
  const session = await openDialogue(t, postfix);
  assert.equal((await session.reply()).code, 220);
  assert.ok((await session.expect("EHLO client.example.org", 250)).lines.includes("STARTTLS"));
  await session.expect("STARTTLS", 220);
  await session.upgrade();
  const again = await session.expect("EHLO client.example.org", 250);
  assert.ok(!again.lines.includes("STARTTLS"));
  await session.expect("QUIT", 221);
  await session.waitForClose();
});
