// One SMTP session: facts gathered for the stages, verdicts turned into replies.
//
// Decides nothing itself. Everything that can be answered from memory is answered in the same turn, so a pipelined
// batch costs one read and one write; what needs the directory, the password hash or the spool suspends the session
// and nobody else. The socket and its turns are connection.ts.

import type { Socket } from "node:net";
import { formatAddress, parseAddress } from "../../address/address.ts";
import type { Address } from "../../address/address.ts";
import type { LegacySettings, ListenerSettings } from "../../config/settings.ts";
import { ehloReply } from "../../proto/smtp/ehlo.ts";
import { firstLine, makeReply, replies } from "../../proto/smtp/reply.ts";
import type { Reply } from "../../proto/smtp/reply.ts";
import type { FitAnswer, Held, QuotaAnswer } from "../../counters/account-limits.ts";
import type { Connecting } from "../../counters/client-limits.ts";
import type { AccountCounts, ClientHandle, CountAnswer, Unanswered } from "../../counters/counters.ts";
import type { SmtpRequest, SmtpServer } from "../../proto/smtp/server.ts";
import { mechanismNames, usualMechanisms } from "../../proto/sasl/mechanism.ts";
import type { Mechanism } from "../../proto/sasl/mechanism.ts";
import type { Peer } from "../../observe/events.ts";
import { combine } from "../../verdict/combine.ts";
import type {
  ClientLimitFact,
  ConnectFacts,
  EnrolmentFact,
  FailMode,
  Lookup,
  MailFacts,
  Role,
  SenderRight,
} from "../../verdict/facts.ts";
import { decideAuth, decideAuthOffer } from "../../verdict/stages/auth.ts";
import { decideConnect } from "../../verdict/stages/connect.ts";
import { decideData } from "../../verdict/stages/data.ts";
import { decideMail } from "../../verdict/stages/mail.ts";
import { decideQuota, decideRcpt } from "../../verdict/stages/rcpt.ts";
import type { Final, Verdict } from "../../verdict/verdict.ts";
import type { Client } from "../proxy-gate.ts";
import { acceptMessage } from "./accept.ts";
import { SmtpConnection } from "./connection.ts";
import type { SessionView } from "./accept.ts";
import type { ConnectionHandler, TlsFacts } from "./connection.ts";
import { clientFact, clientLimitFact, limitFact } from "../limit-fact.ts";
import { tellLimits } from "./limit-notices.ts";
import { relayOf, rightThere } from "./enrolled.ts";
import { LoginDialogue } from "./login.ts";
import type { LoginOutcome, LoginStep } from "./login.ts";
import { describeEvidence, describeLimit, replyFor } from "./replies.ts";
import type { SmtpServices } from "./services.ts";
import type { Credential } from "../../directory/standing.ts";
import type { AccountTerms } from "../../directory/terms.ts";
import { findVisitor } from "./visitor.ts";
import { beginTransaction, reservationsOf } from "./transaction.ts";
import type { MailRequest, RcptRequest, Transaction } from "./transaction.ts";

export interface SessionOptions {
  readonly role: Role;
  readonly listener: string;
  readonly tls: "none" | "starttls" | "implicit";
  /** Of a listener that ends. */
  readonly legacy?: LegacySettings;
  /** Of one that takes mail with addresses at third parties, and ends. */
  readonly substitute?: NonNullable<ListenerSettings["substitute"]>;
  /** Left out: the usual ones. */
  readonly mechanisms?: readonly Mechanism[];
}

interface Decision {
  readonly verdict: Final;
  readonly reply: Reply;
}

