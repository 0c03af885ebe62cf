// The PROXY protocol from a real load balancer: HAProxy in front of submission and POP3, both versions, its health checks
// going on meanwhile.

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { startChild } from "../lab/child.ts";
import type { Scope } from "../lab/cleanup.ts";
import { atEnd } from "../lab/cleanup.ts";
import { openDialogue } from "../lab/client.ts";
import type { Where } from "../lab/client.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { startSink } from "../lab/sink.ts";
import { alice, plain, startSite } from "../lab/site.ts";
import { requires } from "../lab/skip.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { waitFor } from "../lab/wait.ts";

const scope: Scope = { after };
const sink = await startSink(scope);
const behind = loopbackAddress();
const balancer = loopbackAddress();
const listener = (role: string, port: number, tls: string): readonly string[] => [
  "[[listener]]",
  `role = "${role}"`,
  `listen = ["${behind}:${port}"]`,
  `tls = "${tls}"`,
  `proxy = ["${balancer}"]`,
];
const site = await startSite(scope, {
  smarthost: sink,
  tables: [
    ...listener("submission", 2587, "starttls"),
    ...listener("submission", 2465, "implicit"),
    ...listener("pop3", 2995, "implicit"),
  ],
});

/** Everything that came in on the port of that number goes to the listener of the same number. */
async function startBalancer(t: Parameters<typeof requires>[0], header: "send-proxy" | "send-proxy-v2") {
  const haproxy = await requires(t, "haproxy");
  if (haproxy === undefined) return undefined;
  const address = loopbackAddress();
  const lines = ["global", "  stats timeout 5s", "defaults", "  mode tcp", "  timeout connect 5s"];
  lines.push("  timeout client 30s", "  timeout server 30s");
  for (const port of [2587, 2465, 2995]) {
    lines.push(`listen port${port}`, `  bind ${address}:${port}`, `  source ${balancer}`);
    lines.push(`  server house ${behind}:${port} ${header} check check-send-proxy inter 1s`);
  }
  const file = join(await temporaryDirectory(t), "haproxy.cfg");
  await writeFile(file, `${lines.join("\n")}\n`);
  const child = startChild({
    program: haproxy.path,
    parameters: ["-db", "-f", file],
    environment: haproxy.environment,
  });
  atEnd(t, async () => {
    await child.stop("SIGTERM", 10_000);
  });
  await waitFor("HAProxy listens", 20_000, () =>
    openDialogue(t, { address, port: 2995 }).then(
      (session) => {
        session.destroy();
        return true;
      },
      () => undefined,
    ),
  );
  return address;
}

async function submit(t: Scope, where: Where, tls: "none" | "implicit", from: string): Promise<void> {
  const session = await openDialogue(t, where, tls, from);
  assert.equal((await session.reply()).code, 220);
  await session.expect("EHLO client.example.org", 250);
  if (tls === "none") {
    await session.expect("STARTTLS", 220);
    await session.upgrade();
    await session.expect("EHLO client.example.org", 250);
  }
  await session.expect(`AUTH PLAIN ${plain(alice.address, alice.password)}`, 235);
  await session.expect(`MAIL FROM:<${alice.address}>`, 250);
  await session.expect("RCPT TO:<carol@example.org>", 250);
  await session.expect("DATA", 354);
  await session.expect(`From: ${alice.address}\r\nSubject: from ${from}\r\n\r\nhello\r\n.`, 250);
  await session.expect("QUIT", 221);
}

for (const header of ["send-proxy", "send-proxy-v2"] as const) {
  test(`HAProxy with ${header}: Received names the client, and POP3 serves it`, async (t) => {
    const address = await startBalancer(t, header);
    if (address === undefined) return;
    const [one, two] = [loopbackAddress(), loopbackAddress()];
    await submit(t, { address, port: 2587 }, "none", one);
    await submit(t, { address, port: 2465 }, "implicit", two);
    for (const client of [one, two]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const message = await waitFor("the message", 20_000, () =>
        sink.messages.find(({ data }) => data.includes(`Subject: from ${client}\r\n`)),
      );
      assert.ok(message.data.includes(`(unknown [${client}])`), message.data);
      assert.ok(!message.data.includes(balancer));
    }
    const mailbox = await openDialogue(t, { address, port: 2995 }, "implicit", one);
    assert.match((await mailbox.line()) ?? "", /^\+OK .* ready$/);
    await mailbox.send(`USER ${alice.address}\r\nPASS ${alice.password}\r\nQUIT\r\n`);
    assert.match((await mailbox.line()) ?? "", /^\+OK/);
    assert.equal(await mailbox.line(), "+OK Logged in");
    assert.equal(await mailbox.line(), "+OK Bye");
    await waitFor("the login in the log", 20_000, () => {
      const [file] = globSync("log/*.jsonl", { cwd: site.server.state });
      const lines = file === undefined ? [] : readFileSync(join(site.server.state, file), "utf8").split("\n");
      const login = lines.findLast((line) => line.includes("auth.succeeded") && line.includes('"mechanism":"USER"'));
      return login?.includes(`"client":"${one}"`) === true ? true : undefined;
    });
  });
}

test("a connection from the balancer's address without a header is cut without a word", async (t) => {
  const session = await openDialogue(t, { address: behind, port: 2587 }, "none", balancer);
  await session.send("EHLO client.example.org\r\n");
  assert.equal(await session.line(), undefined);
});

test("from any other address the listener serves as ever, and a header is an unknown command", async (t) => {
  const direct = loopbackAddress();
  await submit(t, { address: behind, port: 2587 }, "none", direct);
  const session = await openDialogue(t, { address: behind, port: 2587 }, "none", direct);
  assert.equal((await session.reply()).code, 220);
  await session.expect("PROXY TCP4 192.0.2.9 192.0.2.1 1 587", 500);
});
