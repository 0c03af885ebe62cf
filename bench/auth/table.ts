// The figures as Markdown.

import { median } from "../figures.ts";
import type { Kept } from "../kept.ts";
import { authParts, clientCounts, guessCases, warmths } from "./bench.ts";
import type { AuthPart, GuessRun, RateCell } from "./bench.ts";
import { limits } from "./limits.ts";
import { serverNames } from "./servers.ts";

/** Of the p99 of a cold login, and of the spool's p50 and p99, beside those of calm. */
const targets = { login: 2, commit: 1.25 } as const;

export const authFile = new URL("results.json", import.meta.url);

export function authMarkdown(kept: Kept<AuthPart>): string {
  return [
    "# AUTH: logins a second, and logins beside guesses",
    "",
    "Made by `npm run bench -- auth`.",
    "",
    "Passwords are kept as argon2id with 19 MiB, two passes and one lane, OWASP's first choice. A session is STARTTLS (TLS 1.3, a full handshake),",
    "AUTH PLAIN and QUIT. The load shares the CPUs with the server; every run is shown.",
    "",
    ...authParts.flatMap((part) => {
      const result = kept[part];
      return result === undefined ? [`Not measured yet: ${part}.`, ""] : table(result);
    }),
  ].join("\n");
}

function table(result: AuthPart): string[] {
  switch (result.part) {
    case "rate":
      return [...rateTable(result.cells), `${result.machine.join(", ")}.`, ""];
    case "guesses":
      return [...guessTable(result), `${result.machine.join(", ")}.`, ""];
  }
}

function rateTable(cells: readonly RateCell[]): string[] {
  const lines = warmths.flatMap((warmth) =>
    clientCounts.flatMap((clients) =>
      serverNames.flatMap((server) => {
        const cell = cells.find((each) => each.server === server && each.warmth === warmth && each.clients === clients);
        if (cell === undefined) return [];
        const { runs } = cell;
        const each = runs
          .map(({ rate, failed }) => `${rate.toFixed(1)}${failed > 0 ? ` (${failed} failed)` : ""}`)
          .join(", ");
        const figures = [runs.map(({ rate }) => rate), runs.map(({ p50 }) => p50), runs.map(({ p99 }) => p99)].map(
          median,
        );
        const cpu = median(runs.map((run) => run.cpu));
        return [
          `| ${[warmth, clients, server, figures[0]!.toFixed(1), each, figures[1]!.toFixed(0), figures[2]!.toFixed(0), cpu.toFixed(1)].join(" | ")} |`,
        ];
      }),
    ),
  );
  return [
    "## Sessions a second",
    "",
    "Cold: no account logs in twice, so every password is hashed. Warm: accounts that have just logged in; ours remembers a right password for five",
    "minutes as a keyed digest, Dovecot's cache (`auth_cache_size`, on for warm) keeps what it looked up and hashes the password each time. All accounts",
    "are known at the address they come from. Postfix asks Dovecot's auth service, one process; in their favour they write no log and look up no names.",
    "Failed are sessions that Postfix closed since that service did not answer in time. p50 and p99 are of a whole session; CPU is that of the",
    "server's processes. Medians of the runs.",
    "",
    "| | clients | server | sessions/s | runs | p50 ms | p99 ms | CPU ms a session |",
    "|---|---:|---|---:|---|---:|---:|---:|",
    ...lines,
    "",
    limits.rate,
    "",
  ];
}

const titles: Readonly<Record<GuessRun["case"], string>> = {
  calm: "nobody guesses",
  many: "guesses from many networks",
  apart: "as many hashes in a process apart",
  one: "guesses from one address",
};

function guessTable({ runs, perSecond, logins }: Extract<AuthPart, { part: "guesses" }>): string[] {
  const lines = guessCases.flatMap((name) =>
    runs
      .filter((run) => run.case === name)
      .map(({ guesses, auth, session, commits, cpu }) => {
        const made =
          guesses === undefined
            ? ["", "", "", ""]
            : [
                (guesses.sent / guesses.seconds).toFixed(0),
                guesses.verified,
                guesses.held,
                guesses.busy + guesses.late + guesses.lost,
              ];
        const times = [
          auth.p50.toFixed(1),
          auth.p99.toFixed(1),
          session.p99.toFixed(1),
          commits.p50.toFixed(2),
          commits.p99.toFixed(2),
        ];
        return `| ${[titles[name], ...made, auth.count, ...times, `${(cpu * 100).toFixed(0)} %`].join(" | ")} |`;
      }),
  );
  const of = (name: GuessRun["case"], figure: (run: GuessRun) => number): number =>
    median(runs.filter((run) => run.case === name).map(figure));
  const judged = guessCases.slice(1).flatMap((name) => {
    const rows = [
      ["AUTH p99", (run: GuessRun) => run.auth.p99, targets.login],
      ["commit p50", (run: GuessRun) => run.commits.p50, targets.commit],
      ["commit p99", (run: GuessRun) => run.commits.p99, targets.commit],
    ] as const;
    return rows.map(([what, figure, target]) => {
      const ratio = of(name, figure) / of("calm", figure);
      const verdict = name === "apart" ? "" : ratio <= target ? "reached" : "**missed**";
      const most = name === "apart" ? "" : target;
      return `| ${[titles[name], what, of("calm", figure).toFixed(2), of(name, figure).toFixed(2), ratio.toFixed(2), most, verdict].join(" | ")} |`;
    });
  });
  return [
    "## Logins beside guesses",
    "",
    `People log in ${logins} times a second, each from an address that opened the account before and for the first time since the server was started, so`,
    `that every password is hashed. Meanwhile ${perSecond} wrong passwords are sent a second: half for their accounts, half for names that there are not.`,
    "Those from many networks have another /24 for each session. Verified: argon2id looked at it. Held: answered 454 without a look. Another client",
    "hands over a message of 4 kB every 20 ms; its commit is the time from the end of the content to the 250. Guessers use their sessions again, with",
    "limits of sessions raised for it, so that the load is passwords and not handshakes. In a process apart: nobody guesses, and a process at the",
    "lowest priority makes as many hashes as were looked at beside guesses from many networks: what this machine does to the spool by itself.",
    "",
    "| | guesses/s | verified | held | busy, late, lost | logins | AUTH p50 ms | AUTH p99 ms | session p99 ms | commit p50 ms | commit p99 ms | server CPU |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ...lines,
    "",
    "Medians of the runs:",
    "",
    "| beside | figure | calm | then | × | at most | |",
    "|---|---|---:|---:|---:|---:|---|",
    ...judged,
    "",
    limits.guesses,
    "",
  ];
}
