// What follows from a suspicion: it is told, and as far as the configuration allows something is done. Decided here, in one place for all
// mail threads: written down first, so that it outlives a restart; then every thread forgets the account as it was, and asks for it anew
// with the next transaction or login; then, of who is suspended, sessions end and what is queued is held. Nothing is deleted, and
// `abuse clear` undoes all of it.

import { addressKey, parseAddress } from "../address/address.ts";
import { farthestOf, goesBeyond } from "../abuse/steps.ts";
import type { Evidence } from "../abuse/observation.ts";
import type { Taken } from "../abuse/steps.ts";
import type { Observed } from "../abuse/tap.ts";
import { createAbuseWatch } from "../abuse/watch.ts";
import type { AbuseWatch, Suspicion } from "../abuse/watch.ts";
import type { Settings } from "../config/settings.ts";
import { noticesTo } from "../control/abuse-notices.ts";
import type { EndedLogin } from "../control/dovecot-sessions.ts";
import type { MailControl } from "../control/live.ts";
import { restraintInForce } from "../directory/restraint.ts";
import type { Countries } from "../io/countries.ts";
import type { Remote } from "../io/rpc.ts";
import type { Observer } from "../observe/events.ts";
import type { AccountRestraint, AccountStore, ProfileStore } from "../store/store.ts";

interface Services {
  readonly settings: () => Pick<Settings, "abuse">;
  readonly store: Remote<ProfileStore & Pick<AccountStore, "findAccount" | "setRestraint">>;
  readonly observer: Observer;
  /** In effect. */
  readonly countries: () => Countries | undefined;
  readonly mail: Pick<Remote<MailControl>, "forgetAccounts" | "endSessions" | "changeQueue">;
  /** There is something to tell a customer. */
  readonly noted: () => void;
  /** Others who share the accounts end what it has open there. Must not throw. */
  readonly loginEnded: (login: EndedLogin) => void;
}

const MOST_EVIDENCE = 10;
const BY = "abuse detection";
const done = { slow: "slowed", hold: "held", suspend: "suspended" } as const satisfies Record<Taken["step"], string>;

export function watchAccounts({ settings, store, observer, countries, mail, noted, loginEnded }: Services): AbuseWatch {
  async function suspect({ account, step, score: exact, evidence, taken, before }: Suspicion): Promise<void> {
    const words = evidence
      .toSorted((a, b) => b.weight - a.weight)
      .slice(0, MOST_EVIDENCE)
      .map(({ at, text }) => `${new Date(at).toISOString()} ${text}`);
    const score = Math.round(exact * 10) / 10;
    const { clause } = settings().abuse;
    const cited = clause === undefined ? {} : { clause };
    const outcome =
      taken === before
        ? taken === undefined
          ? "told"
          : done[taken.step]
        : await restrain(account, taken, before, { score, evidence: words, ...cited }, signsOf(evidence));
    if (step === undefined) return;
    observer.emit("account.suspected", { account, step, score, evidence: words, done: outcome, ...cited });
  }

  async function restrain(
    account: string,
    taken: Taken | undefined,
    before: Taken | undefined,
    grounds: Pick<AccountRestraint, "score" | "evidence" | "clause">,
    signs: readonly string[],
  ): Promise<string> {
    const found = await store.findAccount(account);
    if (found === undefined) return "told: no such account";
    const inForce = found.restraint?.step;
    // Of an account that was not seen for long the profile is gone; what was done stays until somebody has looked.
    const isLess =
      inForce !== undefined && before === undefined && taken !== undefined && goesBeyond(inForce, taken.step);
    if (isLess || (taken === undefined && inForce !== "slow")) return inForce === undefined ? "told" : done[inForce];
    // A step that is put off, or taken again after something went wrong, was told.
    const isNew = taken !== undefined && restraintInForce(found, taken.since)?.step !== taken.step;
    const { clause } = grounds;
    const notices = isNew
      ? noticesTo(found, taken.since, {
          kind: "taken",
          step: taken.step,
          signs,
          ...(clause === undefined ? {} : { clause }),
        })
      : [];
    await store.setRestraint(found.key, taken === undefined ? undefined : { ...taken, ...grounds }, notices);
    if (isNew) noted();
    const names = [found.key, ...found.aliases];
    await mail.forgetAccounts(names);
    if (taken === undefined) return "told";
    if (taken.step === "suspend") {
      loginEnded({ account: found.key, names });
      await mail.endSessions([found.key]);
      await mail.changeQueue("hold-suspected", { kind: "account", account: found.key }, BY);
    }
    return done[taken.step];
  }

  const watch = createAbuseWatch({
    store,
    accountOf: async (name) => {
      const address = parseAddress(name);
      return address.ok ? (await store.findAccount(addressKey(address.value)))?.key : undefined;
    },
    suspect,
    farthest: () => farthestOf(settings().abuse.act),
    failed: (cause) => observer.emit("internal.failed", { where: BY, cause: String(cause) }),
  });

  /** Of the first address of a network: countries do not change within one. */
  function placed(observed: Observed): Observed {
    const { observation } = observed;
    if (observation.kind !== "login") return observed;
    return {
      ...observed,
      observation: { ...observation, country: countries()?.of(observation.network.split("/")[0]!) },
    };
  }

  return { ...watch, observed: (batch) => watch.observed(batch.map(placed)) };
}

/** Kinds of what speaks against it, the weightiest first. */
function signsOf(evidence: readonly Evidence[]): readonly string[] {
  const weights = new Map<string, number>();
  for (const { sign, weight } of evidence) weights.set(sign, (weights.get(sign) ?? 0) + weight);
  return [...weights].toSorted(([, one], [, other]) => other - one).map(([sign]) => sign);
}
