// The counts of several threads, kept by one of them. What is asked in one turn of a thread's loop goes to the owner as one
// message and comes back as one (a message costs about 10 µs on its own, 2 µs in a burst); the owner answers in the order
// in which it was asked, so a connection is always known before it is counted and closed.
//
// Promises: an answer that does not come in time is "unavailable"; when it comes after all, what it took is given back, so
// that held stays equal to used. Nothing is given back for a thread that ends: the process ends with it.

import type { MessagePort } from "node:worker_threads";
import type {
  AccountCharge,
  AccountTries,
  AccountUse,
  FitAnswer,
  Held,
  QuotaAnswer,
  Subject,
  TryAnswer,
} from "./account-limits.ts";
import type { Connecting } from "./client-limits.ts";
import type { ClientHandle, Counters, CounterRules, Unanswered } from "./counters.ts";
import type { Admission, Admittance, Attempt, Look, Turn } from "./guesses.ts";
import type { LimitAnswer } from "./limits.ts";
import type { LocalCounters } from "./local.ts";
import type { RoomAnswer, Rooms } from "./rooms.ts";
import type { Visit, Visits } from "./visits.ts";

/** How long an answer may take, ms. A thread that is that late is stuck, and clients wait for their replies. */
const PATIENCE = 5000;
/** How long a refused login waits that nobody could count, ms. */
const UNCOUNTED_REFUSAL = 2000;
/** Charges replayed at a time. */
const REPLAYED = 10_000;

/** By name: the parameters, and what comes back. Connections are numbered by who asks. */
interface Questions {
  readonly attempt: { readonly asked: readonly [Subject]; readonly answer: TryAnswer };
  readonly reserve: { readonly asked: readonly [Subject, stranger: number | undefined]; readonly answer: QuotaAnswer };
  readonly reserveMessage: { readonly asked: readonly [Subject]; readonly answer: QuotaAnswer };
  readonly reserveOctets: { readonly asked: readonly [Subject, octets: number]; readonly answer: QuotaAnswer };
  readonly octetsFit: { readonly asked: readonly [Subject, octets: number]; readonly answer: FitAnswer };
  readonly release: { readonly asked: readonly [readonly Held[]]; readonly answer: undefined };
  readonly uses: { readonly asked: readonly [Subject]; readonly answer: AccountUse };
  readonly connect: { readonly asked: readonly [connection: number, address: string]; readonly answer: Connecting };
  readonly message: { readonly asked: readonly [connection: number]; readonly answer: LimitAnswer | undefined };
  readonly recipient: { readonly asked: readonly [connection: number]; readonly answer: LimitAnswer | undefined };
  readonly failed: { readonly asked: readonly [connection: number]; readonly answer: undefined };
  readonly close: { readonly asked: readonly [connection: number]; readonly answer: undefined };
  readonly admit: { readonly asked: readonly [Attempt, Look]; readonly answer: Admittance };
  readonly admissible: { readonly asked: readonly [Attempt]; readonly answer: Turn };
  readonly guessed: { readonly asked: readonly [Attempt, Admission]; readonly answer: number };
  readonly opened: { readonly asked: readonly [Attempt, Admission]; readonly answer: undefined };
  readonly forgone: { readonly asked: readonly [Attempt, Look]; readonly answer: undefined };
  readonly take: { readonly asked: readonly [lock: string]; readonly answer: boolean };
  readonly give: { readonly asked: readonly [lock: string]; readonly answer: undefined };
  readonly fits: { readonly asked: Parameters<Rooms["fits"]>; readonly answer: RoomAnswer };
  readonly room: { readonly asked: Parameters<Rooms["reserve"]>; readonly answer: RoomAnswer };
  readonly begin: { readonly asked: Parameters<Rooms["begin"]>; readonly answer: undefined };
  readonly end: { readonly asked: Parameters<Rooms["end"]>; readonly answer: undefined };
  readonly counted: { readonly asked: Parameters<Rooms["counted"]>; readonly answer: undefined };
  readonly forget: { readonly asked: Parameters<Rooms["forget"]>; readonly answer: undefined };
  readonly visited: { readonly asked: Parameters<Visits["note"]>; readonly answer: undefined };
  readonly visits: { readonly asked: Parameters<Visits["at"]>; readonly answer: readonly Visit[] };
  readonly replay: { readonly asked: readonly [readonly AccountCharge[]]; readonly answer: undefined };
  readonly tried: { readonly asked: readonly [readonly AccountTries[]]; readonly answer: undefined };
  readonly rules: { readonly asked: readonly [CounterRules]; readonly answer: undefined };
}
type Name = keyof Questions;
type Question = { readonly [N in Name]: readonly [N, ...Questions[N]["asked"]] }[Name];

interface Batch {
  readonly batch: number;
  readonly questions: readonly Question[];
}

