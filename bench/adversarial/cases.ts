// What an adversary sends, and the ordinary mail its cost is compared with. All of it fits the protocol: what is refused is refused
// for its size or its content, after it was read.

export interface Case {
  readonly name: string;
  readonly title: string;
  readonly listener: "mx" | "submission";
  /** Name of the ordinary one. An ordinary one has none. */
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
const small = 4096;
const author = "bench@sekimori.test";
const header = `From: <${author}>\r\nTo: <${author}>\r\nSubject: load\r\nDate: Fri, 27 Nov 2026 12:00:00 +0000\r\n`;

function body(line: string): (size: number) => string {
  return (size) => `${header}\r\n${line.repeat(Math.ceil(size / line.length))}`;
}
/** The whole of it is header section. */
function fields(begin: string, unit: string, end: string): (size: number) => string {
  return (size) => `${header}${begin}${unit.repeat(Math.ceil(size / unit.length))}${end}\r\n\r\nend\r\n`;
}
const ordinary = body(`${"x".repeat(76)}\r\n`);

const message = { recipients: 1, size: large, messages: 3 } as const;

export const cases: readonly Case[] = [
  {
    name: "ordinary-4k",
    title: "ordinary message, 4 kB, to an exchanger",
    listener: "mx",
    base: undefined,
    ...message,
    size: small,
    messages: 1000,
    content: ordinary,
  },
  {
    name: "ordinary",
    title: "ordinary message, 4 MiB, to an exchanger",
    listener: "mx",
    base: undefined,
    ...message,
    content: ordinary,
  },
  {
    name: "submitted-4k",
    title: "ordinary message, 4 kB, submitted",
    listener: "submission",
    base: undefined,
    ...message,
    size: small,
    messages: 1000,
    content: ordinary,
  },
  {
    name: "submitted",
    title: "ordinary message, 4 MiB, submitted",
    listener: "submission",
    base: undefined,
    ...message,
    content: ordinary,
  },
  {
    name: "dots",
    title: "4 MiB of lines `..`",
    listener: "mx",
    base: "ordinary",
    ...message,
    content: body("..\r\n"),
  },
  {
    name: "empty-lines",
    title: "4 MiB of empty lines",
    listener: "mx",
    base: "ordinary",
    ...message,
    content: body("\r\n"),
  },
  {
    name: "recipients",
    title: "10,000 RCPTs, each another remote address, 4 kB",
    listener: "submission",
    base: "submitted-4k",
    recipients: 10_000,
    size: small,
    messages: 2,
    content: ordinary,
  },
  {
    name: "many-fields",
    title: "4 MiB of header fields `A: b`",
    listener: "mx",
    base: "ordinary",
    ...message,
    content: fields("", "A: b\r\n", "A: b"),
  },
  {
    name: "folded-field",
    title: "one header field folded over 4 MiB",
    listener: "mx",
    base: "ordinary",
    ...message,
    content: fields("A:", " b\r\n", " b"),
  },
  {
    name: "many-authors",
    title: "From with 4 MiB of addresses",
    listener: "submission",
    base: "submitted",
    ...message,
    content: fields("Resent-From: ", `${author},\r\n `, author),
  },
  {
    name: "many-authors-64k",
    title: "From with 60 kB of addresses, within the size of a header section",
    listener: "submission",
    base: "submitted-4k",
    recipients: 1,
    size: 60_000,
    messages: 50,
    content: fields("Resent-From: ", `${author},\r\n `, author),
  },
  {
    name: "nested-comments",
    title: "From with 60 kB of nested comments",
    listener: "submission",
    base: "submitted-4k",
    recipients: 1,
    size: 60_000,
    messages: 50,
    content: (size) => {
      const half = Math.ceil(size / 160);
      const nested = ["(", ")"].map((each) => `${each.repeat(78)}\r\n `.repeat(half)).join("");
      return `${header}Resent-From: ${nested} ${author}\r\n\r\nend\r\n`;
    },
  },
];

export function caseNamed(name: string): Case {
  const found = cases.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no case ${name}`);
  return found;
}
