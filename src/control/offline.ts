// Control of a stopped server: the same use cases on its files. The caller holds the state lock.

import { addressKey, parseAddress } from "../address/address.ts";
import { offersCram } from "../config/offers-cram.ts";
import type { Settings } from "../config/settings.ts";
import { agreeWithSpool } from "../egress/dispatch/agree.ts";
import { deleteWaiting } from "../egress/dispatch/delete.ts";
import type { Remote } from "../io/rpc.ts";
import type { Observer } from "../observe/events.ts";
import type { Recovered, Spool } from "../spool/message.ts";
import type { LaneStore } from "../store/lane.ts";
import type { QueueAction, QueueCount, QueueSelector, Store } from "../store/store.ts";
import { senderControl } from "./account-senders.ts";
import { createResolver } from "../io/dns.ts";
import { accountControl } from "./accounts.ts";
import { enrolmentControl } from "./enrolments.ts";
import { createThirdParties } from "./third-parties.ts";
import { appPasswordControl } from "./app-passwords.ts";
import type { AccountServices } from "./accounts.ts";
import type { Control } from "./control.ts";
import { credentialControl } from "./credentials.ts";
import { diagnose, diagnoseDirectory } from "./diagnose.ts";
import { queueControl, sumOf } from "./queue-control.ts";
import { retentionControl } from "./retention.ts";
import { effectiveConfiguration, noRotation } from "./site.ts";
import { makeToken, tokenFile } from "./tokens.ts";
import { forgetSuspicion, liftRestraint, suspicionControl, suspicionOf } from "./suspicion.ts";
import { trace } from "./trace.ts";

export interface OfflineServices extends Omit<
  AccountServices,
  "changed" | "forgive" | "endSessions" | "holdMail" | "loginEnded" | "store" | "settings"
> {
  readonly settings: () => Settings;
  readonly store: Remote<Store>;
  /** Opened at the first question about mail. */
  readonly spools: () => Promise<readonly OpenedLane[]>;
}

/** A lane of mail at rest: its spool, and its part of the queue store. */
export interface OpenedLane {
  readonly spool: Spool;
  readonly recovered: Recovered;
  readonly store: LaneStore;
}

/** Looking at the queue queues nothing again: that is for the server to do, and to tell. */
const quiet: Observer = { emit: () => undefined };

/** Nobody remembers anything of an account. */
const changed = (): Promise<void> => Promise.resolve();

/** `by`: who it is that asks. */
export function createOfflineControl(services: OfflineServices, by: string): Control {
  const { store, observer, clock, settings } = services;
  const accounts = accountControl(
    {
      ...services,
      changed,
      forgive: async (key) => {
        await forgetSuspicion(store, key);
        await liftRestraint({ store, changed, clock }, key, "resumed");
      },
      endSessions: () => Promise.resolve(),
      // The server tells Dovecot of all who are suspended when it starts.
      loginEnded: () => undefined,
      holdMail: (key) => changeQueue("hold-suspended", { kind: "account", account: key }, by),
    },
    by,
  );
  const senders = senderControl({ ...services, changed }, by);
  const appPasswords = appPasswordControl({ ...services, changed }, by);
  const retained = retentionControl({ ...services, changed, offersCram: () => offersCram(settings()) });
  const thirdParties = createThirdParties({
    ...services,
    resolver: () => createResolver({ ...settings().dns, clock }),
  });
  let opened: Promise<readonly OpenedLane[]> | undefined;

  /** The index agrees with the spools from here on. */
  function lanes(): Promise<readonly OpenedLane[]> {
    return (opened ??= services.spools().then(async (found) => {
      for (const lane of found) {
        // oxlint-disable-next-line no-await-in-loop -- one store
        await agreeWithSpool(lane.recovered, { store: lane.store, clock, observer: quiet });
      }
      return found;
    }));
  }

  async function changeQueue(change: QueueAction, selector: QueueSelector, who: string): Promise<QueueCount> {
    if (change === "return") return { messages: 0, recipients: 0 };
    const counts: QueueCount[] = [];
    for (const lane of await lanes()) {
      const count =
        change === "delete"
          ? deleteWaiting(
              { spool: lane.spool, store: lane.store, observer, clock, beingTried: () => false },
              selector,
              who,
            )
          : lane.store.changeWaiting(change, selector, clock.wall());
      // oxlint-disable-next-line no-await-in-loop -- one store
      counts.push(await count);
    }
    return sumOf(counts);
  }

  const queue = queueControl({ settings, store, observer, active: () => Promise.resolve([]), change: changeQueue }, by);
  const suspects = suspicionControl(
    {
      store,
      observer,
      clock,
      forgive: async (account, lift) => {
        await forgetSuspicion(store, account);
        await lift();
      },
      changed,
      changeQueue,
      returns: false,
    },
    by,
  );

  function noteTrace(question: string): void {
    observer.emit("trace.asked", { question, by });
  }

  return {
    listDestinations: () => Promise.resolve(undefined),
    reload: () => Promise.resolve({ kind: "not-running" }),
    addAccount: accounts.addAccount,
    importAccounts: accounts.importAccounts,
    changeAccount: accounts.changeAccount,
    setPassword: accounts.setPassword,
    ...senders,
    ...appPasswords,
    ...enrolmentControl({ ...services, thirdParties, mailCode: undefined }, by),
    ...credentialControl(services, by),
    retention: retained.retention,
    purge: () => retained.purge(by),
    noteTrace: (question) => Promise.resolve(noteTrace(question)),
    trace: (question) => {
      noteTrace(question);
      return Promise.resolve(trace(settings().log.directory, question));
    },
    examine: async (probe) => [
      ...(await diagnose({ settings: settings() }, "stopped", probe)),
      ...(await diagnoseDirectory(settings(), "stopped", store)),
    ],
    examineDirectory: () => diagnoseDirectory(settings(), "stopped", store),
    configuration: () => Promise.resolve(effectiveConfiguration({ settings: settings() })),
    health: () => Promise.resolve(undefined),
    metrics: () => Promise.resolve(undefined),
    rotateToken: async () => {
      if (settings().http.tokens.length > 0) return noRotation;
      const token = await makeToken(tokenFile(settings()));
      observer.emit("token.changed", { by });
      return { done: true, token };
    },
    setStanding: accounts.setStanding,
    deleteAccount: accounts.deleteAccount,
    findAccount: async (address) => {
      const account = await accounts.find(address);
      const parsed = parseAddress(account?.address ?? "");
      const suspicion = parsed.ok ? await suspicionOf(store, addressKey(parsed.value)) : undefined;
      return account === undefined || suspicion === undefined ? account : { ...account, suspicion };
    },
    listAccounts: accounts.list,
    listSuspects: async (page) => {
      await lanes();
      return suspects.listSuspects(page);
    },
    findSuspect: async (address) => {
      await lanes();
      return suspects.findSuspect(address);
    },
    clearSuspect: async (address, how) => {
      await lanes();
      return suspects.clearSuspect(address, how);
    },
    listQueue: async (query) => {
      await lanes();
      return queue.listQueue(query);
    },
    findInQueue: async (id) => {
      await lanes();
      return queue.findInQueue(id);
    },
    changeQueue: (change, selector) =>
      change === "return"
        ? Promise.resolve({ done: false, kind: "conflict", why: "only a running server can return mail to its sender" })
        : queue.changeQueue(change, selector),
  };
}
