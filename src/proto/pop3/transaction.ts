// What the commands of the TRANSACTION state answer (RFC 1939 §5 and §7): pure but for the deletion marks.

import { crlfLine } from "../../base/crlf.ts";
import type { TransactionCommand } from "./commands.ts";
import type { Maildrop } from "./maildrop.ts";
import { replies } from "./replies.ts";

type TransactionStep =
  | { readonly kind: "reply"; readonly line: string }
  | { readonly kind: "listing"; readonly line: string; readonly what: "LIST" | "UIDL" }
  /** `message` counts from 1; `lines` of the body, undefined for all. The line is said when the content is there. */
  | { readonly kind: "retrieve"; readonly line: string; readonly message: number; readonly lines: number | undefined };

export function answerTransaction(command: TransactionCommand, drop: Maildrop): TransactionStep {
  const summary = () => `+OK ${drop.count} messages (${drop.octets} octets)`;
  switch (command.verb) {
    case "STAT":
      return { kind: "reply", line: `+OK ${drop.count} ${drop.octets}` };
    case "RSET":
      drop.unmarkAll();
      return { kind: "reply", line: summary() };
    case "NOOP":
      return { kind: "reply", line: replies.done };
    case "LIST":
    case "UIDL": {
      const { verb, message: number } = command;
      if (number === undefined) {
        return { kind: "listing", line: verb === "LIST" ? summary() : replies.listFollows, what: verb };
      }
      const message = drop.get(number);
      if (message === undefined) return { kind: "reply", line: replies.noSuchMessage };
      return { kind: "reply", line: `+OK ${number} ${verb === "LIST" ? message.size : message.id}` };
    }
    case "DELE":
      if (drop.get(command.message) === undefined) return { kind: "reply", line: replies.noSuchMessage };
      drop.mark(command.message);
      return { kind: "reply", line: replies.done };
    case "RETR":
    case "TOP": {
      const message = drop.get(command.message);
      if (message === undefined) return { kind: "reply", line: replies.noSuchMessage };
      if (command.verb === "TOP") {
        return { kind: "retrieve", line: replies.topFollows, message: command.message, lines: command.lines };
      }
      return { kind: "retrieve", line: `+OK ${message.size} octets`, message: command.message, lines: undefined };
    }
    default:
      return command satisfies never;
  }
}

/** The listing from a number on, about `limit` octets of it; `next` is undefined at its end. */
export function listPart(
  drop: Maildrop,
  what: "LIST" | "UIDL",
  from: number,
  limit: number,
): { readonly text: string; readonly next: number | undefined } {
  let text = "";
  for (let number = from; number <= drop.last; number++) {
    if (text.length >= limit) return { text, next: number };
    const message = drop.get(number);
    if (message !== undefined) text += crlfLine(`${number} ${what === "LIST" ? message.size : message.id}`);
  }
  return { text, next: undefined };
}
