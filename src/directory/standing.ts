// Does a login still hold, to send mail? A session keeps what it logged in with, and is asked again before each transaction: a suspended
// account, a changed password or an app password that was revoked ends what it opened. An app password that is for reading alone never
// opened anything: whoever comes with it through another door (ingress/smtp/visitor.ts) is told the same.

import type { Account } from "../store/store.ts";
import type { Directory } from "./directory.ts";
import { isSuspended } from "./restraint.ts";

/** What somebody logged in with. Never leaves the process and is never written down. */
export type Credential =
  | { readonly kind: "password"; readonly hash: string }
  | { readonly kind: "app-password"; readonly name: string; readonly hash: string };

export type Standing = "active" | "suspended" | "ended";

/** Answers come as the directory's do. Rejects when that cannot say. */
export function loginStanding(
  directory: Pick<Directory, "findAccount">,
): (account: string, credential: Credential) => Standing | Promise<Standing> {
  return (key, credential) => {
    const found = directory.findAccount(key);
    return found instanceof Promise
      ? found.then((account) => standingOf(account, credential))
      : standingOf(found, credential);
  };
}

function standingOf(account: Account | undefined, credential: Credential): Standing {
  if (account === undefined) return "ended";
  if (isSuspended(account)) return "suspended";
  switch (credential.kind) {
    case "password":
      return account.passwordHash === credential.hash ? "active" : "ended";
    case "app-password": {
      const { name, hash } = credential;
      const app = account.appPasswords?.find((each) => each.name === name && each.hash === hash);
      return app?.scopes.includes("submission") === true ? "active" : "ended";
    }
  }
}
