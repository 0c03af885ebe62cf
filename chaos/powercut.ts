// The power goes, again and again, under load: the server is killed, and its state directory is made anew from what was synced, plus
// whatever chance left of the rest (disk-image.ts). What was answered 250 is there at the end.
//
// With syncing "none" the shim answers every sync with yes and does nothing. Then mail must be missing, or this scenario proves nothing.

import { existsSync, readFileSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startServer } from "../test/lab/server.ts";
import type { Server } from "../test/lab/server.ts";
import { domain, startSite } from "../test/lab/site.ts";
import { temporaryDirectory } from "../test/lab/temporary.ts";
import { readLog } from "../test/e2e/support/log.ts";
import { differences, imageAfter, parseLog, readTree, writeTree } from "./disk-image.ts";
import type { Tree } from "./disk-image.ts";
import { startExchanger } from "./exchanger.ts";
import { createLedger, failuresOf, figuresOf } from "./ledger.ts";
import type { Ledger } from "./ledger.ts";
import { startLoad } from "./load.ts";
import { collectMail, drained } from "./mailboxes.ts";
import { makePreload } from "./preload.ts";
import { aLife } from "./report.ts";
import type { ChaosOptions, Report } from "./report.ts";
import { damageIn } from "./server-log.ts";

const remoteDomain = "example.org";

export async function chaosPowercut(
  { scope, rounds, random, tell }: ChaosOptions,
  syncing: "real" | "none",
): Promise<Report> {
  const preload = await makePreload(scope, "powercut");
  if (preload.kind === "absent") return { kind: "not-possible", reason: preload.reason };
  const ledger = createLedger();
  const remote = await startExchanger(scope, {
    taken: (recipient, content) => ledger.arrived(recipient, content, "remote"),
  });
  const directory = await temporaryDirectory(scope);
  const site = await startSite(scope, {
    directory,
    smarthost: remote,
    tables: [
      "[[route]]",
      `domain = "${remoteDomain}"`,
      `host = "${remote.address}"`,
      `port = ${remote.port}`,
      "[limits.account]",
      'recipients = ["100000000/1h"]',
      // What the server tells is no part of what it must keep.
      "[log]",
      `directory = "${directory}/log"`,
    ],
  });
  await site.server.stop();
  const { state } = site.server;
  const operations = join(directory, "operations");
  const config = await readFile(join(directory, "sekimori.toml"), "utf8");
  const environment = {
    LD_PRELOAD: preload.path,
    SEKIMORI_POWERCUT_ROOT: state,
    SEKIMORI_POWERCUT_LOG: operations,
    SEKIMORI_POWERCUT_SYNC: syncing === "real" ? "on" : "off",
    UV_USE_IO_URING: "0",
  };
  const start = (): Promise<Server> => {
    rmSync(operations, { force: true });
    return startServer(scope, { directory, config, environment });
  };

  const failures: string[] = [];
  const first = readTree(state);
  let tree = first;
  let server = await start();
  let unusable = 0;
  const load = startLoad({ site, ledger, random, clients: 4, remoteDomain, largest: 1_048_576, pause: 2 });
  for (let round = 1; round <= rounds; round++) {
    /* oxlint-disable no-await-in-loop -- one life after the other */
    await aLife(round, random, () => ledger.counts().answered);
    const quiet = remote.quiet();
    await server.kill();
    ledger.endLife(await quiet);
    tree = imageAfter(tree, parseLog(readFileSync(operations)), state, "chance", random);
    takeMail(tree, ledger);
    writeTree(state, tree);
    try {
      server = await start();
    } catch (error) {
      // Nobody can go on with that: the operator begins anew, and what was in it is lost.
      unusable++;
      failures.push(`cannot start after power cut ${round}: ${error instanceof Error ? error.message : String(error)}`);
      tree = first;
      writeTree(state, tree);
      server = await start();
    }
    if (round % 20 === 0) tell(`${round} power cuts, ${ledger.counts().answered} messages answered 250`);
    /* oxlint-enable no-await-in-loop */
  }
  await sleep(200);
  await load.stop();
  if (!(await drained(site, 180_000))) failures.push("mail still waits three minutes after the last power cut");
  await server.stop();
  // The shim has seen everything, or it proves nothing: all operations played are what is on the disk now.
  const unseen = differences(
    imageAfter(tree, parseLog(readFileSync(operations)), state, "everything", random),
    readTree(state),
  );
  failures.push(...unseen.map((each) => `the shim did not see all of it: ${each}`));
  await collectMail(state, ledger);

  const judgement = ledger.judge();
  failures.push(...failuresOf(judgement), ...(existsSync(join(directory, "log")) ? damageIn(readLog(directory)) : []));
  const figures = `${rounds} power cuts, ${figuresOf(judgement)}; state unusable ${unusable} times`;
  return { kind: "ran", figures, failures };
}

/** What is in the mailboxes after the power came back is delivered: counted and taken away. */
function takeMail(tree: Tree, ledger: Ledger): void {
  const mail = folderIn(folderIn(tree, "mail"), domain);
  for (const [person] of mail ?? []) {
    const fresh = folderIn(folderIn(folderIn(mail, person), "Maildir"), "new");
    for (const [name, octets] of fresh ?? []) {
      if (!Buffer.isBuffer(octets)) continue;
      fresh?.delete(name);
      ledger.arrived(`${person}@${domain}`, octets, "mailbox");
    }
  }
}

function folderIn(tree: Tree | undefined, name: string): Tree | undefined {
  const entry = tree?.get(name);
  return Buffer.isBuffer(entry) ? undefined : entry;
}
