// The words of FreeRADIUS's files: entries of a users file, messages for radclient, and our own list of named filters.

export class Unreadable extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

export interface ReadList {
  /** undefined: everybody. */
  readonly subscriber: string | undefined;
  /** Texts of rules, and their lines. */
  readonly rules: readonly (readonly [string, number])[];
  /** Names of filters, and their lines. */
  readonly filters: readonly (readonly [string, number])[];
  readonly line: number;
}

interface OpenList {
  readonly subscriber: string | undefined;
  readonly rules: (readonly [string, number])[];
  readonly filters: (readonly [string, number])[];
  readonly line: number;
}

/** An entry begins at the margin with a name; its attributes are indented, with commas between them. */
export function readUsers(text: string): readonly ReadList[] {
  const lists: OpenList[] = [];
  let isOpen = false;
  for (const [content, line] of linesOf(text)) {
    if (/^\s/.test(content)) {
      const list = lists.at(-1);
      if (list === undefined || !isOpen)
        throw new Unreadable(line, "an attribute without an entry, or behind its last");
      const { parts, goesOn } = attributesIn(content.trim(), line);
      for (const part of parts) take(list, part, line);
      isOpen = goesOn;
      continue;
    }
    const entry = /^(?:"([^"\\]*)"|'([^'\\]*)'|([^\s"'#$,]+))\s*$/.exec(content);
    if (entry === null) throw new Unreadable(line, `not understood, an entry is a name alone: ${content}`);
    const name = entry[1] ?? entry[2] ?? entry[3] ?? "";
    lists.push({ subscriber: name === "DEFAULT" ? undefined : name, rules: [], filters: [], line });
    isOpen = true;
  }
  return lists;
}

/** Messages with an empty line between them. */
export function readMessages(text: string): readonly ReadList[] {
  const messages: ReadList[] = [];
  let open: (OpenList & { subscriber: string | undefined }) | undefined;
  const end = (): void => {
    if (open !== undefined) messages.push(open);
    open = undefined;
  };
  for (const [index, raw] of text.split("\n").entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === "") end();
    if (content === "" || content.startsWith("#")) continue;
    open ??= { subscriber: undefined, rules: [], filters: [], line };
    for (const part of attributesIn(content, line).parts) {
      if (part.name === "User-Name") open.subscriber = part.value;
      else take(open, part, line);
    }
  }
  end();
  return messages;
}

/** What the filters of the access server must do, by name. */
export function readFilters(text: string): ReadonlyMap<string, readonly (readonly [string, number])[]> {
  const filters = new Map<string, (readonly [string, number])[]>();
  let open: (readonly [string, number])[] | undefined;
  for (const [content, line] of linesOf(text)) {
    const name = /^filter (\S+)$/.exec(content)?.[1];
    if (name !== undefined) {
      open = [];
      if (filters.has(name)) throw new Unreadable(line, `the filter ${name} stands here twice`);
      filters.set(name, open);
    } else if (/^\s/.test(content) && open !== undefined) open.push([content.trim(), line]);
    else throw new Unreadable(line, `no rule of a filter: ${content}`);
  }
  return filters;
}

function* linesOf(text: string): Generator<readonly [string, number]> {
  for (const [index, raw] of text.split("\n").entries()) {
    const content = raw.trimEnd();
    if (content !== "" && !content.trimStart().startsWith("#")) yield [content, index + 1];
  }
}

interface Attribute {
  readonly name: string;
  readonly operator: string;
  readonly value: string;
}

function attributesIn(
  content: string,
  line: number,
): { readonly parts: readonly Attribute[]; readonly goesOn: boolean } {
  const parts: Attribute[] = [];
  let rest = content;
  for (;;) {
    const found = /^([A-Za-z][A-Za-z0-9-]*)\s*(\+=|:=|=)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,"'#]+)\s*/.exec(
      rest,
    );
    if (found === null) throw new Unreadable(line, `no attribute: ${rest}`);
    parts.push({ name: found[1]!, operator: found[2]!, value: unquoted(found[3]!, line) });
    rest = rest.slice(found[0].length);
    const goesOn = rest.startsWith(",");
    if (goesOn) rest = rest.slice(1).trimStart();
    if (rest === "" || rest.startsWith("#")) return { parts, goesOn };
    if (!goesOn) throw new Unreadable(line, `a comma is missing before ${rest}`);
  }
}

function unquoted(text: string, line: number): string {
  if (!/^["']/.test(text)) return text;
  const inside = text.slice(1, -1);
  if (inside.includes("%{")) throw new Unreadable(line, "what an expansion gives is not known here");
  return inside.replaceAll(/\\(000|.)/g, (_, what: string) => (what === "000" ? "\0" : what));
}

/** What an answer may hold besides, without a bearing on packets. */
const harmless = new Set([
  "Acct-Interim-Interval",
  "Acct-Session-Id",
  "Class",
  "Delegated-IPv6-Prefix",
  "Framed-IP-Address",
  "Framed-IPv6-Prefix",
  "Framed-MTU",
  "Framed-Protocol",
  "Idle-Timeout",
  "Message-Authenticator",
  "NAS-IP-Address",
  "NAS-IPv6-Address",
  "Reply-Message",
  "Service-Type",
  "Session-Timeout",
]);

function take(list: OpenList, { name, operator, value }: Attribute, line: number): void {
  if (harmless.has(name)) return;
  const isRule = name === "NAS-Filter-Rule";
  if (!isRule && name !== "Filter-Id") throw new Unreadable(line, `whether ${name} filters is not known here`);
  const known: (readonly [string, number])[] = isRule ? list.rules : list.filters;
  // Servers differ in what a plain "=" does with a second attribute of the name.
  if (operator === "=" && known.length > 0) throw new Unreadable(line, `write "+=" for a second ${name}`);
  if (operator === ":=") known.length = 0;
  const values = isRule ? value.split("\0").filter((each) => each !== "") : [value];
  known.push(...values.map((each) => [each, line] as const));
}
