// One connection to a mail server: socket and clock around the client core. It carries parts of jobs and says what
// became of each: every part it takes comes back by `finished`, `refused` or `returned`, exactly once, before `closed`.
// A message that was delivered is not forgotten with its answer: until the owner has called `recorded`, the last octets of
// the next message stay here, and the connection is not ended. So what a crash repeats is one message a connection.
// Deadlines are looked at when `tick` is called; they restart with a reply, not with bytes that trickle in.

import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls, type SecureContext, type TLSSocket } from "node:tls";
import { channelBinding } from "../io/channel-binding.ts";
import type { Clock } from "../io/clock.ts";
import type { DeriveKey } from "../io/derived-key.ts";
import { SmtpClient, type ClientOptions } from "../proto/smtp-client/client.ts";
import type { Outcome, Refusal, Step } from "../proto/smtp-client/transaction.ts";
import type { Extensions } from "../proto/smtp-client/extensions.ts";
import type { Notifications } from "../proto/smtp-client/transaction.ts";
import type { Result } from "../base/result.ts";
import { describe, fromSession, type ConnectionFailure } from "./connection-failure.ts";
import { fitContent, type FittedContent } from "./fit.ts";
import type { EgressLimits } from "./limits.ts";
import type { Part } from "./part.ts";

export interface ConnectionOwner {
  /** The session is open. Once. */
  ready(connection: Connection, server: string): void;
  finished(connection: Connection, part: Part, outcomes: readonly Outcome[]): void;
  /** This message cannot go over this session. */
  refused(connection: Connection, part: Part, refusal: Pick<Refusal, "status" | "message">): void;
  /** Nothing of it has left: it can go another way. */
  returned(connection: Connection, part: Part): void;
  /** Something moved: there may be room for the next part. */
  available(connection: Connection): void;
  /** Last call. No failure after QUIT. */
  closed(connection: Connection, failure: ConnectionFailure | undefined): void;
}

export interface Target {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** Where the connection begins, of the same family; undefined: the system chooses. */
  readonly from: string | undefined;
}

/** A UNIX socket stands where a host name could: no name has a slash. */
export function isSocketPath(host: string): boolean {
  return host.startsWith("/");
}

export interface ConnectionOptions {
  readonly target: Target;
  readonly client: ClientOptions;
  readonly limits: EgressLimits;
  readonly clock: Pick<Clock, "monotonic">;
  readonly secureContext: SecureContext;
  readonly deriveKey: DeriveKey;
  readonly owner: ConnectionOwner;
}

interface Carried {
  readonly part: Part;
  readonly at: number;
}

/** Up to here one copy is cheaper than one more buffer for the kernel to gather. */
const joinLimit = 64 * 1024;

export class Connection {
  readonly target: Target;
  /** "host[address]:port", for people. */
  readonly remote: string;
  owner: ConnectionOwner;
  /** Protocol and cipher. */
  tls: string | undefined;
  failure: ConnectionFailure | undefined;
  /** Messages that came to an answer. */
  messages = 0;
  /** Messages that it was given. */
  carried = 0;
  /** Octets of the messages that it has at the moment. */
  octets = 0;
  /** How long the last of them took. */
  lastTook = Number.POSITIVE_INFINITY;
  readonly #options: ConnectionOptions;
  readonly #core: SmtpClient<Carried>;
  #socket: Socket;
  #state: "connecting" | "opening" | "ready" | "quitting" | "closed" = "connecting";
  #loading: Part | undefined;
  #since: number;
  #idleSince = 0;
  #gap: number;
  #written = 0;