/** In the order of the questions; where one failed, why. */
interface Answers {
  readonly batch: number;
  readonly answers: readonly unknown[];
  readonly failed?: ReadonlyMap<number, string>;
}

/** Answers one thread. */
export function serveCounters(port: MessagePort, counters: LocalCounters): void {
  const connections = new Map<number, ReturnType<LocalCounters["clients"]["connect"]>>();
  const { accounts, clients, guesses, locks, rooms, visits } = counters;

  function answer(question: Question): unknown {
    switch (question[0]) {
      case "attempt":
        return accounts.attempt(question[1]);
      case "reserve":
        return accounts.reserve(question[1], question[2]);
      case "reserveMessage":
        return accounts.reserveMessage(question[1]);
      case "reserveOctets":
        return accounts.reserveOctets(question[1], question[2]);
      case "octetsFit":
        return accounts.octetsFit(question[1], question[2]);
      case "release":
        return accounts.release(question[1]);
      case "uses":
        return accounts.uses(question[1]);
      case "connect": {
        const handle = clients.connect(question[2]);
        connections.set(question[1], handle);
        return handle.connecting;
      }
      case "message":
        return connections.get(question[1])?.message();
      case "recipient":
        return connections.get(question[1])?.recipient();
      case "failed":
        return connections.get(question[1])?.failed();
      case "close":
        connections.get(question[1])?.close();
        return void connections.delete(question[1]);
      case "admit":
        return guesses.admit(question[1], question[2]);
      case "admissible":
        return guesses.ask(question[1]);
      case "guessed":
        return guesses.failed(question[1], question[2]);
      case "opened":
        return guesses.succeeded(question[1], question[2]);
      case "forgone":
        return guesses.forgone(question[1], question[2]);
      case "take":
        return locks.take(question[1]);
      case "give":
        return locks.give(question[1]);
      case "fits":
        return rooms.fits(question[1], question[2], question[3]);
      case "room":
        return rooms.reserve(question[1], question[2], question[3]);
      case "begin":
        return rooms.begin(question[1], question[2]);
      case "end":
        return rooms.end(question[1], question[2], question[3]);
      case "counted":
        return rooms.counted(question[1], question[2], question[3], question[4]);
      case "forget":
        return rooms.forget(question[1]);
      case "visited":
        return visits.note(question[1], question[2], question[3]);
      case "visits":
        return visits.at(question[1], question[2]);
      case "tried":
        return accounts.replayTries(question[1]);
      case "replay":
        return counters.replay(question[1]);
      case "rules":
        return counters.replaceRules(question[1]);
    }
  }

  port.on("message", ({ batch, questions }: Batch) => {
    const failed = new Map<number, string>();
    const answers = questions.map((question, index) => {
      try {
        return answer(question);
      } catch (error) {
        // A bug; nobody may wait for ever because of it.
        failed.set(index, error instanceof Error ? error.message : String(error));
        return undefined;
      }
    });
    const reply: Answers = failed.size === 0 ? { batch, answers } : { batch, answers, failed };
    port.postMessage(reply);
  });
}

interface Waiting {
  readonly answered: (answer: unknown) => void;
  readonly unanswered: (cause: string) => void;
  /** The answer came too late. */
  readonly late: (answer: unknown) => void;
}

interface Sent {
  readonly waiting: readonly Waiting[];
  readonly deadline: number;
  given: "up" | undefined;
}

