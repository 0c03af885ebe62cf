// The POP3 server core (RFC 1939, CAPA and PIPELINING of RFC 2449, STLS of RFC 2595, AUTH of RFC 5034, response
// codes of RFC 3206): bytes in, requests and bytes out. No socket, no clock, no disk, no opinion about passwords.
//
// It promises: what the table forbids is never asked; no password is taken outside TLS; nothing received before TLS
// survives it; marked messages are removed by QUIT and by nothing else; one turn makes a bounded amount of output,
// however much was asked for.
//
// How to drive it: `receive` bytes, then call `next()` until it gives undefined. Write `takeOutput()` after each
// call. A request is answered by the method it names before `next()` is called again. When `next()` gives undefined
// and `busy` is true, there is more to do as soon as the output has been written.
//
//   state          commands                                    leads to
//   authorization  USER · AUTH · STLS · QUIT                   identified · exchange, checking · securing · closed
//   identified     PASS, and those of authorization            checking
//   exchange       (response)                                  exchange, asking, checking, authorization
//   asking         (request find-keys)                         exchange, checking, authorization
//   checking       (request authenticate, confirm, refuse)     transaction, authorization
//   securing       (request secure)                            authorization
//   transaction    STAT LIST UIDL RETR TOP DELE RSET NOOP QUIT  transaction, listing, sending, update
//   listing        (output in parts)                           transaction
//   sending        (request retrieve)                          transaction
//   update         (request remove)                            closed
//
// CAPA is answered in authorization, identified and transaction, APOP refused everywhere.

import { crlfLine } from "../../base/crlf.ts";
import { decodeBase64 } from "../sasl/base64.ts";
import {
  mechanismNames,
  startMechanism,
  usualMechanisms,
  type Exchange,
  type LoginKeys,
  type Mechanism,
  type Step,
} from "../sasl/mechanism.ts";
import { prepare } from "../../base/saslprep.ts";
import { parseCommand, type Command, type TransactionCommand, type Verb } from "./commands.ts";
import { ContentWriter } from "./content.ts";
import { LineReader } from "./lines.ts";
import { Maildrop } from "./maildrop.ts";
import { replies } from "./replies.ts";
import type { LoginResult, Pop3CloseCause, Pop3Request, Pop3ServerOptions } from "./requests.ts";
import { answerTransaction, listPart } from "./transaction.ts";

type State =
  | { readonly name: "authorization" }
  | { readonly name: "identified"; readonly login: string }
  | { readonly name: "exchange"; readonly exchange: Exchange }
  | { readonly name: "asking"; readonly exchange: Exchange }
  | { readonly name: "checking" | "securing" }
  | { readonly name: "transaction"; readonly drop: Maildrop }
  | { readonly name: "listing"; readonly drop: Maildrop; readonly what: "LIST" | "UIDL"; readonly from: number }
  | { readonly name: "sending"; readonly drop: Maildrop; readonly writer: ContentWriter; readonly begin: string }
  | { readonly name: "update"; readonly drop: Maildrop }
  | { readonly name: "closed"; readonly cause: Pop3CloseCause };

/** Where a command may stand. */
const allowed: { readonly [V in Verb]: readonly State["name"][] } = {
  CAPA: ["authorization", "identified", "transaction"],
  APOP: ["authorization", "identified", "transaction"],
  STLS: ["authorization", "identified"],
  USER: ["authorization", "identified"],
  PASS: ["identified"],
  AUTH: ["authorization", "identified"],
  QUIT: ["authorization", "identified", "transaction"],
  STAT: ["transaction"],
  LIST: ["transaction"],
  UIDL: ["transaction"],
  RETR: ["transaction"],
  TOP: ["transaction"],
  DELE: ["transaction"],
  RSET: ["transaction"],
  NOOP: ["transaction"],
};

/** RFC 2449 §4 has 255 octets for commands; a SASL response is as long as its mechanism needs (RFC 5034 §4). */
const LINE_LIMIT = 8192;
/** Output after which a turn ends. */
const OUTPUT_PER_TURN = 65_536;
/** Commands after which a turn ends: pipelined NOOPs are no reason to keep other sessions waiting. */
const COMMANDS_PER_TURN = 100;

