// Reads what `strace -f -xx` wrote: system calls with the lines at which they began and ended.
//
// A line number is a moment. strace stops a thread before a call and after it, and writes down both stops in the order in
// which they came; so a call that ended on an earlier line than another one began had really ended before it.
// A call in one line began and ended there, with nothing of another thread in between.

interface Call {
  readonly name: string;
  /** As printed, without the outer parentheses; strings in hex. */
  readonly text: string;
  /** Undefined while it had not returned when the trace ended, or when it does not return. */
  readonly result: number | undefined;
  /** Line numbers. `ended` is Infinity for a call that never returned. */
  readonly began: number;
  readonly ended: number;
}

/**
 * In the order in which they took effect, as descriptors know it: what makes one at its end, for until then nobody can know the
 * number, and all else where it began, for the number is free before close() has returned. A call that began earlier
 * can so be given the number of one that was closed meanwhile by another thread. Throws at a line that it does not understand.
 */
export function parseTrace(trace: string): readonly Call[] {
  const calls: Call[] = [];
  const unfinished = new Map<string, { readonly name: string; readonly text: string; readonly began: number }>();
  for (const [index, line] of trace.split("\n").entries()) {
    if (line === "") continue;
    const [, thread, rest] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (thread === undefined || rest === undefined) throw new Error(`line ${index + 1} of the trace: ${line}`);
    if (rest.startsWith("+++") || rest.startsWith("---")) continue;
    const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(rest);
    const first = unfinished.get(thread);
    if (resumed !== null && first !== undefined && first.name === resumed[1]) {
      unfinished.delete(thread);
      calls.push({ name: first.name, began: first.began, ended: index, ...ending(first.text + (resumed[2] ?? "")) });
      continue;
    }
    const [, name, text] = /^(\w+)\((.*)$/.exec(rest) ?? [];
    if (name === undefined || text === undefined || first !== undefined) {
      throw new Error(`line ${index + 1} of the trace: ${line}`);
    }
    const cut = text.lastIndexOf(" <unfinished ...>");
    if (cut >= 0) unfinished.set(thread, { name, text: text.slice(0, cut), began: index });
    else calls.push({ name, began: index, ended: index, ...ending(text) });
  }
  for (const call of unfinished.values()) calls.push({ ...call, result: undefined, ended: Infinity });
  return calls.toSorted((one, other) => effectOf(one) - effectOf(other));
}

function effectOf({ name, began, ended }: Call): number {
  return name === "openat" || name === "accept4" ? ended : began;
}

function ending(text: string): Pick<Call, "text" | "result"> {
  const [, inner = text, result] = /^(.*?)\)? += (-?\d+|\?)(?: [^"]*)?$/.exec(text) ?? [];
  return { text: inner, result: result === undefined || result === "?" ? undefined : Number(result) };
}

export interface Piece {
  /** The first octets, as many as strace was told to print. */
  readonly octets: Buffer;
  readonly length: number;
}

/** What a call of the write family was given. */
export function piecesOf(call: Call): readonly Piece[] {
  if (/^p?writev2?$|^sendmsg$/.test(call.name)) {
    return [...call.text.matchAll(/\{iov_base="([^"]*)"(?:\.\.\.)?, iov_len=(\d+)\}/g)].map(
      ([, hex = "", length = "0"]) => ({ octets: unhex(hex), length: Number(length) }),
    );
  }
  const [, hex, length] = /^\d+, "([^"]*)"(?:\.\.\.)?, (\d+)/.exec(call.text) ?? [];
  if (hex === undefined) throw new Error(`not understood: ${call.name}(${call.text.slice(0, 200)}`);
  return [{ octets: unhex(hex), length: Number(length) }];
}

/** The last argument, for pwritev and pwrite64. */
export function offsetOf(call: Call): number {
  const [, offset] = /, (\d+)$/.exec(call.text) ?? [];
  if (offset === undefined) throw new Error(`no offset: ${call.name}(${call.text.slice(-200)}`);
  return Number(offset);
}

export function descriptorOf(call: Call): number {
  return Number(/^\d+/.exec(call.text)?.[0] ?? -1);
}

/** The quoted path of openat. */
export function pathOf(call: Call): string {
  return unhex(/^[^"]*"([^"]*)"/.exec(call.text)?.[1] ?? "").toString();
}

function unhex(text: string): Buffer {
  return Buffer.from(text.replaceAll("\\x", ""), "hex");
}