export class SmtpSession implements ConnectionHandler, SessionView {
  readonly peer: Peer;
  readonly role: Role;
  readonly services: SmtpServices;
  /** Argument of the last EHLO or HELO, and which of the two. */
  helo = "";
  extended = false;
  account: string | undefined;
  /** Set with `account`. */
  #credential: Credential | undefined;
  /** The account is that of a visitor (POP-before-SMTP), for this transaction. */
  #visits = false;
  tls: TlsFacts | undefined;
  /** For SCRAM-SHA-256-PLUS. It is secret, and no part of `tls`, which is logged. */
  #binding: Uint8Array | undefined;
  readonly #login: LoginDialogue;
  readonly #client: ClientHandle;
  readonly #options: SessionOptions;
  readonly #connection: SmtpConnection;
  readonly #core: SmtpServer;
  readonly #ended: () => void;
  #transaction: Transaction | undefined;
  /** As of the last MAIL; tries count also when their transaction is gone. */
  #terms: AccountTerms | undefined;
  /** When the last word of a login came, monotonic. */
  #askedAt = 0;
  #messages = 0;
  #contentHeld = 0;
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
    this.#client = services.clients.connect(this.peer.client);
    const { messageSize, errors, timeout } = services.smtp;
    const connection = { messageSize, errors, timeout, tls: options.tls, secureContext: services.secureContext };
    this.#connection = new SmtpConnection(socket, connection, this);
    this.#core = this.#connection.core;
    services.load.addSessions(1);
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
    if (this.#visits && this.#transaction === undefined) return;
    this.#suspended = true;
    if (!this.#connection.waiting) this.#end("session.suspended", "suspended");
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
        return this.#rcpt(request);
      case "data":
        return this.#data();
      case "message":
        return this.#message(request);
      case "abandoned":
        this.#abandon();
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
    if (this.services.load.content > 2 * this.services.smtp.contentMemory) {
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
    this.#abandon();
    this.#holdContent(0);
    this.services.load.addSessions(-1);
    this.#client.close();
    this.services.observer.emit("session.closed", {
      ...this.peer,
      commands: this.#core.commands,
      messages: this.#messages,
      ...(this.#core.errors === 0 ? {} : { errors: this.#core.errors }),
      cause: this.#cause,
    });
    this.#ended();
  }

  #endIfDraining(): void {
    if (this.#transaction === undefined) this.#end("session.shutdown", "shutdown");
  }

  #end(reason: "session.timeout" | "session.shutdown" | "session.suspended", cause: string): void {
    if (this.#core.state === "closed") return;
    this.#cause = cause;
    this.#connection.end(replyFor(reason, { hostname: this.services.hostname }));
  }

  #holdContent(octets: number): void {
    if (octets === this.#contentHeld) return;
    this.services.load.addContent(octets - this.#contentHeld);
    this.#contentHeld = octets;
  }

  // --- requests ----------------------------------------------------------------------------------------------

  #decide(verdicts: readonly Verdict[]): Decision & { readonly delay: number } {
    const { verdict, delay } = combine(verdicts);
    if (verdict.kind === "disconnect") this.#cause = verdict.reason;
    return { verdict, reply: replyFor(verdict.reason, verdict.evidence), delay };
  }

  #logged({ verdict, reply }: Decision): {
    readonly reason: string;
    readonly reply: string;
    readonly evidence?: string;
  } {
    const evidence = describeEvidence(verdict.evidence);
    const logged = { reason: verdict.reason, reply: firstLine(reply) };
    return evidence === undefined ? logged : { ...logged, evidence };
  }

  #greet(): Promise<void> | undefined {
    const { connecting } = this.#client;
    if (connecting instanceof Promise) return connecting.then((answer) => this.#greetCounted(answer));
    this.#greetCounted(connecting);
    return undefined;
  }

  get isSubstitute(): boolean {
    return this.#options.substitute !== undefined;
  }

  /** The day on which this listener ended, as it is written. */
  #endOf(): ConnectFacts["ended"] {
    const { legacy, substitute } = this.#options;
    const until = legacy?.until ?? substitute?.until;
    if (until === undefined || this.services.clock.wall() < until.at) return undefined;
    return { role: substitute === undefined ? "legacy" : "substitute", until: until.written };
  }

  #greetCounted(connecting: Connecting | Unanswered): void {
    const { load, smtp, hostname, observer } = this.services;
    const client = clientFact(connecting, this.#failOf("connection", connecting));
    // Where people log in it is known only then whether this is one of them.
    if (client.kind === "logins") this.#login.limit({ limit: client.limit, window: client.window });
    const { sessions } = load;
    const decision = this.#decide(
      decideConnect({
        hostname,
        role: this.role,
        sessions,
        sessionLimit: smtp.sessions,
        client,
        ended: this.#endOf(),
      }),
    );
    if (decision.verdict.kind !== "accept")
      observer.emit("session.refused", { ...this.peer, ...this.#logged(decision) });
    this.#core.answer(decision.reply);
  }

  /** What follows when the client could not be counted; that it goes on all the same is told. */
  #failOf(what: string, answer: Connecting | CountAnswer | undefined): FailMode {
    const { clientFail, observer } = this.services;
    if (answer?.kind === "unavailable" && clientFail === "open")
      observer.emit("limit.uncounted", { ...this.peer, what, cause: answer.cause });
    return clientFail;
  }

  #hello(verb: "HELO" | "EHLO", name: string): undefined {
    this.#abandon();
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
    if (this.account !== undefined) {
      this.#core.answer(replies.alreadyAuthenticated);
      return undefined;
    }
    const offer = this.#decide(decideAuthOffer({ role: this.role, secured: this.#secured }));
    if (offer.verdict.kind === "accept") {
      return this.#authStep(this.#login.start(mechanism, initial, this.#binding));
    }
    this.services.observer.emit("auth.failed", { ...this.peer, ...this.#logged(offer), account: "", mechanism });
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
    if (outcome.kind === "refused") this.#client.failed();
    const decision = this.#decide(
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
      this.#credential = credential;
      const app = credential.kind === "app-password" ? { appPassword: credential.name } : {};
      observer.emit("auth.succeeded", { ...this.peer, account, mechanism, ...app });
    } else {
      observer.emit("auth.failed", { ...this.peer, ...this.#logged(decision), account: name, mechanism });
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
    if (visits === undefined || (this.account !== undefined && !this.#visits)) return this.#mailAsked(request);
    this.account = undefined;
    this.#credential = undefined;
    // Nobody knows who visited: then nobody did.
    return findVisitor(this.peer.client, request.sender, visits, this.services)
      .catch(() => undefined)
      .then((visitor) => {
        this.account = visitor?.account;
        this.#credential = visitor?.credential;
        this.#visits = visitor !== undefined;
        return this.#mailAsked(request);
      });
  }

  #mailAsked(request: MailRequest): Promise<void> | undefined {
    const owned = this.#ownership(request);
    const counted = this.#client.message();
    const terms = this.account === undefined ? undefined : this.services.terms(this.account);
    const standing = this.#standing();
    if (
      owned instanceof Promise ||
      counted instanceof Promise ||
      terms instanceof Promise ||
      standing instanceof Promise
    ) {
      return Promise.all([owned, counted, terms, standing]).then(
        ([ownership, messages, found, holds]) => this.#mailCounted(request, ownership, messages, found, holds),
        (error: unknown) => {
          // Without terms nothing could be counted: the null sender waits as well.
          const unavailable = { kind: "unavailable", cause: String(error) } as const;
          this.#mailDecided(
            request,
            unavailable,
            { ...unavailable, fail: "closed" },
            undefined,
            unavailable,
            undefined,
          );
        },
      );
    }
    return this.#mailCounted(request, owned, counted, terms, standing);
  }

  #mailCounted(
    request: MailRequest,
    ownership: MailFacts["ownership"],
    messages: CountAnswer | undefined,
    terms: AccountTerms | undefined,
    standing: MailFacts["standing"],
  ): Promise<void> | undefined {
    const fact = clientLimitFact(messages, this.services.clock, this.#failOf("message", messages));
    const octets = this.#octetsFit(request, terms);
    if (octets instanceof Promise) {
      return octets.then((answer) => this.#mailDecided(request, ownership, fact, terms, standing, answer));
    }
    this.#mailDecided(request, ownership, fact, terms, standing, octets);
    return undefined;
  }

  /** Where what is beyond is held, it is taken all the same. */
  #octetsFit(
    { declaredSize }: MailRequest,
    terms: AccountTerms | undefined,
  ): ReturnType<AccountCounts["octetsFit"]> | undefined {
    if (declaredSize === undefined || terms?.counts.bytes !== true || terms.over === "hold") return undefined;
    return this.services.limits.octetsFit(terms, declaredSize);
  }

  #standing(): Exclude<MailFacts["standing"], object> | Promise<Exclude<MailFacts["standing"], object>> {
    if (this.account === undefined || this.#credential === undefined) return "none";
    return this.services.standing(this.account, this.#credential);
  }

  #ownership({ sender }: MailRequest): MailFacts["ownership"] | Promise<MailFacts["ownership"]> {
    if (this.role !== "submission" || this.account === undefined || sender === undefined) return "none";
    const right: SenderRight | Promise<SenderRight | EnrolmentFact> = this.isSubstitute
      ? rightThere(this.services, this.account, sender)
      : this.services.directory.rightTo(this.account, sender);
    if (typeof right === "string") return right;
    return right.catch((error: unknown) => ({ kind: "unavailable", cause: String(error) }));
  }

  #mailDecided(
    request: MailRequest,
    ownership: MailFacts["ownership"],
    clientMessages: ClientLimitFact,
    terms: AccountTerms | undefined,
    standing: MailFacts["standing"],
    octets: FitAnswer | Unanswered | undefined,
  ): void {
    const { hostname, smtp, observer, clock } = this.services;
    const { sender, declaredSize } = request;
    if (octets !== undefined) tellLimits(this.services, terms, octets);
    const decision = this.#decide(
      decideMail({
        hostname,
        role: this.role,
        account: this.account,
        standing,
        sender,
        ownership,
        foreignSender: terms?.foreignSender ?? "refuse",
        ownAddress: terms?.address ?? "",
        declaredSize,
        messageSize: smtp.messageSize,
        octets: limitFact(octets, clock),
        over: terms?.over ?? "defer",
        freeSpace: this.services.freeSpace(),
        freeSpaceNeeded: smtp.freeSpace,
        clientMessages,
        spooled: this.services.spooled(),
        spoolLimit: smtp.spoolSize,
        messages: this.#messages,
        messageLimit: smtp.messages,
      }),
    );
    this.#terms = terms;
    const own = decision.verdict.reason === "sender.rewritten" ? ownAddressOf(terms) : undefined;
    const transaction = beginTransaction(request, terms, { sender: own, relay: relayOf(sender, ownership) });
    const account = this.account === undefined ? {} : { account: this.account };
    if (decision.verdict.kind === "accept") {
      this.#transaction = transaction;
      observer.emit("sender.accepted", { ...this.peer, sender: transaction.senderText, ...account });
    } else {
      const refused = { ...this.peer, ...this.#logged(decision), sender: transaction.senderText, ...account };
      observer.emit("sender.refused", refused);
    }
    this.#core.answer(decision.reply);
  }

  #rcpt(request: RcptRequest): Promise<void> | undefined {
    const lookup = this.services.directory.lookup(request.recipient);
    if (lookup instanceof Promise) return lookup.then((answer) => this.#rcptFound(request, answer));
    return this.#rcptFound(request, lookup);
  }

  /** Counted as a try, whatever comes of it. */
  #rcptFound(request: RcptRequest, lookup: Lookup): Promise<void> | undefined {
    const terms = this.#terms;
    const attempts = terms === undefined ? undefined : this.services.limits.attempt(terms);
    const recipients = this.#client.recipient();
    if (attempts instanceof Promise || recipients instanceof Promise) {
      return Promise.all([attempts, recipients]).then(([tried, ofClient]) =>
        this.#rcptCounted(request, lookup, tried, ofClient),
      );
    }
    return this.#rcptCounted(request, lookup, attempts, recipients);
  }

  #rcptCounted(
    request: RcptRequest,
    lookup: Lookup,
    attempts: CountAnswer | undefined,
    recipients: CountAnswer | undefined,
  ): Promise<void> | undefined {
    const { limits, smtp, clock } = this.services;
    const { account } = this;
    const transaction = this.#transaction;
    if (transaction === undefined) {
      // The connection was lost meanwhile: nobody is there to reserve anything for.
      this.#core.answer(replyFor("internal.unknown"));
      return undefined;
    }
    const decision = this.#decide(
      decideRcpt({
        role: this.role,
        account,
        recipient: formatAddress(request.recipient),
        lookup,
        accepted: transaction.recipients.length,
        recipientLimit: Math.min(smtp.recipients, transaction.terms?.recipientsPerMessage ?? smtp.recipients),
        attempts: limitFact(attempts, clock),
        clientRecipients: clientLimitFact(recipients, clock, this.#failOf("recipient", recipients)),
      }),
    );
    if (decision.verdict.kind !== "accept" || transaction.terms === undefined) {
      this.#rcptDecided(request, transaction, decision, []);
      return undefined;
    }
    const { terms } = transaction;
    if (!terms.counts.newRecipients) return this.#reserve(request, decision, limits.reserve(terms));
    const known = this.services.correspondents.stranger(terms.account, formatAddress(request.recipient));
    if (!(known instanceof Promise)) return this.#reserve(request, decision, limits.reserve(terms, known));
    return known.then(
      (stranger) => this.#reserve(request, decision, limits.reserve(terms, stranger)),
      // Who may be new is not let through uncounted.
      (error: unknown) => this.#rcptReserved(request, decision, { kind: "unavailable", cause: String(error) }),
    );
  }

  #reserve(
    request: RcptRequest,
    decided: Decision,
    quota: QuotaAnswer | Unanswered | Promise<QuotaAnswer | Unanswered>,
  ): Promise<void> | undefined {
    if (quota instanceof Promise) return quota.then((answer) => this.#rcptReserved(request, decided, answer));
    this.#rcptReserved(request, decided, quota);
    return undefined;
  }

  #rcptReserved(request: RcptRequest, decided: Decision, quota: QuotaAnswer | Unanswered): void {
    const { limits, clock } = this.services;
    const held = quota.kind === "within" ? quota.held : [];
    const transaction = this.#transaction;
    if (transaction === undefined) {
      limits.release(held);
      this.#core.answer(replyFor("internal.unknown"));
      return;
    }
    tellLimits(this.services, transaction.terms, quota);
    const over = transaction.terms?.over ?? "defer";
    const decision = this.#decide(decideQuota(decided.verdict, limitFact(quota, clock), over));
    this.#rcptDecided(request, transaction, decision, held);
  }

