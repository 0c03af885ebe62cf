// One POP3 session: a socket driven through the core, logins asked of the directory, messages read from the mailbox.
//
// Decides nothing about passwords. A session that works (a login, a message on its way) is not read from, so what a
// client sends ahead stays in its own socket buffer; output waits for the client to read, and only so long. Messages
// are removed after QUIT and never otherwise: a lost connection, a timeout, a shutdown leave them (RFC 1939 §6).

import { loggableName } from "../../address/loggable.ts";
import type { Socket } from "node:net";
import { setTimeout as sleep, setImmediate as nextTurn } from "node:timers/promises";
import { TLSSocket, type SecureContext } from "node:tls";
import { formatAddress, type Address } from "../../address/address.ts";
import type { OverFailures, Visit } from "../../directory/login.ts";
import type { ScramLogin } from "../../directory/scram-login.ts";
import { channelBinding } from "../../io/channel-binding.ts";
import type { Mailboxes } from "../../mailbox/maildir.ts";
import type { Mailbox } from "../../mailbox/snapshot.ts";
import type { Observer } from "../../observe/events.ts";
import { replies } from "../../proto/pop3/replies.ts";
import type { LoginResult, Pop3Request } from "../../proto/pop3/requests.ts";
import { Pop3Server } from "../../proto/pop3/server.ts";
import type { LoginKeys, Mechanism } from "../../proto/sasl/mechanism.ts";
import { newNonce } from "../nonce.ts";

interface Pop3Peer {
  readonly session: string;
  readonly listener: string;
  readonly client: string;
  readonly port: number;
}

export type Authentication =
  | {
      readonly kind: "account";
      readonly account: Address;
      /** Its name, where it was one. */
      readonly appPassword?: string;
    }
  /** The reason is an id of verdict/reasons.ts. The client sees the same reply for all of them. */
  /** `delay`: how long the answer waits, where that is longer than the limit says, ms. */
  | { readonly kind: "refused"; readonly reason: string; readonly delay?: number }
  /** The password was right, and is not for this: the same to the client, and no failure of it. */
  | { readonly kind: "not-here"; readonly reason: string }
  | { readonly kind: "unavailable"; readonly reason?: string }
  /** The same after a wait, so that asking again at once gains nothing. */
  | { readonly kind: "held"; readonly reason: string }
  /** And then the session is over. */
  | { readonly kind: "shut"; readonly reason: string };

/** Who asks: his address, and what is known of it. */
export type Pop3Caller = Pick<Visit, "client" | "over">;

export type Authenticate = (login: string, password: string, caller: Pop3Caller) => Promise<Authentication>;

/** See ScramLogin of directory/scram-login.ts. */
export interface Pop3Scram {
  keys(login: string, caller: Pop3Caller, of: "scram" | "cram-md5"): ReturnType<ScramLogin["keys"]>;
  confirm(login: string, keys: LoginKeys, caller: Pop3Caller): Promise<Authentication>;
  refused(login: string, caller: Pop3Caller): Promise<Authentication>;
}

/** Times in milliseconds. */
export interface Pop3Limits {
  /** Silence until the session ends; also how long a client may take to read 64 KiB (RFC 1939 §3: ten minutes). */
  readonly idle: number;
  /** From the first octet of a TLS handshake to its end. */
  readonly handshake: number;
  /** Wait before a refused login is answered. */
  readonly refusal: number;
  /** Refused logins and refused lines until the session is closed. */
  readonly authFailures: number;
  readonly errors: number;
}

export interface SessionOptions {
  readonly tls: "implicit" | "starttls";
  readonly secureContext: SecureContext;
  readonly hostname: string;
  readonly observer: Observer;
  readonly authenticate: Authenticate;
  readonly scram: Pop3Scram;
  /** Left out: the usual ones. */
  readonly mechanisms?: readonly Mechanism[];
  readonly mailboxes: Pick<Mailboxes, "open">;
  /** More logins failed at this address than it may have. */
  readonly over?: OverFailures | undefined;
  /** A login was refused: for the limits of the client. */
  readonly loginRefused: () => void;
  readonly limits: Pop3Limits;
}

type LoginRequest = Extract<Pop3Request, { kind: "authenticate" | "confirm" | "refuse" }>;

/** After our last reply, what the client still sends is read and dropped, or it would turn the reply into a reset. */
const LINGER = 5000;

