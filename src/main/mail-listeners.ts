// The listeners of a mail thread, by role. Several threads bind the same address (SO_REUSEPORT), and the kernel spreads
// connections over them. As many processes of one user could do that, the first thread makes sure that nobody else is there.

import { createServer } from "node:net";
import type { SecureContext } from "node:tls";
import { parseAddress } from "../address/address.ts";
import type { Endpoint } from "../config/settings.ts";
import type { LoginAnswer } from "../directory/login.ts";
import type { Directory } from "../directory/directory.ts";
import { openPop3Listener } from "../ingress/pop3/listener.ts";
import type { Authentication } from "../ingress/pop3/session.ts";
import { budgetPlace } from "../ingress/smtp/budgets.ts";
import { openSmtpListener } from "../ingress/smtp/listener.ts";
import type { SmtpServices } from "../ingress/smtp/services.ts";
import { noteVisit } from "../ingress/smtp/visitor.ts";
import type { Mailboxes } from "../mailbox/maildir.ts";
import { createListenerSet } from "./listener-set.ts";
import type { ListenerSet } from "./listener-set.ts";
import type { ThreadPlace } from "./shares.ts";

export interface ListenerServices {
  readonly place: ThreadPlace;
  readonly directory: Pick<Directory, "storeOf">;
  /** As of now; a session keeps what it began with. */
  readonly smtp: () => SmtpServices;
  readonly mailboxes: Mailboxes;
}

export function createMailListeners({ place, directory, smtp, mailboxes }: ListenerServices): ListenerSet {
  const reusePort = place.count > 1;
  const pop3 = (secureContext: () => SecureContext) => {
    const { hostname, observer, newId, clients } = smtp();
    return {
      secureContext,
      hostname,
      observer,
      clients,
      clientFail: () => smtp().clientFail,
      ...popLogin(directory, smtp()),
      mailboxes,
      newSessionId: newId,
    };
  };
  return createListenerSet(async ({ role, tls, mechanisms, proxies, legacy, substitute, endpoint, name }, port) => {
    const at = { ...endpoint, port: port ?? endpoint.port };
    if (reusePort && place.index === 0) await mustBeFree(at);
    if (role !== "pop3") {
      // A submission service in all but its end, its visitors, and whose addresses are used.
      const options = {
        role: role === "legacy" || role === "substitute" ? "submission" : role,
        listener: name,
        place: budgetPlace(role, endpoint),
        tls,
        mechanisms,
        proxies,
        reusePort,
        ...(legacy === undefined ? {} : { legacy }),
        ...(substitute === undefined ? {} : { substitute }),
      } as const;
      return openSmtpListener(at, options, smtp);
    }
    return openPop3Listener({
      endpoint: at,
      tls: tls === "implicit" ? "implicit" : "starttls",
      mechanisms,
      proxies,
      reusePort,
      ...pop3(() => smtp().secureContext),
    });
  });
}

/** POP3 names a mailbox by its address. */
function popLogin(
  directory: ListenerServices["directory"],
  { login, scram, visits, standing }: Pick<SmtpServices, "login" | "scram" | "visits" | "standing">,
): Pick<Parameters<typeof openPop3Listener>[0], "authenticate" | "scram"> {
  /** However the password was shown: who may send is a visitor (POP-before-SMTP). An app password for reading alone is none. */
  async function opened(answer: LoginAnswer, client: string): Promise<Authentication> {
    const authentication = loginAddress(directory, answer);
    if (answer.kind !== "account" || authentication.kind !== "account") return authentication;
    // Reading does not wait for what cannot be said about sending.
    const holds = await Promise.resolve(standing(answer.account, answer.credential)).catch(() => undefined);
    if (holds === "active") noteVisit(visits, client, answer.account, answer.credential);
    return authentication;
  }

  return {
    authenticate: async (user, password, caller) =>
      opened(await login(user, password, { scope: "pop3", ...caller }), caller.client),
    scram: {
      keys: (user, caller, of) => scram.keys(user, { scope: "pop3", ...caller }, of),
      confirm: async (user, keys, caller) =>
        opened(await scram.confirm(user, keys, { scope: "pop3", ...caller }), caller.client),
      refused: async (user, caller) => loginAddress(directory, await scram.refused(user, { scope: "pop3", ...caller })),
    },
  };
}

function loginAddress(directory: ListenerServices["directory"], answer: LoginAnswer): Authentication {
  if (answer.kind === "refused") return { kind: "refused", reason: "auth.credentials", delay: answer.delay };
  if (answer.kind === "held" || answer.kind === "busy") return { kind: "held", reason: `auth.${answer.kind}` };
  if (answer.kind === "shut") return { kind: "shut", reason: "auth.client-logins" };
  if (answer.kind === "wrong-scope") return { kind: "not-here", reason: "auth.scope" };
  if (answer.kind === "unavailable") return { kind: "unavailable" };
  if (directory.storeOf(answer.account) !== undefined) return { kind: "not-here", reason: "auth.mailbox-elsewhere" };
  const account = parseAddress(answer.account);
  if (!account.ok) return { kind: "unavailable" };
  const { credential } = answer;
  const app = credential.kind === "app-password" ? { appPassword: credential.name } : {};
  return { kind: "account", account: account.value, ...app };
}

/** Rejects when somebody listens there, whether he would share or not. */
async function mustBeFree({ address: host, port }: Endpoint): Promise<void> {
  if (port === 0) return;
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, ipv6Only: true }, () => server.close(() => resolve()));
  });
}
