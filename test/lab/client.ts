// A dialogue client for tests: sends exactly the octets it is given and reads replies, over plain TCP, implicit TLS
// or after an upgrade. It knows line ends and reply codes, nothing of the protocols' order: that is the test's
// business. Serves SMTP (multi-line replies) and POP3 (+OK/-ERR). Every wait has a deadline, which only bounds a failure.

import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { atEnd } from "./cleanup.ts";
import type { Scope } from "./cleanup.ts";

const deadline = 20_000;

export interface Where {
  readonly address: string;
  readonly port: number;
}

export interface Reply {
  /** Three digits. */
  readonly code: number;
  /** Texts after the code, one a line. */
  readonly lines: readonly string[];
  /** As it came, line ends as LF. */
  readonly raw: string;
}

export interface Dialogue {
  /** Octets as given; a string is sent as UTF-8. */
  send(octets: string | Uint8Array): Promise<void>;
  /** The next whole SMTP reply. Rejects when the connection ends or the time is over. */
  reply(): Promise<Reply>;
  /** Sends a line with CRLF and reads the reply. */
  command(line: string): Promise<Reply>;
  /** command() and reply codes in one: rejects when the code is another. */
  expect(line: string, code: number): Promise<Reply>;
  /** The next line, without its line end; undefined when the peer has closed. */
  line(): Promise<string | undefined>;
  /** Everything until the peer closes, or until it is silent for so long. */
  rest(silence: number): Promise<string>;
  /** True once the peer has ended or reset the connection. */
  closed(): boolean;
  /** Waits until the peer has closed. */
  waitForClose(): Promise<void>;
  /** The port at this end. */
  localPort(): number;
  /** Octets read and not yet consumed. */
  pending(): string;
  /** Starts TLS on this connection. What was read in plaintext before stays readable only through pending(). */
  upgrade(): Promise<void>;
  /** Closes without a word. */
  destroy(): void;
}

export async function openDialogue(
  scope: Scope,
  where: Where,
  tls: "none" | "implicit" = "none",
  from?: string,
): Promise<Dialogue> {
  const plain = await connected(where, from);
  const socket = tls === "none" ? plain : await secured(plain);
  const dialogue = makeDialogue(socket);
  atEnd(scope, () => dialogue.destroy());
  return dialogue;
}

function connected(where: Where, from: string | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const source = from === undefined ? {} : { localAddress: from };
    const socket = connect({ host: where.address, port: where.port, noDelay: true, ...source });
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}

function secured(plain: Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    // The lab's certificates are self-signed.
    const socket = connectTls({ socket: plain, rejectUnauthorized: false, servername: "mx.sekimori.test" });
    socket.once("secureConnect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
    socket.once("error", reject);
    plain.once("close", () => reject(new Error("the connection closed during the TLS handshake")));
  });
}

function makeDialogue(first: Socket): Dialogue {
  let socket = first;
  let buffer = "";
  let isClosed = false;
  const waiters = new Set<() => void>();
  const wake = (): void => {
    for (const waiter of waiters) waiter();
  };
  const onData = (chunk: Buffer): void => {
    buffer += chunk.toString("latin1");
    wake();
  };
  const onClose = (): void => {
    isClosed = true;
    wake();
  };
  const listen = (target: Socket): void => {
    target.on("data", onData);
    target.on("close", onClose);
    target.on("end", onClose);
    // A reset is an end like another; what was expected and did not come tells the test.
    target.on("error", onClose);
  };
  listen(socket);

  /** Resolves with look()'s first value that is not undefined. */
  const until = <T>(what: string, look: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const done = (act: () => void): void => {
        clearTimeout(timer);
        waiters.delete(check);
        act();
      };
      const check = (): void => {
        let value: T | undefined;
        try {
          value = look();
        } catch (error) {
          done(() => reject(error instanceof Error ? error : new Error(String(error))));
          return;
        }
        if (value !== undefined) done(() => resolve(value));
        else if (isClosed) done(() => reject(new Error(`closed while waiting for ${what}; read: ${show(buffer)}`)));
      };
      const timer = setTimeout(
        () => done(() => reject(new Error(`no ${what} within ${deadline} ms; read: ${show(buffer)}`))),
        deadline,
      );
      waiters.add(check);
      check();
    });

  const take = (length: number): string => {
    const taken = buffer.slice(0, length);
    buffer = buffer.slice(length);
    return taken;
  };

  const reply = async (): Promise<Reply> => {
    const raw = await until("reply", () => {
      const whole = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\r?\n/.exec(buffer);
      if (whole !== null) return take(whole[0].length);
      if (/^[^\n]*\n/.test(buffer) && !/^\d{3}[- \r]/.test(buffer)) throw new Error(`not a reply: ${show(buffer)}`);
      return undefined;
    });
    const lines = raw.split(/\r?\n/).slice(0, -1);
    return { code: Number(raw.slice(0, 3)), lines: lines.map((line) => line.slice(4)), raw: lines.join("\n") };
  };
  const send = (octets: string | Uint8Array): Promise<void> =>
    new Promise((resolve) => {
      // A write to a connection the peer has closed is not an error of the test: reading will show it.
      socket.write(octets, () => resolve());
    });
  const command = async (line: string): Promise<Reply> => {
    await send(`${line}\r\n`);
    return reply();
  };

  return {
    send,
    reply,
    command,
    expect: async (line, code) => {
      const answer = await command(line);
      if (answer.code !== code) throw new Error(`${show(line)} was answered ${answer.raw}, expected ${code}`);
      return answer;
    },
    line: async () => {
      if (isClosed && !buffer.includes("\n")) return undefined;
      const raw = await until("line", () => {
        const end = buffer.indexOf("\n");
        return end < 0 ? undefined : take(end + 1);
      }).catch((error: unknown) => {
        if (isClosed) return undefined;
        throw error;
      });
      return raw?.replace(/\r?\n$/, "");
    },
    rest: async (silence) => {
      for (;;) {
        const before = buffer.length;
        // oxlint-disable-next-line no-await-in-loop -- waiting for silence
        await new Promise((resolve) => {
          setTimeout(resolve, silence);
        });
        if (isClosed || buffer.length === before) return take(buffer.length);
      }
    },
    closed: () => isClosed,
    waitForClose: async () => {
      await until("close", () => (isClosed ? true : undefined));
    },
    localPort: () => first.localPort ?? 0,
    pending: () => buffer,
    upgrade: async () => {
      socket.off("data", onData);
      socket.off("close", onClose);
      socket.off("end", onClose);
      socket = await secured(socket);
      listen(socket);
    },
    destroy: () => socket.destroy(),
  };
}

/** Control characters made visible, long text cut. */
export function show(text: string): string {
  const cut = text.length > 300 ? `${text.slice(0, 300)}…` : text;
  return JSON.stringify(cut);
}
