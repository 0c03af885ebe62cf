// What is kept, for how long, and the end of it. Everything on disk that says something about people and their mail has a
// class here, tables of the index included (a test compares). What says who wrote to whom ends by time; what is as good as a password
// ends with what it is for; the rest ends with what it belongs to.

import { rmSync } from "node:fs";
import { basename } from "node:path";
import { longestAttempts, longestWindow } from "../config/longest-window.ts";
import type { Settings } from "../config/settings.ts";
import { TRY_MINUTE } from "../counters/account-limits.ts";
import type { Clock } from "../io/clock.ts";
import type { Remote } from "../io/rpc.ts";
import type { Observer } from "../observe/events.ts";
import { ORIGIN_KEPT } from "../directory/origins.ts";
import type {
  AccountStore,
  ChargeStore,
  EnrolmentStore,
  NoticeStore,
  ProfileStore,
  Span,
  TryStore,
} from "../store/store.ts";
import type { Control, RetentionView } from "./control.ts";
import { logFiles } from "./log-search.ts";

export interface RetentionServices {
  readonly settings: () => Pick<Settings, "retention" | "log"> & {
    readonly limits: Omit<Settings["limits"], "client">;
    readonly substitute: Pick<Settings["substitute"], "codes">;
  };
  readonly store: Remote<
    ChargeStore &
      TryStore &
      ProfileStore &
      Pick<
        AccountStore,
        "originSpan" | "purgeOrigins" | "countCram" | "dropCram" | "scrub" | "restraintSpan" | "purgeRestraints"
      > &
      Pick<EnrolmentStore, "codeSpan" | "purgeCodes"> &
      Pick<NoticeStore, "noticeSpan" | "purgeNotices">
  >;
  readonly observer: Observer;
  readonly clock: Pick<Clock, "wall">;
  /** Some port offers CRAM-MD5 now. */
  readonly offersCram: () => boolean;
  /** These keys changed: caches must forget them. */
  readonly changed: (keys: readonly string[]) => Promise<void>;
}

const DAY = 86_400_000;
/** Of notices to customers: longer than they are counted, and than a server stands still. */
const NOTICE_KEPT = 7 * DAY;

/** Ends with what it belongs to, not by time. Tables by their names in the index. */
export const kept: ReadonlyMap<string, string> = new Map([
  ["account", "until the account is deleted"],
  ["account_alias", "until the account is deleted"],
  ["app_password", "until it is removed, or the account is deleted"],
  ["enrolment", "until it is removed, the account is deleted, or its first code is over unused"],
  ["third_party", "until nobody has an address there: what a domain publishes, nothing about people"],
  ["waiting_record", "until the message is delivered, returned or deleted"],
  ["waiting_message", "until the message is delivered, returned or deleted"],
  ["waiting_recipient", "until the message is delivered, returned or deleted"],
  ["attempt", "until the message is delivered, returned or deleted"],
  ["note", "for ever: positions, nothing about people"],
  ["spool", "until every message of a segment is delivered, returned or deleted"],
  ["mail", "until its reader deletes it"],
]);

/** From where on what was tried still counts, wall ms: a minute stands for all of its moments. */
export function triesSince(limits: Parameters<typeof longestAttempts>[0], now: number): number {
  return now - longestAttempts(limits) - TRY_MINUTE;
}

function viewOf(what: string, how: string, { items, expired, oldest }: Span): RetentionView {
  const began = oldest === undefined ? {} : { oldest: new Date(oldest).toISOString() };
  return { what, kept: how, items, expired, ...began };
}

/** Of what has no time of day. */
function viewByDay(what: string, how: string, span: Span): RetentionView {
  const view = viewOf(what, how, span);
  return view.oldest === undefined ? view : { ...view, oldest: view.oldest.slice(0, 10) };
}

