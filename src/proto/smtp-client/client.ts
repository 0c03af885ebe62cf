// The client side of one SMTP session (RFC 5321) without a socket: bytes in, bytes and events out. The law is in
// table.ts. Promises: every transaction that `send` took ends in exactly one `finished` event, at the latest with
// `lost`; no input makes it throw; nothing is written that was not asked for.
// With PIPELINING (RFC 2920) an envelope is one write, and the next envelope travels with the content before it: one
// write and one read per message. Without, strictly one command at a time.
// Where the pace is `recorded`, the last octets of a message wait until the end of the one before it is durable here: when
// we die, a connection leaves one message at most that the server has and we do not know of.
// It knows no time: the shell asks `awaiting`, looks up how long that may take, and calls `lost` when it took longer.
// Content goes by DATA, binary content by BDAT in one chunk (RFC 3030): that waits for the last RCPT, so that nothing is
// written which no recipient wants. LMTP (RFC 2033) is the same session with LHLO, and with one reply to the content for
// each accepted recipient.

import { crlfLine } from "../../base/crlf.ts";
import { success, type Result } from "../../base/result.ts";
import { noExtensions, readExtensions, readServerName, type Extensions } from "./extensions.ts";
import { login, type Credentials, type Login, type LoginStep } from "./login.ts";
import { prepareTransaction, refused, settle, type Open } from "./open-transaction.ts";
import { ReplyParser, replyText, type Reply } from "./reply.ts";
import { actionFor, type Action, type Awaiting } from "./table.ts";
import type { ClientEvent, Outcome, Refusal, SessionFailure, Stage, Step, Transaction } from "./transaction.ts";

export interface ClientOptions {
  /** What EHLO says: our own name. */
  readonly hostname: string;
  readonly protocol?: "smtp" | "lmtp";
  readonly tls: "never" | "opportunistic" | "required";
  /** Used inside TLS only. */
  readonly credentials: Credentials | undefined;
  /** Fresh for each SCRAM login; see LoginEnvironment. */
  readonly nonce?: () => string;
  /**
   * `recorded`: after a message that was delivered, the final dot (the BDAT) of the next waits for `recorded()`. Its
   * envelope goes ahead, and so does large content. Otherwise nothing waits.
   */
  readonly pace?: "recorded";
}

/** Content beyond this goes ahead of a final dot that waits; below, one write for both is cheaper, octets. */
const aheadFrom = 64 * 1024;

const finalDot = Buffer.from(".\r\n", "latin1");

export class SmtpClient<Tag> {
  readonly #options: ClientOptions;
  readonly #parser = new ReplyParser();
  readonly #expected: Awaiting[] = ["banner"];
  #phase: "opening" | "ready" | "quitting" | "closed" = "opening";
  #secured = false;
  #authenticated = false;
  #tlsRefused = false;
  #login: Login | undefined;
  #binding: Uint8Array | undefined;
  #server = "";
  #extensions: Extensions = noExtensions;
  /** A transaction may still be open at the server: RSET goes before the next MAIL. */
  #needsReset = false;
  #replies = 0;
  // One transaction whose content is out, one whose envelope is out, one that waits.
  #delivering: Open<Tag> | undefined;
  #offering: Open<Tag> | undefined;
  #waiting: Open<Tag> | undefined;
  /** Messages delivered whose record is not known to be durable. */
  #unrecorded = 0;
  #commands = "";
  #write: Uint8Array[] = [];
  #events: ClientEvent<Tag>[] = [];

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** What the server owes us; undefined while it owes nothing. */
  get awaiting(): Awaiting | undefined {
    return this.#expected[0];
  }

  /** Replies understood so far: the shell restarts its clock when this moves, not when bytes trickle in. */
  get replies(): number {
    return this.#replies;
  }

  /** What the server offers; nothing before it has answered. */
  get extensions(): Extensions {
    return this.#extensions;
  }