export class Pop3Server {
  readonly #options: Pop3ServerOptions;
  readonly #lines = new LineReader(LINE_LIMIT);
  #state: State = { name: "authorization" };
  #secure: boolean;
  #binding: Uint8Array | undefined;
  #output: Uint8Array[] = [];
  #outputLength = 0;
  #request: Pop3Request | undefined;
  #errors = 0;
  #authFailures = 0;
  #busy = false;
  #commands = 0;

  constructor(options: Pop3ServerOptions) {
    this.#options = options;
    this.#secure = options.tls === "implicit";
    this.#say(`+OK ${options.hostname} POP3 server ready`);
  }

  /** Commands read, for the log. */
  get commands(): number {
    return this.#commands;
  }

  /** Lines refused so far. */
  get errors(): number {
    return this.#errors;
  }

  /** `next` stopped to let the output out, not for want of input. */
  get busy(): boolean {
    return this.#busy;
  }

  /** What comes between the answer to STLS and `secured` came in the clear and is dropped (CVE-2011-0411). */
  receive(octets: Uint8Array): void {
    if (this.#state.name !== "closed" && this.#state.name !== "securing") this.#lines.push(octets);
  }

  next(): Pop3Request | undefined {
    this.#busy = false;
    const turnEnd = this.#commands + COMMANDS_PER_TURN;
    for (;;) {
      const request = this.#request;
      this.#request = undefined;
      if (request !== undefined) return request;
      if (this.#state.name === "closed") return { kind: "close", cause: this.#state.cause };
      if (this.#outputLength >= OUTPUT_PER_TURN || this.#commands >= turnEnd) {
        this.#busy = true;
        return undefined;
      }
      if (this.#state.name === "listing") {
        this.#list(this.#state);
        continue;
      }
      const line = this.#lines.take();
      if (line === undefined) return undefined;
      this.#commands += 1;
      switch (line.kind) {
        case "line":
          this.#takeLine(line.octets);
          break;
        case "bare-line-end":
          this.#close(replies.bareLineEnd, "bad-line");
          break;
        case "too-long":
          this.#close(replies.lineTooLong, "bad-line");
          break;
        default:
          line satisfies never;
      }
    }
  }

  /** What is to be written, in order; the caller owns it. */
  takeOutput(): readonly Uint8Array[] {
    const output = this.#output;
    this.#output = [];
    this.#outputLength = 0;
    return output;
  }

  /** TLS is up; a name that was given before it is forgotten (RFC 2595 §4). */
  secured(): void {
    this.#expect("securing");
    this.#secure = true;
    this.#state = { name: "authorization" };
  }

  /** The tls-exporter of the connection (RFC 9266), as soon as TLS is up. */
  bind(binding: Uint8Array | undefined): void {
    this.#binding = binding;
  }

  /** undefined: they could not be looked for. `shut`: nobody logs in in this session any more. */
  keys(keys: LoginKeys | "shut" | undefined): void {
    const { exchange } = this.#expect("asking");
    this.#state = { name: "authorization" };
    if (keys === undefined) this.#error(replies.unavailable);
    else if (keys === "shut") this.#close(replies.tooMany, "auth-failures");
    else this.#takeStep(exchange, exchange.supply(keys));
  }

  authenticated(result: LoginResult): void {
    this.#expect("checking");
    this.#state = { name: "authorization" };
    switch (result.kind) {
      case "opened":
        this.#state = { name: "transaction", drop: new Maildrop(result.messages) };
        this.#say(replies.loggedIn);
        break;
      case "refused":
        this.#refuseLogin();
        break;
      case "unavailable":
        this.#error(replies.unavailable);
        break;
      case "in-use":
        this.#error(replies.inUse);
        break;
      case "shut":
        this.#close(replies.tooMany, "auth-failures");
        break;
      default:
        result satisfies never;
    }
  }

  /** A part of the message asked for. False: TOP has enough, go on with `contentEnd`. */
  content(chunk: Uint8Array): boolean {
    const state = this.#expect("sending");
    if (state.begin !== "") {
      this.#say(state.begin);
      this.#state = { ...state, begin: "" };
    }
    this.#send(state.writer.write(chunk));
    return !state.writer.done;
  }

  contentEnd(): void {
    const { begin, writer, drop } = this.#expect("sending");
    if (begin !== "") this.#say(begin);
    this.#send(writer.end());
    this.#state = { name: "transaction", drop };
  }

  /** The message could not be opened. Only before the first `content`: later only a closed connection tells. */
  contentMissing(): void {
    const { begin, drop } = this.#expect("sending");
    if (begin === "") throw new Error("content has begun already");
    this.#say(replies.messageGone);
    this.#state = { name: "transaction", drop };
  }

  removed(outcome: "all" | "not-all"): void {
    this.#expect("update");
    this.#close(outcome === "all" ? replies.goodbye : replies.notRemoved, "quit");
  }

  /** The server ends. Not while a request is open: it is finished first. Marked messages stay. */
  shutdown(): void {
    if (this.#state.name !== "closed") this.#close(replies.shutdown, "shutdown");
  }

  /** The same for one whose account may not be used any more. */
  suspend(): void {
    if (this.#state.name !== "closed") this.#close(replies.suspended, "suspended");
  }

  #takeLine(octets: Uint8Array): void {
    if (this.#state.name === "exchange") {
      this.#continueExchange(this.#state.exchange, Buffer.from(octets).toString("latin1"));
      return;
    }
    const command = parseCommand(octets);
    if (typeof command === "string") {
      this.#error(command === "unknown-command" ? replies.unknownCommand : replies.badArguments);
    } else if (!allowed[command.verb].includes(this.#state.name)) {
      this.#error(replies.wrongState);
    } else {
      this.#run(command);
    }
  }

  #run(command: Command): void {
    switch (command.verb) {
      case "CAPA":
        this.#say(replies.capabilities, ...this.#capabilities(), ".");
        break;
      case "APOP":
        this.#error(replies.apop);
        break;
      case "STLS":
        this.#startTls();
        break;
      case "USER":
        this.#identify(command.name);
        break;
      case "PASS":
        this.#checkPassword(command.password);
        break;
      case "AUTH":
        this.#startExchange(command.mechanism, command.initial);
        break;
      case "QUIT":
        this.#quit();
        break;
      case "STAT":
      case "LIST":
      case "UIDL":
      case "RETR":
      case "TOP":
      case "DELE":
      case "RSET":
      case "NOOP":
        this.#runInTransaction(command, this.#expect("transaction").drop);
        break;
      default:
        command satisfies never;
    }
  }

  #runInTransaction(command: TransactionCommand, drop: Maildrop): void {
    const step = answerTransaction(command, drop);
    switch (step.kind) {
      case "reply":
        this.#say(step.line);
        break;
      case "listing":
        this.#say(step.line);
        this.#state = { name: "listing", drop, what: step.what, from: 1 };
        break;
      case "retrieve":
        this.#state = { name: "sending", drop, writer: new ContentWriter(step.lines), begin: step.line };
        this.#request = { kind: "retrieve", message: step.message - 1 };
        break;
      default:
        step satisfies never;
    }
  }

  #list(state: Extract<State, { name: "listing" }>): void {
    const { text, next } = listPart(state.drop, state.what, state.from, OUTPUT_PER_TURN);
    this.#send(Buffer.from(text));
    if (next === undefined) {
      this.#say(".");
      this.#state = { name: "transaction", drop: state.drop };
    } else {
      this.#state = { ...state, from: next };
    }
  }

  #capabilities(): readonly string[] {
    const always = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER"];
    if (this.#state.name === "transaction") return always;
    // RFC 2449 §6.3: what is not permitted yet is not announced.
    return this.#secure ? [...always, "USER", `SASL ${this.#mechanisms().join(" ")}`] : [...always, "STLS"];
  }

  #mechanisms(): readonly string[] {
    return mechanismNames({ binding: this.#binding, offered: this.#offered });
  }

  get #offered(): readonly Mechanism[] {
    return this.#options.mechanisms ?? usualMechanisms;
  }

  #startTls(): void {
    if (this.#secure) {
      this.#error(replies.tlsNotOffered);
      return;
    }
    this.#lines.clear();
    this.#say(replies.secure);
    this.#state = { name: "securing" };
    this.#request = { kind: "secure" };
  }

