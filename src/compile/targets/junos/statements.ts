// The text of a Junos configuration as statements: paths of words, one for each leaf, in order. Reads the form with braces
// (comments, lists in brackets, `replace:`) and the form of `set` commands. What is switched off (`inactive:`,
// `deactivate`) is refused, since it looks as if it were there.

export class Unreadable extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** The path is reused: whoever keeps it copies it. */
export type Visit = (path: readonly string[], line: number) => void;

export function forEachStatement(text: string, visit: Visit): void {
  if (/^\s*(?:set|delete|deactivate)\s/m.test(text) && !text.includes("{")) readSetCommands(text, visit);
  else readBraces(text, visit);
}

function readSetCommands(text: string, visit: Visit): void {
  for (const [index, line] of text.split("\n").entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#") || trimmed.startsWith("/*")) continue;
    const [verb, ...words] = wordsOf(trimmed);
    if (verb !== "set") throw new Unreadable(index + 1, `${verb} is not understood: only set commands are`);
    visitLeaf([], words, index + 1, visit);
  }
}

function wordsOf(text: string): readonly string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);
}

/** Brackets stand for several leaves. */
function visitLeaf(stack: string[], words: readonly string[], line: number, visit: Visit): void {
  const open = words.indexOf("[");
  if (open < 0) {
    const length = stack.length;
    stack.push(...words);
    visit(stack, line);
    stack.length = length;
    return;
  }
  const close = words.indexOf("]", open);
  if (close < 0) throw new Unreadable(line, "a [ has no ]");
  for (const each of words.slice(open + 1, close)) {
    visitLeaf(stack, [...words.slice(0, open), each, ...words.slice(close + 1)], line, visit);
  }
}

function readBraces(text: string, visit: Visit): void {
  const tokens = /\/\*[^]*?\*\/|#[^\n]*|"((?:[^"\\]|\\.)*)"|[{};]|\n|[^\s{};"#]+/g;
  const stack: string[] = [];
  const depths: number[] = [];
  let words: string[] = [];
  let line = 1;
  for (const match of text.matchAll(tokens)) {
    const [token, quoted] = match;
    if (token === "\n") {
      line++;
    } else if (quoted !== undefined) {
      words.push(quoted);
    } else if (token === "{") {
      if (words.length === 0) throw new Unreadable(line, "a { without a name");
      depths.push(stack.length);
      stack.push(...words);
      words = [];
    } else if (token === "}") {
      if (words.length > 0) throw new Unreadable(line, `${words.join(" ")} has no ;`);
      const depth = depths.pop();
      if (depth === undefined) throw new Unreadable(line, "a } without its {");
      stack.length = depth;
    } else if (token === ";") {
      if (words.length > 0) visitLeaf(stack, words, line, visit);
      words = [];
    } else if (token.startsWith("/*")) {
      line += token.split("\n").length - 1;
    } else if (token === "inactive:") {
      throw new Unreadable(line, "inactive: is not understood: delete what is switched off");
    } else if (!token.startsWith("#") && token !== "replace:") {
      words.push(token);
    }
  }
  if (depths.length > 0) throw new Unreadable(line, "a { has no }");
}