  /** Whether `send` may be called now. */
  get accepting(): boolean {
    return this.#phase === "ready" && this.#waiting === undefined;
  }

  /** The message that waits, all but its last octets, for `recorded()`. */
  get holding(): Tag | undefined {
    return this.#delivering?.final === "held" ? this.#delivering.tag : undefined;
  }

  /** Delivered messages that `recorded()` was not called for. */
  get unrecorded(): number {
    return this.#unrecorded;
  }

  /** Bytes from the server. */
  receive(chunk: Uint8Array): Step<Tag> {
    if (this.#phase === "closed") return this.#step();
    const replies: Reply[] = [];
    const error = this.#parser.push(chunk, replies);
    // Rule 1 of the table: what this chunk holds can only answer what was written before it came.
    const owed = this.#expected.length;
    let answered = 0;
    for (const reply of replies) {
      this.#replies++;
      if (reply.code === 421 && this.#expected[0] !== "quit") this.#closing(reply);
      else if (answered >= owed) this.#violation("a reply before its command", reply);
      else this.#answer(reply);
      if (this.#isClosed()) return this.#step();
      answered++;
    }
    if (error !== undefined) this.#violation(error.message, undefined);
    else if (answered >= owed && this.#parser.pending) this.#violation("a reply before its command", undefined);
    return this.#step();
  }

  /**
   * The handshake is done: the session begins anew, and its greeting replaces what was said in the clear (RFC 3207 §4.2).
   * `binding` is tls-exporter of the connection (RFC 9266), where it has one.
   */
  secured(binding?: Uint8Array): Step<Tag> {
    this.#binding = binding;
    if (this.#expected[0] !== "tls") throw new Error("secured() without start-tls");
    this.#expected.length = 0;
    this.#secured = true;
    this.#introduce();
    return this.#step();
  }

  /** The key that a `derive` event asked for. */
  derived(key: Uint8Array): Step<Tag> {
    if (this.#phase !== "closed") this.#goOn(key);
    return this.#step();
  }

  /**
   * Takes a transaction, or says why this message cannot go over this session. Only when `accepting`. The envelope is
   * written when its turn comes: now, or together with the content before it.
   */
  send(transaction: Transaction<Tag>): Result<Step<Tag>, Refusal> {
    if (!this.accepting) throw new Error("send() while the client accepts nothing");
    if (transaction.recipients.length === 0) throw new Error("a transaction without recipients");
    const prepared = prepareTransaction(transaction, this.#extensions);
    if (!prepared.ok) return prepared;
    this.#waiting = prepared.value;
    this.#advance();
    return success(this.#step());
  }

  /** A message delivered over another session is not recorded yet: `recorded()` will be called for it, too. */
  hold(): void {
    this.#unrecorded++;
  }

  /** One delivered message is recorded. Also after the end of the session. */
  recorded(): Step<Tag> {
    if (this.#unrecorded === 0) throw new Error("recorded() without a delivered message");
    this.#unrecorded--;
    const open = this.#delivering;
    if (this.#unrecorded === 0 && open?.final === "held") this.#sendFinal(open);
    return this.#step();
  }

  /** Ends an idle session politely. */
  quit(): Step<Tag> {
    if (this.#phase !== "ready" || this.#delivering || this.#offering || this.#waiting || this.#expected.length > 0) {
      throw new Error("quit() in the middle of something");
    }
    this.#phase = "quitting";
    this.#command("QUIT", "quit");
    return this.#step();
  }

  /** The connection is gone, or its time is up. */
  lost(): Step<Tag> {
    if (this.#phase !== "closed") this.#close();
    return this.#step();
  }

  #step(): Step<Tag> {
    this.#flushCommands();
    const step = { write: this.#write, events: this.#events };
    this.#write = [];
    this.#events = [];
    return step;
  }

  #flushCommands(): void {
    if (this.#commands === "") return;
    this.#write.push(Buffer.from(this.#commands, "utf8"));
    this.#commands = "";
  }

  #isClosed(): boolean {
    return this.#phase === "closed";
  }

  #command(text: string, awaiting: Awaiting): void {
    this.#commands += crlfLine(text);
    this.#expected.push(awaiting);
  }

  #answer(reply: Reply): void {
    const awaiting = this.#expected.shift();
    if (awaiting === undefined) throw new Error("an answer that nothing asked for");
    this.#perform(actionFor(awaiting, reply.code), reply);
  }

  #perform(action: Action, reply: Reply): void {
    switch (action) {
      case "introduce":
        return this.#introduce();
      case "introduce-plainly":
        return this.#command(`HELO ${this.#options.hostname}`, "helo");
      case "introduced":
      case "introduced-plainly":
        this.#server = readServerName(reply);
        this.#extensions = action === "introduced" ? readExtensions(reply) : noExtensions;
        return this.#prepare();
      case "session-refused":
        return this.#fail("refused", `the server refused the session: ${replyText(reply)}`, reply);
      case "start-tls":
        this.#expected.push("tls");
        this.#events.push({ kind: "start-tls" });
        return;
      case "tls-refused":
        this.#tlsRefused = true;
        return this.#prepare();
      case "authenticated":
        return this.#loggedIn(reply);
      case "authenticate-further":
        return this.#goOn(reply.lines[0] ?? "");
      case "auth-refused":
        return this.#fail("auth-refused", `the server refused the login: ${replyText(reply)}`, reply);
      case "reset":
        // With PIPELINING the envelope is already out behind its RSET.
        return this.#extensions.pipelining ? undefined : this.#nextCommand();
      case "sender-accepted":
        return this.#nextCommand();
      case "sender-refused":
        return this.#senderRefused(reply);
      case "recipient-accepted":
      case "recipient-refused":
        return this.#recipientAnswered(action, reply);
      case "send-content":
        return this.#sendContent();
      case "data-refused":
        return this.#dataRefused(reply);
      case "content-accepted":
      case "content-refused":
        return this.#contentAnswered(reply);
      case "end":
        return this.#close();
      case "violation":
        return this.#violation("a reply that its command cannot have", reply);
      default:
        return action satisfies never;
    }
  }

  #introduce(): void {
    const { hostname, protocol } = this.#options;
    if (protocol === "lmtp") this.#command(`LHLO ${hostname}`, "lhlo");
    else this.#command(`EHLO ${hostname}`, "ehlo");
  }

  /** After each greeting and each step of the opening: what is still missing before mail can go? */
  #prepare(): void {
    const { tls, credentials } = this.#options;
    if (!this.#secured && tls !== "never" && this.#extensions.startTls && !this.#tlsRefused) {
      return this.#command("STARTTLS", "starttls");
    }
    if (!this.#secured && tls === "required") {
      return this.#fail("tls-unavailable", "the server does not offer the TLS that is required", undefined);
    }
    if (credentials !== undefined && !this.#authenticated) {
      if (!this.#secured) return this.#fail("auth-unavailable", "no password is sent without TLS", undefined);
      const environment = { nonce: this.#options.nonce ?? noNonce, binding: this.#binding };
      this.#login = login(credentials, this.#extensions.auth, environment);
      if (this.#login === undefined) {
        const mechanisms = "AUTH SCRAM-SHA-256, PLAIN nor LOGIN";
        return this.#fail("auth-unavailable", `the server offers neither ${mechanisms}`, undefined);
      }
      return this.#take(this.#login.next());
    }
    this.#phase = "ready";
    this.#events.push({ kind: "ready", server: this.#server, extensions: this.#extensions });
  }

  #goOn(answer: string | Uint8Array): void {
    const step = this.#login?.next(answer);
    if (step === undefined || step.done === true) return this.#violation("a challenge too many", undefined);
    this.#take(step);
  }

  #take({ value: step, done }: IteratorResult<LoginStep, void>): void {
    if (done === true) throw new Error("a login without a word");
    switch (step.kind) {
      case "say":
        this.#commands += step.line;
        this.#expected.push("auth");
        return;
      case "derive":
        this.#events.push(step);
        return;
      case "distrust":
        return this.#distrust(step.why);
      default:
        return step satisfies never;
    }
  }

  /** All was said that belongs to the mechanism, and the server's part with it, or the 235 means nothing. */
  #loggedIn(reply: Reply): void {
    const step = this.#login?.next("");
    if (step !== undefined && step.done !== true) return this.#distrust(`it said too early: ${replyText(reply)}`);
    this.#authenticated = true;
    this.#prepare();
  }

  #distrust(why: string): void {
    this.#fail("auth-refused", `the server cannot be trusted with the login: ${why}`, undefined);
  }

  /** Begins the waiting transaction if its turn has come. */
  #advance(): void {
    const open = this.#waiting;
    if (open === undefined || this.#offering !== undefined || this.#phase !== "ready") return;
    if (this.#delivering?.final === "held") return;
    if (!this.#extensions.pipelining && this.#delivering !== undefined) return;
    this.#waiting = undefined;
    this.#offering = open;
    const reset = this.#needsReset;
    this.#needsReset = false;
    if (reset) this.#command("RSET", "rset");
    if (!this.#extensions.pipelining) {
      if (!reset) this.#nextCommand();
      return;
    }
    this.#commands += open.envelope.join("");
    this.#expected.push("mail");
    for (let index = 1; index < open.envelope.length; index++) this.#expected.push("rcpt");
    if (open.transfer === "DATA") this.#command("DATA", "data");
  }

  /** Lock-step: the next command of the envelope, once the last one is answered. */
  #nextCommand(): void {
    const open = this.#offering;
    if (open === undefined || this.#extensions.pipelining) return;
    const line = open.envelope[open.written];
    if (line !== undefined) {
      this.#commands += line;
      this.#expected.push(open.written === 0 ? "mail" : "rcpt");
      open.written++;
    } else if (open.accepted > 0) {
      if (open.transfer === "DATA") this.#command("DATA", "data");
      else this.#sendContent();
    } else {
      this.#abandon(open);
    }
  }

  #senderRefused(reply: Reply): void {
    const open = this.#offering;
    if (open === undefined) return;
    open.sender = "refused";
    settle(open, refused("MAIL", reply));
    // Pipelined, the answers to RCPT and DATA are still to come.
    if (!this.#extensions.pipelining) this.#abandon(open);
  }

  #recipientAnswered(action: "recipient-accepted" | "recipient-refused", reply: Reply): void {
    const open = this.#offering;
    if (open === undefined) return;
    const index = open.answered++;
    if (open.sender === "open") {
      if (action === "recipient-accepted") open.accepted++;
      else open.outcomes[index] = refused("RCPT", reply);
    }
    if (this.#extensions.pipelining) {
      if (open.transfer === "DATA" || open.answered < open.outcomes.length) return;
      if (open.accepted > 0) this.#sendContent();
      else this.#abandon(open);
      return;
    }
    this.#nextCommand();
  }

  #dataRefused(reply: Reply): void {
    const open = this.#offering;
    if (open === undefined) return;
    settle(open, refused("DATA", reply));
    this.#abandon(open);
  }

  #sendContent(): void {
    const open = this.#offering;
    if (open === undefined) return;
    const lmtp = this.#options.protocol === "lmtp";
    // RFC 2033 §4.2: DATA must fail then, and nothing says how many replies would come.
    if (lmtp && open.accepted === 0) return this.#violation("354 although no recipient was accepted", undefined);
    this.#offering = undefined;
    this.#delivering = open;
    if (lmtp) open.unanswered = [...open.outcomes.keys()].filter((index) => open.outcomes[index] === undefined);
    if (this.#unrecorded === 0) return this.#sendFinal(open);
    open.final = "held";
    if (open.transfer === "DATA" && open.accepted > 0 && open.octets > aheadFrom) {
      this.#flushCommands();
      this.#write.push(...open.content);
      open.contentOut = true;
    }
  }

  /** What is missing of the content, and its end; the next envelope goes with it. */
  #sendFinal(open: Open<Tag>): void {
    open.final = "sent";
    for (let count = Math.max(1, open.unanswered.length); count > 0; count--) this.#expected.push("content");
    if (open.transfer === "BDAT") {
      this.#commands += crlfLine(`BDAT ${open.octets} LAST`);
      this.#flushCommands();
      this.#write.push(...open.content);
      return this.#advance();
    }
    this.#flushCommands();
    // RFC 2920 §3.1: a server that says 354 although it took no recipient gets a lone dot, and its answer means nothing.
    if (open.accepted > 0 && !open.contentOut) this.#write.push(...open.content);
    this.#write.push(finalDot);
    this.#advance();
  }

  #contentAnswered(reply: Reply): void {
    const open = this.#delivering;
    if (open === undefined) return;
    const outcome: Outcome = reply.code < 300 ? { kind: "delivered", reply } : refused("content", reply);
    const index = open.unanswered.shift();
    if (index !== undefined) {
      open.outcomes[index] = outcome;
      if (open.unanswered.length > 0) return;
    }
    this.#delivering = undefined;
    settle(open, outcome);
    const delivered = open.outcomes.some((each) => each?.kind === "delivered");
    if (delivered && this.#options.pace === "recorded") this.#unrecorded++;
    this.#finish(open);
    this.#advance();
  }

  /** Ends a transaction whose content was never asked for. */
  #abandon(open: Open<Tag>): void {
    this.#offering = undefined;
    this.#needsReset = true;
    this.#finish(open);
    this.#advance();
  }

  #finish(open: Open<Tag>, lost: Outcome = { kind: "lost", content: "unsent" }): void {
    const outcomes = open.outcomes.map((outcome) => outcome ?? lost);
    this.#events.push({ kind: "finished", tag: open.tag, outcomes });
  }

