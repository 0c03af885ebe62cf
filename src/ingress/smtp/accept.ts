// From the final dot to the 250: header section read, authorship checked, trace field put on top, everything synced.
// The only place that makes the "queued" verdict, and only from the spool's word that the bytes are on disk (law 4).

import type { Address } from "../../address/address.ts";
import { addressKey, formatAddress, parseAddress } from "../../address/address.ts";
import { holdsOfAccount } from "../../directory/terms.ts";
import type { Result } from "../../base/result.ts";
import type { AccountUse } from "../../counters/account-limits.ts";
import { isBulk } from "../../message/bulk.ts";
import { completeSubmission, messageIdOf } from "../../message/submission.ts";
import { countFields, editHeaders, readHeaders } from "../../message/headers.ts";
import type { HeaderError, HeaderSection } from "../../message/headers.ts";
import { earlierPasses } from "../../message/passes.ts";
import type { Peer } from "../../observe/events.ts";
import { receivedField, type TransmissionType } from "../../message/trace.ts";
import type { SmtpRequest } from "../../proto/smtp/server.ts";
import type { AcceptRecord, SpooledMessage } from "../../spool/message.ts";
import { combine } from "../../verdict/combine.ts";
import type { MessageFacts, Role } from "../../verdict/facts.ts";
import { decideAuthors } from "../../verdict/stages/author.ts";
import { decideMessage, decideOctets } from "../../verdict/stages/data.ts";
import { storeRefusal } from "../../verdict/stages/rcpt.ts";
import type { Verdict } from "../../verdict/verdict.ts";
import { limitFact } from "../limit-fact.ts";
import { authorsFact, namedAuthors } from "./authors.ts";
import { tellLimits } from "./limit-notices.ts";
import type { TlsFacts } from "./connection.ts";
import { relayOfAuthors } from "./enrolled.ts";
import { extensionsUsed } from "./extensions.ts";
import type { SmtpServices } from "./services.ts";
import { describeLimit } from "./replies.ts";
import { holdOf } from "./transaction.ts";
import type { Transaction } from "./transaction.ts";
import { reservationsOf } from "./transaction.ts";

/** RFC 5321 §6.3: at least 100. */
const HOP_LIMIT = 100;
/** Lists bring a message to somebody who wrote to them, and one list to another: twice is no loop yet. */
const PASS_LIMIT = 2;

/** What a session says about itself. */
export interface SessionView {
  readonly services: SmtpServices;
  readonly peer: Peer;
  readonly role: Role;
  /** Addresses at third parties may be used here, where they are proved. */
  readonly isSubstitute: boolean;
  readonly helo: string;
  /** EHLO, not HELO. */
  readonly extended: boolean;
  readonly account: string | undefined;
  /** SASL mechanism it logged in with. */
  readonly mechanism: string;
  readonly tls: TlsFacts | undefined;
}

export interface AcceptOutcome {
  readonly verdicts: readonly Verdict[];
  /** After the reply: the message goes on its way. */
  readonly handOver?: () => void;
}

