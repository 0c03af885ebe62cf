// The POP3 command grammar: RFC 1939 §3 (a keyword, then arguments after one space each), RFC 2449 (CAPA),
// RFC 2595 (STLS), RFC 5034 (AUTH). Keywords without regard to case; spaces at the end are forgiven, as deployed
// clients send them, except in PASS, where they may belong to the password.

export type Command =
  | TransactionCommand
  | { readonly verb: "CAPA" | "STLS" | "QUIT" | "APOP" }
  | { readonly verb: "USER"; readonly name: string }
  | { readonly verb: "PASS"; readonly password: string }
  /** Without a mechanism: the list of RFC 1734's time, which some clients still ask for. */
  | { readonly verb: "AUTH"; readonly mechanism: string | undefined; readonly initial: string | undefined };

/** Commands that work on the maildrop. */
export type TransactionCommand =
  | { readonly verb: "STAT" | "NOOP" | "RSET" }
  | { readonly verb: "LIST" | "UIDL"; readonly message: number | undefined }
  | { readonly verb: "RETR" | "DELE"; readonly message: number }
  | { readonly verb: "TOP"; readonly message: number; readonly lines: number };

export type Verb = Command["verb"];

type CommandError = "unknown-command" | "bad-arguments";

/** Takes a line without its end. */
export function parseCommand(octets: Uint8Array): Command | CommandError {
  let line: string;
  try {
    line = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return "bad-arguments";
  }
  const keyword = /^[A-Za-z]{3,4}(?= |$)/.exec(line)?.[0];
  if (keyword === undefined) return "unknown-command";
  const rest = line.slice(keyword.length + 1);
  const trimmed = rest.trimEnd();
  const words = trimmed === "" ? [] : trimmed.split(" ");
  const [first, second, third] = words;
  const verb = keyword.toUpperCase();

  switch (verb) {
    case "CAPA":
    case "STLS":
    case "QUIT":
    case "STAT":
    case "NOOP":
    case "RSET":
      return first === undefined ? { verb } : "bad-arguments";
    case "APOP":
      return { verb };
    case "USER":
      return first === undefined ? "bad-arguments" : { verb, name: trimmed };
    case "PASS":
      return rest === "" ? "bad-arguments" : { verb, password: rest };
    case "AUTH":
      return third === undefined ? { verb, mechanism: first, initial: second } : "bad-arguments";
    case "LIST":
    case "UIDL": {
      if (first === undefined) return { verb, message: undefined };
      const message = number(first);
      return message === undefined || second !== undefined ? "bad-arguments" : { verb, message };
    }
    case "RETR":
    case "DELE": {
      const message = number(first);
      return message === undefined || second !== undefined ? "bad-arguments" : { verb, message };
    }
    case "TOP": {
      const message = number(first);
      const lines = number(second);
      if (message === undefined || lines === undefined || third !== undefined) return "bad-arguments";
      return { verb, message, lines };
    }
    default:
      return "unknown-command";
  }
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
}
