// One conversation of an agent: says its lines one by one, and notes what came back to each. Whether that is right is not
// its to judge; it ends when the other side does or when nothing comes.

import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export interface Talk {
  readonly host: string;
  readonly port: number;
  readonly from: string;
  readonly tls: "from the start" | "on request";
  readonly protocol: "smtp" | "pop3";
  /** The first one is empty: what is heard before anything is said. After STARTTLS and its 220 comes TLS. */
  readonly lines: readonly string[];
  /** For each answer. */
  readonly milliseconds: number;
}

export interface Said {
  /** As far as it came. */
  readonly answers: readonly string[];
  /** Why it ended before the last line. */
  readonly ended: string | undefined;
}

export async function converse(talk: Talk): Promise<Said> {
  const answers: string[] = [];
  const plain = connect({ host: talk.host, port: talk.port, localAddress: talk.from });
  let line = new Line(plain, talk);
  try {
    if (talk.tls === "from the start") line = line.inTls();
    for (const said of talk.lines) {
      if (said !== "") line.say(said);
      // oxlint-disable-next-line no-await-in-loop -- one after the other is what a conversation is
      const answer = await line.hear();
      answers.push(answer);
      if (said === "STARTTLS" && answer.startsWith("220")) line = line.inTls();
    }
    return { answers, ended: undefined };
  } catch (error) {
    return { answers, ended: error instanceof Error ? error.message : String(error) };
  } finally {
    plain.destroy();
  }
}

class Line {
  readonly #socket: Socket;
  readonly #talk: Talk;
  #heard = "";
  #over: string | undefined;
  #wake: () => void = () => undefined;
  readonly #onData = (octets: Buffer): void => {
    this.#heard += octets.toString("latin1");
    this.#wake();
  };

  constructor(socket: Socket, talk: Talk) {
    this.#socket = socket;
    this.#talk = talk;
    socket.on("data", this.#onData);
    socket.on("error", (error) => this.#end("code" in error ? String(error.code) : error.message));
    socket.once("close", () => this.#end("closed"));
  }

  /** The same connection, in TLS from here on; any certificate will do. */
  inTls(): Line {
    this.#socket.off("data", this.#onData);
    return new Line(connectTls({ socket: this.#socket, rejectUnauthorized: false }), this.#talk);
  }

  say(text: string): void {
    this.#socket.write(`${text}\r\n`);
  }

  /** A whole answer, its lines without their ends. */
  async hear(): Promise<string> {
    const until = performance.now() + this.#talk.milliseconds;
    // The last line of an SMTP answer has no hyphen (RFC 5321 §4.2.1); answers of POP3 that we ask for have one line.
    const whole = this.#talk.protocol === "smtp" ? /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\n/ : /^[^\n]*\n/;
    for (;;) {
      const found = whole.exec(this.#heard)?.[0];
      if (found !== undefined) {
        this.#heard = this.#heard.slice(found.length);
        return found.replaceAll("\r", "").trimEnd();
      }
      if (this.#over !== undefined) throw new Error(this.#over);
      const left = until - performance.now();
      if (left <= 0) throw new Error("timeout");
      // oxlint-disable-next-line no-await-in-loop -- until it is whole
      await new Promise<void>((resolve) => {
        const alarm = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(alarm);
          resolve();
        };
      });
    }
  }

  #end(why: string): void {
    this.#over ??= why;
    this.#wake();
  }
}
