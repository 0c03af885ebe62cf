// Control of a running server: accounts and waiting mail from the store, mail in delivery from the mail threads.

import { addressKey, parseAddress } from "../address/address.ts";
import type { Settings } from "../config/settings.ts";
import type { AccountUse } from "../counters/account-limits.ts";
import type { SubstituteMail } from "../egress/substitute-mail.ts";
import type { EgressDestination } from "../egress/delivery.ts";
import type { ActiveMessage } from "../egress/dispatch/dispatcher.ts";
import type { Remote } from "../io/rpc.ts";
import type { QueueAction, QueueCount, QueueSelector, Store } from "../store/store.ts";
import { senderControl } from "./account-senders.ts";
import { accountControl } from "./accounts.ts";
import { enrolmentControl } from "./enrolments.ts";
import type { ThirdParties } from "./third-parties.ts";
import { appPasswordControl } from "./app-passwords.ts";
import type { AccountServices } from "./accounts.ts";
import type { AccountView, Control, Health, ReloadOutcome } from "./control.ts";
import { credentialControl } from "./credentials.ts";
import { destinationViews } from "./destinations.ts";
import { diagnose, diagnoseDirectory } from "./diagnose.ts";
import { queueControl } from "./queue-control.ts";
import { retentionControl } from "./retention.ts";
import { effectiveConfiguration, noRotation } from "./site.ts";
import { liftRestraint, suspicionControl, suspicionOf } from "./suspicion.ts";
import type { Tokens } from "./tokens.ts";
import type { Trace } from "./trace.ts";

/** What the mail threads do for an operator, together. */
export interface MailControl {
  forgetAccounts(keys: readonly string[]): void;
  /** Their accounts may not be used any more. */
  endSessions(accounts: readonly string[]): void;
  destinations(): readonly EgressDestination[];
  activeMessages(): readonly ActiveMessage[];
  changeQueue(change: QueueAction, selector: QueueSelector, by: string): Promise<QueueCount>;
  accountUse(account: string): AccountUse | Promise<AccountUse>;
  /** Resolves when the message is durable. */
  mailThirdParty(mail: SubstituteMail): Promise<void>;
}

export interface LiveServices extends Omit<
  AccountServices,
  "changed" | "forgive" | "endSessions" | "holdMail" | "store" | "settings"
> {
  readonly settings: () => Settings;
  readonly store: Remote<Store>;
  readonly mail: Remote<MailControl>;
  readonly reload: (by: string) => Promise<ReloadOutcome>;
  /** In a thread of its own: a day of log may be a gigabyte. */
  readonly searchLog: (directory: string, question: string) => Promise<Trace>;
  readonly health: () => Health;
  readonly metrics: () => Promise<string>;
  readonly tokens: Tokens;
  readonly thirdParties: Pick<ThirdParties, "read">;
  /** Some port offers CRAM-MD5 now. */
  readonly offersCram: () => boolean;
  /** What spoke against an account is forgotten; then `lift`, before anything else is seen of it. */
  readonly clearSuspicion: (account: string, lift: () => Promise<void>) => Promise<void>;
}

/** Looks into the log at once. Each reads whole days of it. */
const MOST_SEARCHES = 2;

/** One for each caller; `by` is who that is. */
export function createLiveControl(services: LiveServices): (by: string) => Control {
  const { store, mail, observer, settings } = services;
  const changed = (keys: readonly string[]): Promise<void> => mail.forgetAccounts(keys);
  const retained = retentionControl({ ...services, changed });
  let searches = 0;

  async function withUse(account: AccountView): Promise<AccountView> {
    const address = parseAddress(account.address);
    if (!address.ok) return account;
    const key = addressKey(address.value);
    const suspicion = await suspicionOf(store, key);
    return { ...account, use: await mail.accountUse(key), ...(suspicion === undefined ? {} : { suspicion }) };
  }

  return (by) => {
    const accounts = accountControl(
      {
        ...services,
        changed,
        forgive: (key) => services.clearSuspicion(key, () => liftRestraint({ ...services, changed }, key, "resumed")),
        endSessions: (keys) => mail.endSessions(keys),
        holdMail: (key) => mail.changeQueue("hold-suspended", { kind: "account", account: key }, by),
      },
      by,
    );
    const senders = senderControl({ ...services, changed }, by);
    const appPasswords = appPasswordControl({ ...services, changed }, by);
    return {
      reload: () => services.reload(by),
      addAccount: accounts.addAccount,
      importAccounts: accounts.importAccounts,
      changeAccount: accounts.changeAccount,
      setPassword: accounts.setPassword,
      ...senders,
      ...appPasswords,
      ...enrolmentControl({ ...services, mailCode: (code) => mail.mailThirdParty(code) }, by),
      ...credentialControl(services, by),
      setStanding: accounts.setStanding,
      deleteAccount: accounts.deleteAccount,
      findAccount: async (address) => {
        const account = await accounts.find(address);
        return account === undefined ? undefined : withUse(account);
      },
      listAccounts: async (page) => {
        const list = await accounts.list(page);
        return { ...list, entries: await Promise.all(list.entries.map(withUse)) };
      },
      ...suspicionControl(
        {
          ...services,
          forgive: services.clearSuspicion,
          changed,
          changeQueue: (change, selector, who) => mail.changeQueue(change, selector, who),
          returns: true,
        },
        by,
      ),
      listDestinations: async () => destinationViews(await mail.destinations()),
      ...queueControl(
        {
          settings: services.settings,
          store,
          observer,
          active: () => mail.activeMessages(),
          change: (change, selector, who) => mail.changeQueue(change, selector, who),
        },
        by,
      ),
      retention: retained.retention,
      purge: () => retained.purge(by),
      noteTrace: (question) => {
        observer.emit("trace.asked", { question, by });
        return Promise.resolve();
      },
      trace: async (question) => {
        if (searches >= MOST_SEARCHES) return "busy";
        searches++;
        try {
          observer.emit("trace.asked", { question, by });
          return await services.searchLog(settings().log.directory, question);
        } finally {
          searches--;
        }
      },
      examine: async (probe) => [
        ...(await diagnose({ settings: settings() }, "running", probe)),
        ...(await diagnoseDirectory(settings(), "running", store)),
      ],
      examineDirectory: () => diagnoseDirectory(settings(), "running", store),
      configuration: () => Promise.resolve(effectiveConfiguration({ settings: settings() })),
      health: () => Promise.resolve(services.health()),
      metrics: services.metrics,
      rotateToken: async () => {
        const token = await services.tokens.rotate();
        if (token === undefined) return noRotation;
        observer.emit("token.changed", { by });
        return { done: true, token };
      },
    };
  };
}
