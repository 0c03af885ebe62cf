// All mail threads as one: what main and the control ask of "the mail" goes to every thread that it concerns.

import type { DovecotLogins } from "../control/dovecot-logins.ts";
import type { WebLogin } from "../control/web-login.ts";
import { sumOf } from "../control/queue-control.ts";
import type { MailControl } from "../control/live.ts";
import type { AbuseMail } from "../egress/abuse-mail.ts";
import type { EgressDestination } from "../egress/delivery.ts";
import type { Remote } from "../io/rpc.ts";
import type { MailConfiguration, MailThread, OpenListener, PreparedReload } from "./threads.ts";

export type MailReload =
  | { readonly kind: "applied"; readonly restart: readonly string[] }
  | { readonly kind: "refused"; readonly problems: readonly string[] };

export interface MailGroup extends Remote<MailControl> {
  /** Logins at Dovecot. The first thread hears of all of them. */
  readonly logins: Remote<DovecotLogins>;
  /** The same of those on pages. */
  readonly webLogin: WebLogin;
  /** `binding`: "together" where all threads wait for each other while they have privileges. */
  start(binding: "in turn" | "together"): Promise<readonly OpenListener[]>;
  /** All of it in all threads, or nothing. */
  reload(configuration: MailConfiguration): Promise<MailReload>;
  /** Resolves when the message is durable. */
  mailAbuseNotice(mail: AbuseMail): Promise<void>;
  /** Drains within `grace` ms; after it everything accepted is on disk. */
  stop(grace: number): Promise<void>;
  metrics(): Promise<readonly object[]>;
}

export function createMailGroup(threads: readonly Remote<MailThread>[]): MailGroup {
  const [first, ...others] = threads;
  if (first === undefined) throw new RangeError("no mail thread");
  const each = <T>(ask: (thread: Remote<MailThread>) => Promise<T>): Promise<readonly T[]> =>
    Promise.all(threads.map(ask));

  /** The first thread opens what it is asked to; the others open the same ports. */
  async function prepare(configuration: MailConfiguration): Promise<PreparedReload> {
    const leading = await first!.prepareReload(configuration, []);
    if (leading.kind === "refused") return leading;
    const following = await Promise.all(
      others.map((thread) => thread.prepareReload(configuration, portsOf(leading.opened))),
    );
    return following.find(({ kind }) => kind === "refused") ?? leading;
  }

  return {
    start: async (binding) => {
      await each((thread) => thread.recover());
      if (binding === "together") return (await each((thread) => thread.listen([])))[0]!;
      const opened = await first.listen([]);
      await Promise.all(others.map((thread) => thread.listen(portsOf(opened))));
      return opened;
    },
    reload: async (configuration) => {
      const prepared = await prepare(configuration);
      if (prepared.kind === "refused") {
        await each((thread) => thread.abandonReload());
        return prepared;
      }
      await each((thread) => thread.commitReload());
      return { kind: "applied", restart: prepared.restart };
    },
    stop: async (grace) => {
      await each((thread) => thread.stop(grace));
    },
    metrics: () => each((thread) => thread.metrics()),
    forgetAccounts: async (keys) => {
      await each((thread) => thread.forgetAccounts(keys));
    },
    endSessions: async (accounts) => {
      await each((thread) => thread.endSessions(accounts));
    },
    activeMessages: async () => (await each((thread) => thread.activeMessages())).flat(),
    destinations: async () => mergeDestinations((await each((thread) => thread.destinations())).flat()),
    changeQueue: async (change, selector, by) =>
      sumOf(await each((thread) => thread.changeQueue(change, selector, by))),
    mailThirdParty: (mail) => first.mailThirdParty(mail),
    mailAbuseNotice: (mail) => first.mailAbuseNotice(mail),
    // Each gives the counts of all.
    accountUse: (account) => first.accountUse(account),
    webLogin: (asked) => first.webLogin(asked),
    logins: {
      admit: (login) => first.admitLogin(login),
      report: (login, outcome) => first.reportLogin(login, outcome),
    },
  };
}

function portsOf(opened: readonly OpenListener[]): readonly number[] {
  return opened.map(({ port }) => port);
}

/** The same way to the same destination from several threads is one line; each has its part of the limits. */
export function mergeDestinations(all: readonly EgressDestination[]): readonly EgressDestination[] {
  const merged = new Map<string, EgressDestination>();
  for (const each of all) {
    const key = `${each.egress}\n${each.site}`;
    const other = merged.get(key);
    merged.set(key, other === undefined ? each : together(other, each));
  }
  return [...merged.values()];
}

const standings = ["idle", "unproven", "proven"] as const;

function together(one: EgressDestination, other: EgressDestination): EgressDestination {
  const last = Math.max(one.lastDelivery ?? 0, other.lastDelivery ?? 0);
  const rate = one.rate.length === 0 ? other.rate : one.rate;
  const { lastDelivery: _last, ...rest } = one;
  return {
    ...rest,
    open: one.open + other.open,
    busy: one.busy + other.busy,
    dialling: one.dialling + other.dialling,
    limit: one.limit + other.limit,
    waiting: one.waiting + other.waiting,
    waited: Math.max(one.waited, other.waited),
    standing: standings[Math.max(standings.indexOf(one.standing), standings.indexOf(other.standing))]!,
    rate: rate.map(({ length, limit, used }, index) => {
      const more = one.rate.length === 0 ? undefined : other.rate[index];
      return { length, limit: limit + (more?.limit ?? 0), used: used + (more?.used ?? 0) };
    }),
    rests: Math.max(one.rests, other.rests),
    delivered: one.delivered + other.delivered,
    deferred: one.deferred + other.deferred,
    failed: one.failed + other.failed,
    ...(last === 0 ? {} : { lastDelivery: last }),
    answers: [...one.answers, ...other.answers].toSorted((earlier, later) => earlier.at - later.at),
  };
}
