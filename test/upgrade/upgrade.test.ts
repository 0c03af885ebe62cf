// What earlier versions left behind (states/, each written by make.ts of its version) is opened by this one, and nothing of
// it is lost: accounts log in, mailboxes have their mail, what waits goes out, what is held stays held until it is
// released, and what was accepted just before a SIGKILL is there.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { waitForMailbox } from "../lab/mailbox.ts";
import { startSink } from "../lab/sink.ts";
import { alice, bob, openAuthenticated, startSite } from "../lab/site.ts";
import { temporaryDirectory } from "../lab/temporary.ts";

const states = join(import.meta.dirname, "states");
const files = (await readdir(states)).filter((name) => name.endsWith(".tar.gz"));

test("there is a state of an earlier version", () => {
  assert.ok(files.length > 0);
});

for (const file of files) {
  test(`nothing is lost of what ${file} holds`, async (t) => {
    const directory = await temporaryDirectory(t);
    const state = join(directory, "var");
    await mkdir(state);
    execFileSync("tar", ["-xzf", join(states, file), "-C", state]);
    const sink = await startSink(t);
    const site = await startSite(t, { smarthost: sink, directory, accounts: {} });
    const arrived = (): readonly string[] =>
      sink.messages.flatMap(({ recipients }) => recipients.map((text) => /<(.*?)>/.exec(text)?.[1] ?? text)).toSorted();
    const expected = ["five@example.org", "one@example.org", "three@example.net", "two@example.org"];
    // One message goes to two domains: with a smarthost it is one transaction.
    await sink.waitForMessages(3, 60_000);
    assert.deepEqual(arrived(), expected);

    const listed = await site.server.command("queue", "list", "--json");
    const { entries } = JSON.parse(listed.stdout) as {
      entries: { recipients: { address: string; state: string }[] }[];
    };
    const left = entries.flatMap(({ recipients }) => recipients.map(({ address, state: how }) => `${address} ${how}`));
    assert.deepEqual(left, ["four@example.org held"]);
    assert.equal((await site.server.command("queue", "release", "--all")).code, 0);
    await sink.waitForMessages(4, 60_000);
    assert.deepEqual(arrived(), [...expected, "four@example.org"].toSorted());
    for (const { data } of sink.messages) assert.match(data, /\r\nSubject: (.*)\r\n[^]*\r\n\r\nbody of \1\r\n/);

    const [mail = ""] = await waitForMailbox(t, site.pop3s, bob, 1, 20_000);
    assert.match(mail, /\r\n\r\nbody of delivered\r\n/);
    await openAuthenticated(t, site, alice);
    const shown = await site.server.command("account", "list", "--json");
    for (const { address } of [alice, bob]) assert.ok(shown.stdout.includes(address), shown.stdout);
  });
}