  #rcptDecided(request: RcptRequest, transaction: Transaction, decision: Decision, held: readonly Held[]): void {
    const { account } = this;
    const { observer } = this.services;
    const text = formatAddress(request.recipient);
    const logged = { ...this.peer, ...this.#logged(decision), sender: transaction.senderText, recipient: text };
    const { verdict } = decision;
    if (verdict.kind === "accept" || verdict.kind === "hold") {
      const { reason } = verdict;
      const beyond = verdict.kind === "hold" ? { beyond: describeLimit(verdict) } : {};
      this.#transaction = transaction.add({
        address: request.recipient,
        text,
        dsn: request.dsn,
        reason,
        held,
        ...beyond,
      });
      observer.emit("recipient.accepted", logged);
    } else observer.emit("recipient.refused", account === undefined ? logged : { ...logged, account });
    this.#core.answer(decision.reply);
  }

  #data(): Promise<void> | undefined {
    const { terms } = this.#transaction!;
    const counted = terms?.counts.messages === true ? this.services.limits.reserveMessage(terms) : undefined;
    if (counted instanceof Promise) return counted.then((answer) => this.#dataDecided(answer));
    this.#dataDecided(counted);
    return undefined;
  }

  #dataDecided(counted: QuotaAnswer | Unanswered | undefined): void {
    const { load, smtp, limits, clock } = this.services;
    const held = counted?.kind === "within" ? counted.held : [];
    const transaction = this.#transaction;
    if (transaction === undefined) {
      limits.release(held);
      this.#core.answer(replyFor("internal.unknown"));
      return;
    }
    if (counted !== undefined) tellLimits(this.services, transaction.terms, counted);
    const decision = this.#decide(
      decideData({
        messages: limitFact(counted, clock),
        over: transaction.terms?.over ?? "defer",
        contentMemory: load.content + (transaction.declaredSize ?? 0),
        contentMemoryLimit: smtp.contentMemory,
      }),
    );
    const { verdict } = decision;
    if (verdict.kind === "accept" || verdict.kind === "hold") {
      transaction.hold(held);
      if (verdict.kind === "hold") transaction.goBeyond(describeLimit(verdict));
      this.#transaction = transaction.freeze();
    } else {
      limits.release(held);
      this.#refusedMessage(decision, transaction);
    }
    this.#core.answer(decision.reply);
  }

  async #message(request: Extract<SmtpRequest, { kind: "message" }>): Promise<void> {
    const transaction = this.#transaction!;
    this.#transaction = undefined;
    this.#holdContent(request.size);
    const outcome = await acceptMessage(this, transaction, request).catch((error: unknown) => {
      this.services.limits.release(reservationsOf(transaction));
      throw error;
    });
    const decision = this.#decide(outcome.verdicts);
    if (decision.verdict.kind === "accept") this.#messages++;
    else {
      this.services.limits.release(reservationsOf(transaction));
      this.#refusedMessage(decision, transaction);
    }
    this.#core.answer(decision.reply);
    if (outcome.handOver !== undefined) outcome.handOver();
  }

  #refusedMessage(decision: Decision, transaction: Transaction): void {
    this.services.observer.emit("message.refused", {
      ...this.peer,
      ...this.#logged(decision),
      message: "",
      sender: transaction.senderText,
      recipients: transaction.recipients.map(({ text }) => text),
    });
  }

  /** Gives back what the transaction had reserved. */
  #abandon(): void {
    if (this.#transaction === undefined) return;
    this.services.limits.release(reservationsOf(this.#transaction));
    this.#transaction = undefined;
  }
}

/** As the account was made. */
function ownAddressOf(terms: AccountTerms | undefined): Address | undefined {
  const address = parseAddress(terms?.address ?? "");
  return address.ok ? address.value : undefined;
}
