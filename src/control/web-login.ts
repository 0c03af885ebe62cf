// A login on a page for users: the name and the password of the account itself, as a mail program shows them (PLAIN), and counted where all
// logins are: by address, network, name and site (counters/guesses.ts) and in `[limits.client] auth-failures`. A page is no better place
// for guessing than port 587.
//
// App passwords are for mail programs and open no page. Passwords are kept nowhere and logged nowhere; neither is a name that does not
// look like an address, for it may be a password in the wrong field.

import { loggableName } from "../address/loggable.ts";
import { canBeTyped, prepare } from "../base/saslprep.ts";
import type { ClientCounts, ClientHandle } from "../counters/counters.ts";
import type { Login, LoginAnswer, OverFailures } from "../directory/login.ts";
import type { Observer } from "../observe/events.ts";

export interface WebLoginRequest {
  /** As it was typed. */
  readonly name: string;
  readonly password: string;
  /** IP address. */
  readonly client: string;
  /** 0 where a proxy does not say. */
  readonly port: number;
}

export type WebLoginAnswer =
  | { readonly kind: "account"; readonly account: string }
  /** `delay`: how long its answer waits, counted from the question, ms. */
  | { readonly kind: "refused"; readonly delay: number }
  /** Nothing was looked at: too many tries from there, or for that name. */
  | { readonly kind: "held" }
  | { readonly kind: "unavailable" };

export type WebLogin = (asked: WebLoginRequest) => Promise<WebLoginAnswer>;

export interface WebLoginServices {
  readonly login: Login;
  readonly clients: ClientCounts;
  /** When the counts cannot be asked: nobody, or everybody. */
  readonly clientFail: () => "closed" | "open";
  readonly observer: Observer;
}

/** For what is refused before anybody was asked, ms: as the first wrong password. */
const SHORT = 1000;

export function createWebLogin({ login, clients, clientFail, observer }: WebLoginServices): WebLogin {
  /** Why the client may not even try; or the limit beyond which only those are let in who are known there. */
  async function admitted({
    connecting,
  }: ClientHandle): Promise<"held" | "unavailable" | { readonly over: OverFailures | undefined }> {
    const counted = await connecting;
    switch (counted.kind) {
      case "within":
        return { over: undefined };
      case "logins":
        return { over: { limit: counted.over.limit, window: counted.over.window } };
      case "connections":
      case "rate":
        return "held";
      case "unavailable":
        return clientFail() === "open" ? { over: undefined } : "unavailable";
    }
  }

  async function ask(
    { name: typed, password: shown, client }: Pick<WebLoginRequest, "name" | "password" | "client">,
    handle: ClientHandle,
  ): Promise<LoginAnswer | { readonly kind: "malformed" }> {
    const turn = await admitted(handle);
    if (turn === "held") return { kind: "held" };
    if (turn === "unavailable") return { kind: "unavailable", cause: "nobody can say how many have failed there" };
    const name = prepare(typed);
    if (name === undefined || !canBeTyped(shown)) return { kind: "malformed" };
    const answer = await login(name, shown, { scope: "web", client, over: turn.over });
    if (answer.kind === "refused") handle.failed();
    return answer;
  }

  return async ({ name: typed, password, client, port }) => {
    const name = typed.trim();
    const peer = { session: "", listener: "web", client, port };
    const handle = clients.connect(client);
    let answer: Awaited<ReturnType<typeof ask>>;
    try {
      answer = await ask({ name, password, client }, handle);
    } finally {
      handle.close();
    }
    if (answer.kind === "account") {
      const { account } = answer;
      observer.emit("auth.succeeded", { ...peer, account, mechanism: "web" });
      return { kind: "account", account };
    }
    const account = loggableName(name);
    const failed = (reason: string): void => {
      observer.emit("auth.failed", { ...peer, account, mechanism: "web", reason, reply: "the page said no" });
    };
    switch (answer.kind) {
      case "refused":
        failed("auth.credentials");
        return answer;
      case "wrong-scope":
        failed("auth.scope");
        return { kind: "refused", delay: SHORT };
      case "malformed":
        failed("auth.malformed");
        return { kind: "refused", delay: SHORT };
      case "held":
        failed("auth.held");
        return answer;
      case "shut":
        failed("auth.client-logins");
        return { kind: "held" };
      case "busy":
        failed("auth.busy");
        return { kind: "unavailable" };
      case "unavailable":
        failed("auth.unavailable");
        return { kind: "unavailable" };
    }
  };
}
