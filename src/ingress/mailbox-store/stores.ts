// Asks mailbox stores behind LMTP whether they take mail for an address. An answer is theirs or "unavailable", never a
// guess (law 3); it is believed for a short time, so that a message with many recipients or a harvester costs the store
// one question an address. What cannot be answered within DEADLINE is unavailable, and so is everything while the store
// cannot be reached; the client is told to come back.
//
// A few connections to a store are enough: a question is one round trip to a near host.

import type { RouteTarget } from "../../config/settings.ts";
import type { Clock } from "../../io/clock.ts";
import { replyWords } from "../../proto/smtp-client/reply.ts";
import type { Reply } from "../../proto/smtp-client/reply.ts";
import { StoreSession } from "./session.ts";

export type StoreAnswer =
  | { readonly kind: "taken" }
  /** In its words, without the codes. */
  | { readonly kind: "refused"; readonly code: number; readonly enhanced: string; readonly text: string }
  | { readonly kind: "unavailable"; readonly cause: string };

export interface MailboxStores {
  ask(address: string, store: StorePlace): StoreAnswer | Promise<StoreAnswer>;
  close(): void;
}

type StorePlace = Pick<RouteTarget, "host" | "port">;

export interface MailboxStoresOptions {
  /** What LHLO says. */
  readonly hostname: () => string;
  readonly clock: Pick<Clock, "monotonic">;
  readonly limits?: Partial<typeof standard>;
}

const standard = {
  /** Connections to one store. Dovecot serves a client with a process each. */
  connections: 4,
  /** For one question, waiting in line included, ms. */
  deadline: 10_000,
  /** How long an answer is believed, ms: yes, no, not now. */
  taken: 60_000,
  refused: 30_000,
  deferred: 5000,
  answers: 100_000,
};

interface Question {
  readonly address: string;
  /** Asked before on a connection that had been kept too long. */
  repeated: boolean;
  session: StoreSession | undefined;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (answer: StoreAnswer) => void;
}

interface Site {
  readonly place: StorePlace;
  readonly sessions: Set<StoreSession>;
  readonly waiting: Question[];
  readonly asked: Map<StoreSession, Question>;
}

export function createMailboxStores(options: MailboxStoresOptions): MailboxStores {
  const { hostname, clock } = options;
  const limits = { ...standard, ...options.limits };
  const sites = new Map<string, Site>();
  const cache = new Map<string, { readonly answer: StoreAnswer; readonly until: number }>();
  const open = new Map<string, Promise<StoreAnswer>>();
  let closed = false;

  function siteOf(name: string, place: StorePlace): Site {
    let site = sites.get(name);
    if (site === undefined) {
      site = { place, sessions: new Set(), waiting: [], asked: new Map() };
      sites.set(name, site);
    }
    return site;
  }

  function remember(key: string, answer: StoreAnswer): StoreAnswer {
    open.delete(key);
    if (answer.kind === "unavailable") return answer;
    const time = answer.kind === "taken" ? limits.taken : answer.code >= 500 ? limits.refused : limits.deferred;
    cache.delete(key);
    if (cache.size >= limits.answers) cache.delete(cache.keys().next().value!);
    cache.set(key, { answer, until: clock.monotonic() + time });
    return answer;
  }

  function enqueue(site: Site, address: string): Promise<StoreAnswer> {
    return new Promise((resolve) => {
      const question: Question = {
        address,
        repeated: false,
        session: undefined,
        resolve,
        timer: setTimeout(() => late(site, question), limits.deadline),
      };
      site.waiting.push(question);
      serve(site);
    });
  }

  function late(site: Site, question: Question): void {
    const cause = "the mailbox store does not answer";
    const at = site.waiting.indexOf(question);
    if (at >= 0) site.waiting.splice(at, 1);
    // Whatever it says on this connection from now on would be taken for an answer to something else.
    if (question.session !== undefined) site.asked.delete(question.session);
    question.resolve({ kind: "unavailable", cause });
    question.session?.end(cause);
  }

  function finish(question: Question, answer: StoreAnswer): void {
    clearTimeout(question.timer);
    question.resolve(answer);
  }

  function serve(site: Site): void {
    for (const session of site.sessions) {
      if (!session.idle) continue;
      const question = site.waiting.shift();
      if (question === undefined) return;
      if (session.canAsk(question.address)) hand(site, session, question);
      else finish(question, unaskable);
    }
    const idle = [...site.sessions].some((session) => session.idle);
    if (idle && site.waiting.length > 0) return serve(site);
    const opening = site.sessions.size - site.asked.size;
    const wanted = Math.min(site.waiting.length - opening, limits.connections - site.sessions.size);
    for (let count = 0; count < wanted; count++) dial(site);
  }

  function hand(site: Site, session: StoreSession, question: Question): void {
    question.session = session;
    site.asked.set(session, question);
    session.ask(question.address, (reply) => {
      site.asked.delete(session);
      finish(question, answerOf(reply));
    });
  }

  function dial(site: Site): void {
    const session: StoreSession = new StoreSession(site.place, hostname(), {
      available: () => serve(site),
      ended: (ended, cause) => over(site, ended, cause),
    });
    site.sessions.add(session);
  }

  function over(site: Site, session: StoreSession, cause: string): void {
    site.sessions.delete(session);
    const question = site.asked.get(session);
    site.asked.delete(session);
    if (question !== undefined) {
      question.session = undefined;
      if (session.proven && !question.repeated && !closed) {
        question.repeated = true;
        site.waiting.unshift(question);
      } else finish(question, { kind: "unavailable", cause });
    }
    // Nobody is left to ask, and the last to be dialled did not come up: those in line would only wait for the same.
    if (site.sessions.size === 0 && !session.proven) {
      for (const waiting of site.waiting.splice(0)) finish(waiting, { kind: "unavailable", cause });
    } else if (!closed) serve(site);
  }

  return {
    ask: (address, place) => {
      if (closed) return { kind: "unavailable", cause: "this server is shutting down" };
      const name = `${place.host} ${place.port}`;
      const key = `${name} ${address}`;
      const known = cache.get(key);
      if (known !== undefined && known.until > clock.monotonic()) return known.answer;
      let asked = open.get(key);
      if (asked === undefined) {
        asked = enqueue(siteOf(name, place), address).then((answer) => remember(key, answer));
        open.set(key, asked);
      }
      return asked;
    },
    close: () => {
      closed = true;
      for (const site of sites.values()) {
        for (const session of site.sessions) session.end("this server is shutting down");
        for (const waiting of site.waiting.splice(0)) {
          finish(waiting, { kind: "unavailable", cause: "this server is shutting down" });
        }
      }
    },
  };
}

/** RFC 6531 §3.5: 553 with 5.6.7. */
const unaskable: StoreAnswer = {
  kind: "refused",
  code: 553,
  enhanced: "5.6.7",
  text: "the mailbox store takes no such address",
};

function answerOf(reply: Reply): StoreAnswer {
  if (reply.code < 300) return { kind: "taken" };
  return { kind: "refused", ...replyWords(reply) };
}