/** The counts that the thread at the other end of `port` keeps. `patience` in ms. */
export function remoteCounters(port: MessagePort, now: () => number, patience = PATIENCE): Counters {
  let questions: Question[] = [];
  let waiting: Waiting[] = [];
  let nextBatch = 0;
  let nextConnection = 0;
  /** In the order they were sent. */
  const sent = new Map<number, Sent>();
  let timer: NodeJS.Timeout | undefined;

  port.on("message", ({ batch: number, answers, failed }: Answers) => {
    const batch = sent.get(number);
    sent.delete(number);
    batch?.waiting.forEach((each, index) => {
      const cause = failed?.get(index);
      if (cause !== undefined) each.unanswered(cause);
      else if (batch.given === "up") each.late(answers[index]);
      else each.answered(answers[index]);
    });
  });

  function flush(): void {
    const batch: Batch = { batch: nextBatch++, questions };
    sent.set(batch.batch, { waiting, deadline: now() + patience, given: undefined });
    questions = [];
    waiting = [];
    port.postMessage(batch);
    timer ??= setTimeout(giveUp, patience);
  }

  function giveUp(): void {
    timer = undefined;
    for (const batch of sent.values()) {
      if (batch.given === "up") continue;
      const left = batch.deadline - now();
      if (left > 0) {
        timer = setTimeout(giveUp, left);
        return;
      }
      batch.given = "up";
      for (const each of batch.waiting) each.unanswered("the thread that keeps the counts does not answer");
    }
  }

  /** Rejects with `Unanswered`'s cause when no answer comes; `late` gets one that comes afterwards. */
  function ask<N extends Name>(
    name: N,
    asked: Questions[N]["asked"],
    late: (answer: Questions[N]["answer"]) => void = () => undefined,
  ): Promise<Questions[N]["answer"]> {
    if (questions.length === 0) setImmediate(flush);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the pair is what Questions says
    questions.push([name, ...asked] as unknown as Question);
    return new Promise((resolve, reject) => {
      waiting.push({
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        answered: (answer) => resolve(answer as Questions[N]["answer"]),
        unanswered: (cause) => reject(new Error(cause)),
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        late: (answer) => late(answer as Questions[N]["answer"]),
      });
    });
  }

  function tell<N extends Name>(name: N, ...asked: Questions[N]["asked"]): void {
    // Not known to have been heard, and nothing to do about it.
    ask(name, asked).catch(() => undefined);
  }

  function connect(address: string): ClientHandle {
    const connection = nextConnection++;
    let isOpen = true;
    return {
      connecting: ask("connect", [connection, address]).catch(unavailable),
      message: () => ask("message", [connection]).catch(unavailable),
      recipient: () => ask("recipient", [connection]).catch(unavailable),
      failed: () => tell("failed", connection),
      close: () => {
        if (isOpen) tell("close", connection);
        isOpen = false;
      },
    };
  }

  function giveBack(answer: QuotaAnswer): void {
    if (answer.kind === "within") tell("release", answer.held);
  }

  return {
    accounts: {
      attempt: (subject) => ask("attempt", [bare(subject)]).catch(unavailable),
      reserve: (subject, stranger) => ask("reserve", [bare(subject), stranger], giveBack).catch(unavailable),
      reserveMessage: (subject) => ask("reserveMessage", [bare(subject)], giveBack).catch(unavailable),
      reserveOctets: (subject, octets) => ask("reserveOctets", [bare(subject), octets], giveBack).catch(unavailable),
      octetsFit: (subject, octets) => ask("octetsFit", [bare(subject), octets]).catch(unavailable),
      release: (held) => {
        if (held.length > 0) tell("release", held);
      },
      uses: (subject) => ask("uses", [bare(subject)]),
    },
    clients: { connect },
    guesses: {
      // Admitted too late: nothing will be looked at.
      admit: (...asked) =>
        ask("admit", asked, (turn) => {
          if (turn === "last") tell("forgone", ...asked);
        }),
      ask: (attempt) => ask("admissible", [attempt]),
      // It is refused either way.
      failed: (...asked) => ask("guessed", asked).catch(() => UNCOUNTED_REFUSAL),
      succeeded: (...asked) => tell("opened", ...asked),
      forgone: (...asked) => tell("forgone", ...asked),
    },
    locks: {
      take: (name) =>
        ask("take", [name], (taken) => {
          if (taken) tell("give", name);
        }),
      give: (name) => tell("give", name),
    },
    rooms: {
      fits: (...asked) => ask("fits", asked),
      reserve: (mailbox, octets, quota) =>
        ask("room", [mailbox, octets, quota], (answer) => {
          if (answer === "fits") tell("end", mailbox, octets, "failed");
        }),
      begin: (...asked) => tell("begin", ...asked),
      end: (...asked) => tell("end", ...asked),
      counted: (...asked) => tell("counted", ...asked),
      forget: (...asked) => tell("forget", ...asked),
    },
    visits: {
      note: (...asked) => tell("visited", ...asked),
      at: (...asked) => ask("visits", asked),
    },
    replay: async (charges) => {
      for (let start = 0; start < charges.length; start += REPLAYED) {
        // oxlint-disable-next-line no-await-in-loop -- so that each is answered in time
        await ask("replay", [charges.slice(start, start + REPLAYED)]);
      }
    },
    replayTries: async (tries) => {
      for (let start = 0; start < tries.length; start += REPLAYED) {
        // oxlint-disable-next-line no-await-in-loop -- as above
        await ask("tried", [tries.slice(start, start + REPLAYED)]);
      }
    },
    replaceRules: (rules) => ask("rules", [rules]),
  };
}

function unavailable(error: unknown): Unanswered {
  return { kind: "unavailable", cause: error instanceof Error ? error.message : String(error) };
}

/** What the owner needs of it, and no more: everything that is sent is copied. */
function bare({ account, plan, share, domainShare, over, restrained }: Subject): Subject {
  const needed = restrained === undefined ? { account, plan, share } : { account, plan, share, restrained };
  const ofDomain = domainShare === undefined ? needed : { ...needed, domainShare };
  return over === "hold" ? { ...ofDomain, over } : ofDomain;
}
