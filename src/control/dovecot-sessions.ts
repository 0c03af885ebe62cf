// What an account has open at Dovecot ends when what opened it opens nothing any more: a suspension, another password, an account that is
// gone. Dovecot does not look at its passwd-file again once somebody is in, so it is told, over its doveadm HTTP API (`[dovecot] doveadm`): what
// its auth process remembers of the names goes first, then the connections are cut. The caller has written the passwd-file before that
// (keep-dovecot-users.ts): otherwise a mail program, cut off, would be in again at once.
//
// Promises: the account is as it is whatever Dovecot answers, and nobody waits for it. It is tried a few times, then told once, with what is left to
// do by hand. All of it is done twice, two seconds apart: Dovecot looks at its passwd-file once a second at most, and a login may be
// under way while connections are cut.
//
// Limits: kick takes a mask, so an account with * or ? in its name takes others along, who may come again. Where a process of Dovecot serves several
// users (`client_limit` of its service) all of its connections go.

import { setTimeout as sleep } from "node:timers/promises";
import type { Settings } from "../config/settings.ts";
import { NOTHING_FOUND } from "../io/doveadm.ts";
import type { AskDoveadm, DoveadmAnswer, DoveadmPlace } from "../io/doveadm.ts";
import type { Observer } from "../observe/events.ts";

/** Whose logins are worth nothing any more. */
export interface EndedLogin {
  readonly account: string;
  /** All that it logged in with: its address and its aliases. */
  readonly names: readonly string[];
}

export interface DovecotSessions {
  /** Begins, where there is a Dovecot to tell. Must not throw. */
  end(logins: readonly EndedLogin[]): void;
  /** Resolves when nobody is asked any more; what was not done is left. */
  close(): Promise<void>;
}

export interface DovecotSessionServices {
  /** In effect now; a reload replaces it. */
  readonly settings: () => Pick<Settings, "dovecot">;
  readonly ask: AskDoveadm;
  readonly observer: Observer;
  readonly waits?: Waits;
}

interface Waits {
  /** Between the first and the second time, ms. */
  readonly again: number;
  /** After a failure; one more and it is told. */
  readonly retries: readonly number[];
}

const usual: Waits = { again: 2000, retries: [1000, 3000, 10_000] };
const MOST_TOLD = 20;
const HINT =
  "sekimori doctor says what is wrong with [dovecot] doveadm; on the host of Dovecot: doveadm auth cache flush USER, doveadm kick USER";

/** undefined: done. `shared`: for all others it would be the same. */
interface Failure {
  readonly cause: string;
  readonly shared: boolean;
}

export function createDovecotSessions({
  settings,
  ask,
  observer,
  waits = usual,
}: DovecotSessionServices): DovecotSessions {
  const closing = new AbortController();
  const running = new Set<Promise<void>>();

  async function endOne(place: DoveadmPlace, { account, names }: EndedLogin): Promise<Failure | undefined> {
    // A cache that cannot be emptied is no reason to leave connections open.
    const flushed = failureOf(await ask(place, "authCacheFlush", { user: names }, closing.signal));
    if (flushed?.shared === true) return flushed;
    const kicked = await kick(place, account, ask, closing.signal);
    if (kicked.kind === "failed") return kicked.failure;
    if (kicked.kind === "cut") observer.emit("dovecot.kicked", { account });
    return flushed;
  }

  /** Those that are left, and why. */
  async function endEach(
    place: DoveadmPlace,
    logins: readonly EndedLogin[],
  ): Promise<{ readonly left: readonly EndedLogin[]; readonly cause: string }> {
    const left: EndedLogin[] = [];
    let cause = "";
    for (const [index, login] of logins.entries()) {
      // oxlint-disable-next-line no-await-in-loop -- Dovecot takes one question at a time
      const failure = await endOne(place, login);
      if (failure === undefined) continue;
      cause = failure.cause;
      if (failure.shared) return { left: [...left, ...logins.slice(index)], cause };
      left.push(login);
    }
    return { left, cause };
  }

  /** Those that were done: after so many failures the others are told. */
  async function endUntilDone(logins: readonly EndedLogin[]): Promise<readonly EndedLogin[]> {
    let left = logins;
    for (const wait of [...waits.retries, undefined]) {
      const { doveadm } = settings().dovecot;
      if (doveadm === undefined || closing.signal.aborted) return [];
      // oxlint-disable-next-line no-await-in-loop -- one try after the other
      const outcome = await endEach(doveadm, left);
      if (closing.signal.aborted) return [];
      ({ left } = outcome);
      if (left.length === 0) break;
      // oxlint-disable-next-line no-await-in-loop
      if (wait !== undefined) await pause(wait, closing.signal);
      else tell(left, outcome.cause);
    }
    return logins.filter((login) => !left.includes(login));
  }

  function tell(left: readonly EndedLogin[], cause: string): void {
    const accounts = left.slice(0, MOST_TOLD).map(({ account }) => account);
    observer.emit("dovecot.failed", { accounts, count: left.length, cause, hint: HINT });
  }

  async function endAll(logins: readonly EndedLogin[]): Promise<void> {
    const done = await endUntilDone(logins);
    if (done.length === 0) return;
    await pause(waits.again, closing.signal);
    await endUntilDone(done);
  }

  return {
    end: (logins) => {
      if (logins.length === 0 || settings().dovecot.doveadm === undefined || closing.signal.aborted) return;
      const work = endAll(logins)
        .catch((error: unknown) =>
          observer.emit("internal.failed", { where: "sessions at Dovecot", cause: String(error) }),
        )
        .finally(() => running.delete(work));
      running.add(work);
    },
    close: async () => {
      closing.abort();
      await Promise.all(running);
    },
  };
}

