// What follows from a suspicion: it is told, and where the configuration says so the account is suspended and its queued mail held. Both
// are undone by `account resume` and `queue release`; nothing is deleted.

import type { Observed } from "../abuse/tap.ts";
import { createAbuseWatch } from "../abuse/watch.ts";
import type { AbuseWatch, Suspicion } from "../abuse/watch.ts";
import type { Settings } from "../config/settings.ts";
import type { Control } from "../control/control.ts";
import type { Countries } from "../io/countries.ts";
import type { Remote } from "../io/rpc.ts";
import type { Observer } from "../observe/events.ts";
import type { ProfileStore } from "../store/store.ts";

interface Services {
  readonly settings: () => Pick<Settings, "abuse">;
  readonly store: Remote<ProfileStore>;
  readonly observer: Observer;
  /** In effect. */
  readonly countries: () => Countries | undefined;
  readonly control: () => Pick<Control, "setStanding" | "changeQueue" | "findAccount">;
}

const MOST_EVIDENCE = 10;

export function watchAccounts({ settings, store, observer, countries, control }: Services): AbuseWatch {
  async function suspect({ account, step, score, evidence }: Suspicion): Promise<void> {
    const words = evidence
      .toSorted((a, b) => b.weight - a.weight)
      .slice(0, MOST_EVIDENCE)
      .map(({ at, text }) => `${new Date(at).toISOString()} ${text}`);
    const suspends = step === "suspend" && settings().abuse.act === "suspend";
    const done = suspends ? await suspend(account) : "told";
    observer.emit("account.suspected", { account, step, score: Math.round(score * 10) / 10, evidence: words, done });
  }

  async function suspend(account: string): Promise<string> {
    const outcome = await control().setStanding(account, "suspended");
    if (!outcome.done) return `told: ${outcome.why}`;
    const found = await control().findAccount(account);
    for (const sender of [account, ...(found?.aliases ?? [])]) {
      // oxlint-disable-next-line no-await-in-loop -- few
      await control().changeQueue("hold", { kind: "sender", sender });
    }
    return "suspended";
  }

  const watch = createAbuseWatch({
    store,
    suspect,
    failed: (cause) => observer.emit("internal.failed", { where: "abuse detection", cause: String(cause) }),
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
