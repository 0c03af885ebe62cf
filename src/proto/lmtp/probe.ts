// Asks an LMTP server (RFC 2033) about recipients without giving it a message: bytes in, bytes and events out. LHLO once,
// then for each question MAIL, RCPT and RSET in one write, which every LMTP server takes (RFC 2033 §4: PIPELINING is a must).
// Promises: every question that `ask` took ends in exactly one `answer` or in `failed`; no input makes it throw. It knows
// no time and no socket. A session that has failed is not used again.
//
// What is asked for is checked again although the address grammar made it (law 6). The reverse-path is null, so that an
// answer holds for every sender.

import { crlfLine } from "../../base/crlf.ts";
import { addressFault } from "../smtp-client/commands.ts";
import { noExtensions, readExtensions } from "../smtp-client/extensions.ts";
import type { Extensions } from "../smtp-client/extensions.ts";
import { ReplyParser, replyText } from "../smtp-client/reply.ts";
import type { Reply } from "../smtp-client/reply.ts";

export type ProbeEvent =
  /** Questions may be asked from now on. */
  | { readonly kind: "ready" }
  /** What the server said to RCPT. */
  | { readonly kind: "answer"; readonly reply: Reply }
  /** The session is of no use any more; a question that is open has no answer. */
  | { readonly kind: "failed"; readonly cause: string };

export interface ProbeStep {
  readonly write: string;
  readonly events: readonly ProbeEvent[];
}

type Awaiting = "banner" | "lhlo" | "mail" | "rcpt" | "rset";

/** What goes on after a positive reply; anything else than the listed ends the session. */
const next: Readonly<Record<Awaiting, "introduce" | "ready" | "go-on" | "answer" | "done">> = {
  banner: "introduce",
  lhlo: "ready",
  mail: "go-on",
  rcpt: "answer",
  rset: "done",
};

export class RecipientProbe {
  readonly #hostname: string;
  readonly #parser = new ReplyParser();
  readonly #expected: Awaiting[] = ["banner"];
  #extensions: Extensions = noExtensions;
  #phase: "opening" | "idle" | "asking" | "failed" = "opening";
  /** MAIL was refused: the answer to RCPT means nothing. */
  #senderRefused: Reply | undefined;

  constructor(hostname: string) {
    this.#hostname = hostname;
  }

  /** Whether `ask` may be called. */
  get idle(): boolean {
    return this.#phase === "idle";
  }

  /** Whether this server can be asked about the address at all. */
  canAsk(recipient: string): boolean {
    const fault = recipient === "" ? "bad-address" : addressFault(recipient);
    return fault === undefined || (fault === "non-ascii" && this.#extensions.smtpUtf8);
  }

  /** Only when `idle`, and about what `canAsk`. Returns what is to be written. */
  ask(recipient: string): string {
    if (!this.idle || !this.canAsk(recipient)) throw new Error("a question out of turn");
    this.#phase = "asking";
    this.#senderRefused = undefined;
    this.#expected.push("mail", "rcpt", "rset");
    const utf8 = addressFault(recipient) === undefined ? "" : " SMTPUTF8";
    return crlfLine(`MAIL FROM:<>${utf8}`) + crlfLine(`RCPT TO:<${recipient}>`) + crlfLine("RSET");
  }

  receive(chunk: Uint8Array): ProbeStep {
    const events: ProbeEvent[] = [];
    let write = "";
    if (this.#phase === "failed") return { write, events };
    const replies: Reply[] = [];
    const error = this.#parser.push(chunk, replies);
    for (const reply of replies) {
      write += this.#answered(reply, events);
      if (this.#isOver()) return { write: "", events };
    }
    if (error !== undefined) events.push(this.#fail(error.message));
    return { write, events };
  }

  #isOver(): boolean {
    return this.#phase === "failed";
  }

  #fail(cause: string): ProbeEvent {
    this.#phase = "failed";
    return { kind: "failed", cause };
  }

  #answered(reply: Reply, events: ProbeEvent[]): string {
    const awaiting = this.#expected.shift();
    if (awaiting === undefined || reply.code === 421 || (reply.code >= 300 && reply.code < 400)) {
      events.push(this.#fail(`the mailbox store said ${replyText(reply)}`));
      return "";
    }
    const taken = reply.code < 300;
    const step = next[awaiting];
    if (step === "answer") {
      // A store that takes no mail at all has said nothing about this mailbox.
      if (this.#senderRefused === undefined) events.push({ kind: "answer", reply });
      else events.push(this.#fail(`the mailbox store refuses MAIL: ${replyText(this.#senderRefused)}`));
      return "";
    }
    if (!taken) {
      if (step === "go-on") this.#senderRefused = reply;
      else events.push(this.#fail(`the mailbox store said ${replyText(reply)}`));
      return "";
    }
    switch (step) {
      case "introduce":
        this.#expected.push("lhlo");
        return crlfLine(`LHLO ${this.#hostname}`);
      case "ready":
        this.#extensions = readExtensions(reply);
        this.#phase = "idle";
        events.push({ kind: "ready" });
        return "";
      case "go-on":
        return "";
      case "done":
        this.#phase = "idle";
        return "";
      default:
        return step satisfies never;
    }
  }
}