type Kicked =
  | { readonly kind: "cut" }
  | { readonly kind: "nobody" }
  | { readonly kind: "failed"; readonly failure: Failure };

/** "Nobody was cut" is also what Dovecot says where it may not: whoever is still there tells them apart. */
async function kick(place: DoveadmPlace, account: string, ask: AskDoveadm, ended: AbortSignal): Promise<Kicked> {
  const mask = [account];
  const kicked = await ask(place, "kick", { mask }, ended);
  if (kicked.kind === "rows" && kicked.rows.some(isCut)) return { kind: "cut" };
  const foundNothing = kicked.kind === "exit" && kicked.code === NOTHING_FOUND;
  const failure = foundNothing ? undefined : failureOf(kicked);
  if (failure !== undefined) return { kind: "failed", failure };
  const there = await ask(place, "who", { mask }, ended);
  const unseen = failureOf(there);
  if (unseen !== undefined) return { kind: "failed", failure: unseen };
  if (there.kind === "rows" && there.rows.length === 0) return { kind: "nobody" };
  const cause = "Dovecot has connections of the account and cut none: its service doveadm must run as root";
  return { kind: "failed", failure: { cause, shared: false } };
}

/** Dovecot 2.3 gives a row with the name of each user; 2.4 the number of connections. */
function isCut(row: unknown): boolean {
  if (typeof row !== "object" || row === null) return false;
  if ("count" in row) return Number(row.count) > 0;
  return "result" in row && row.result !== "";
}

function failureOf(answer: DoveadmAnswer): Failure | undefined {
  switch (answer.kind) {
    case "rows":
      return undefined;
    case "exit":
      return { cause: `doveadm ended with ${answer.code}; Dovecot's log says why`, shared: false };
    case "forbidden":
      return { cause: answer.cause, shared: false };
    case "refused":
    case "unreached":
      return { cause: answer.cause, shared: true };
  }
}

/** What keeps all of it from working, tried with a name that nobody has, so that nobody is cut off. undefined: nothing. */
export async function tryDovecotSessions(
  place: DoveadmPlace,
  ask: AskDoveadm,
): Promise<Exclude<DoveadmAnswer, { kind: "rows" }> | undefined> {
  const nobody = ["nobody@sekimori.invalid"];
  const never = new AbortController().signal;
  for (const [command, parameters] of [
    ["authCacheFlush", { user: nobody }],
    ["kick", { mask: nobody }],
    ["who", { mask: nobody }],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- Dovecot takes one question at a time
    const answer = await ask(place, command, parameters, never);
    const foundNothing = command === "kick" && answer.kind === "exit" && answer.code === NOTHING_FOUND;
    if (answer.kind !== "rows" && !foundNothing) return answer;
  }
  return undefined;
}

/** Shorter when it is over. */
function pause(milliseconds: number, ended: AbortSignal): Promise<void> {
  return sleep(milliseconds, undefined, { signal: ended }).catch(() => undefined);
}