export class Pop3Session {
  readonly #peer: Pop3Peer;
  readonly #options: SessionOptions;
  readonly #ended: () => void;
  readonly #core: Pop3Server;
  /** Cuts every wait of the session short when its connection is gone. */
  readonly #over = new AbortController();
  #socket: Socket;
  /** Stops hearing the socket, but for its end. */
  #detach: () => void = () => undefined;
  #mailbox: Mailbox | undefined;
  #account = "";
  #fetched = 0;
  #working: "idle" | "working" | "closing" = "idle";
  #peerEnded = false;
  #draining: "no" | "shutdown" | "suspended" = "no";
  #cause = "client";

  constructor(socket: Socket, peer: Pop3Peer, options: SessionOptions, ended: () => void) {
    this.#socket = socket;
    this.#peer = peer;
    this.#options = options;
    this.#ended = ended;
    const { errors, authFailures } = options.limits;
    this.#core = new Pop3Server({
      hostname: options.hostname,
      tls: options.tls,
      errors,
      authFailures,
      nonce: newNonce,
      ...(options.mechanisms === undefined ? {} : { mechanisms: options.mechanisms }),
    });
    options.observer.emit("session.opened", peer);
    socket.setNoDelay(true);
    this.#listen(socket);
    if (options.tls === "implicit") socket.pause();
    this.#run(options.tls === "implicit" ? "handshake" : "commands");
  }

  /** The server stops: an idle session ends now, a working one when its request is done. */
  drain(): void {
    this.#draining = "shutdown";
    this.#run("commands");
  }

  /** These accounts may not be used any more: a session of one ends as when the server stops. */
  suspend(accounts: ReadonlySet<string>): void {
    if (!accounts.has(this.#account) || this.#draining === "shutdown") return;
    this.#draining = "suspended";
    this.#run("commands");
  }

  /** No more patience. */
  abort(): void {
    this.#cut("shutdown");
  }

  #listen(socket: Socket): void {
    const onData = (octets: Buffer) => {
      this.#core.receive(octets);
      this.#run("commands");
    };
    const onEnd = () => {
      this.#peerEnded = true;
      this.#run("commands");
    };
    // RFC 1939 §3: no response, no UPDATE. Working sessions have timers of their own.
    const onTimeout = () => {
      if (this.#working === "idle") this.#cut("timeout");
    };
    this.#socket = socket;
    this.#detach = () => {
      socket.off("data", onData).off("end", onEnd).off("timeout", onTimeout);
      socket.setTimeout(0);
    };
    socket.on("data", onData).on("end", onEnd).on("timeout", onTimeout);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#finish());
  }

  #run(start: "handshake" | "commands"): void {
    if (this.#working !== "idle" || this.#over.signal.aborted) return;
    this.#working = "working";
    this.#socket.pause();
    this.#work(start)
      .then(() => {
        if (this.#working === "working") this.#working = "idle";
        if (this.#working === "idle" && !this.#over.signal.aborted) this.#rest();
      })
      .catch((error: unknown) => {
        if (this.#over.signal.aborted) return;
        this.#failed("pop3 session", error);
        this.#cut("internal");
      });
  }

  #rest(): void {
    if (this.#draining !== "no") this.#run("commands");
    else if (this.#peerEnded) this.#socket.end();
    else {
      this.#socket.setTimeout(this.#options.limits.idle);
      this.#socket.resume();
    }
  }

  /** Works until the core wants input. Rejects, with the session over, when the connection is lost meanwhile. */
  async #work(start: "handshake" | "commands"): Promise<void> {
    if (start === "handshake") await this.#secure("implicit");
    for (;;) {
      const request = this.#draining === "no" ? this.#core.next() : this.#lastRequest(this.#draining);
      await this.#flush();
      if (request !== undefined) await this.#serve(request);
      else if (this.#core.busy) await nextTurn();
      else return;
      if (this.#working === "closing") return;
    }
  }

  #lastRequest(why: "shutdown" | "suspended"): Pop3Request | undefined {
    if (why === "shutdown") this.#core.shutdown();
    else this.#core.suspend();
    return this.#core.next();
  }

  async #serve(request: Pop3Request): Promise<void> {
    switch (request.kind) {
      case "secure":
        await this.#secure("stls");
        return;
      case "find-keys":
        await this.#findKeys(request);
        return;
      case "authenticate":
      case "confirm":
      case "refuse":
        this.#core.authenticated(await this.#login(request));
        return;
      case "retrieve":
        await this.#retrieve(request.message);
        return;
      case "remove":
        await this.#remove(request.messages);
        return;
      case "close":
        this.#cause = request.cause;
        this.#close();
        return;
      default:
        request satisfies never;
    }
  }

  async #secure(how: "implicit" | "stls"): Promise<void> {
    this.#detach();
    const secure = new TLSSocket(this.#socket, { isServer: true, secureContext: this.#options.secureContext });
    this.#listen(secure);
    this.#cause = "handshake";
    const left = () => this.#cut("handshake");
    secure.once("end", left);
    await this.#within(this.#options.limits.handshake, "handshake", (done) =>
      secure.once("secure", () => {
        secure.off("end", left);
        secure.pause();
        // At once: the first octets inside TLS may come in this very turn.
        if (how === "stls") this.#core.secured();
        this.#core.bind(channelBinding(secure));
        done();
      }),
    );
    this.#cause = "client";
    const protocol = secure.getProtocol() ?? "unknown";
    this.#options.observer.emit("session.secured", {
      ...this.#peer,
      protocol,
      cipher: secure.getCipher().standardName,
    });
  }

  get #caller(): Pop3Caller {
    return { client: this.#peer.client, over: this.#options.over };
  }

  async #findKeys({ login, mechanism, of }: Extract<Pop3Request, { kind: "find-keys" }>): Promise<void> {
    const answer = await this.#options.scram.keys(login, this.#caller, of);
    this.#over.signal.throwIfAborted();
    switch (answer.kind) {
      case "keys":
        this.#core.keys(answer.keys);
        return;
      case "unavailable":
        this.#failed("pop3 authentication", new Error(answer.cause));
        this.#core.keys(undefined);
        return;
      case "held":
      case "busy":
        await this.#refuse(login, mechanism, { kind: "held", reason: `auth.${answer.kind}` });
        this.#core.keys(undefined);
        return;
      case "shut":
        await this.#refuse(login, mechanism, { kind: "shut", reason: "auth.client-logins" });
        this.#core.keys("shut");
    }
  }

  #ask(request: LoginRequest): Promise<Authentication> {
    const { authenticate, scram } = this.#options;
    switch (request.kind) {
      case "authenticate":
        return authenticate(request.login, request.password, this.#caller);
      case "confirm":
        return scram.confirm(request.login, request.keys, this.#caller);
      case "refuse":
        return scram.refused(request.login, this.#caller);
    }
  }

  async #login(request: LoginRequest): Promise<LoginResult> {
    const { observer, mailboxes } = this.#options;
    const { mechanism, login } = request;
    let answer: Authentication;
    try {
      answer = await this.#ask(request);
    } catch (error) {
      this.#failed("pop3 authentication", error);
      answer = { kind: "unavailable" };
    }
    this.#over.signal.throwIfAborted();
    if (answer.kind !== "account") return this.#refuse(login, mechanism, answer);
    this.#account = formatAddress(answer.account);
    const app = answer.appPassword === undefined ? {} : { appPassword: answer.appPassword };
    observer.emit("auth.succeeded", { ...this.#peer, account: this.#account, mechanism, ...app });
    const opened = await mailboxes.open(answer.account);
    if (!opened.ok) {
      if (opened.error.code === "in-use") return { kind: "in-use" };
      this.#failed("mailbox", opened.error.cause);
      return { kind: "unavailable" };
    }
    // The client may have left while the mailbox was opened: then nobody else gives the lock back.
    if (this.#over.signal.aborted) opened.value.close();
    this.#over.signal.throwIfAborted();
    this.#mailbox = opened.value;
    const { messages } = opened.value;
    const octets = messages.reduce((sum, message) => sum + message.size, 0);
    observer.emit("mailbox.opened", { ...this.#peer, account: this.#account, messages: messages.length, octets });
    return { kind: "opened", messages };
  }

  async #refuse(
    login: string,
    mechanism: string,
    answer: Exclude<Authentication, { kind: "account" }>,
  ): Promise<{ readonly kind: "refused" | "unavailable" | "shut" }> {
    const { observer, limits } = this.#options;
    const account = loggableName(login);
    const reason = answer.reason ?? "internal.unknown";
    const reply = {
      refused: replies.refused,
      "not-here": replies.refused,
      shut: replies.tooMany,
      held: replies.unavailable,
    }[answer.kind === "unavailable" ? "held" : answer.kind];
    observer.emit("auth.failed", { ...this.#peer, account, mechanism, reason, reply });
    if (answer.kind === "unavailable") return { kind: "unavailable" };
    if (answer.kind === "refused") this.#options.loginRefused();
    const delay = answer.kind === "refused" ? (answer.delay ?? 0) : 0;
    await sleep(Math.max(limits.refusal, delay), undefined, { signal: this.#over.signal });
    if (answer.kind === "held") return { kind: "unavailable" };
    return { kind: answer.kind === "not-here" ? "refused" : answer.kind };
  }

  async #retrieve(index: number): Promise<void> {
    const message = this.#mailbox?.messages[index];
    if (this.#mailbox === undefined || message === undefined) throw new Error(`no message ${index} in the mailbox`);
    const opened = await this.#mailbox.read(message);
    if (!opened.ok) {
      if (opened.error.code !== "gone") this.#failed("mailbox", opened.error.cause);
      this.#core.contentMissing();
      return;
    }
    const reader = opened.value;
    try {
      for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
        const more = this.#core.content(chunk);
        await this.#flush();
        if (!more) break;
      }
      this.#core.contentEnd();
    } finally {
      await reader.close();
    }
    this.#fetched += 1;
    this.#options.observer.emit("mailbox.read", { ...this.#peer, account: this.#account, file: message.file });
  }

  async #remove(indexes: readonly number[]): Promise<void> {
    const mailbox = this.#mailbox;
    if (mailbox === undefined) throw new Error("no mailbox to remove from");
    const messages = indexes.flatMap((index) => mailbox.messages[index] ?? []);
    const result = await mailbox.remove(messages);
    if (result.ok) {
      const { observer } = this.#options;
      observer.emit("mailbox.deleted", { ...this.#peer, account: this.#account, messages: messages.length });
    } else {
      this.#failed("mailbox", result.error.cause);
    }
    this.#core.removed(result.ok ? "all" : "not-all");
  }

  async #flush(): Promise<void> {
    const socket = this.#socket;
    if (this.#over.signal.aborted || socket.destroyed) throw new Error("the connection is gone");
    const output = this.#core.takeOutput();
    if (output.length === 0) return;
    socket.cork();
    let flowing = true;
    for (const octets of output) flowing = socket.write(octets);
    socket.uncork();
    if (flowing) return;
    await this.#within(this.#options.limits.idle, "slow-reader", (done) => socket.once("drain", done));
  }

  /** Waits for something the client has to do; when it takes too long, or never comes, the session is over. */
  async #within(milliseconds: number, cause: string, start: (done: () => void) => void): Promise<void> {
    const { signal } = this.#over;
    await new Promise<void>((resolve, reject) => {
      const lost = () => {
        clearTimeout(timer);
        reject(new Error("the connection is gone"));
      };
      const timer = setTimeout(() => this.#cut(cause), milliseconds);
      signal.addEventListener("abort", lost, { once: true });
      start(() => {
        clearTimeout(timer);
        signal.removeEventListener("abort", lost);
        resolve();
      });
    });
  }

  #close(): void {
    this.#working = "closing";
    const socket = this.#socket;
    this.#detach();
    socket.end();
    socket.resume();
    const timer = setTimeout(() => socket.destroy(), LINGER);
    socket.once("close", () => clearTimeout(timer));
    this.#releaseMailbox();
  }

  #cut(cause: string): void {
    if (this.#over.signal.aborted) return;
    this.#cause = cause;
    this.#socket.destroy();
    this.#finish();
  }

  #finish(): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    this.#socket.destroy();
    this.#releaseMailbox();
    const { observer } = this.#options;
    observer.emit("session.closed", {
      ...this.#peer,
      commands: this.#core.commands,
      messages: this.#fetched,
      ...(this.#core.errors === 0 ? {} : { errors: this.#core.errors }),
      cause: this.#cause,
    });
    this.#ended();
  }

  /** The lock goes back as soon as nothing reads or removes any more: a client may log in again at once. */
  #releaseMailbox(): void {
    this.#mailbox?.close();
    this.#mailbox = undefined;
  }

  #failed(where: string, error: unknown): void {
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#options.observer.emit("internal.failed", { where, cause });
  }
}
