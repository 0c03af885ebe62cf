// SIGKILL under load, again and again, on the same state, with as many mail threads as the options say for each life. What was answered 250 is there at the end; at the remote host a queue id comes
// a second time at most once for each connection that was open when the server died.

import { setTimeout as sleep } from "node:timers/promises";
import { startSite } from "../test/lab/site.ts";
import { readLog } from "../test/e2e/support/log.ts";
import { startExchanger } from "./exchanger.ts";
import { createLedger, failuresOf, figuresOf } from "./ledger.ts";
import { startLoad } from "./load.ts";
import { collectMail, drained } from "./mailboxes.ts";
import { aLife } from "./report.ts";
import type { ChaosOptions, Report } from "./report.ts";
import { damageIn } from "./server-log.ts";

const remoteDomain = "example.org";

export async function chaosKill({ scope, rounds, threads, random, tell }: ChaosOptions): Promise<Report> {
  const threadsOf = (life: number): number => threads[life % threads.length] ?? 1;
  const ledger = createLedger();
  const remote = await startExchanger(scope, {
    taken: (recipient, content) => ledger.arrived(recipient, content, "remote"),
  });
  const site = await startSite(scope, {
    smarthost: remote,
    threads: threadsOf(0),
    tables: [
      "[[route]]",
      `domain = "${remoteDomain}"`,
      `host = "${remote.address}"`,
      `port = ${remote.port}`,
      "[limits.account]",
      'recipients = ["100000000/1h"]',
    ],
  });
  let { server } = site;
  const load = startLoad({ site, ledger, random, clients: 4, remoteDomain, largest: 1_048_576, pause: 2 });
  let connections = 0;
  for (let round = 1; round <= rounds; round++) {
    /* oxlint-disable no-await-in-loop -- one life after the other */
    await aLife(round, random, () => ledger.counts().answered);
    const quiet = remote.quiet();
    await server.kill();
    const open = await quiet;
    connections += open;
    ledger.endLife(open);
    await collectMail(server.state, ledger);
    server = await site.restart(threadsOf(round));
    if (round % 20 === 0) tell(`${round} kills, ${ledger.counts().answered} messages answered 250`);
    /* oxlint-enable no-await-in-loop */
  }
  await sleep(200);
  await load.stop();
  const failures: string[] = [];
  if (!(await drained(site, 180_000))) failures.push("mail still waits three minutes after the last kill");
  await collectMail(server.state, ledger);
  await server.stop();
  await collectMail(server.state, ledger);

  const judgement = ledger.judge();
  failures.push(...failuresOf(judgement), ...damageIn(readLog(server.state)));
  if (judgement.uncaused > 0)
    failures.push(`${judgement.uncaused} second copies at the remote host without a kill in between`);
  failures.push(...judgement.excess);
  const { worst } = judgement;
  const figures =
    `${rounds} kills of lives with ${threads.join(", ")} mail threads, ${figuresOf(judgement)}; ${connections} outbound connections were open at the kills; ` +
    `at worst ${worst.messages} messages came a second time after a kill with ${worst.connections} connections`;
  return { kind: "ran", figures, failures };
}
