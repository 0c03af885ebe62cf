// What third parties publish about mail of theirs that comes from here: read through the resolver, at enrolment and again from time to
// time, and remembered. A reading that fails leaves the last one; how long that counts is directory/enrolments.ts's to say.

import { isDeepStrictEqual } from "node:util";
import type { Settings } from "../config/settings.ts";
import type { Clock } from "../io/clock.ts";
import type { Resolver } from "../io/dns.ts";
import type { Remote } from "../io/rpc.ts";
import { answerSteps } from "../mailauth/dns-steps.ts";
import { judgeDomain } from "../mailauth/third-party.ts";
import type { Observer } from "../observe/events.ts";
import type { EnrolmentStore, ThirdParty } from "../store/store.ts";

export interface ThirdPartyServices {
  /** In effect now. */
  readonly settings: () => Pick<Settings, "substitute" | "hostname">;
  readonly store: Pick<Remote<EnrolmentStore>, "thirdParty" | "putThirdParty" | "enrolledDomains" | "purgeEnrolments">;
  readonly observer: Observer;
  readonly clock: Clock;
  /** A new one for each round: within it an answer is asked for once. */
  readonly resolver: () => Resolver;
}

export interface ThirdParties {
  /** Now. */
  read(domain: string): Promise<ThirdParty>;
  /** Those whose time has come. Several at once would ask twice. */
  readDue(): Promise<void>;
}

/** After a reading that failed, ms. */
const AGAIN = 15 * 60_000;
/** Read at once. */
const TOGETHER = 8;

export function createThirdParties({ settings, store, observer, clock, resolver }: ThirdPartyServices): ThirdParties {
  async function read(domain: string, asked: Resolver): Promise<ThirdParty> {
    const { substitute, hostname } = settings();
    const from = substitute.sendsFrom;
    const before = await store.thirdParty(domain);
    const judgement = await answerSteps(judgeDomain(domain, from, hostname), asked);
    const at = clock.wall();
    const isSame = isDeepStrictEqual(before?.from, [...from]);
    const party: ThirdParty =
      judgement.kind === "known"
        ? { domain, from, triedAt: at, known: { fit: judgement.fit, words: judgement.words, at } }
        : {
            domain,
            from,
            triedAt: at,
            cause: judgement.cause,
            // What was read about other addresses says nothing about these.
            ...(before?.known === undefined || !isSame ? {} : { known: before.known }),
          };
    await store.putThirdParty(party);
    observer.emit("substitute.judged", {
      domain,
      fit: judgement.kind === "known" ? judgement.fit : "unknown",
      words: judgement.kind === "known" ? judgement.words : judgement.cause,
      ...(before?.known === undefined ? {} : { before: before.known.fit }),
    });
    return party;
  }

  /** Nobody knows until when: an address of ours that is new to it makes it so. */
  async function isDue(domain: string): Promise<boolean> {
    const { sendsFrom, reread } = settings().substitute;
    const party = await store.thirdParty(domain);
    if (party === undefined || !isDeepStrictEqual(party.from, [...sendsFrom])) return true;
    const wait = party.cause === undefined ? reread : Math.min(reread, AGAIN);
    // Ahead of now: the clock was put back.
    return clock.wall() - party.triedAt >= wait || party.triedAt > clock.wall();
  }

  return {
    read: (domain) => read(domain, resolver()),
    readDue: async () => {
      if (settings().substitute.sendsFrom.length === 0) return;
      await store.purgeEnrolments(clock.wall());
      const due: string[] = [];
      for (const domain of await store.enrolledDomains()) {
        // oxlint-disable-next-line no-await-in-loop -- one store
        if (await isDue(domain)) due.push(domain);
      }
      const asked = resolver();
      for (let start = 0; start < due.length; start += TOGETHER) {
        // oxlint-disable-next-line no-await-in-loop -- so many and no more
        await Promise.all(due.slice(start, start + TOGETHER).map((domain) => read(domain, asked)));
      }
    },
  };
}
