// The machine's side of one SMTP session: a socket driven through the core, turn by turn, TLS included.
//
// What is asked is answered by the handler. While an answer is pending the session waits and nobody else does. A turn
// handles at most TURN commands, then other sessions have theirs. A client that does not read its replies, or sends
// far ahead of them, is not read from until it does.

import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { SecureContext } from "node:tls";
import { channelBinding } from "../../io/channel-binding.ts";
import type { Reply } from "../../proto/smtp/reply.ts";
import { SmtpServer } from "../../proto/smtp/server.ts";
import type { SmtpRequest, SmtpServerOptions } from "../../proto/smtp/server.ts";

const TURN = 100;
/** Octets received ahead of our replies, and of replies the client has not read, before reading stops. */
const AHEAD = 256 * 1024;
/** From the first octet of a TLS handshake to its end, ms. */
const HANDSHAKE = 30_000;
/**
 * What the client still sends after our last reply is read and dropped, or its unread octets would turn that reply
 * into a reset; but not when it is silent for longer than this, ms, and not for longer than that in all.
 */
const LINGER = 2000;
const LINGER_MOST = 10_000;

export interface ConnectionHandler {
  /** Answers through the core, now or when the promise resolves. */
  handle(request: SmtpRequest): Promise<void> | undefined;
  /** After every turn, before its output is written. */
  turned(): void;
  /** The client was silent too long. */
  silent(): void;
  /** `binding`: tls-exporter (RFC 9266), where the protocol has one. */
  secure(tls: TlsFacts, binding: Uint8Array | undefined): void;
  /** Something threw; the core may still wait for an answer. */
  failed(error: unknown): void;
  /** No session any more. Called once. */
  closed(): void;
}

export interface TlsFacts {
  readonly protocol: string;
  /** IANA name of the cipher suite. */
  readonly cipher: string;
}

export interface ConnectionOptions extends SmtpServerOptions {
  readonly tls: "none" | "starttls" | "implicit";
  readonly secureContext: SecureContext;
  readonly timeout: number;
}

export class SmtpConnection {
  readonly core: SmtpServer;
  readonly #options: ConnectionOptions;
  readonly #handler: ConnectionHandler;
  #socket: Socket;
  /** "handshake": no octet is ours until TLS is up. */
  #phase: "plaintext" | "handshake" | "tls" = "plaintext";
  #waiting = false;
  #received = 0;
  #peerEnded = false;
  #over = false;
  #lingering: NodeJS.Timeout | undefined;

  constructor(socket: Socket, options: ConnectionOptions, handler: ConnectionHandler) {
    this.#socket = socket;
    this.#options = options;
    this.#handler = handler;
    this.core = new SmtpServer(options);
  }

  /** A request is being answered. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Octets so far, as the core had them. */
  get received(): number {
    return this.#received;
  }

  begin(): void {
    if (this.#options.tls === "implicit") this.#startTls();
    else {
      this.#listen(this.#socket);
      this.#turn();
    }
  }

  /** Ends the session with a last reply. */
  end(reply: Reply): void {
    if (this.#over || this.core.state === "closed") return;
    this.core.close(reply);
    this.#flush();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #listen(socket: Socket): void {
    this.#socket = socket;
    socket.setTimeout(this.#phase === "handshake" ? HANDSHAKE : this.#options.timeout);
    socket.on("data", (bytes: Buffer) => {
      this.#received += bytes.length;
      this.core.receive(bytes);
      // Here as well, for a turn that waits does not get to its end.
      if (this.core.buffered > AHEAD) socket.pause();
      this.#turn();
    });
    socket.on("end", () => {
      this.#peerEnded = true;
      if (this.#phase === "handshake") socket.destroy();
      else this.#turn();
    });
    socket.on("timeout", () => {
      if (this.#phase === "handshake" || this.core.state === "closed") socket.destroy();
      else if (!this.#waiting) this.#handler.silent();
    });
    socket.on("drain", () => this.#turn());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#close());
  }

  #startTls(): void {
    const plain = this.#socket;
    plain.removeAllListeners();
    plain.setTimeout(0);
    plain.on("error", () => plain.destroy());
    plain.on("close", () => this.#close());
    // A client that leaves during the handshake leaves a half-open socket that the TLS layer never hears of.
    plain.on("end", () => {
      if (this.#phase === "handshake") plain.destroy();
    });
    this.#phase = "handshake";
    const options = { isServer: true, secureContext: this.#options.secureContext, allowHalfOpen: true };
    const secure = new TLSSocket(plain, options);
    this.#listen(secure);
    secure.once("secure", () => {
      this.#phase = "tls";
      secure.setNoDelay(true);
      secure.setTimeout(this.#options.timeout);
      const facts = { protocol: secure.getProtocol() ?? "unknown", cipher: secure.getCipher().standardName };
      this.#handler.secure(facts, channelBinding(secure));
      if (this.core.state === "tls") this.core.secured();
      this.#turn();
    });
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#lingering);
    this.#socket.destroy();
    this.#handler.closed();
  }

  #turn(): void {
    if (this.#waiting || this.#over || this.#socket.destroyed || this.#phase === "handshake") return;
    if (this.#socket.writableLength > AHEAD) return;
    const budget = { commands: TURN };
    for (;;) {
      const request = this.core.next(budget);
      if (request === undefined) break;
      const pending = this.#handle(request);
      if (pending !== undefined) {
        this.#suspend(pending);
        break;
      }
      if (request.kind === "starttls" && this.core.state === "tls") {
        this.#flush();
        this.#startTls();
        return;
      }
    }
    this.#handler.turned();
    this.#flush();
    if (this.core.buffered > AHEAD) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
    if (this.#waiting || this.core.state === "closed") return;
    if (budget.commands <= 0 && this.core.buffered > 0) setImmediate(() => this.#turn());
    else if (this.#peerEnded) this.#socket.end();
  }

  #handle(request: SmtpRequest): Promise<void> | undefined {
    try {
      return this.#handler.handle(request);
    } catch (error) {
      this.#handler.failed(error);
      return undefined;
    }
  }

  #suspend(pending: Promise<void>): void {
    this.#waiting = true;
    pending
      .catch((error: unknown) => this.#handler.failed(error))
      .finally(() => {
        this.#waiting = false;
        this.#turn();
      });
  }

  #flush(): void {
    const output = this.core.takeOutput();
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    if (this.core.state !== "closed") {
      if (output !== "") socket.write(output, "latin1");
      return;
    }
    if (this.core.farewell === "quit" && this.#phase === "plaintext") {
      // Who said QUIT sends nothing more that could turn the reply into a reset: once the kernel has the reply, close(2)
      // alone ends it. shutdown(2) fails where the client has left already, as most do, and its Error costs more than a reply.
      socket.write(output, "latin1");
      if (socket.writableLength === 0) socket.destroy();
      else socket.end();
    } else socket.end(output, "latin1");
    if (socket.destroyed) return;
    socket.resume();
    socket.setTimeout(LINGER);
    this.#lingering = setTimeout(() => socket.destroy(), LINGER_MOST).unref();
  }
}
