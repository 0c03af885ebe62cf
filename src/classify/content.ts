// What may be seen of a message's content, where its account's plan has consented to that (`content-checks`), and never otherwise: whether
// its text was sent before, and whether it carries programs. Nothing of the content itself leaves here: a text becomes a keyed
// fingerprint, a file the ending of its name. Whoever wants to see more adds an examiner.

import { createHmac } from "node:crypto";

export interface ContentFeatures {
  /** Keyed fingerprint of the text, apart from digits, addresses and spacing; "" where there is no text. */
  readonly body: string;
  /** Endings of names of files that are run when they are opened, lower case, each once. */
  readonly programs: readonly string[];
}

/** Header section and body, as accepted. Pure; must not throw. */
export type Examiner = (content: readonly Uint8Array[]) => ContentFeatures;

/** So much of a message is looked at, octets. */
const MOST = 256 * 1024;

/** What systems run, or let run programs, without being asked twice. */
const runnable: ReadonlySet<string> = new Set(
  (
    "exe com scr pif bat cmd ps1 vbs vbe js jse wsf wsh hta jar msi msix lnk reg cpl dll iso img vhd " +
    "docm dotm xlsm xltm xlam pptm ppam one apk"
  ).split(" "),
);

/** `secret`: the same in all threads and at all times, so that a text is known again. */
export function createExaminer(secret: string): Examiner {
  const key = createHmac("sha256", secret).update("content").digest();
  return (content) => {
    const text = textOf(content);
    const end = /\r\n\r\n/.exec(text);
    const body = end === null ? "" : plainText(text.slice(end.index));
    return {
      body: body === "" ? "" : createHmac("sha256", key).update(body).digest("hex").slice(0, 16),
      programs: programsIn(text),
    };
  };
}

function textOf(content: readonly Uint8Array[]): string {
  const parts: string[] = [];
  let left = MOST;
  for (const part of content) {
    if (left <= 0) break;
    parts.push(Buffer.from(part.buffer, part.byteOffset, Math.min(part.length, left)).toString("latin1"));
    left -= part.length;
  }
  return parts.join("");
}

/** Senders of the same text to many change a number, an address, a link; boundaries of parts differ by themselves. */
function plainText(body: string): string {
  return body
    .toLowerCase()
    .replaceAll(/^--[^\r\n]*/gm, "")
    .split(/[\s<>]+/)
    .filter((word) => !word.includes("@") && !word.includes("://"))
    .join("")
    .replaceAll(/\d+/g, "");
}

/** As header fields of parts name them (RFC 2045 §5.1, RFC 2231 §4); the parts are not taken apart. */
function programsIn(text: string): readonly string[] {
  const found = new Set<string>();
  for (const [, quoted, bare] of text.matchAll(
    /\b(?:file)?name\*?(?:\d+\*?)?=(?:"([^"\r\n]{1,255})"|([^\s;"]{1,255}))/gi,
  )) {
    const ending = /\.([a-z0-9]{1,5})$/i.exec((quoted ?? bare ?? "").trim())?.[1]?.toLowerCase();
    if (ending !== undefined && runnable.has(ending)) found.add(ending);
  }
  return [...found].toSorted();
}
