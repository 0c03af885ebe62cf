// The envelope of a session, one message after the other: MAIL, RCPT and DATA, from the request to the reply. Gathers facts for the stages,
// holds what the limits gave, and gives it back when nothing came of it. Decides nothing itself.
//
// What can be answered from memory is answered in the same turn; a promise is awaited only where there is one.

import { formatAddress, parseAddress } from "../../address/address.ts";
import type { Address } from "../../address/address.ts";
import type { FitAnswer, Held, QuotaAnswer } from "../../counters/account-limits.ts";
import type { AccountCounts, AttemptAnswer, ClientHandle, CountAnswer, Unanswered } from "../../counters/counters.ts";
import type { Credential } from "../../directory/standing.ts";
import type { AccountTerms } from "../../directory/terms.ts";
import type { Reply } from "../../proto/smtp/reply.ts";
import type { SmtpRequest } from "../../proto/smtp/server.ts";
import type {
  ClientLimitFact,
  Ended,
  EnrolmentFact,
  Lookup,
  MailFacts,
  SenderRight,
  Unavailable,
} from "../../verdict/facts.ts";
import { decideData } from "../../verdict/stages/data.ts";
import { decideMail } from "../../verdict/stages/mail.ts";
import { decideQuota, decideRcpt, decideTry } from "../../verdict/stages/rcpt.ts";
import type { Verdict } from "../../verdict/verdict.ts";
import { clientLimitFact, limitFact } from "../limit-fact.ts";
import { acceptMessage } from "./accept.ts";
import type { SessionView } from "./accept.ts";
import { failModeOf, loggedAs } from "./decision.ts";
import type { Decision } from "./decision.ts";
import { relayOf, rightThere } from "./enrolled.ts";
import { tellLimits } from "./limit-notices.ts";
import { describeLimit, replyFor } from "./replies.ts";
import { beginTransaction, reservationsOf } from "./transaction.ts";
import type { MailRequest, RcptRequest, Transaction } from "./transaction.ts";

type MessageRequest = Extract<SmtpRequest, { kind: "message" }>;

/** The session as its envelope sees it. */
export interface EnvelopeSession extends SessionView {
  readonly isSubstitute: boolean;
  /** As of now. */
  readonly ended: Ended | undefined;
  /** Set with `account`. */
  readonly credential: Credential | undefined;
  readonly client: ClientHandle;
  /** Of the session's budget: what all its sessions hold, and may. */
  readonly contentMemory: { readonly limit: number; readonly held: { readonly content: number } };
  decide(verdicts: readonly Verdict[]): Decision;
  answer(reply: Reply): void;
}

export class Envelope {
  readonly #session: EnvelopeSession;
  #transaction: Transaction | undefined;
  #messages = 0;

  constructor(session: EnvelopeSession) {
    this.#session = session;
  }

  /** Between MAIL and the end of its message. */
  get isOpen(): boolean {
    return this.#transaction !== undefined;
  }

  /** Accepted so far. */
  get messages(): number {
    return this.#messages;
  }