export async function acceptMessage(
  session: SessionView,
  transaction: Transaction,
  request: Extract<SmtpRequest, { kind: "message" }>,
): Promise<AcceptOutcome> {
  const { services, role, account } = session;
  const section = readHeaders(request.content);
  const facts: MessageFacts = {
    role,
    account,
    header: headerFact(section, transaction),
    hops: section.ok ? countFields(section.value, "received") : 0,
    hopLimit: HOP_LIMIT,
    passes: section.ok ? passesFact(session, transaction, section.value) : undefined,
    passLimit: PASS_LIMIT,
    authors: section.ok
      ? await authorsFact(session, transaction, section.value)
      : { kind: "unreadable", defect: "no header section" },
  };
  const verdicts = decideMessage(facts);
  if (!section.ok || combine(verdicts).verdict.kind !== "accept") return { verdicts };

  const id = services.newId();
  const at = services.clock.wall();
  const { content, messageId, notes } = prepare(session, transaction, request, section.value, {
    id,
    at,
    sender: senderToName(facts.authors, transaction),
  });
  const overweight = await weigh(session, transaction, content);
  if (overweight.length > 0) return { verdicts: overweight };
  const hold = holdOf(transaction);
  const held = await heldNow(session);
  const recipients = transaction.recipients.map(({ text }) => text);
  const { terms } = transaction;
  const relay = relayFor(transaction, facts.authors);
  const record: AcceptRecord = {
    id,
    receivedAt: at,
    origin: role,
    sender: transaction.senderText,
    recipients,
    eightBit: request.eightBit,
    ...extensionsUsed(transaction, section.value),
    messageId,
    client: `${session.helo} [${session.peer.client}]:${session.peer.port}`,
    ...(account === undefined ? {} : { account }),
    ...(hasForeignAuthor(facts.authors) ? { foreignAuthor: true } : {}),
    ...(relay === undefined ? {} : { relay }),
    ...(terms?.counts.newRecipients === true ? { remember: true } : {}),
    ...(hold === undefined ? {} : { hold }),
    ...held,
    ...(isBulk(section.value) ? { bulk: true } : {}),
  };

  // Asked before the wait for the disk, which is longer.
  const use = terms === undefined ? undefined : services.limits.uses(terms);
  if (use instanceof Promise) use.catch(() => undefined);
  let message: SpooledMessage;
  try {
    message = await services.spool.append(record, content);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    services.observer.emit("spool.failed", { cause });
    return { verdicts: [{ kind: "defer", reason: "message.spool-failed", evidence: { cause } }] };
  }
  const patience = patienceOf(session, transaction);
  if (patience !== undefined) {
    const answer = await services.deliver(message, content, patience);
    if (answer.kind === "refused") {
      return { verdicts: [storeRefusal(answer.refusal, "message", recipients[answer.recipient]!)] };
    }
  }
  services.observer.emit("message.accepted", {
    ...session.peer,
    message: id,
    messageId,
    sender: transaction.senderText,
    recipients,
    size: message.size,
    facts: [
      ...sessionNotes(session),
      ...accountNotes(transaction, facts.authors, use instanceof Promise ? await use.catch(() => undefined) : use),
      ...(relay === undefined ? [] : [`it has to leave by the server of ${relay}`]),
      ...recipientNotes(transaction),
      ...notes,
    ],
    ...(account === undefined ? {} : { account, authors: namedAuthors(facts.authors) }),
    ...(terms?.counts.newRecipients === true ? { newRecipients: strangersIn(transaction) } : {}),
    ...(session.tls === undefined ? {} : { tls: tlsText(session.tls) }),
  });
  const ofAccount = held.suspended ?? held.suspected;
  const why = hold?.why ?? ofAccount;
  const waiting = ofAccount === undefined ? (hold?.recipients.map((index) => recipients[index]!) ?? []) : recipients;
  if (why !== undefined) {
    services.observer.emit("message.held", {
      message: id,
      recipients: waiting,
      why,
      ...(account === undefined ? {} : { account }),
    });
  }
  const handOver = (): void => {
    services.accepted(message, content);
    if (account !== undefined && terms?.contentChecks === true) services.examine(account, content);
  };
  const evidence = { id, held: waiting.length, recipients: recipients.length };
  const queued: Verdict =
    why === undefined
      ? { kind: "accept", reason: "message.queued", evidence: { id } }
      : { kind: "accept", reason: "message.held", evidence };
  return {
    verdicts: [queued],
    ...(patience === undefined ? { handOver } : {}),
  };
}

/**
 * As of now, not of MAIL: what is under way when an account becomes suspect, or is suspended, is held as well. Rejects when nobody can
 * tell.
 */
async function heldNow({ services, account }: SessionView): Promise<Pick<AcceptRecord, "suspected" | "suspended">> {
  if (account === undefined) return {};
  const terms = services.terms(account);
  return holdsOfAccount(terms instanceof Promise ? await terms : terms);
}

