// Customers are told by mail what was done because somebody else may be using their account, and that it is over. What is to be told is
// noted in the same step as what is done (store.setRestraint), so a crash, a full disk or a stopped server loses none of it; it is told
// once that works; one that cannot be made waits, with what follows it for the same account, and stops nobody else's.
//
// One message for each step and each reader. That it goes out is noted first: a crash in the moment between loses one notice, which is
// better than the same one twice. No account has more than so many in a day; what is beyond that is an event.

import type { AbuseMail } from "../egress/abuse-mail.ts";
import type { Clock } from "../io/clock.ts";
import type { Remote } from "../io/rpc.ts";
import type { Observer } from "../observe/events.ts";
import type { AbuseNews, AbuseNotice, Account, AccountStore, NoticeStore } from "../store/store.ts";

export interface AbuseNoticeServices {
  readonly store: Remote<
    Pick<NoticeStore, "pendingNotices" | "noteTold" | "noteUntold" | "dropNotice" | "toldSince"> &
      Pick<AccountStore, "findAccount">
  >;
  /** Resolves when it is durable. */
  readonly mail: (mail: AbuseMail) => Promise<void>;
  readonly observer: Observer;
  readonly clock: Pick<Clock, "wall">;
}

export interface AbuseNotices {
  /** What waits is told; resolves when that was tried. Never rejects. */
  tell(): Promise<void>;
  /** Ends what is under way; what waits then waits for the next start. */
  close(): Promise<void>;
}

/** To one reader in a day: twice three steps and their end. */
export const MOST_NOTICES = 8;
const DAY = 86_400_000;
const PAGE = 100;
/** So many accounts one after the other: it is not the notice, and the round ends. */
const MOST_FAILURES = 2;

type Pending = AbuseNotice & { readonly id: number };

/**
 * To whom. Both readers, but for a suspension: while it lasts nobody opens the mailbox, so only the second contact is told, if there
 * is one; its own mailbox has the end of it.
 */
export function noticesTo(
  { contact }: Pick<Account, "contact">,
  at: number,
  news: AbuseNews,
): readonly Omit<AbuseNotice, "account">[] {
  const readers: readonly AbuseNotice["to"][] =
    contact === undefined
      ? ["account"]
      : news.kind === "taken" && news.step === "suspend"
        ? ["contact"]
        : ["account", "contact"];
  return readers.map((to) => ({ to, at, news }));
}

export function createAbuseNotices({ store, mail, observer, clock }: AbuseNoticeServices): AbuseNotices {
  let closed = false;
  /** One round at a time. */
  let work: Promise<void> = Promise.resolve();
  /** Accounts whose notice could not be made the last time: their turn comes after everybody else's. */
  const late = new Set<string>();

  async function tellOne({ id, account, to, at, news }: Pending): Promise<void> {
    const now = clock.wall();
    const found = await store.findAccount(account);
    const reader = to === "account" ? found?.address : found?.contact;
    if (found === undefined || reader === undefined) {
      await store.dropNotice(id);
      return;
    }
    if ((await store.toldSince(account, to, now - DAY)) >= MOST_NOTICES) {
      await store.dropNotice(id);
      const step = news.kind === "taken" ? news.step : "ended";
      observer.emit("notice.withheld", { account, step, to, most: MOST_NOTICES });
      return;
    }
    if (!(await store.noteTold(id, now))) return;
    try {
      await mail({ to: reader, copy: to, about: account, account: found.address, since: at, news });
    } catch (error) {
      await store.noteUntold(id);
      throw error;
    }
  }

  /** False: nothing can be told now. */
  async function tellAll(pending: readonly Pending[], stuck: Set<string>): Promise<boolean> {
    const isLate = ({ account }: Pending): boolean => late.has(account);
    let failures = 0;
    for (const notice of [...pending.filter((each) => !isLate(each)), ...pending.filter(isLate)]) {
      const { account } = notice;
      if (closed) return false;
      // What comes after one that is still to be told waits for it.
      if (stuck.has(account)) continue;
      try {
        // oxlint-disable-next-line no-await-in-loop -- in their order
        await tellOne(notice);
        late.delete(account);
        failures = 0;
      } catch (error) {
        observer.emit("internal.failed", { where: "notices of abuse", cause: String(error) });
        stuck.add(account);
        late.add(account);
        failures++;
        if (failures === MOST_FAILURES) return false;
      }
    }
    return true;
  }

  async function round(): Promise<void> {
    const stuck = new Set<string>();
    try {
      for (;;) {
        // oxlint-disable-next-line no-await-in-loop -- until there are none
        const pending = await store.pendingNotices(PAGE);
        const isNew = pending.some(({ account }) => !stuck.has(account));
        // oxlint-disable-next-line no-await-in-loop
        if (!isNew || !(await tellAll(pending, stuck)) || pending.length < PAGE) return;
      }
    } catch (error) {
      // The next round tries again.
      observer.emit("internal.failed", { where: "notices of abuse", cause: String(error) });
    }
  }

  return {
    tell: () => (work = work.then(() => (closed ? undefined : round()))),
    close: () => {
      closed = true;
      return work;
    },
  };
}