  /** `unknown`: who is sending could not be found out. */
  mail(request: MailRequest, unknown?: Unavailable): Promise<void> | undefined {
    const owned = this.#ownership(request);
    const counted = this.#session.client.message();
    const terms = this.#session.account === undefined ? undefined : this.#session.services.terms(this.#session.account);
    const standing = unknown ?? this.#standing();
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
    const fact = clientLimitFact(
      messages,
      this.#session.services.clock,
      failModeOf(this.#session, "message", messages),
    );
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
    return this.#session.services.limits.octetsFit(terms, declaredSize);
  }

  #standing(): Exclude<MailFacts["standing"], object> | Promise<Exclude<MailFacts["standing"], object>> {
    if (this.#session.account === undefined || this.#session.credential === undefined) return "none";
    return this.#session.services.standing(this.#session.account, this.#session.credential);
  }

  #ownership({ sender }: MailRequest): MailFacts["ownership"] | Promise<MailFacts["ownership"]> {
    if (this.#session.role !== "submission" || this.#session.account === undefined || sender === undefined)
      return "none";
    const right: SenderRight | Promise<SenderRight | EnrolmentFact> = this.#session.isSubstitute
      ? rightThere(this.#session.services, this.#session.account, sender)
      : this.#session.services.directory.rightTo(this.#session.account, sender);
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
    const { hostname, smtp, observer, clock } = this.#session.services;
    const { sender, declaredSize } = request;
    if (octets !== undefined) tellLimits(this.#session.services, terms, octets);
    const decision = this.#session.decide(
      decideMail({
        hostname,
        role: this.#session.role,
        ended: this.#session.ended,
        account: this.#session.account,
        standing,
        sender,
        ownership,
        foreignSender: terms?.foreignSender ?? "refuse",
        ownAddress: terms?.address ?? "",
        declaredSize,
        messageSize: smtp.messageSize,
        octets: limitFact(octets, clock),
        over: terms?.over ?? "defer",
        freeSpace: this.#session.services.freeSpace(),
        freeSpaceNeeded: smtp.freeSpace,
        clientMessages,
        spooled: this.#session.services.spooled(),
        spoolLimit: smtp.spoolSize,
        messages: this.#messages,
        messageLimit: smtp.messages,
      }),
    );
    const own = decision.verdict.reason === "sender.rewritten" ? ownAddressOf(terms) : undefined;
    const transaction = beginTransaction(request, terms, { sender: own, relay: relayOf(sender, ownership) });
    const account = this.#session.account === undefined ? {} : { account: this.#session.account };
    if (decision.verdict.kind === "accept") {
      this.#transaction = transaction;
      observer.emit("sender.accepted", { ...this.#session.peer, sender: transaction.senderText, ...account });
    } else {
      const refused = { ...this.#session.peer, ...loggedAs(decision), sender: transaction.senderText, ...account };
      observer.emit("sender.refused", refused);
    }
    this.#session.answer(decision.reply);
  }

  /** Counted as a try, whatever comes of it; and by what the account may now, not at MAIL: a transaction can last. */
  rcpt(request: RcptRequest): Promise<void> | undefined {
    const { account, services } = this.#session;
    const terms = account === undefined ? undefined : services.terms(account);
    if (!(terms instanceof Promise)) return this.#rcptTried(request, terms);
    return terms.then(
      (found) => this.#rcptTried(request, found),
      (error: unknown) => this.#rcptCounted(request, { kind: "unavailable", cause: String(error) }, undefined),
    );
  }

  #rcptTried(request: RcptRequest, terms: AccountTerms | undefined): Promise<void> | undefined {
    const attempts = terms === undefined ? undefined : this.#session.services.limits.attempt(terms);
    const recipients = this.#session.client.recipient();
    if (attempts instanceof Promise || recipients instanceof Promise) {
      return Promise.all([attempts, recipients]).then(([tried, ofClient]) =>
        this.#rcptCounted(request, tried, ofClient),
      );
    }
    return this.#rcptCounted(request, attempts, recipients);
  }

  /** Who may not ask for one more is told so before anybody looks who that is. */
  #rcptCounted(
    request: RcptRequest,
    attempts: AttemptAnswer | undefined,
    recipients: CountAnswer | undefined,
  ): Promise<void> | undefined {
    const { directory, smtp, clock } = this.#session.services;
    const transaction = this.#transaction;
    if (transaction === undefined) {
      // The connection was lost meanwhile: nobody is there to reserve anything for.
      this.#session.answer(replyFor("internal.unknown"));
      return undefined;
    }
    const refused = decideTry({
      accepted: transaction.recipients.length,
      recipientLimit: Math.min(smtp.recipients, transaction.terms?.recipientsPerMessage ?? smtp.recipients),
      attempts: limitFact(attempts, clock),
      clientRecipients: clientLimitFact(recipients, clock, failModeOf(this.#session, "recipient", recipients)),
    });
    if (refused.length > 0) {
      this.#rcptDecided(request, transaction, this.#session.decide(refused), []);
      return undefined;
    }
    const lookup = directory.lookup(request.recipient);
    if (lookup instanceof Promise) return lookup.then((answer) => this.#rcptFound(request, answer));
    return this.#rcptFound(request, lookup);
  }

  #rcptFound(request: RcptRequest, lookup: Lookup): Promise<void> | undefined {
    const { limits } = this.#session.services;
    const { role, account } = this.#session;
    const transaction = this.#transaction;
    if (transaction === undefined) {
      this.#session.answer(replyFor("internal.unknown"));
      return undefined;
    }
    const recipient = formatAddress(request.recipient);
    const decision = this.#session.decide(decideRcpt({ role, account, recipient, lookup }));
    if (decision.verdict.kind !== "accept" || transaction.terms === undefined) {
      this.#rcptDecided(request, transaction, decision, []);
      return undefined;
    }
    const { terms } = transaction;
    if (!terms.counts.newRecipients) return this.#reserve(request, decision, limits.reserve(terms));
    const known = this.#session.services.correspondents.stranger(terms.account, recipient);
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
    const { limits, clock } = this.#session.services;
    const held = quota.kind === "within" ? quota.held : [];
    const transaction = this.#transaction;
    if (transaction === undefined) {
      limits.release(held);
      this.#session.answer(replyFor("internal.unknown"));
      return;
    }
    tellLimits(this.#session.services, transaction.terms, quota);
    const over = transaction.terms?.over ?? "defer";
    const decision = this.#session.decide(decideQuota(decided.verdict, limitFact(quota, clock), over));
    this.#rcptDecided(request, transaction, decision, held);
  }

  #rcptDecided(request: RcptRequest, transaction: Transaction, decision: Decision, held: readonly Held[]): void {
    const { account } = this.#session;
    const { observer } = this.#session.services;
    const text = formatAddress(request.recipient);
    const logged = { ...this.#session.peer, ...loggedAs(decision), sender: transaction.senderText, recipient: text };
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
    this.#session.answer(decision.reply);
  }

  data(): Promise<void> | undefined {
    const { terms } = this.#transaction!;
    const counted = terms?.counts.messages === true ? this.#session.services.limits.reserveMessage(terms) : undefined;
    if (counted instanceof Promise) return counted.then((answer) => this.#dataDecided(answer));
    this.#dataDecided(counted);
    return undefined;
  }

  #dataDecided(counted: QuotaAnswer | Unanswered | undefined): void {
    const { limits, clock } = this.#session.services;
    const memory = this.#session.contentMemory;
    const held = counted?.kind === "within" ? counted.held : [];
    const transaction = this.#transaction;
    if (transaction === undefined) {
      limits.release(held);
      this.#session.answer(replyFor("internal.unknown"));
      return;
    }
    if (counted !== undefined) tellLimits(this.#session.services, transaction.terms, counted);
    const decision = this.#session.decide(
      decideData({
        messages: limitFact(counted, clock),
        over: transaction.terms?.over ?? "defer",
        contentMemory: memory.held.content + (transaction.declaredSize ?? 0),
        contentMemoryLimit: memory.limit,
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
    this.#session.answer(decision.reply);
  }

  async message(request: MessageRequest): Promise<void> {
    const transaction = this.#transaction!;
    this.#transaction = undefined;
    const outcome = await acceptMessage(this.#session, transaction, request).catch((error: unknown) => {
      this.#session.services.limits.release(reservationsOf(transaction));
      throw error;
    });
    const decision = this.#session.decide(outcome.verdicts);
    if (decision.verdict.kind === "accept") this.#messages++;
    else {
      this.#session.services.limits.release(reservationsOf(transaction));
      this.#refusedMessage(decision, transaction);
    }
    this.#session.answer(decision.reply);
    if (outcome.handOver !== undefined) outcome.handOver();
  }

  #refusedMessage(decision: Decision, transaction: Transaction): void {
    this.#session.services.observer.emit("message.refused", {
      ...this.#session.peer,
      ...loggedAs(decision),
      message: "",
      sender: transaction.senderText,
      recipients: transaction.recipients.map(({ text }) => text),
    });
  }

  /** Gives back what the transaction had reserved. */
  abandon(): void {
    if (this.#transaction === undefined) return;
    this.#session.services.limits.release(reservationsOf(this.#transaction));
    this.#transaction = undefined;
  }
}

/** As the account was made. */
function ownAddressOf(terms: AccountTerms | undefined): Address | undefined {
  const address = parseAddress(terms?.address ?? "");
  return address.ok ? address.value : undefined;
}
