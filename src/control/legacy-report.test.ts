// The report from a log of several days: which lines count, for whom, since when. The lines are made by the log itself.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createLog } from "../observe/log.ts";
import { legacyReport } from "./legacy-report.ts";

const DAY = 86_400_000;
const NOW = Date.parse("2026-03-10T12:00:00.000Z");

interface Sent {
  readonly listener: string;
  readonly account?: string;
  readonly client?: string;
  readonly facts?: readonly string[];
}

const sent = (more: Sent) =>
  ({
    session: "s1",
    client: "198.51.100.9",
    port: 1,
    message: "m1",
    messageId: "<m1@x>",
    sender: "bob@b.test",
    recipients: ["x@r.test"],
    size: 3,
    facts: ["EHLO old.example.org"],
    account: "bob@b.test",
    ...more,
  }) as const;

/** Files of a log: what came in on which day before now, in the order it came. */
async function logOf(t: TestContext, lines: readonly (readonly [daysAgo: number, sent: Sent])[]): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "legacy-report-"));
  t.after(() => rm(directory, { recursive: true }));
  const files = new Map<string, string>();
  for (const [daysAgo, message] of lines) {
    const time = at(daysAgo);
    const file = `${time.slice(0, 10)}.jsonl`;
    const write = (line: string): void => {
      const entry: unknown = JSON.parse(line);
      files.set(file, `${files.get(file) ?? ""}${JSON.stringify({ ...(entry as object), time })}\n`);
    };
    createLog("info", { write }).emit("message.accepted", sent(message));
  }
  for (const [name, text] of files) {
    // oxlint-disable-next-line no-await-in-loop -- a few files
    await writeFile(join(directory, name), text);
  }
  return directory;
}

const at = (daysAgo: number): string => new Date(NOW - daysAgo * DAY).toISOString();
const report = (directory: string, days: number) => legacyReport(directory, days, undefined, { wall: () => NOW });

test("listeners of both roles count, with STARTTLS and with TLS from the first octet, and no others", async (t) => {
  const listeners = ["legacy", "legacys", "substitute", "substitutes", "submission", "submissions", "mx"];
  const directory = await logOf(
    t,
    listeners.map((listener) => [0, { listener, account: `${listener}@b.test` }] as const),
  );
  assert.deepEqual(
    report(directory, 30)
      .map(({ account, messages, substitute }) => [account, messages, substitute])
      .toSorted(([one], [other]) => (String(one) < String(other) ? -1 : 1)),
    [
      ["legacy@b.test", 1, 0],
      ["legacys@b.test", 1, 0],
      ["substitute@b.test", 1, 1],
      ["substitutes@b.test", 1, 1],
    ],
  );
});

test("how much, since when, how, from where and with what, of the days that were asked for", async (t) => {
  const listener = "legacy";
  const pop = ["HELO oldest", "authenticated as bob@b.test with POP-before-SMTP"];
  const directory = await logOf(t, [
    [40, { listener, facts: ["EHLO long.ago"] }],
    [9, { listener, client: "198.51.100.1", facts: pop }],
    [2, { listener: "substitute", client: "198.51.100.2", facts: ["EHLO new"] }],
    [1, { listener, account: "alice@b.test" }],
    [0, { listener, client: "198.51.100.1", facts: ["EHLO newest", "authenticated as bob@b.test with PLAIN"] }],
  ]);
  const [bob, ...others] = report(directory, 30);
  assert.deepEqual(bob, {
    account: "bob@b.test",
    messages: 3,
    popBeforeSmtp: 1,
    substitute: 1,
    first: at(9),
    last: at(0),
    clients: ["198.51.100.2", "198.51.100.1"],
    programs: ["oldest", "new", "newest"],
  });
  assert.ok(others.some(({ account, messages }) => account === "alice@b.test" && messages === 1));
  const lately = report(directory, 2).find(({ account }) => account === "bob@b.test");
  assert.deepEqual([lately?.messages, lately?.first, lately?.popBeforeSmtp], [2, at(2), 0]);
  assert.deepEqual(report(directory, 365).find(({ account }) => account === "bob@b.test")?.first, at(40));
  assert.deepEqual(report(join(directory, "nothing here"), 30), []);
});