export function retentionControl(services: RetentionServices): Pick<Control, "retention"> & {
  /** `by`: "operator" or "schedule". */
  readonly purge: (by: string) => Promise<readonly RetentionView[]>;
} {
  const { settings, store, observer, clock } = services;

  /** A day is over when its last moment is. */
  function expiredDays(): readonly string[] {
    const before = clock.wall() - settings().retention.log;
    return days().filter((file) => Date.parse(basename(file, ".jsonl")) + DAY <= before);
  }

  function codesKept(): number {
    return Math.max(...settings().substitute.codes.map(({ length }) => length));
  }

  /** Oldest first. */
  function days(): readonly string[] {
    return logFiles(settings().log.directory).toReversed();
  }

  async function look(): Promise<readonly RetentionView[]> {
    const [oldest] = days();
    const now = clock.wall();
    const { limits, retention } = settings();
    const states = await store.countCram();
    return [
      {
        what: "log",
        kept: inDays(retention.log),
        items: days().length,
        expired: expiredDays().length,
        ...(oldest === undefined ? {} : { oldest: basename(oldest, ".jsonl") }),
      },
      viewOf(
        "charge",
        `${inDays(longestWindow(limits))}, the longest window of a limit`,
        await store.chargeSpan(now - longestWindow(limits)),
      ),
      viewOf(
        "rcpt_try",
        `${inDays(longestAttempts(limits))}, the longest window of \`attempts\`: how many recipients an account tried, by the minute`,
        await store.trySpan(triesSince(limits, now)),
      ),
      viewByDay(
        "correspondent",
        `${inDays(retention.correspondents)} after the last message to it, where new recipients are limited`,
        await store.correspondentSpan(now - retention.correspondents),
      ),
      viewByDay(
        "abuse_profile",
        `${inDays(retention.log)} after the account was last seen: its networks, and what spoke against it`,
        await store.profileSpan(now - retention.log),
      ),
      viewByDay(
        "login_origin",
        `${inDays(ORIGIN_KEPT)} after the last login from it, as a keyed hash`,
        await store.originSpan(now - ORIGIN_KEPT),
      ),
      viewOf(
        "enrolment_code",
        `${inDays(codesKept())}, the longest window of \`[substitute] codes\`: who was sent one, never the code`,
        await store.codeSpan(now - codesKept()),
      ),
      viewOf(
        "abuse_notice",
        `${inDays(NOTICE_KEPT)}: that a customer was told of a step against his account`,
        await store.noticeSpan(now - NOTICE_KEPT),
      ),
      viewOf(
        "restraint",
        "until it has ended or was cleared: what was done about an account that somebody else may be using, and the evidence",
        await store.restraintSpan(now),
      ),
      {
        what: "cram_md5",
        kept: "while a listener offers CRAM-MD5: what that needs of passwords",
        items: states,
        expired: services.offersCram() ? 0 : states,
      },
      ...[...kept].map(([what, how]) => ({ what, kept: how })),
    ];
  }

  return {
    retention: look,
    purge: async (by) => {
      const found = (await look()).filter(({ expired }) => expired !== undefined && expired > 0);
      for (const file of expiredDays()) rmSync(file, { force: true });
      await store.purgeCharges(clock.wall() - longestWindow(settings().limits));
      await store.purgeTries(triesSince(settings().limits, clock.wall()));
      await store.purgeCorrespondents(clock.wall() - settings().retention.correspondents);
      await store.purgeProfiles(clock.wall() - settings().retention.log);
      await store.purgeOrigins(clock.wall() - ORIGIN_KEPT);
      await store.purgeCodes(clock.wall() - codesKept());
      await store.purgeNotices(clock.wall() - NOTICE_KEPT);
      await store.purgeRestraints(clock.wall());
      if (!services.offersCram()) {
        const changed = await store.dropCram();
        if (changed.length > 0) await services.changed(changed);
      }
      for (const { what, expired } of found) observer.emit("retention.purged", { what, items: expired ?? 0, by });
      // Last: on a full disk it fails, and all else is done. CRAM-MD5 may be offered again since it was due.
      await store.scrub();
      return found;
    },
  };
}

function inDays(milliseconds: number): string {
  const days = Math.round((milliseconds / DAY) * 100) / 100;
  return `${days} day${days === 1 ? "" : "s"}`;
}
