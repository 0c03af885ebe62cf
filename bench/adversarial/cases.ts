// What an adversary sends, and the ordinary mail its cost is compared with. All of it fits the protocol: what is refused is refused
// for its size or its content, after it was read.

export interface Case {
  readonly name: string;
  readonly title: string;
  readonly listener: "mx" | "submission";
  /** The ordinary one: a large body beside a large message, all else beside the usual 4 kB. An ordinary one has none. */
  readonly base: string | undefined;
  readonly recipients: number;
  /** Octets on the wire, about, without the final dot. */
  readonly size: number;
  /** In a run. */
  readonly messages: number;
  /** The content as it goes over the wire; ends with CRLF. */
  readonly content: (size: number) => string;
}

const large = 4 * 1024 * 1024;
/** Within what a header section may have. */
const long = 250_000;
const small = 4096;
const author = "bench@sekimori.test";
const header = `From: <${author}>\r\nTo: <${author}>\r\nSubject: load\r\nDate: Fri, 27 Nov 2026 12:00:00 +0000\r\n`;

function body(line: string): Case["content"] {
  return (size) => `${header}\r\n${line.repeat(Math.ceil(size / line.length))}`;
}

/** The whole of it is header section. */
function fields(begin: string, unit: string, end: string): Case["content"] {
  return (size) => `${header}${begin}${unit.repeat(Math.ceil(size / unit.length))}${end}\r\n\r\nend\r\n`;
}

function nestedComments(size: number): string {
  const half = Math.ceil(size / 160);
  const nested = ["(", ")"].map((each) => `${each.repeat(78)}\r\n `.repeat(half)).join("");
  return `${header}Resent-From: ${nested} ${author}\r\n\r\nend\r\n`;
}

type Shape = Omit<Case, "recipients" | "messages" | "base"> & Partial<Case>;

function make(shape: Shape): Case {
  const messages = shape.size === small ? 1000 : shape.size === long ? 20 : 3;
  return { recipients: 1, messages, base: undefined, ...shape };
}

const ordinary = body(`${"x".repeat(76)}\r\n`);
const mx = { listener: "mx" } as const;
const submission = { listener: "submission" } as const;

export const cases: readonly Case[] = [
  ...(["mx", "submission"] as const).flatMap((listener) =>
    ([small, long, large] as const).map((size) => {
      const name = `${listener}, ${size === small ? "4 kB" : size === long ? "250 kB" : "4 MiB"}`;
      return make({ name, title: `ordinary: ${name}`, listener, size, content: ordinary });
    }),
  ),
  ...(["..", ".x", ""] as const).map((line) =>
    make({
      ...mx,
      name: line === "" ? "empty lines" : `lines ${line}`,
      title: line === "" ? "4 MiB of empty lines" : `4 MiB of lines \`${line}\``,
      base: "mx, 4 MiB",
      size: large,
      content: body(`${line}\r\n`),
    }),
  ),
  make({
    ...submission,
    name: "recipients",
    title: "10,000 RCPTs, each another remote address, and 4 kB",
    base: "submission, 4 kB",
    recipients: 10_000,
    size: small,
    messages: 2,
    content: ordinary,
  }),
  ...([long, large] as const).flatMap((size) => {
    const much = size === long ? "250 kB" : "4 MiB";
    return [
      make({
        ...mx,
        name: `fields, ${much}`,
        title: `${much} of header fields \`A: b\``,
        base: "mx, 4 kB",
        size,
        content: fields("", "A: b\r\n", "A: b"),
      }),
      make({
        ...mx,
        name: `folded, ${much}`,
        title: `one header field folded over ${much}`,
        base: "mx, 4 kB",
        size,
        content: fields("A:", " b\r\n", " b"),
      }),
      make({
        ...submission,
        name: `authors, ${much}`,
        title: `Resent-From with ${much} of addresses`,
        base: "submission, 4 kB",
        size,
        content: fields("Resent-From: ", `${author},\r\n `, author),
      }),
      make({
        ...submission,
        name: `comments, ${much}`,
        title: `Resent-From with ${much} of nested comments`,
        base: "submission, 4 kB",
        size,
        content: nestedComments,
      }),
    ];
  }),
];

export function caseNamed(name: string): Case {
  const found = cases.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no case ${name}`);
  return found;
}
