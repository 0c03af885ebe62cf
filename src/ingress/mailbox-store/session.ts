// One connection to a mailbox store on which recipients are asked about: socket and deadlines around proto/lmtp/probe.ts.
// Every question ends in one answer, or in the end of the session. Kept open between questions, up to IDLE.

import { connect } from "node:net";
import type { Socket } from "node:net";
import type { RouteTarget } from "../../config/settings.ts";
import { RecipientProbe } from "../../proto/lmtp/probe.ts";
import type { ProbeStep } from "../../proto/lmtp/probe.ts";
import type { Reply } from "../../proto/smtp-client/reply.ts";

/** From the dial to the answer to LHLO, ms. The store is near; RFC times are for the Internet. */
const OPENING = 5000;
/** Shorter than any store's own (Dovecot: 5 min), or the next question finds a closed connection. */
const IDLE = 30_000;

export interface StoreSessionOwner {
  /** Questions may be asked: now for the first time, or again. */
  available(session: StoreSession): void;
  /** Last call. `asked`: somebody still waits for an answer. */
  ended(session: StoreSession, cause: string): void;
}

export class StoreSession {
  readonly #socket: Socket;
  readonly #probe: RecipientProbe;
  readonly #owner: StoreSessionOwner;
  #answer: ((reply: Reply) => void) | undefined;
  #timer: NodeJS.Timeout;
  #over = false;
  /** It has answered before: when it ends without a word now, it was merely kept too long. */
  proven = false;

  constructor({ host, port }: Pick<RouteTarget, "host" | "port">, hostname: string, owner: StoreSessionOwner) {
    this.#owner = owner;
    this.#probe = new RecipientProbe(hostname);
    this.#socket = host.startsWith("/") ? connect({ path: host }) : connect({ host, port, noDelay: true });
    this.#timer = this.#within(OPENING, "the mailbox store does not greet");
    this.#socket.on("data", (chunk: Buffer) => this.#take(this.#probe.receive(chunk)));
    this.#socket.on("error", (error) => this.end(`the mailbox store cannot be reached: ${error.message}`));
    this.#socket.on("close", () => this.end("the mailbox store closed the connection"));
  }

  get idle(): boolean {
    return !this.#over && this.#probe.idle && this.#answer === undefined;
  }

  canAsk(recipient: string): boolean {
    return this.#probe.canAsk(recipient);
  }

  /** Only when `idle`. */
  ask(recipient: string, answer: (reply: Reply) => void): void {
    clearTimeout(this.#timer);
    this.#answer = answer;
    this.#socket.write(this.#probe.ask(recipient), "utf8");
  }

  end(cause: string): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#socket.destroy();
    this.#owner.ended(this, cause);
  }

  #within(milliseconds: number, cause: string): NodeJS.Timeout {
    return setTimeout(() => this.end(cause), milliseconds).unref();
  }

  #take({ write, events }: ProbeStep): void {
    if (this.#over) return;
    if (write !== "") this.#socket.write(write, "latin1");
    for (const event of events) {
      switch (event.kind) {
        case "ready":
          break;
        case "answer": {
          const answer = this.#answer;
          this.#answer = undefined;
          this.proven = true;
          answer?.(event.reply);
          break;
        }
        case "failed":
          this.end(event.cause);
          return;
        default:
          return event satisfies never;
      }
    }
    if (!this.idle) return;
    clearTimeout(this.#timer);
    this.#timer = this.#within(IDLE, "not needed for a while");
    this.#owner.available(this);
  }
}
