// Configuration that is a tree of words, in two forms: with braces, where the end of a line ends a leaf, and as commands that
// spell each path on a line of its own. A command may open braces and close them again. Comments, quotes of both kinds and
// lists in brackets are understood. VyOS and SR OS write so.

export class Unreadable extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

export interface Statement {
  readonly kind: "leaf" | "block";
  readonly path: readonly string[];
  /** From 1. */
  readonly line: number;
}

const tokens = /\/\*[^]*?\*\/|"((?:[^"\\]|\\.)*)"|'([^']*)'|[{}[\]]|\n|[^\s{}[\]"']+/g;

/** Each leaf is one statement, and so is each block where it opens. */
export function* statementsOf(text: string): Generator<Statement> {
  const stack: string[] = [];
  const depths: number[] = [];
  let words: string[] = [];
  let list: string[] | undefined;
  let line = 1;
  let isComment = false;
  const leaf = function* (): Generator<Statement> {
    if (words.length > 0) yield { kind: "leaf", path: [...stack, ...words], line };
    words = [];
  };
  for (const match of text.matchAll(tokens)) {
    const [token, double, single] = match;
    if (token === "\n") {
      isComment = false;
      if (list === undefined) yield* leaf();
      line++;
      continue;
    }
    if (token.startsWith("/*")) {
      line += token.split("\n").length - 1;
      continue;
    }
    // A comment begins where a statement could; a sign within a value is part of it.
    const isFirst = words.length === 0 && list === undefined;
    if (isFirst && (token.startsWith("#") || token.startsWith("//"))) isComment = true;
    if (isComment) continue;
    const quoted = double ?? single;
    if (quoted !== undefined) {
      (list ?? words).push(quoted);
      line += quoted.split("\n").length - 1;
    } else if (token === "[") {
      list = [];
    } else if (token === "]") {
      if (list === undefined) throw new Unreadable(line, "a ] without its [");
      for (const each of list) yield { kind: "leaf", path: [...stack, ...words, each], line };
      list = undefined;
      words = [];
    } else if (token === "{") {
      if (words.length === 0) throw new Unreadable(line, "a { without a name");
      depths.push(stack.length);
      stack.push(...words);
      words = [];
      yield { kind: "block", path: [...stack], line };
    } else if (token === "}") {
      yield* leaf();
      const depth = depths.pop();
      if (depth === undefined) throw new Unreadable(line, "a } without its {");
      stack.length = depth;
    } else (list ?? words).push(token);
  }
  yield* leaf();
  if (depths.length > 0) throw new Unreadable(line, "a { has no }");
}