/** Recipients that the account had not written to before. */
function strangersIn(transaction: Transaction): number {
  return new Set(reservationsOf(transaction).flatMap(({ stranger }) => (stranger === undefined ? [] : [stranger])))
    .size;
}

/** What is about to be stored, against the limit of octets. The transaction holds what it takes. */
async function weigh(
  { services }: SessionView,
  transaction: Transaction,
  content: readonly Uint8Array[],
): Promise<readonly Verdict[]> {
  const { terms } = transaction;
  if (terms?.counts.bytes !== true) return [];
  const octets = content.reduce((sum, { length }) => sum + length, 0);
  const answer = await services.limits.reserveOctets(terms, octets);
  if (answer.kind === "within") transaction.hold(answer.held);
  tellLimits(services, terms, answer);
  const verdicts = decideOctets(limitFact(answer, services.clock), octets, terms.over);
  for (const verdict of verdicts) if (verdict.kind === "hold") transaction.goBeyond(describeLimit(verdict));
  return verdicts.filter(({ kind }) => kind !== "hold");
}

/**
 * How long the sender waits for what the mailbox stores say to the message, ms; undefined: not at all. Only strangers
 * wait: a refusal after the 250 would go to whoever they say they are. Our own accounts cannot forge that.
 */
function patienceOf({ role, services }: SessionView, { recipients }: Transaction): number | undefined {
  if (role !== "mx" || !recipients.every(({ reason }) => reason === "recipient.stored")) return undefined;
  let patience = Number.POSITIVE_INFINITY;
  for (const { text } of recipients) {
    patience = Math.min(patience, services.directory.storeOf(text)?.answerWithin ?? 0);
  }
  return patience === 0 ? undefined : patience;
}

function headerFact(section: Result<HeaderSection, HeaderError>, { body }: Transaction): MessageFacts["header"] {
  if (!section.ok) return { kind: "unbounded", defect: section.error.message };
  // BINARYMIME is for bodies (RFC 3030 §3). In a header section a bare LF would hide fields from us, authors among them,
  // that a reader of the mailbox sees.
  if (body === "BINARYMIME" && /(?<!\r)\n|\r(?!\n)|\0/.test(section.value.text)) {
    return { kind: "unbounded", defect: "bare CR, bare LF or NUL in the header section" };
  }
  if (section.value.defect !== undefined) return { kind: "malformed", defect: section.value.defect.message };
  return { kind: "fine" };
}

function passesFact(session: SessionView, { recipients }: Transaction, section: HeaderSection): MessageFacts["passes"] {
  const addresses = recipients.map(({ address }) => address);
  const passes = earlierPasses(section, session.services.hostname, addresses);
  return passes === undefined ? undefined : { recipient: formatAddress(passes.recipient), count: passes.count };
}

function hasForeignAuthor(authors: MessageFacts["authors"]): boolean {
  return authors.kind === "claimed" && authors.mailboxes.some(({ right }) => right === "foreign");
}

function relayFor({ relay, sender }: Transaction, authors: MessageFacts["authors"]): string | undefined {
  return relay ?? (authors.kind === "claimed" ? relayOfAuthors(authors.mailboxes, sender) : undefined);
}

/** The account's own address, where the message does not say which account it was. */
function senderToName(authors: MessageFacts["authors"], { terms }: Transaction): Address | undefined {
  if (authors.kind !== "claimed" || decideAuthors(authors.mailboxes, authors.policy).sender === "kept")
    return undefined;
  const address = parseAddress(terms?.address ?? "");
  // An account that is gone since MAIL: nobody could be named, and the message must not pass without.
  if (!address.ok) throw new Error("the account has no address to name as Sender");
  return address.value;
}

interface Prepared {
  readonly content: readonly Uint8Array[];
  readonly messageId: string;
  readonly notes: readonly string[];
}

