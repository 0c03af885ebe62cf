// Reader of the golden dialogues in *.md: a heading names one, a block ```smtp ROLE``` holds it, a block ```json``` after it
// the accept records that it leaves, as far as they are told. All other text is for people.
//
//   C: TEXT   the client's line, sent with CRLF; UTF-8 as it is, escapes \r \n \t \0 \xHH \\; a last `\` stands for "no CRLF"
//   S: TEXT   a line of the server, whole
//
// ROLE is `mx`, `submission` (inside TLS, nothing said yet) or `account` (logged in as alice@sekimori.test; EHLO was said).

export type Role = "mx" | "submission" | "account";

export interface GoldenDialogue {
  readonly name: string;
  readonly role: Role;
  readonly turns: readonly Turn[];
  readonly records: readonly unknown[];
}

export interface Turn {
  readonly client: Buffer;
  /** With their line ends. */
  readonly server: string;
}

export function parseDialogues(source: string): readonly GoldenDialogue[] {
  const found: { name: string; role: Role; turns: readonly Turn[]; records: readonly unknown[] }[] = [];
  let name = "";
  let block: { readonly kind: string; readonly lines: string[] } | undefined;
  for (const line of source.split("\n")) {
    if (block === undefined) {
      const heading = /^#+ (.+)$/.exec(line);
      if (heading !== null) name = heading[1]!;
      const fence = /^```(.+)$/.exec(line);
      if (fence !== null) block = { kind: fence[1]!, lines: [] };
      continue;
    }
    if (line !== "```") {
      block.lines.push(line);
      continue;
    }
    if (block.kind === "json") found.at(-1)!.records = readRecords(block.lines);
    else found.push({ name, role: readRole(block.kind), turns: readTurns(block.lines), records: [] });
    block = undefined;
  }
  return found;
}

function readRecords(lines: readonly string[]): readonly unknown[] {
  const value: unknown = JSON.parse(lines.join("\n"));
  if (!Array.isArray(value)) throw new Error("records are an array");
  return value;
}

function readRole(kind: string): Role {
  const role = kind.replace(/^smtp /, "");
  if (role !== "mx" && role !== "submission" && role !== "account") throw new Error(`unknown block ${kind}`);
  return role;
}

/** A turn is what the client says until the server answers. */
function readTurns(lines: readonly string[]): readonly Turn[] {
  const turns: { client: Buffer; server: string }[] = [];
  let answered = true;
  for (const line of lines) {
    const text = line.slice(3);
    if (line.startsWith("S: ")) {
      if (turns.length === 0) turns.push({ client: Buffer.alloc(0), server: "" });
      turns.at(-1)!.server += `${text}\r\n`;
      answered = true;
    } else if (line.startsWith("C: ") || line === "C:") {
      if (answered) turns.push({ client: Buffer.alloc(0), server: "" });
      const turn = turns.at(-1)!;
      turn.client = Buffer.concat([turn.client, octets(text)]);
      answered = false;
    } else throw new Error(`neither C nor S: ${line}`);
  }
  return turns;
}

const escapes: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t", 0: "\0", "\\": "\\" };

function octets(text: string): Buffer {
  const unended = /(?:^|[^\\])(?:\\\\)*\\$/.test(text);
  const parts = (unended ? text.slice(0, -1) : `${text}\\r\\n`).split(/(\\x[0-9a-f]{2}|\\.)/i);
  return Buffer.concat(
    parts.map((part) => {
      if (part.startsWith("\\x")) return Buffer.from(part.slice(2), "hex");
      if (!part.startsWith("\\")) return Buffer.from(part);
      const character = escapes[part.slice(1)];
      if (character === undefined) throw new Error(`unknown escape ${part}`);
      return Buffer.from(character, "latin1");
    }),
  );
}
