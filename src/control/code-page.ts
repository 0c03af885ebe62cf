// A customer enters himself the code that was mailed to his address at a third party. Whoever does must know the password of the account: it is
// looked at first, so a stranger learns nothing about codes and addresses and cannot use up somebody's five tries; and the holder
// of a mailbox who was talked into using the code lends his address to nobody, as he does not have that password.
//
// Bounds besides those of every login (web-login.ts) and of the code itself (enrolments.ts): so many entries of one client, right or wrong.

import { clientKey } from "../base/client-key.ts";
import { plainIp } from "../base/ip.ts";
import { prefixMatcher } from "../base/prefix.ts";
import { Limits } from "../counters/limits.ts";
import type { Clock } from "../io/clock.ts";
import type { Observer } from "../observe/events.ts";
import type { Control } from "./control.ts";
import { codeForm } from "./setup/code-form.ts";
import type { CodeOutcome, CodeView } from "./setup/code-form.ts";
import { hasCodePage } from "./setup/code-url.ts";
import type { CodePageSettings } from "./setup/code-url.ts";
import type { Language } from "./setup/texts.ts";
import type { WebLogin } from "./web-login.ts";

/** What was typed, and from where. */
export interface CodeEntry {
  readonly account: string;
  readonly password: string;
  readonly address: string;
  readonly code: string;
  readonly client: WebClient;
}

/** `port`: 0 where it is not known. */
export interface WebClient {
  readonly client: string;
  readonly port: number;
}

/** A request as it came. */
export interface Arrival extends WebClient {
  /** TLS of our own. */
  readonly isSecure: boolean;
  /** X-Forwarded-For and X-Forwarded-Proto. */
  readonly forwardedFor: string | undefined;
  readonly forwardedProto: string | undefined;
}

/** `unnamed`: a named proxy does not say for whom it asks. What a visitor does would be held against the proxy, and so against all. */
export type Visitor =
  | { readonly kind: "none" }
  | { readonly kind: "client"; readonly client: WebClient }
  | { readonly kind: "unnamed"; readonly proxy: WebClient };

export interface CodePage {
  /** Who asks; "none": there is no such page, or not for what comes so (a password would pass in clear). */
  clientOf(arrival: Arrival): Visitor;
  enter(entry: CodeEntry): Promise<CodeOutcome>;
  refuse(client: WebClient, cause: "foreign" | "malformed" | "unnamed"): void;
  text(language: Language, view: CodeView): string;
}

export interface CodePageServices {
  /** In effect now. */
  readonly settings: () => CodePageSettings;
  /** undefined while the server starts. */
  readonly login: () => WebLogin | undefined;
  readonly control: () => Pick<Control, "confirmSubstitute"> | undefined;
  readonly observer: Observer;
  readonly clock: Pick<Clock, "monotonic">;
  readonly wait: (milliseconds: number) => Promise<unknown>;
}

const MINUTE = 60_000;
/** Clients, some 30 MB: whoever has more networks than that is not stopped by counting them. */
const KEPT = 100_000;
/** Of one client: a person needs one or two. */
const most = [
  { name: "10m", length: 10 * MINUTE, limit: 10 },
  { name: "1d", length: 1440 * MINUTE, limit: 40 },
];

export function createCodePage(services: CodePageServices): CodePage {
  const { settings, observer, clock, wait } = services;
  const entries = new Limits(most);
  let swept = clock.monotonic();

  function isWithin(client: string): boolean {
    const now = clock.monotonic();
    if (now - swept >= MINUTE) {
      entries.sweep(now);
      swept = now;
    }
    const isOne = entries.reserve(clientKey(client), 1, now).kind === "within";
    entries.keep(KEPT);
    return isOne;
  }

  function refuse({ client, port }: WebClient, cause: string, account?: string): void {
    observer.emit("code.refused", { client, port, cause, ...(account === undefined ? {} : { account }) });
  }

  async function judged({ account: name, password, address, code, client }: CodeEntry): Promise<CodeOutcome> {
    const begun = clock.monotonic();
    if (!isWithin(client.client)) {
      refuse(client, "rate");
      return { kind: "later" };
    }
    const [login, control] = [services.login(), services.control()];
    if (login === undefined || control === undefined) {
      refuse(client, "unavailable");
      return { kind: "unavailable" };
    }
    const answer = await login({ name, password, ...client });
    switch (answer.kind) {
      case "held":
        refuse(client, "held");
        return { kind: "later" };
      case "unavailable":
        refuse(client, "unavailable");
        return { kind: "unavailable" };
      case "refused":
        refuse(client, "login");
        await wait(Math.max(0, begun + answer.delay - clock.monotonic()));
        return { kind: "refused", what: "login" };
      case "account":
        break;
    }
    const { account } = answer;
    const outcome = await control.confirmSubstitute(account, address.trim(), code);
    if (!outcome.done) {
      refuse(client, "code", account);
      return { kind: "refused", what: "code" };
    }
    observer.emit("code.accepted", { account, address: address.trim(), ...client });
    return { kind: "proved", until: outcome.until };
  }

  return {
    clientOf: ({ client: peer, port, isSecure, forwardedFor, forwardedProto }) => {
      const now = settings();
      if (!hasCodePage(now)) return nobody;
      const client = plainIp(peer) ?? peer;
      if (!prefixMatcher(now.web.forwardedBy)(client))
        return isSecure ? { kind: "client", client: { client, port } } : nobody;
      // It speaks TLS with the client, or says itself that it does not.
      if (forwardedProto !== undefined && forwardedProto.trim().toLowerCase() !== "https") return nobody;
      // The last one is the proxy's own word; what stands before it came with the request.
      const said = forwardedFor?.split(",").at(-1)?.trim() ?? "";
      const visitor = readForwarded(said);
      return visitor === undefined ? { kind: "unnamed", proxy: { client, port } } : { kind: "client", client: visitor };
    },
    enter: async (entry) => {
      try {
        return await judged(entry);
      } catch (error) {
        observer.emit("internal.failed", { where: "page for codes", cause: String(error) });
        return { kind: "unavailable" };
      }
    },
    refuse,
    text: (language, view) => codeForm(settings().hostname, language, view),
  };
}

const nobody: Visitor = { kind: "none" };

/** An address; some proxies give the port as well, behind an address of IPv6 in brackets. */
function readForwarded(said: string): WebClient | undefined {
  const [, bracketed, plainly, digits = "0"] = /^(?:\[([^\]]*)\]|([0-9.]+))(?::(\d{1,5}))?$/.exec(said) ?? [];
  const client = plainIp(bracketed ?? plainly ?? said);
  const port = Number(digits);
  return client === undefined || port > 65_535 ? undefined : { client, port };
}