  #identify(name: string): void {
    this.#state = { name: "authorization" };
    const login = prepare(name);
    if (!this.#secure) this.#error(replies.tlsFirst);
    else if (login === undefined) this.#error(replies.badArguments);
    else {
      this.#state = { name: "identified", login };
      this.#say(replies.user);
    }
  }

  #checkPassword(typed: string): void {
    const { login } = this.#expect("identified");
    this.#state = { name: "authorization" };
    if (typed.includes("\0")) this.#authenticate({ kind: "refuse", mechanism: "USER", login });
    else this.#authenticate({ kind: "authenticate", mechanism: "USER", login, password: typed });
  }

  #authenticate(request: Pop3Request): void {
    this.#state = { name: "checking" };
    this.#request = request;
  }

  #startExchange(mechanism: string | undefined, initial: string | undefined): void {
    this.#state = { name: "authorization" };
    if (!this.#secure) {
      this.#error(replies.tlsFirst);
      return;
    }
    if (mechanism === undefined) {
      this.#say(replies.mechanisms, ...this.#mechanisms(), ".");
      return;
    }
    const { nonce, hostname } = this.#options;
    const environment = { nonce, hostname, binding: this.#binding, offered: this.#offered };
    const exchange = startMechanism(mechanism, environment);
    if (exchange === undefined) {
      this.#error(replies.unknownMechanism);
      return;
    }
    if (initial === undefined) this.#takeStep(exchange, exchange.step(undefined));
    else this.#continueExchange(exchange, initial);
  }

  #continueExchange(exchange: Exchange, line: string): void {
    this.#state = { name: "authorization" };
    const response = decodeBase64(line);
    if (line === "*") this.#error(replies.cancelled);
    else if (response === undefined) this.#error(replies.badBase64);
    else this.#takeStep(exchange, exchange.step(response));
  }

  #takeStep(exchange: Exchange, step: Step): void {
    switch (step.kind) {
      case "challenge":
        this.#say(`+ ${Buffer.from(step.data).toString("base64")}`);
        this.#state = { name: "exchange", exchange };
        break;
      case "credentials":
        this.#authenticate({
          kind: "authenticate",
          mechanism: exchange.mechanism,
          login: step.authentication,
          password: step.password,
        });
        break;
      case "keys":
        this.#state = { name: "asking", exchange };
        this.#request = {
          kind: "find-keys",
          mechanism: exchange.mechanism,
          login: step.authentication,
          of: step.of,
        };
        break;
      case "proved":
        this.#authenticate({
          kind: "confirm",
          mechanism: exchange.mechanism,
          login: step.authentication,
          keys: step.keys,
        });
        break;
      case "failed":
        if (step.authentication === undefined) this.#error(replies.badExchange);
        else this.#authenticate({ kind: "refuse", mechanism: exchange.mechanism, login: step.authentication });
        break;
      default:
        step satisfies never;
    }
  }

  #refuseLogin(): void {
    this.#authFailures += 1;
    if (this.#authFailures >= this.#options.authFailures) this.#close(replies.refused, "auth-failures");
    else this.#say(replies.refused);
  }

  #quit(): void {
    const drop = this.#state.name === "transaction" ? this.#state.drop : undefined;
    const messages = drop?.marked() ?? [];
    if (drop === undefined || messages.length === 0) {
      this.#close(replies.goodbye, "quit");
      return;
    }
    this.#state = { name: "update", drop };
    this.#request = { kind: "remove", messages };
  }

  #error(reply: string): void {
    this.#errors += 1;
    // A refused command forgets the name that was given (RFC 1939 §7: PASS comes directly after USER).
    if (this.#state.name === "identified") this.#state = { name: "authorization" };
    if (this.#errors >= this.#options.errors) this.#close(replies.tooManyErrors, "errors");
    else this.#say(reply);
  }

  #close(reply: string, cause: Pop3CloseCause): void {
    this.#say(reply);
    this.#lines.clear();
    this.#state = { name: "closed", cause };
  }

  #say(...lines: readonly string[]): void {
    this.#send(Buffer.from(lines.map(crlfLine).join("")));
  }

  #send(octets: Uint8Array): void {
    if (octets.length === 0) return;
    this.#output.push(octets);
    this.#outputLength += octets.length;
  }

  #expect<Name extends State["name"]>(name: Name): Extract<State, { readonly name: Name }> {
    const state = this.#state;
    if (!isState(state, name)) throw new Error(`POP3: ${name} was expected in state ${state.name}`);
    return state;
  }
}

function isState<Name extends State["name"]>(state: State, name: Name): state is Extract<State, { name: Name }> {
  return state.name === name;
}
