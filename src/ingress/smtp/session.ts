// One SMTP session, from its greeting to its end: who is there, and who has logged in. Facts are gathered for the stages, verdicts
// turned into replies. The mail that it brings is envelope.ts; the socket and its turns are connection.ts.
//
// Decides nothing itself. Everything that can be answered from memory is answered in the same turn, so a pipelined
// batch costs one read and one write; what needs the directory, the password hash or the spool suspends the session
// and nobody else.

import type { Socket } from "node:net";
import type { LegacySettings, ListenerSettings } from "../../config/settings.ts";
import type { Connecting } from "../../counters/client-limits.ts";
import type { ClientHandle, Unanswered } from "../../counters/counters.ts";
import type { Credential } from "../../directory/standing.ts";
import type { Peer } from "../../observe/events.ts";
import { mechanismNames, usualMechanisms } from "../../proto/sasl/mechanism.ts";
import type { Mechanism } from "../../proto/sasl/mechanism.ts";
import { ehloReply } from "../../proto/smtp/ehlo.ts";
import { firstLine, makeReply, replies } from "../../proto/smtp/reply.ts";
import type { Reply } from "../../proto/smtp/reply.ts";
import type { SmtpRequest, SmtpServer } from "../../proto/smtp/server.ts";
import type { Ended, Role } from "../../verdict/facts.ts";
import { decideAuth, decideAuthOffer } from "../../verdict/stages/auth.ts";
import { decideConnect } from "../../verdict/stages/connect.ts";
import type { Verdict } from "../../verdict/verdict.ts";
import { clientFact } from "../limit-fact.ts";
import type { Client } from "../proxy-gate.ts";
import { SmtpConnection } from "./connection.ts";
import type { ConnectionHandler, TlsFacts } from "./connection.ts";
import { decisionOn, failModeOf, loggedAs } from "./decision.ts";
import { ContentPace } from "./content-pace.ts";
import { Envelope } from "./envelope.ts";
import type { EnvelopeSession } from "./envelope.ts";
import { LoginDialogue } from "./login.ts";
import type { LoginOutcome, LoginStep } from "./login.ts";
import { replyFor } from "./replies.ts";
import type { LoadPart, SmtpServices } from "./services.ts";
import type { MailRequest } from "./transaction.ts";
import { findVisitor } from "./visitor.ts";

export interface SessionOptions {
  readonly role: Role;
  readonly listener: string;
  readonly tls: "none" | "starttls" | "implicit";
  /** Of a listener that ends. */
  readonly legacy?: LegacySettings;
  /** Of one that takes mail with addresses at third parties, and ends. */
  readonly substitute?: NonNullable<ListenerSettings["substitute"]>;
  /** Where it listens, for its share of sessions and memory (budgets.ts). Left out: its role's. */
  readonly place?: string;
  /** Left out: the usual ones. */
  readonly mechanisms?: readonly Mechanism[];
}

interface SessionShare {
  readonly limit: number;
  /** By all sessions of the budget. */
  readonly held: LoadPart;
}

export class SmtpSession implements ConnectionHandler, EnvelopeSession {
  readonly peer: Peer;
  readonly role: Role;
  readonly services: SmtpServices;
  /** Argument of the last EHLO or HELO, and which of the two. */
  helo = "";
  extended = false;
  account: string | undefined;
  credential: Credential | undefined;
  /** The account is that of a visitor (POP-before-SMTP), for this transaction. */
  #visits = false;
  tls: TlsFacts | undefined;
  /** For SCRAM-SHA-256-PLUS. It is secret, and no part of `tls`, which is logged. */
  #binding: Uint8Array | undefined;
  readonly #login: LoginDialogue;
  readonly client: ClientHandle;
  /** Of the budgets that the session counts against. */
  readonly #sessions: SessionShare;
  readonly contentMemory: SessionShare;
  readonly #options: SessionOptions;
  readonly #connection: SmtpConnection;
  readonly #core: SmtpServer;
  readonly #envelope = new Envelope(this);
  readonly #ended: () => void;
  /** When the last word of a login came, monotonic. */
  #askedAt = 0;
  #contentHeld = 0;
  readonly #pace = new ContentPace();
  #draining = false;
  #suspended = false;
  #cause = "client";