  #closing(reply: Reply): void {
    const stage = stages[this.#expected[0] ?? "banner"];
    const open = stage === "content" ? this.#delivering : this.#offering;
    if (open !== undefined && stage !== undefined) settle(open, refused(stage, reply));
    this.#fail("closing", `the server closes: ${replyText(reply)}`, reply);
  }

  #violation(what: string, reply: Reply | undefined): void {
    const during = this.#expected[0] === undefined ? "" : ` while ${this.#expected[0]} was awaited`;
    const words = reply === undefined ? "" : `: ${replyText(reply)}`;
    this.#fail("violation", `protocol error${during}: ${what}${words}`, reply);
  }

  #fail(code: SessionFailure["code"], message: string, reply: Reply | undefined): void {
    this.#close({ code, message, reply });
  }

  #close(reason?: SessionFailure): void {
    const [delivering, ...unsent] = [this.#delivering, this.#offering, this.#waiting];
    const content = delivering?.final === "held" ? "unsent" : "unknown";
    if (delivering !== undefined) this.#finish(delivering, { kind: "lost", content });
    for (const open of unsent) if (open !== undefined) this.#finish(open);
    this.#delivering = this.#offering = this.#waiting = undefined;
    this.#phase = "closed";
    this.#expected.length = 0;
    // Nothing goes to a peer that was just found out, not even what its last reply had earned.
    this.#commands = "";
    this.#write = [];
    this.#events = this.#events.filter(({ kind }) => kind !== "start-tls");
    this.#events.push({ kind: "closed", failure: reason });
  }
}

const stages: { readonly [State in Awaiting]?: Stage } = {
  mail: "MAIL",
  rcpt: "RCPT",
  data: "DATA",
  content: "content",
};

function noNonce(): string {
  throw new Error("credentials without a source of nonces");
}
