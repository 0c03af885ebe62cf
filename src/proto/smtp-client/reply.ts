// Reads what a server says: bytes in, replies out (RFC 5321 §4.2). Promises: any input ends in replies or in a
// ReplyError, never in an exception; it does not matter how the bytes are cut; memory is bounded.
// It does not know which command a reply belongs to. Line ends are CRLF and nothing else (law 5): a peer that
// writes a bare CR, a bare LF or a NUL is not speaking SMTP.

export interface Reply {
  /** 200–599. */
  readonly code: number;
  /** Enhanced status code (RFC 3463) when the text begins with one of the same class. */
  readonly enhanced: string | undefined;
  /** Text of each line without the code; printable ASCII, everything else replaced by "?". */
  readonly lines: readonly string[];
}

export interface ReplyError {
  readonly code: "line-too-long" | "reply-too-long" | "malformed-line" | "mixed-codes";
  readonly message: string;
}

// RFC 5321 §4.5.3.1.5 allows 512 octets a line; deployed servers write URLs into refusals and exceed it.
const lineLimit = 2048;
const replyLimit = 65536;

export class ReplyParser {
  #partial = "";
  #code = 0;
  #octets = 0;
  #lines: string[] = [];

  /** True when a reply has begun and has not ended. */
  get pending(): boolean {
    return this.#partial !== "" || this.#lines.length > 0;
  }

  /** Appends the complete replies to `into`. After an error the parser must not be used again. */
  push(chunk: Uint8Array, into: Reply[]): ReplyError | undefined {
    const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1");
    let start = 0;
    for (;;) {
      const end = text.indexOf("\n", start);
      const length = this.#partial.length + (end < 0 ? text.length : end + 1) - start;
      if (length > lineLimit) return { code: "line-too-long", message: `reply line longer than ${lineLimit} octets` };
      if (end < 0) {
        this.#partial += text.slice(start);
        return undefined;
      }
      const line = this.#partial + text.slice(start, end);
      this.#partial = "";
      start = end + 1;
      const error = this.#line(line, into);
      if (error !== undefined) return error;
    }
  }

  /** `line` ends where its LF stood. */
  #line(line: string, into: Reply[]): ReplyError | undefined {
    if (!line.endsWith("\r")) return malformed(line);
    const code = readCode(line);
    const separator = line.charAt(3);
    if (code === undefined || (separator !== " " && separator !== "-" && separator !== "\r")) return malformed(line);
    if (this.#lines.length > 0 && code !== this.#code) {
      return { code: "mixed-codes", message: `a reply began with ${this.#code} and went on with ${code}` };
    }
    this.#octets += line.length + 1;
    if (this.#octets > replyLimit) return { code: "reply-too-long", message: `reply longer than ${replyLimit} octets` };
    let body = line.slice(4, -1);
    if (unprintable.test(body)) {
      if (body.includes("\r") || body.includes("\0")) return malformed(line);
      body = printable(body);
    }
    this.#code = code;
    this.#lines.push(body);
    if (separator !== "-") {
      into.push({ code, enhanced: readEnhanced(code, this.#lines[0] ?? ""), lines: this.#lines });
      this.#lines = [];
      this.#octets = 0;
    }
    return undefined;
  }
}

/** The server's words on one line, for logs and failure reports. */
export function replyText(reply: Reply): string {
  const text = reply.lines.length === 1 ? (reply.lines[0] ?? "") : reply.lines.join(" ");
  return `${reply.code} ${text.length > 1000 ? `${text.slice(0, 1000)}…` : text}`.trimEnd();
}

/** The enhanced code, or the class alone when the server gives none (RFC 3463 §3.1: X.0.0). */
export function replyStatus(reply: Reply): string {
  return reply.enhanced ?? `${Math.floor(reply.code / 100)}.0.0`;
}

export interface ReplyWords {
  readonly code: number;
  /** RFC 3463. */
  readonly enhanced: string;
  /** On one line, without the codes. */
  readonly text: string;
}

/** For passing it on: codes and text apart. */
export function replyWords(reply: Reply): ReplyWords {
  const { code, lines } = reply;
  const enhanced = replyStatus(reply);
  const bare = lines.map((line) =>
    reply.enhanced !== undefined && line.startsWith(enhanced) ? line.slice(enhanced.length) : line,
  );
  return {
    code,
    enhanced,
    text: bare
      .map((line) => line.trim())
      .join(" ")
      .slice(0, 400),
  };
}

const unprintable = /[^ -~]/;

function printable(text: string): string {
  return text.replaceAll("\t", " ").replaceAll(/[^ -~]/g, "?");
}

// The second digit is 0–5 in the grammar, but servers that say 571 exist; RFC 5321 §4.2.1 lets a client go by the first.
function readCode(line: string): number | undefined {
  const first = line.charCodeAt(0) - 48;
  const second = line.charCodeAt(1) - 48;
  const third = line.charCodeAt(2) - 48;
  if (!(first >= 2 && first <= 5 && second >= 0 && second <= 9 && third >= 0 && third <= 9)) return undefined;
  return first * 100 + second * 10 + third;
}

const enhancedPattern = /^[245]\.\d{1,3}\.\d{1,3}(?= |$)/;

function readEnhanced(code: number, text: string): string | undefined {
  if (text.charCodeAt(0) - 48 !== Math.floor(code / 100)) return undefined;
  return enhancedPattern.exec(text)?.[0];
}

function malformed(line: string): ReplyError {
  return { code: "malformed-line", message: `not a reply line: "${printable(line.slice(0, 60))}"` };
}
