// The SMTP server core: bytes in, requests and bytes out. No socket, no clock, no opinion.
//
// It promises: commands are read whole or not at all; what the table below forbids is never asked; nothing received
// before TLS survives it (RFC 3207 §4.2); after DATA is answered only CRLF.CRLF ends the content; every octet that BDAT
// announces is content or thrown away, never a command (RFC 3030 §2); a session in which too much failed ends with 421. It does not decide about hosts, people or addresses: it asks, and waits for the answer.
//
// How to drive it: `receive` bytes, then take `next()` until it gives undefined; every request wants exactly one
// `answer` (now or later) before the next one comes; write `takeOutput()` to the socket when the turn is over.
//
// What may come when is the table in states.ts.

import { decodeBase64 } from "../sasl/base64.ts";
import { ChunkReader, SkippedChunk } from "./chunks.ts";
import { parseCommand } from "./commands.ts";
import type { Command } from "./commands.ts";
import type { Content, ContentDefect } from "./content.ts";
import { DataReader } from "./data.ts";
import { Input } from "./input.ts";
import { replies } from "./reply.ts";
import type { Reply } from "./reply.ts";
import { outOfSequence, transitions } from "./states.ts";
import type { SmtpState } from "./states.ts";

export interface SmtpServerOptions {
  /** Largest content in octets. */
  readonly messageSize: number;
  /** Commands refused before 421. */
  readonly errors: number;
}

export type SmtpRequest =
  | { readonly kind: "greeting" }
  | { readonly kind: "helo"; readonly verb: "HELO" | "EHLO"; readonly name: string }
  | { readonly kind: "starttls" }
  | { readonly kind: "auth"; readonly mechanism: string; readonly initial: Uint8Array | undefined }
  | { readonly kind: "auth-response"; readonly response: Uint8Array }
  | (Extract<Command, { verb: "MAIL" }> & { readonly kind: "mail" })
  | (Extract<Command, { verb: "RCPT" }> & { readonly kind: "rcpt" })
  /** May content come, by DATA or by the first BDAT? A yes to BDAT is not written: its octets are on their way. */
  | { readonly kind: "data" }
  | {
      readonly kind: "message";
      readonly content: readonly Uint8Array[];
      readonly size: number;
      readonly eightBit: boolean;
    }
  /** The transaction is over without a message: RSET, a new EHLO, content that cannot be taken. No answer wanted. */
  | { readonly kind: "abandoned" };

/** An AUTH that came to nothing before anybody could be asked. */
export interface AuthEnd {
  /** As in verdict/reasons.ts. */
  readonly reason: "auth.mechanism" | "auth.malformed" | "auth.cancelled" | "auth.too-long";
  readonly mechanism: string;
  /** What it was answered. */
  readonly reply: Reply;
}

/** RCPTs over the per-transaction cap, and chunks after one that failed, are answered this often before they count. */
const OVERSHOOT = 1000;
const NONE: readonly AuthEnd[] = [];

export class SmtpServer {
  readonly #options: SmtpServerOptions;
  #state: SmtpState = "greeting";
  /** Where the pending request leads on success; undefined when none is pending. */
  #pending: { readonly success: SmtpState; readonly failure: SmtpState } | undefined;
  readonly #input = new Input();
  /** The MAIL of the transaction. */
  #mail: Extract<Command, { verb: "MAIL" }> | undefined;
  /** Content by DATA, or by BDAT. */
  #data: DataReader | undefined;
  #chunks: ChunkReader | undefined;
  #bdat: Extract<Command, { verb: "BDAT" }> | undefined;
  #skip: { readonly chunk: SkippedChunk; readonly reply: Reply; readonly back: SmtpState } | undefined;
  #contentRefusal: Reply = replies.contentTooLarge;
  #output = "";
  #errors = 0;
  #overshoot = 0;
  #commands = 0;
  #messages = 0;
  #farewell: "none" | "quit" = "none";
  /** Of the last AUTH. */
  #mechanism = "";
  #authEnds: AuthEnd[] = [];
  #offers: { starttls: boolean; mechanisms: readonly string[] } = { starttls: false, mechanisms: [] };

  constructor(options: SmtpServerOptions) {
    this.#options = options;
  }

  get state(): SmtpState {
    return this.#state;
  }

  /** How the session ended, once it is closed: "quit" when the client said QUIT and nothing behind it. */
  get farewell(): "none" | "quit" {
    return this.#farewell;
  }