  constructor(options: ConnectionOptions) {
    const { target, client, limits, clock, owner } = options;
    this.#options = options;
    this.target = target;
    this.owner = owner;
    this.remote = isSocketPath(target.host) ? target.host : `${target.host}[${target.address}]:${target.port}`;
    this.#core = new SmtpClient(client);
    this.#since = clock.monotonic();
    this.#gap = limits.idle.longest / 16;
    this.#socket = isSocketPath(target.host)
      ? connect({ path: target.host })
      : connect({
          host: target.address,
          port: target.port,
          noDelay: true,
          ...(target.from === undefined ? {} : { localAddress: target.from }),
        });
    this.#socket.on("connect", () => {
      if (this.#state !== "connecting") return;
      this.#state = "opening";
      this.#since = clock.monotonic();
    });
    this.#listen(this.#socket);
  }

  /** Nothing under way and nothing promised. */
  get idle(): boolean {
    return this.accepting && this.#core.awaiting === undefined && this.#core.holding === undefined;
  }

  /** Idle, and everything that was delivered is recorded: it may end. */
  get quiet(): boolean {
    return this.idle && this.#core.unrecorded === 0;
  }

  get idleSince(): number {
    return this.#idleSince;
  }

  /** What the server offers. */
  get extensions(): Extensions {
    return this.#core.extensions;
  }

  get closed(): boolean {
    return this.#state === "closed";
  }

  /** Whether `carry` may be called. */
  get accepting(): boolean {
    return this.#state === "ready" && this.#loading === undefined && this.#core.accepting;
  }

  /** Waiting for this long already, where giving up costs at most a delay. */
  stalledFor(now: number): number {
    const ours = this.#state === "closed" || this.idle || this.#core.holding !== undefined;
    return ours || this.#core.awaiting === "content" ? 0 : now - this.#since;
  }

  /** Takes a part: loads its content, then sends it as soon as the session allows. Nobody is told within this call that it moved. */
  carry(part: Part): void {
    const now = this.#now();
    this.carried++;
    this.octets += part.job.message.size;
    if (this.idle) this.#gap = (this.#gap + (now - this.#idleSince)) / 2;
    this.#loading = part;
    // The clock of an idle connection starts with its next command.
    if (this.#core.awaiting === undefined) this.#since = now;
    try {
      const fitted = fitContent(part.job, this.#core.extensions);
      if (fitted instanceof Promise) this.#carryLater(part, fitted);
      else this.#fitted(part, fitted);
    } catch (error) {
      this.#unreadable(part, error);
    }
  }

  #carryLater(part: Part, content: Promise<Result<FittedContent, Pick<Refusal, "status" | "message">>>): void {
    content.then(
      (fitted) => {
        if (this.#loading !== part) return;
        this.#fitted(part, fitted);
        this.#moved();
      },
      (error: unknown) => {
        if (this.#loading !== part) return;
        this.#unreadable(part, error);
        this.#moved();
      },
    );
  }

  #fitted(part: Part, fitted: Result<FittedContent, Pick<Refusal, "status" | "message">>): void {
    if (fitted.ok) this.#send(part, fitted.value);
    else this.#refuse(part, fitted.error);
  }

  #unreadable(part: Part, error: unknown): void {
    const cause = error instanceof Error ? error.message : String(error);
    this.#refuse(part, { status: "4.3.0", message: `the content cannot be read: ${cause}` });
  }

  #refuse(part: Part, refusal: Pick<Refusal, "status" | "message">): void {
    this.#loading = undefined;
    this.octets -= part.job.message.size;
    if (this.idle) this.#idleSince = this.#now();
    this.owner.refused(this, part, refusal);
  }

  /** Messages delivered and not recorded. */
  get unrecorded(): number {
    return this.#core.unrecorded;
  }

  /** Another connection has left a message without record: its record will be told here, too. */
  hold(): void {
    this.#core.hold();
  }

  /** A message that `finished` said is delivered has its record. */
  recorded(): void {
    if (this.#core.holding !== undefined) this.#since = this.#now();
    this.#run(this.#core.recorded());
    this.#moved();
  }

  /** Ends a quiet connection politely. */
  quit(): void {
    if (!this.quiet) throw new Error("quit() on a busy connection");
    this.#state = "quitting";
    this.#since = this.#now();
    this.#run(this.#core.quit());
  }

  /** Ends it at once; what is open is reported as lost. */
  fail(failure: ConnectionFailure): void {
    if (this.#state === "closed") return;
    this.failure ??= failure;
    this.#run(this.#core.lost());
  }

  tick(now: number): void {
    if (this.#socket.writableLength > 0 && this.#socket.bytesWritten !== this.#written) {
      this.#written = this.#socket.bytesWritten;
      this.#since = now;
    }
    if (this.idle) return;
    const waited = now - this.#since;
    const patience = this.#patience();
    if (waited < patience.milliseconds) return;
    if (this.#state === "quitting") return this.#run(this.#core.lost());
    this.fail({
      cause: "timeout",
      status: patience.what === "connect" ? "4.4.1" : "4.4.2",
      text: `no answer in ${Math.round(waited / 1000)} s (${patience.what})`,
    });
  }

  /** Whether its idle time is over. */
  expired(now: number): boolean {
    const { shortest, longest } = this.#options.limits.idle;
    return this.quiet && now - this.#idleSince >= Math.min(longest, Math.max(shortest, this.#gap * 4));
  }

  #patience(): { readonly what: string; readonly milliseconds: number } {
    const { connect: connecting, session } = this.#options.limits;
    if (this.#state === "connecting") return { what: "connect", milliseconds: connecting };
    const { awaiting } = this.#core;
    // Content is being loaded, or a record written: our own disk, not the peer.
    if (awaiting === undefined) return { what: "content", milliseconds: session.content };
    if (awaiting === "content" && this.#socket.writableLength > 0) {
      return { what: "sending content", milliseconds: session.block };
    }
    return { what: awaiting, milliseconds: session[awaiting] };
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }

  #listen(socket: Socket): void {
    socket.on("data", (chunk: Buffer) => this.#received(chunk));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      const cause = this.#state === "connecting" ? "unreachable" : "lost";
      this.#ended({ cause, status: cause === "lost" ? "4.4.2" : "4.4.1", text: describe(error) });
    });
    socket.on("close", () => {
      const when = this.#core.awaiting === undefined ? "" : ` while ${this.#core.awaiting} was awaited`;
      this.#ended({ cause: "lost", status: "4.4.2", text: `the server closed the connection${when}` });
    });
  }

  #ended(failure: ConnectionFailure): void {
    if (this.#state === "closed") return;
    // After QUIT a server may close without a word.
    if (this.#state !== "quitting") this.failure ??= failure;
    this.#run(this.#core.lost());
  }

  #received(chunk: Buffer): void {
    if (this.#state === "closed") return;
    const { replies } = this.#core;
    const step = this.#core.receive(chunk);
    if (this.#core.replies !== replies) this.#since = this.#now();
    this.#run(step);
    this.#core.holding?.part.job.hurry();
    this.#moved();
  }

  #send(part: Part, { content, eightBit, binary, utf8 }: FittedContent): void {
    this.#loading = undefined;
    const now = this.#now();
    if (this.#core.awaiting === undefined) this.#since = now;
    const { message } = part.job;
    const sent = this.#core.send({
      tag: { part, at: now },
      sender: message.sender,
      recipients: part.recipients.map((index) => message.recipients[index] ?? ""),
      // What the message is signed with on its way out counts.
      size: content.reduce((sum, chunk) => sum + chunk.length, 0),
      eightBit,
      binary,
      utf8,
      ...notificationsOf(part),
      content,
    });
    if (sent.ok) this.#run(sent.value);
    else this.#refuse(part, sent.error);
  }

  #moved(): void {
    if (this.#state !== "ready") return;
    if (this.idle) this.#idleSince = this.#now();
    this.owner.available(this);
  }

  #run(step: Step<Carried>): void {
    if (step.write.length > 0) this.#write(step.write);
    for (const event of step.events) {
      if (event.kind === "closed" && event.failure !== undefined) this.failure ??= fromSession(event.failure);
    }
    for (const event of step.events) {
      switch (event.kind) {
        case "start-tls":
          this.#startTls();
          break;
        case "derive":
          this.#options.deriveKey(event).then(
            (key) => this.#run(this.#core.derived(key)),
            (error: unknown) => this.#ended({ cause: "auth-refused", status: "4.7.0", text: String(error) }),
          );
          break;
        case "ready":
          this.#state = "ready";
          this.#idleSince = this.#now();
          this.owner.ready(this, event.server);
          break;
        case "finished":
          if (event.outcomes.some(({ kind }) => kind !== "lost")) this.messages++;
          this.lastTook = this.#now() - event.tag.at;
          this.octets -= event.tag.part.job.message.size;
          this.owner.finished(this, event.tag.part, event.outcomes);
          break;
        case "closed":
          this.#close();
          break;
        default:
          event satisfies never;
      }
    }
  }

  #write(chunks: readonly Uint8Array[]): void {
    const socket = this.#socket;
    let total = 0;
    for (const chunk of chunks) total += chunk.length;
    if (chunks.length === 1 && chunks[0] !== undefined) {
      socket.write(chunks[0]);
    } else if (total <= joinLimit) {
      socket.write(Buffer.concat(chunks, total));
    } else {
      socket.cork();
      for (const chunk of chunks) socket.write(chunk);
      socket.uncork();
    }
  }

  #startTls(): void {
    const { target, secureContext } = this.#options;
    const plain = this.#socket;
    plain.removeAllListeners();
    plain.on("error", () => undefined);
    const secure: TLSSocket = connectTls({
      socket: plain,
      secureContext,
      // RFC 7435: encryption against listeners, not proof of the name.
      rejectUnauthorized: false,
      ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
    });
    this.#socket = secure;
    this.#written = 0;
    const refused = (error: Error | undefined): void => {
      const text = `TLS handshake failed: ${error === undefined ? "connection closed" : describe(error)}`;
      this.#ended({ cause: "tls", status: "4.7.5", text });
    };
    secure.on("error", refused);
    const closedEarly = (): void => refused(undefined);
    secure.on("close", closedEarly);
    secure.once("secureConnect", () => {
      secure.off("error", refused);
      secure.off("close", closedEarly);
      this.tls = `${secure.getProtocol() ?? "TLS"} ${secure.getCipher().name}`;
      this.#listen(secure);
      this.#since = this.#now();
      this.#run(this.#core.secured(channelBinding(secure)));
    });
  }

  #close(): void {
    const quitting = this.#state === "quitting";
    this.#state = "closed";
    const part = this.#loading;
    this.#loading = undefined;
    if (part !== undefined) this.owner.returned(this, part);
    if (quitting) this.#socket.destroySoon();
    else this.#socket.destroy();
    this.owner.closed(this, this.failure);
  }
}

function notificationsOf({ job: { message }, recipients }: Part): { readonly notifications?: Notifications } {
  const { dsn, recipientDsn } = message;
  if (dsn === undefined && recipientDsn === undefined) return {};
  return {
    notifications: {
      envelopeId: dsn?.envelopeId,
      returns: dsn?.returns,
      recipients: recipients.map((index) => recipientDsn?.[index]),
    },
  };
}
