// Drives the server core in tests: octets in pieces, answers at once or late, and a trace of what came out.
// Every order of pieces and answers must give the same trace; that is what the tests are about.

import assert from "node:assert/strict";
import { formatAddress } from "../../address/address.ts";
import { makeReply } from "./reply.ts";
import type { Reply } from "./reply.ts";
import { SmtpServer } from "./server.ts";
import type { SmtpRequest, SmtpServerOptions } from "./server.ts";

export const EHLO = "EHLO c.example.jp\r\n";
export const MAIL = "MAIL FROM:<alice@sekimori.test>\r\n";
export const RCPT = "RCPT TO:<bob@example.jp>\r\n";

export interface Drive {
  /** Where the input is cut. */
  readonly cuts?: readonly number[];
  /** For each request in turn: is its answer given only after more octets came? Repeats; default never. */
  readonly late?: readonly boolean[];
  /** Commands a turn. */
  readonly budget?: number;
  readonly options?: Partial<SmtpServerOptions>;
  readonly mechanisms?: readonly string[];
  /** undefined: the usual yes. */
  readonly answer?: (request: string) => Reply | undefined;
}

export interface Driven {
  readonly core: SmtpServer;
  /** `? request` and `< reply line`, in order. */
  readonly trace: readonly string[];
}

export const reply = (code: number, enhanced = "", text = "text") => makeReply(code, enhanced, text);

/** A request as one line of the trace. */
function show(request: SmtpRequest): string {
  switch (request.kind) {
    case "greeting":
    case "starttls":
    case "data":
    case "abandoned":
      return request.kind;
    case "helo":
      return `${request.verb} ${request.name}`;
    case "auth":
      return `auth ${request.mechanism} ${octets(request.initial)}`;
    case "auth-response":
      return `auth-response ${octets(request.response)}`;
    case "mail": {
      const sender = request.sender === undefined ? "" : formatAddress(request.sender);
      const more = `${request.charset === "utf8" ? " utf8" : ""}${shown(request.dsn)}`;
      return `mail <${sender}> ${request.body} ${request.declaredSize ?? "-"}${more}`;
    }
    case "rcpt":
      return `rcpt <${formatAddress(request.recipient)}>${shown(request.dsn)}`;
    case "message": {
      const content = Buffer.concat(request.content).toString("latin1");
      assert.equal(content.length, request.size);
      return `message ${JSON.stringify(content)} ${request.eightBit ? "8bit" : "7bit"}`;
    }
  }
}

function shown(dsn: object | undefined): string {
  return dsn === undefined ? "" : ` ${JSON.stringify(dsn)}`;
}

function octets(value: Uint8Array | undefined): string {
  return value === undefined ? "-" : JSON.stringify(Buffer.from(value).toString("latin1"));
}

function yes(request: SmtpRequest): Reply {
  switch (request.kind) {
    case "greeting":
    case "starttls":
      return reply(220);
    case "auth":
      return request.initial === undefined ? reply(334, "", "") : reply(235, "2.7.0");
    case "auth-response":
      return reply(235, "2.7.0");
    case "data":
      return reply(354);
    case "helo":
    case "mail":
    case "rcpt":
    case "message":
    case "abandoned":
      return reply(250, "2.0.0");
  }
}

export function drive(input: string | Buffer, how: Drive = {}): Driven {
  const bytes = typeof input === "string" ? Buffer.from(input, "latin1") : input;
  const core = new SmtpServer({ messageSize: 100_000, errors: 10, ...how.options });
  const trace: string[] = [];
  const late = how.late ?? [];
  let asked = 0;
  let open: SmtpRequest | undefined;

  function collect(): void {
    const output = core.takeOutput();
    assert.ok(output === "" || output.endsWith("\r\n"));
    for (const line of output.split("\r\n").slice(0, -1)) {
      assert.match(line, /^\d{3}[ -][ -~]*$/);
      assert.ok(line.length <= 510);
      trace.push(`< ${line}`);
    }
  }

  function answerOpen(): void {
    if (open === undefined) return;
    const request = open;
    open = undefined;
    if (request.kind === "helo") core.offer({ starttls: true, mechanisms: how.mechanisms ?? ["PLAIN", "LOGIN"] });
    core.answer(how.answer?.(show(request)) ?? yes(request));
    collect();
  }

  function pump(last: boolean): void {
    answerOpen();
    for (;;) {
      const budget = { commands: how.budget ?? 1000 };
      const request = core.next(budget);
      collect();
      if (request === undefined) {
        // Out of budget: the next turn comes by itself.
        if (budget.commands <= 0 && core.buffered > 0) continue;
        return;
      }
      trace.push(`? ${show(request)}`);
      if (request.kind === "abandoned") continue;
      open = request;
      if (!last && late.length > 0 && late[asked++ % late.length] === true) {
        // A pending request stays alone.
        assert.equal(core.next({ commands: 1000 }), undefined);
        return;
      }
      answerOpen();
    }
  }

  const edges = [...new Set((how.cuts ?? []).map((cut) => Math.min(cut, bytes.length)))].toSorted((a, b) => a - b);
  let start = 0;
  for (const end of [...edges, bytes.length]) {
    if (end > start) core.receive(Buffer.from(bytes.subarray(start, end)));
    start = end;
    pump(false);
  }
  pump(true);
  return { core, trace };
}