function prepare(
  session: SessionView,
  transaction: Transaction,
  request: Extract<SmtpRequest, { kind: "message" }>,
  section: HeaderSection,
  { id, at, sender }: { readonly id: string; readonly at: number; readonly sender: Address | undefined },
): Prepared {
  const { hostname } = session.services;
  const identity = identityOf(session, transaction);
  const received = receivedField({
    helo: session.helo,
    authenticated: identity,
    client: session.peer.client,
    reverseName: undefined,
    hostname,
    transmission: transmission(session, transaction),
    cipher: session.tls?.cipher,
    id,
    recipients: singleRecipient(transaction),
    at,
  });
  if (session.role === "mx") {
    return {
      content: editHeaders(request.content, section, { prepend: received }),
      messageId: messageIdOf(section) ?? "",
      notes: [],
    };
  }
  const completed = completeSubmission(request.content, section, { id, hostname, at, sender, trace: received });
  const notes = [
    ...completed.added.map((name) => `${name} was missing and was added`),
    ...completed.removed.map((name) => `${name} was taken out`),
    ...(identity === undefined ? [] : [`Received names the account as ${identity}`]),
  ];
  return { content: completed.content, messageId: completed.messageId, notes };
}

/** What the recipients are told of whose message it is. */
function identityOf({ services }: SessionView, { terms }: Transaction): string | undefined {
  if (terms === undefined) return undefined;
  return services.identities.shown(terms.identityHeader, terms.account, terms.address);
}

/** RFC 3848: S for TLS, A for AUTH; plain SMTP after HELO. RFC 6531 §4.3: UTF8 where MAIL asked for SMTPUTF8. */
function transmission(session: SessionView, { charset }: Transaction): TransmissionType {
  if (!session.extended) return "SMTP";
  const protocol = charset === "utf8" ? "UTF8SMTP" : "ESMTP";
  if (session.tls !== undefined) return session.account === undefined ? `${protocol}S` : `${protocol}SA`;
  return session.account === undefined ? protocol : `${protocol}A`;
}

function singleRecipient(transaction: Transaction): readonly Address[] {
  return transaction.recipients.length === 1 ? [transaction.recipients[0]!.address] : [];
}

function sessionNotes(session: SessionView): readonly string[] {
  const notes = [`${session.extended ? "EHLO" : "HELO"} ${session.helo}`];
  if (session.tls !== undefined) notes.push(`inside ${tlsText(session.tls)}`);
  if (session.account !== undefined) notes.push(`authenticated as ${session.account} with ${session.mechanism}`);
  return notes;
}

/** What was decided about whose message it is, and what it costs the account. */
function accountNotes(
  { sender: reversePath, claimedSender }: Transaction,
  authors: MessageFacts["authors"],
  uses: AccountUse | undefined,
): readonly string[] {
  if (uses === undefined) return [];
  const sender =
    claimedSender !== undefined
      ? `the sender was ${claimedSender}, which is not the account's, and became the account's address`
      : reversePath === undefined
        ? "the null sender is allowed and charged"
        : "the account may use the sender";
  const use = uses.quota
    .filter(({ layer }) => layer === "recipients")
    .map(({ window, used, limit }) => `${used} of ${limit} in ${window}`);
  return [
    sender,
    ...authorNotes(authors),
    ...(use.length === 0 ? [] : [`recipients charged so far: ${use.join(", ")}`]),
  ];
}

function authorNotes(authors: MessageFacts["authors"]): readonly string[] {
  if (authors.kind !== "claimed") return [];
  const others = authors.mailboxes.filter(({ right }) => right !== "own");
  if (others.length === 0) return ["all authors belong to the account"];
  return others.map(({ field, address, right }) =>
    right === "delegate"
      ? `${field} ${address} allowed the account to send`
      : typeof right === "object"
        ? `${field} ${address} is at a third party, and proved`
        : `${field} ${address} is not the account's`,
  );
}

function tlsText({ protocol, cipher }: TlsFacts): string {
  return `${protocol} ${cipher}`;
}

function recipientNotes(transaction: Transaction): readonly string[] {
  return transaction.recipients.map(({ address, reason }) => `${addressKey(address)}: ${reason}`);
}