  constructor(socket: Socket, client: Client, options: SessionOptions, services: SmtpServices, ended: () => void) {
    this.#options = options;
    this.role = options.role;
    this.services = services;
    this.#ended = ended;
    this.#login = new LoginDialogue(services, client.address, this.#offered);
    this.peer = {
      session: services.newId(),
      listener: options.listener,
      client: client.address,
      port: client.port,
    };
    this.client = services.clients.connect(this.peer.client);
    const { messageSize, errors, timeout } = services.smtp;
    const connection = { messageSize, errors, timeout, tls: options.tls, secureContext: services.secureContext };
    this.#connection = new SmtpConnection(socket, connection, this);
    this.#core = this.#connection.core;
    const { sessions, content } = services.budgetOf(options.role, options.place);
    this.#sessions = { limit: sessions.limit, held: services.load.part(sessions.slot) };
    this.contentMemory = { limit: content.limit, held: services.load.part(content.slot) };
    this.#sessions.held.addSessions(1);
    services.observer.emit("session.opened", this.peer);
    this.#connection.begin();
  }

  get mechanism(): string {
    return this.#visits ? "POP-before-SMTP" : this.#login.mechanism;
  }

  get #offered(): readonly Mechanism[] {
    return this.#options.mechanisms ?? usualMechanisms;
  }

  get #secured(): "plaintext" | "tls" {
    return this.tls === undefined ? "plaintext" : "tls";
  }

  /** The server is stopping: an idle session ends now, one in a transaction when the transaction is over. */
  drain(): void {
    this.#draining = true;
    if (!this.#connection.waiting) this.#endIfDraining();
  }

  /** These accounts may not be used any more: a session of one ends now, or with the answer that is under way. */
  suspend(accounts: ReadonlySet<string>): void {
    if (this.account === undefined || !accounts.has(this.account)) return;
    // Whoever is at the address of a visitor may come for somebody else with the next MAIL.
    if (this.#visits && !this.#envelope.isOpen) return;
    this.#suspended = true;
    if (!this.#connection.waiting) this.#end("session.suspended", "suspended");
  }

  /** Asked every few seconds: content that comes too slowly (content-pace.ts) ends the session, and is let go at once. */
  checkPace(now: number): void {
    const { contentRate: rate, contentTime: time } = this.services.smtp;
    const { receiving: message } = this.#core;
    const turn = this.#connection.waiting ? "server" : "client";
    if (this.#pace.keeps(now, { message, octets: this.#connection.received, turn }, { rate, time })) return;
    const reply = replyFor("session.slow", { hostname: this.services.hostname });
    this.services.observer.emit("session.refused", { ...this.peer, reason: "session.slow", reply: firstLine(reply) });
    this.#end("session.slow", "slow");
    this.#holdContent(0);
  }

  /** No more patience. */
  abort(): void {
    this.#cause = "shutdown";
    this.#connection.destroy();
  }

  // --- from the connection -----------------------------------------------------------------------------------

  handle(request: SmtpRequest): Promise<void> | undefined {
    switch (request.kind) {
      case "greeting":
        return this.#greet();
      case "helo":
        return this.#hello(request.verb, request.name);
      case "starttls":
        this.#core.answer(replyFor("tls.ready"));
        return undefined;
      case "auth":
        this.#askedAt = this.services.clock.monotonic();
        return this.#auth(request.mechanism, request.initial);
      case "auth-response":
        this.#askedAt = this.services.clock.monotonic();
        return this.#authStep(this.#login.step(request.response));
      case "mail":
        return this.#mail(request);
      case "rcpt":
        return this.#envelope.rcpt(request);
      case "data":
        return this.#envelope.data();
      case "message":
        this.#holdContent(request.size);
        return this.#envelope.message(request);
      case "abandoned":
        this.#envelope.abandon();
        return undefined;
    }
  }

  turned(): void {
    for (const { reason, mechanism, reply } of this.#core.takeAuthEnds()) {
      const failed = { reason, reply: firstLine(reply), account: "", mechanism };
      this.services.observer.emit("auth.failed", { ...this.peer, ...failed });
    }
    // A message on its way into the spool is held until it is durable.
    if (!this.#connection.waiting) this.#holdContent(this.#core.contentHeld);
    // Clients that announced no SIZE are cut here; those that did were asked to wait at DATA.
    const { held, limit } = this.contentMemory;
    if (held.content > 2 * limit) {
      this.#core.refuseContent(replyFor("data.memory"));
      if (!this.#connection.waiting) this.#holdContent(0);
    }
    if (this.#suspended && !this.#connection.waiting) this.#end("session.suspended", "suspended");
    if (this.#draining && !this.#connection.waiting) this.#endIfDraining();
  }

  silent(): void {
    this.#end("session.timeout", "timeout");
  }

  secure(tls: TlsFacts, binding: Uint8Array | undefined): void {
    this.tls = tls;
    this.#binding = binding;
    this.services.observer.emit("session.secured", { ...this.peer, ...tls });
  }

  /** A bug or a broken part: the client gets a 4xx for what it asked, and the operator the cause. */
  failed(error: unknown): void {
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.services.observer.emit("internal.failed", { where: `${this.role} session ${this.peer.session}`, cause });
    this.#core.answerPending(replyFor("internal.unknown"));
  }

  closed(): void {
    this.#envelope.abandon();
    this.#holdContent(0);
    this.#sessions.held.addSessions(-1);
    this.client.close();
    this.services.observer.emit("session.closed", {
      ...this.peer,
      commands: this.#core.commands,
      messages: this.#envelope.messages,
      ...(this.#core.errors === 0 ? {} : { errors: this.#core.errors }),
      cause: this.#cause,
    });
    this.#ended();
  }

  #endIfDraining(): void {
    if (!this.#envelope.isOpen) this.#end("session.shutdown", "shutdown");
  }

  #end(reason: "session.timeout" | "session.slow" | "session.shutdown" | "session.suspended", cause: string): void {
    if (this.#core.state === "closed") return;
    this.#cause = cause;
    this.#connection.end(replyFor(reason, { hostname: this.services.hostname }));
  }

  #holdContent(octets: number): void {
    if (octets === this.#contentHeld) return;
    this.contentMemory.held.addContent(octets - this.#contentHeld);
    this.#contentHeld = octets;
  }

  answer(reply: Reply): void {
    this.#core.answer(reply);
  }

  // --- requests ----------------------------------------------------------------------------------------------

  decide(verdicts: readonly Verdict[]): ReturnType<typeof decisionOn> {
    const decision = decisionOn(verdicts);
    if (decision.verdict.kind === "disconnect") this.#cause = decision.verdict.reason;
    return decision;
  }

  #greet(): Promise<void> | undefined {
    const { connecting } = this.client;
    if (connecting instanceof Promise) return connecting.then((answer) => this.#greetCounted(answer));
    this.#greetCounted(connecting);
    return undefined;
  }

  get isSubstitute(): boolean {
    return this.#options.substitute !== undefined;
  }

  /** The day on which this listener ended, as it is written. */
  get ended(): Ended | undefined {
    const { legacy, substitute } = this.#options;
    const until = legacy?.until ?? substitute?.until;
    if (until === undefined || this.services.clock.wall() < until.at) return undefined;
    return { role: substitute === undefined ? "legacy" : "substitute", until: until.written };
  }

  #greetCounted(connecting: Connecting | Unanswered): void {
    const { hostname, observer } = this.services;
    const client = clientFact(connecting, failModeOf(this, "connection", connecting));
    // Where people log in it is known only then whether this is one of them.
    if (client.kind === "logins") this.#login.limit({ limit: client.limit, window: client.window });
    const { held, limit } = this.#sessions;
    const decision = this.decide(
      decideConnect({
        hostname,
        role: this.role,
        sessions: held.sessions,
        sessionLimit: limit,
        client,
        ended: this.ended,
      }),
    );
    if (decision.verdict.kind !== "accept") observer.emit("session.refused", { ...this.peer, ...loggedAs(decision) });
    this.#core.answer(decision.reply);
  }

  #hello(verb: "HELO" | "EHLO", name: string): undefined {
    this.#envelope.abandon();
    this.helo = name;
    this.extended = verb === "EHLO";
    const { hostname, smtp } = this.services;
    const { messageSize, recipients, messages } = smtp;
    const starttls = this.#options.tls === "starttls" && this.tls === undefined;
    // Never offered where it would not be allowed (RFC 4954 §4).
    const mechanisms =
      this.role === "submission" && this.tls !== undefined
        ? mechanismNames({ binding: this.#binding, offered: this.#offered })
        : [];
    this.#core.offer({ starttls, mechanisms });
    const reply =
      verb === "HELO"
        ? makeReply(250, "", hostname)
        : ehloReply(hostname, { messageSize, recipients, messages, starttls, mechanisms });
    this.#core.answer(reply);
  }

  #auth(mechanism: string, initial: Uint8Array | undefined): Promise<void> | undefined {
    // A visitor may log in after all: it was MAIL that said who he is, for one message.
    if (this.account !== undefined && !this.#visits) {
      this.#core.answer(replies.alreadyAuthenticated);
      return undefined;
    }
    const offer = this.decide(decideAuthOffer({ role: this.role, secured: this.#secured }));
    if (offer.verdict.kind === "accept") {
      return this.#authStep(this.#login.start(mechanism, initial, this.#binding));
    }
    this.services.observer.emit("auth.failed", { ...this.peer, ...loggedAs(offer), account: "", mechanism });
    this.#core.answer(offer.reply);
    return undefined;
  }

  #authStep(step: LoginStep): Promise<void> | undefined {
    switch (step.kind) {
      case "challenge":
        this.#core.answer(makeReply(334, "", Buffer.from(step.data).toString("base64")));
        return undefined;
      case "outcome":
        return this.#authDecided(step.name, step.outcome);
      case "pending":
        return step.next.then((next) => this.#authStep(next));
    }
  }

  #authDecided(name: string, outcome: LoginOutcome): Promise<void> | undefined {
    const { hostname, smtp, observer } = this.services;
    const { mechanism, failures } = this.#login;
    if (outcome.kind === "refused") this.client.failed();
    const decision = this.decide(
      decideAuth({
        hostname,
        role: this.role,
        secured: this.#secured,
        failures,
        failureLimit: smtp.authFailures,
        outcome,
      }),
    );
    if (decision.verdict.kind === "accept" && outcome.kind === "account") {
      const { account, credential } = outcome;
      this.account = account;
      this.#visits = false;
      this.credential = credential;
      const app = credential.kind === "app-password" ? { appPassword: credential.name } : {};
      observer.emit("auth.succeeded", { ...this.peer, account, mechanism, ...app });
    } else {
      observer.emit("auth.failed", { ...this.peer, ...loggedAs(decision), account: name, mechanism });
    }
    // Counted from the question: how long it took to answer says nothing about what was found.
    const spent = this.services.clock.monotonic() - this.#askedAt;
    return this.#answerAfter(Math.max(0, decision.delay - spent), decision.reply);
  }

  #answerAfter(delay: number, reply: Reply): Promise<void> | undefined {
    if (delay === 0) {
      this.#core.answer(reply);
      return undefined;
    }
    return new Promise((resolve) => {
      setTimeout(() => {
        this.#core.answer(reply);
        resolve();
      }, delay);
    });
  }

  #mail(request: MailRequest): Promise<void> | undefined {
    const visits = this.#options.legacy?.visits;
    if (visits === undefined || (this.account !== undefined && !this.#visits)) return this.#envelope.mail(request);
    this.account = undefined;
    this.credential = undefined;
    return findVisitor(this.peer.client, request.sender, visits, this.services).then(
      (visitor) => {
        this.account = visitor?.account;
        this.credential = visitor?.credential;
        this.#visits = visitor !== undefined;
        return this.#envelope.mail(request);
      },
      // Nobody can say who visited: that is no "nobody did", and the program may ask again.
      (error: unknown) => {
        this.#visits = false;
        return this.#envelope.mail(request, { kind: "unavailable", cause: String(error) });
      },
    );
  }
}
