// The queue commands against a running server and against its files: what is held is not tried, not even after a
// restart; what is released goes; what a remote said can be read.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Scope } from "../lab/cleanup.ts";
import { startSink } from "../lab/sink.ts";
import { alice, openAuthenticated, startSite } from "../lab/site.ts";
import { waitFor } from "../lab/wait.ts";

const scope: Scope = { after };
let refusing = true;
const sink = await startSink(scope, {
  answer: (line) => (refusing && line.startsWith("RCPT") ? "450 4.2.0 not today" : undefined),
});
const site = await startSite(scope, { smarthost: sink });
let { server } = site;

interface Listed {
  readonly total: number;
  readonly entries: readonly {
    readonly id: string;
    readonly recipients: readonly {
      readonly address: string;
      readonly state: string;
      readonly attempts: number;
      readonly history?: readonly { readonly reply: string }[];
    }[];
  }[];
}

async function queue(code: number, ...parameters: readonly string[]): Promise<string> {
  const result = await server.command("queue", ...parameters);
  assert.equal(result.code, code, result.stdout + result.stderr);
  return result.stdout + result.stderr;
}

async function list(...parameters: readonly string[]): Promise<Listed> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the command prints
  return JSON.parse(await queue(0, "list", "--json", ...parameters)) as Listed;
}

test("hold, list, show, restart, requeue, release, delete", async () => {
  const session = await openAuthenticated(scope, site, alice);
  for (const subject of ["one", "two"]) {
    await session.expect(`MAIL FROM:<${alice.address}>`, 250);
    await session.expect("RCPT TO:<x@example.org>", 250);
    await session.expect("RCPT TO:<y@example.net>", 250);
    await session.expect("DATA", 354);
    await session.expect(`From: ${alice.address}\r\nSubject: ${subject}\r\n\r\nHello\r\n.`, 250);
  }
  const waiting = await waitFor("both messages wait", 10_000, async () => {
    const found = await list();
    return found.entries.every((entry) => entry.recipients.every(({ attempts }) => attempts > 0)) && found.total === 2
      ? found
      : undefined;
  });
  const [first, second] = waiting.entries;
  assert.ok(first !== undefined && second !== undefined);
  assert.match(await queue(2, "hold"), /say which mail is meant/);
  assert.match(await queue(2, "hold", first.id, "--all"), /say which mail is meant/);
  assert.match(await queue(0, "hold", "--domain", "Example.ORG"), /^2 messages, 2 recipients held/);
  assert.match(await queue(1, "hold", "--domain", "example.com"), /nothing in the queue/);
  assert.equal((await list("--state", "held")).total, 2);
  assert.match(await queue(0, "list", "--limit", "1"), /2 messages, the oldest 1 are shown/);
  assert.match(await queue(0, "show", first.id), /held.*\n.*450 4\.2\.0 not today/);

  assert.match(await queue(0, "destinations"), /^127\..* 4\.2\.0 450 4\.2\.0 not today$/m);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the command prints
  const [next] = JSON.parse(await queue(0, "destinations", "--json")) as readonly Record<string, unknown>[];
  assert.deepEqual([next?.["delivered"], next?.["failed"], next?.["egress"]], [0, 0, ""]);

  refusing = false;
  await sink.waitForMessages(2, 10_000);
  assert.deepEqual(
    sink.messages.map(({ recipients }) => recipients),
    [["TO:<y@example.net>"], ["TO:<y@example.net>"]],
  );
  await server.stop();
  assert.match(await queue(1, "destinations"), /the server is not running/);
  // On the files of the stopped server.
  assert.equal((await list("--state", "held", "--sender", alice.address)).total, 2);
  assert.match(await queue(0, "delete", second.id), /^1 message, 1 recipient deleted/);
  server = await site.restart();
  assert.deepEqual(
    (await list()).entries.map(({ recipients }) => recipients.map(({ address, state }) => [address, state])),
    [[["x@example.org", "held"]]],
  );
  assert.match(await queue(1, "requeue", first.id), /is held: release it first/);
  await queue(0, "release", first.id);
  await sink.waitForMessages(3, 10_000);
  await waitFor("the queue is empty", 10_000, async () => ((await list()).total === 0 ? true : undefined));
  assert.equal(sink.messages.length, 3);
});
