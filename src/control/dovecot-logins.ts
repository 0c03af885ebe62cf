// Logins at a Dovecot that hands out mailboxes, as it tells of them: they count as logins here do. A right one over POP3 or IMAP, inside
// TLS, opens its address for POP-before-SMTP (ingress/smtp/visitor.ts, with all of its rules); one that was refused is a guess, and who is
// guessing here or there is refused there as well (counters/guesses.ts).
//
// Promises: what an account did not do inside TLS opens nothing; a name that is no account opens nothing; a suspended account
// opens nothing. Nobody's password comes here: Dovecot sends twelve bits of a digest of it, which are compared, never kept longer than
// a question and never logged.
//
// Limits: whether a password was right is Dovecot's word: with an old copy of the accounts an old password opens as well, until
// the copy is made anew.

import { loggableName } from "../address/loggable.ts";
import { addressKey, parseAddress } from "../address/address.ts";
import { plainIp } from "../base/ip.ts";
import type { Guesses } from "../counters/guesses.ts";
import type { Visits } from "../counters/visits.ts";
import type { Directory } from "../directory/directory.ts";
import type { Origins } from "../directory/origins.ts";
import { isSuspended } from "../directory/restraint.ts";
import type { Clock } from "../io/clock.ts";
import type { Observer } from "../observe/events.ts";
import type { Account } from "../store/store.ts";
import { noteVisit } from "../ingress/smtp/visitor.ts";

/** What Dovecot says of a login. */
export interface ReportedLogin {
  /** As it was typed. */
  readonly login: string;
  /** IP address; "" where there is none. */
  readonly client: string;
  readonly port: number;
  readonly protocol: string;
  readonly tls: boolean;
  /** Dovecot's name of the session. */
  readonly session: string;
  /** A short digest of the password: tells two questions apart, no more. */
  readonly passwordDigest: string;
}

/** `untold`: not for a wrong password. Nobody guessed. */
export type ReportedOutcome = "right" | "wrong" | "untold";

export interface DovecotLogins {
  /** Before a password is looked at, and again when it was right. Rejects when nobody can tell. */
  admit(login: ReportedLogin): Promise<"admitted" | "held">;
  /** Afterwards. */
  report(login: ReportedLogin, outcome: ReportedOutcome): Promise<void>;
}

export interface DovecotLoginServices {
  readonly directory: Pick<Directory, "findAccount">;
  readonly guesses: Guesses;
  readonly origins: Origins;
  readonly visits: Pick<Visits, "note" | "at">;
  readonly observer: Observer;
  readonly clock: Pick<Clock, "monotonic">;
}

const mailboxProtocols: ReadonlySet<string> = new Set(["pop3", "imap"]);
/** A question that was answered yes is, asked again, not another guess. Logins take no longer, ms. */
const SAME_FOR = 60_000;
const SAME_MOST = 10_000;

export function createDovecotLogins(services: DovecotLoginServices): DovecotLogins {
  const { directory, guesses, origins, visits, observer, clock } = services;
  /** Question → monotonic time until which it is the same one. Insertion order is age order. */
  const admitted = new Map<string, number>();

  async function attemptOf({ login }: ReportedLogin, client: string) {
    const address = parseAddress(login);
    const name = address.ok ? addressKey(address.value) : login;
    const account: Account | undefined = address.ok ? await directory.findAccount(name) : undefined;
    const known = account !== undefined && (await origins.knows(account.key, client));
    return { account, attempt: { name: account?.key ?? name, client, known } };
  }

  return {
    admit: async (login) => {
      const client = clientOf(login);
      if (client === undefined) return "admitted";
      const question = JSON.stringify([login.session, login.login, client, login.passwordDigest]);
      const now = clock.monotonic();
      const until = admitted.get(question);
      if (until !== undefined && until > now) return "admitted";
      const { account, attempt } = await attemptOf(login, client);
      if ((await guesses.ask(attempt)) === "held") {
        observer.emit("auth.failed", {
          ...peerOf(login, client),
          account: shown(login, account),
          mechanism: mechanismOf(login),
          reason: "auth.held",
          reply: "Dovecot was told to refuse",
        });
        return "held";
      }
      for (const [old, end] of admitted) {
        if (end > now && admitted.size < SAME_MOST) break;
        admitted.delete(old);
      }
      admitted.set(question, now + SAME_FOR);
      return "admitted";
    },
    report: async (login, outcome) => {
      const client = clientOf(login);
      if (client === undefined || outcome === "untold") return;
      const { account, attempt } = await attemptOf(login, client);
      const peer = peerOf(login, client);
      const mechanism = mechanismOf(login);
      if (outcome === "wrong") {
        await guesses.failed(attempt, "free");
        const said = { reason: "auth.credentials", reply: "Dovecot refused it" };
        observer.emit("auth.failed", { ...peer, account: shown(login, account), mechanism, ...said });
        return;
      }
      if (account === undefined || isSuspended(account)) return;
      guesses.succeeded({ ...attempt, known: true }, "free");
      origins.note(account.key, client);
      observer.emit("auth.succeeded", { ...peer, account: account.key, mechanism });
      if (!login.tls || !mailboxProtocols.has(login.protocol)) return;
      noteVisit(visits, client, account.key, { kind: "password", hash: account.passwordHash });
    },
  };
}

function peerOf({ session, port }: ReportedLogin, client: string) {
  return { session, listener: "dovecot", client, port };
}

/** What looks like an address; a password in the wrong field does not. */
function shown({ login }: ReportedLogin, account: Account | undefined): string {
  return account?.key ?? loggableName(login);
}

/** undefined: somebody on Dovecot's own host tried a login, without a connection. */
function clientOf({ client }: ReportedLogin): string | undefined {
  return plainIp(client);
}

/** Few, as it is a label of a metric. */
function mechanismOf({ protocol }: ReportedLogin): string {
  return mailboxProtocols.has(protocol) ? `dovecot-${protocol}` : "dovecot";
}
