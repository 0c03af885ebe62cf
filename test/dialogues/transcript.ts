// Reader of chasquid's `.cmy` transcripts: one step a line, `name verb argument`, `#` begins a comment.
//
//   c tcp_connect HOST:PORT   c tls_connect HOST:PORT   c close
//   c -> TEXT        send a line            c ~> EXPRESSION   send octets (Python: strings, +, *, brackets)
//   c <- TEXT        expect this line       c <~ REGEXP       expect a line that matches
//   c <... TEXT      read up to this line   c = PROGRAM, c wait N   a process; not for a mail server

export type Step = { readonly line: number; readonly name: string } & (
  | { readonly kind: "connect"; readonly tls: "none" | "implicit"; readonly port: number }
  | { readonly kind: "close" }
  | { readonly kind: "send"; readonly octets: string }
  /** The reply code that is expected; the texts are chasquid's own. */
  | { readonly kind: "expect"; readonly code: number; readonly text: string }
  | { readonly kind: "process" }
);

export function parseTranscript(source: string): readonly Step[] {
  const steps: Step[] = [];
  source.split("\n").forEach((text, index) => {
    if (text.trim() === "" || text.startsWith("#")) return;
    steps.push(parseStep(text, index + 1));
  });
  return steps;
}

function parseStep(text: string, line: number): Step {
  const match = /^(\w+) (\S+)(?: (.*))?$/.exec(text);
  if (match === null) throw new Error(`line ${line} is no step: ${text}`);
  const [, name = "", verb = "", argument = ""] = match;
  switch (verb) {
    case "tcp_connect":
    case "tls_connect": {
      const port = Number(argument.slice(argument.lastIndexOf(":") + 1));
      return { line, name, kind: "connect", tls: verb === "tls_connect" ? "implicit" : "none", port };
    }
    case "close":
      return { line, name, kind: "close" };
    case "->":
      return { line, name, kind: "send", octets: `${argument}\r\n` };
    case "~>":
      return { line, name, kind: "send", octets: evaluate(argument) };
    case "<-":
    case "<~":
    case "<...": {
      const code = /^\d{3}/.exec(argument)?.[0];
      if (code === undefined) return { line, name, kind: "process" };
      return { line, name, kind: "expect", code: Number(code), text: argument };
    }
    case "=":
    case "wait":
      return { line, name, kind: "process" };
    default:
      throw new Error(`line ${line}: unknown verb ${verb}`);
  }
}

/** sum := product ("+" product)* · product := value ("*" number)* · value := string | "(" sum ")" */
function evaluate(expression: string): string {
  const tokens = expression.match(/'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|\d+|[()+*]/g) ?? [];
  let at = 0;
  const sum = (): string => {
    let text = product();
    while (tokens[at] === "+") {
      at++;
      text += product();
    }
    return text;
  };
  const product = (): string => {
    let text = value();
    while (tokens[at] === "*") {
      text = text.repeat(Number(tokens[at + 1]));
      at += 2;
    }
    return text;
  };
  const value = (): string => {
    const token = tokens[at++] ?? "";
    if (token === "(") {
      const text = sum();
      if (tokens[at++] !== ")") throw new Error(`bracket missing: ${expression}`);
      return text;
    }
    if (!/^['"]/.test(token)) throw new Error(`not a string: ${token} in ${expression}`);
    const inner = token.slice(1, -1).replaceAll('"', '\\"').replaceAll("\\'", "'");
    const text: unknown = JSON.parse(`"${inner}"`);
    return String(text);
  };
  const text = sum();
  if (at !== tokens.length) throw new Error(`cannot read: ${expression}`);
  return text;
}
