// `node test/upgrade/make.ts FILE`: writes what a server of this version leaves behind, as FILE (.tar.gz): accounts, a mailbox
// with mail, mail that waits, mail that is held, and mail that was accepted in the last moment before SIGKILL. Each version
// adds its own to states/, before its formats change; upgrade.test.ts opens all of them. Keys and logs stay out.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { waitForMailbox } from "../lab/mailbox.ts";
import { alice, bob, openAuthenticated, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";

const ends: (() => void | Promise<void>)[] = [];
const scope = { after: (end: () => void | Promise<void>) => void ends.push(end) };

async function send(site: Site, subject: string, recipients: readonly string[]): Promise<void> {
  const session = await openAuthenticated(scope, site, alice);
  await session.expect(`MAIL FROM:<${alice.address}>`, 250);
  for (const recipient of recipients) await session.expect(`RCPT TO:<${recipient}>`, 250);
  await session.expect("DATA", 354);
  await session.expect(`From: <${alice.address}>\r\nSubject: ${subject}\r\n\r\nbody of ${subject}\r\n.`, 250);
}

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error("the name of the file to write is missing");
// Nobody listens on port 9 of this address: what is remote waits.
const site = await startSite(scope, {
  smarthost: { address: "127.0.0.9", port: 9 },
  delivery: ['give-up = "30d"'],
});
await send(site, "delivered", [bob.address]);
await waitForMailbox(scope, site.pop3s, bob, 1, 20_000);
await send(site, "waiting one", ["one@example.org"]);
await send(site, "waiting two", ["two@example.org", "three@example.net"]);
await send(site, "held", ["four@example.org"]);
await sleep(3000);
const listed = await site.server.command("queue", "list", "--json");
const { entries } = JSON.parse(listed.stdout) as { entries: { id: string; recipients: { address: string }[] }[] };
const held = entries.find(({ recipients }) => recipients[0]!.address === "four@example.org")!;
await site.server.command("queue", "hold", held.id);
await send(site, "last moment", ["five@example.org"]);
await site.server.kill();
const left = ["tls", "dkim", "log", "control.sock", "lock", "index.sqlite-shm", "accounts.txt", "api-token"];
execFileSync("tar", ["-czf", file, ...left.map((name) => `--exclude=./${name}`), "-C", site.server.state, "."]);
console.log(`written: ${join(process.cwd(), file)}`);
for (const end of ends.toReversed()) await end();
process.exit(0);