  /** Commands read so far. */
  get commands(): number {
    return this.#commands;
  }

  /** Commands refused so far, but for those that are let pass. */
  get errors(): number {
    return this.#errors;
  }

  /** Since the last call; they are answered, and are to be told. */
  takeAuthEnds(): readonly AuthEnd[] {
    if (this.#authEnds.length === 0) return NONE;
    const ends = this.#authEnds;
    this.#authEnds = [];
    return ends;
  }

  /** Octets received that wait for an answer or for their turn: the shell stops reading when this grows. */
  get buffered(): number {
    return this.#input.length;
  }

  /** What EHLO offered last: only offered things are asked about. */
  offer(offers: { readonly starttls: boolean; readonly mechanisms: readonly string[] }): void {
    this.#offers = { ...offers };
  }

  /** Which message of the session is on its way to us, from its DATA or first BDAT on; undefined between messages. */
  get receiving(): number | undefined {
    const state = this.#state;
    const isComing = state === "content" || state === "chunk" || state === "chunks" || state === "skip";
    return isComing ? this.#messages : undefined;
  }

  /** Octets of content held for the message being received. */
  get contentHeld(): number {
    const content = this.#content;
    return content === undefined || content.defect !== undefined ? 0 : content.size;
  }

  get #content(): Content | undefined {
    return this.#data ?? this.#chunks;
  }

  /** The content being received will be thrown away and answered with this when it ends. */
  refuseContent(reply: Reply): void {
    const content = this.#content;
    if (content === undefined) return;
    content.discard();
    this.#contentRefusal = reply;
  }

