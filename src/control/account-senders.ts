// Whom an account may send as: its aliases, and what was granted to it. Takes effect with the next MAIL and the next message of
// every open session.

import { addressKey, parseAddress } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { Account, SenderGrant } from "../store/store.ts";
import type { AccountServices } from "./accounts.ts";
import type { Control, Outcome, Refused } from "./control.ts";
import { leftMail, whyLeft } from "./left-mail.ts";

/** Of one account; each look-up of it carries all of them. */
const MOST = 1000;

/** `by`: who it is that changes them. */
export function senderControl(
  services: Omit<AccountServices, "clock" | "forgive" | "endSessions" | "holdMail" | "loginEnded">,
  by: string,
): Pick<Control, "addAlias" | "removeAlias" | "addSender" | "removeSender"> {
  const { store, observer } = services;

  async function stored(text: string): Promise<Account | undefined> {
    const parsed = parseAddress(text);
    return parsed.ok ? await store.findAccount(addressKey(parsed.value)) : undefined;
  }

  async function changed(account: Account, change: string, alias?: string): Promise<Outcome> {
    await services.changed([account.key, ...account.aliases, ...(alias === undefined ? [] : [alias])]);
    observer.emit("account.changed", { account: account.key, change, by });
    return { done: true };
  }

  return {
    addAlias: async (address, alias) => {
      const account = await stored(address);
      if (account === undefined) return noAccount(address);
      const parsed = parseAddress(alias);
      if (!parsed.ok) return refused("invalid", `${alias}: ${parsed.error.message}`);
      if (!services.settings().domains.some(({ name }) => name === parsed.value.domain)) {
        return refused("invalid", `${alias}: the domain is not one of [[domain]]`);
      }
      if (account.aliases.length >= MOST) return refused("conflict", `${address} has ${MOST} aliases already`);
      const key = addressKey(parsed.value);
      if ((await leftMail(store, [key])).has(key)) return refused("conflict", whyLeft(key));
      if (!(await store.addAlias(account.key, key))) {
        return refused("conflict", `${alias} is an address or alias of an account already`);
      }
      return changed(account, "alias-added", key);
    },
    removeAlias: async (address, alias) => {
      const account = await stored(address);
      if (account === undefined) return noAccount(address);
      const parsed = parseAddress(alias);
      const key = parsed.ok ? addressKey(parsed.value) : "";
      if (!(await store.removeAlias(account.key, key))) {
        return refused("not-found", `${address} has no alias ${alias}`);
      }
      return changed(account, "alias-removed", key);
    },
    addSender: async (address, sender, as) => {
      const account = await stored(address);
      if (account === undefined) return noAccount(address);
      const read = readSender(sender);
      if (!read.ok) return refused("invalid", read.error);
      const others = (account.senders ?? []).filter((grant) => grant.sender !== read.value);
      if (others.length >= MOST) return refused("conflict", `${address} may send as ${MOST} others already`);
      const grants: readonly SenderGrant[] = [...others, { sender: read.value, as }];
      await store.setSenders(account.key, grants);
      return changed(account, "sender-added");
    },
    removeSender: async (address, sender) => {
      const account = await stored(address);
      if (account === undefined) return noAccount(address);
      const read = readSender(sender);
      const others = (account.senders ?? []).filter((grant) => !read.ok || grant.sender !== read.value);
      if (others.length === (account.senders ?? []).length) {
        return refused("not-found", `${address} has no grant to send as ${sender}`);
      }
      await store.setSenders(account.key, others);
      return changed(account, "sender-removed");
    },
  };
}

/** An address, or "@" and a domain, as a SenderGrant has it. */
function readSender(text: string): Result<string, string> {
  if (text.startsWith("@")) {
    const domain = parseDomain(text.slice(1));
    return domain.ok ? success(`@${domain.value}`) : failure(`${text}: ${domain.error.message}`);
  }
  const address = parseAddress(text, { utf8: true });
  return address.ok ? success(addressKey(address.value)) : failure(`${text}: ${address.error.message}`);
}

function noAccount(address: string): Refused {
  return refused("not-found", `${address}: no such account`);
}

function refused(kind: Refused["kind"], why: string): Refused {
  return { done: false, kind, why };
}