  /** Takes octets from the socket. The core owns them from here on. */
  receive(bytes: Buffer): void {
    if (this.#state === "closed" || this.#state === "tls") return;
    this.#input.push(bytes);
  }

  /** Bytes for the socket since the last call, latin1. */
  takeOutput(): string {
    const output = this.#output;
    this.#output = "";
    return output;
  }

  /**
   * The next thing to decide, or undefined: more octets are needed, an answer is due, or `budget.commands` ran out
   * (then `buffered` > 0, nothing is pending, and the caller comes back in a later turn).
   */
  next(budget: { commands: number }): SmtpRequest | undefined {
    if (this.#pending !== undefined) return undefined;
    if (this.#state === "greeting") return this.#ask({ kind: "greeting" }, "start", "closed");
    while (budget.commands > 0 || this.#chunkComplete) {
      if (this.#state === "closed" || this.#state === "tls") return undefined;
      if (this.#state === "content" || this.#state === "chunk" || this.#state === "skip") {
        const request = this.#readContent(this.#state);
        if (request === "more") return undefined;
        budget.commands--;
        if (request !== undefined) return request;
        continue;
      }
      const line = this.#input.readLine(this.#state === "sasl" ? "sasl" : "command");
      if (line === undefined) return undefined;
      budget.commands--;
      if (typeof line !== "string") {
        // The client takes the refusal for the end of its AUTH: what follows is a command.
        if (this.#state === "sasl" && line.code !== 521) this.#endAuth("auth.too-long", replies.authTooLong);
        else this.#say(line);
        continue;
      }
      this.#commands++;
      const request = this.#state === "sasl" ? this.#saslResponse(line) : this.#command(line);
      if (request !== undefined) return request;
    }
    return undefined;
  }

  /** Answers the pending request. 2xx and 3xx are a yes, 334 goes on with SASL, 421 and 521 end the session. */
  answer(reply: Reply): void {
    const pending = this.#pending;
    if (pending === undefined) throw new Error("answer without a request");
    this.#pending = undefined;
    // Closed from outside in the meantime: nobody waits for this answer any more.
    if (this.#state === "closed") return;
    if (pending.success === "chunk") {
      this.#openChunk(reply);
      return;
    }
    if (reply.code === 334) {
      this.#state = "sasl";
      this.#output += reply.wire;
      return;
    }
    this.#state = reply.code < 400 ? pending.success : pending.failure;
    if (this.#state === "idle") this.#chunks = undefined;
    if (this.#state === "content") this.#data = new DataReader(this.#options.messageSize);
    if (this.#state === "tls") this.#input.drop();
    this.#say(reply);
    if (this.#isClosed()) this.#end();
  }

  /** The same where the caller cannot know whether a request is still open. */
  answerPending(reply: Reply): void {
    if (this.#pending !== undefined) this.answer(reply);
  }

  /** Ends the session from outside (timeout, shutdown) with a last reply. */
  close(reply: Reply): void {
    if (this.#state === "closed") return;
    this.#output += reply.wire;
    this.#end();
  }

  /** TLS is up: the session starts again as if nothing had been said (RFC 3207 §4.2). */
  secured(): void {
    if (this.#state !== "tls") throw new Error("TLS without STARTTLS");
    this.#state = "start";
    this.#input.drop();
  }

  /** BDAT 0: no octet will come that could bring the caller back. */
  get #chunkComplete(): boolean {
    if (this.#state === "chunk") return this.#chunks!.ended;
    return this.#state === "skip" && this.#skip!.chunk.ended;
  }

  #ask(request: SmtpRequest, success: SmtpState, failure: SmtpState): SmtpRequest {
    this.#pending = { success, failure };
    return request;
  }

  #say(reply: Reply): void {
    this.#output += reply.wire;
    if (reply.code === 421 || reply.code === 521) {
      this.#errors++;
      this.#end();
    } else if (reply.code >= 400) {
      const tolerated = (reply.code === 452 && reply.enhanced === "4.5.3") || reply === replies.chunkOutOfPlace;
      if (tolerated && this.#overshoot++ < OVERSHOOT) return;
      if (++this.#errors >= this.#options.errors) {
        this.#output += replies.tooManyErrors.wire;
        this.#end();
      }
    }
  }

  #end(): void {
    this.#state = "closed";
    this.#data = undefined;
    this.#chunks = undefined;
    this.#input.drop();
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  #command(line: string): SmtpRequest | undefined {
    const parsed = parseCommand(line, this.#mail?.charset);
    if ("refusal" in parsed) {
      this.#say(parsed.refusal);
      return undefined;
    }
    const command = parsed.command;
    const success = transitions[command.verb]?.[this.#state];
    switch (command.verb) {
      case "QUIT":
        if (this.#input.length === 0) this.#farewell = "quit";
        this.close(replies.bye);
        return undefined;
      case "NOOP":
        this.#say(replies.noop);
        return undefined;
      case "VRFY":
        // RFC 5321 §3.5.3 allows 252; anything more would tell harvesters who lives here.
        this.#say(replies.verify);
        return undefined;
      case "HELP":
        this.#say(replies.help);
        return undefined;
      case "RSET":
        this.#say(replies.reset);
        return this.#abandon();
      case "HELO":
      case "EHLO":
        if (success === undefined) break;
        return this.#ask({ kind: "helo", verb: command.verb, name: command.name }, success, this.#state);
      case "STARTTLS":
        if (!this.#offers.starttls) this.#say(this.#state === "start" ? replies.heloFirst : replies.tlsUnavailable);
        else if (success === undefined) this.#say(outOfSequence("STARTTLS", this.#state));
        else return this.#ask({ kind: "starttls" }, success, this.#state);
        return undefined;
      case "AUTH": {
        if (success === undefined) break;
        this.#mechanism = command.mechanism;
        if (this.#offers.mechanisms.length === 0) {
          // Asked all the same: whether that is "not here" or "first TLS" is a decision (RFC 4954 §4).
          return this.#ask({ kind: "auth", mechanism: command.mechanism, initial: undefined }, success, this.#state);
        }
        if (!this.#offers.mechanisms.includes(command.mechanism)) {
          const reply = command.mechanism === "DIGEST-MD5" ? replies.digestMd5 : replies.mechanismUnknown;
          return this.#endAuth("auth.mechanism", reply);
        }
        const initial =
          command.initial === undefined ? undefined : command.initial === "=" ? EMPTY : decodeBase64(command.initial);
        if (command.initial !== undefined && initial === undefined) {
          return this.#endAuth("auth.malformed", replies.authSyntax);
        }
        return this.#ask({ kind: "auth", mechanism: command.mechanism, initial }, success, this.#state);
      }
      case "MAIL":
        if (success === undefined) break;
        this.#mail = command;
        return this.#ask({ kind: "mail", ...command }, success, this.#state);
      case "RCPT":
        if (success === undefined) break;
        return this.#ask({ kind: "rcpt", ...command }, success, this.#state);
      case "DATA":
        if (success === undefined) break;
        if (this.#mail?.body === "BINARYMIME") {
          this.#say(replies.binaryNeedsChunks);
          return undefined;
        }
        this.#messages++;
        return this.#ask({ kind: "data" }, success, this.#state);
      case "BDAT":
        this.#bdat = command;
        if (this.#state === "rcpt") {
          this.#messages++;
          return this.#ask({ kind: "data" }, "chunk", "skip");
        }
        if (success === undefined) this.#skipChunk(outOfSequence("BDAT", this.#state), this.#state);
        else this.#beginChunk();
        return undefined;
    }
    this.#say(outOfSequence(command.verb, this.#state));
    return undefined;
  }

  #abandon(): SmtpRequest | undefined {
    if (this.#state !== "mail" && this.#state !== "rcpt" && this.#state !== "chunks") return undefined;
    this.#state = "idle";
    this.#chunks = undefined;
    return { kind: "abandoned" };
  }

  #saslResponse(line: string): SmtpRequest | undefined {
    const response = line === "*" ? undefined : decodeBase64(line);
    if (response !== undefined) return this.#ask({ kind: "auth-response", response }, "idle", "idle");
    if (line === "*") return this.#endAuth("auth.cancelled", replies.authCancelled);
    return this.#endAuth("auth.malformed", replies.authSyntax);
  }

  #endAuth(reason: AuthEnd["reason"], reply: Reply): undefined {
    if (this.#state === "sasl") this.#state = "idle";
    this.#authEnds.push({ reason, mechanism: this.#mechanism, reply });
    this.#say(reply);
  }

  /** The first chunk may come, or is read away before its refusal is told. */
  #openChunk(reply: Reply): void {
    if (reply.code === 421 || reply.code === 521) this.#say(reply);
    else if (reply.code >= 400) this.#skipChunk(reply, "idle");
    else {
      const kind = this.#mail?.body === "BINARYMIME" ? "binary" : "text";
      this.#chunks = new ChunkReader(this.#options.messageSize, kind);
      this.#beginChunk();
    }
  }

  #beginChunk(): void {
    this.#chunks!.begin(this.#bdat!.octets);
    this.#state = "chunk";
  }

  #skipChunk(reply: Reply, back: SmtpState): void {
    this.#skip = { chunk: new SkippedChunk(this.#bdat!.octets), reply, back };
    this.#state = "skip";
  }

  #readContent(state: "content" | "chunk" | "skip"): SmtpRequest | "more" | undefined {
    switch (state) {
      case "content": {
        const reader = this.#data!;
        if (!this.#input.readInto(reader)) return "more";
        this.#data = undefined;
        return this.#contentEnded(reader, dataRefusals);
      }
      case "chunk": {
        const reader = this.#chunks!;
        if (!this.#input.readInto(reader)) return "more";
        if (this.#bdat!.chunk === "last") reader.finish();
        else if (reader.defect === undefined) {
          this.#state = "chunks";
          this.#say(replies.chunkTaken);
          return undefined;
        }
        this.#chunks = undefined;
        return this.#contentEnded(reader, chunkRefusals);
      }
      case "skip": {
        const { chunk, reply, back } = this.#skip!;
        if (!this.#input.readInto(chunk)) return "more";
        const failed = back === "idle" && reply !== replies.chunkOutOfPlace;
        this.#state = back;
        this.#say(reply);
        return failed ? { kind: "abandoned" } : undefined;
      }
    }
  }

  #contentEnded(content: Content, refusals: Refusals): SmtpRequest {
    const { chunks, size, eightBit, defect } = content;
    if (defect === undefined) return this.#ask({ kind: "message", content: chunks, size, eightBit }, "idle", "idle");
    this.#state = "idle";
    this.#say(defect === "unwanted" ? this.#contentRefusal : refusals[defect]);
    return { kind: "abandoned" };
  }
}

type Refusals = { readonly [Defect in Exclude<ContentDefect, "unwanted">]: Reply };

const dataRefusals: Refusals = {
  "bare-line-end": replies.bareInContent,
  nul: replies.nulInContent,
  "too-large": replies.contentTooLarge,
};
/** No octet of a chunk can be taken for a command, so the session may go on. */
const chunkRefusals: Refusals = {
  "bare-line-end": replies.bareInChunks,
  nul: replies.nulInChunks,
  "too-large": replies.contentTooLarge,
};

const EMPTY = Buffer.alloc(0);
