// Walks the frames of one segment file from front to back and says where octets are bad. Never throws on what it
// reads: bad octets are a hole, and the walk goes on at the next place where the segment's marker and both
// checksums hold. An unreadable place (EIO) is read as zeros and so becomes a hole too.
//
// A hole is `torn` when it can be the remains of a commit that never finished, and `damaged` when something that was
// synced is gone. Groups tell: a group is begun only after the one before it is synced, so a hole before frames of a
// later group is damage; a hole at the end, or inside the last group, is what a crash leaves. Damage in the very
// last group cannot be told from a torn one; it is called torn.
//
// Frames behind a hole are kept, torn or damaged. Dropping them could lose mail that was answered with 250; keeping
// them can at worst deliver a message of an unfinished commit, whose client tries again: a duplicate (law 4).

import type { SpoolFile } from "./files.ts";
import { crc32 } from "node:zlib";
import {
  type AcceptHeader,
  frameHeadHolds,
  frameHeadLength,
  type FrameKind,
  markerLength,
  readFrameHead,
  type SettlementHeader,
} from "./format.ts";

interface FramePlace {
  readonly offset: number;
  /** Of the whole frame, octets. */
  readonly length: number;
  readonly group: number;
  readonly headerLength: number;
  readonly contentLength: number;
}

/** `undefined`: of a kind this version does not know. */
type FrameHeader =
  | { readonly kind: "accept"; readonly header: AcceptHeader }
  | { readonly kind: "settlement"; readonly header: SettlementHeader }
  | { readonly kind: undefined };

export type Frame = FramePlace & FrameHeader;

export interface Hole {
  readonly offset: number;
  readonly length: number;
  readonly cause: "torn" | "damaged";
}

export interface Scan {
  readonly holes: readonly Hole[];
  /** End of the last good frame. */
  readonly end: number;
  readonly octetsRead: number;
  /** Highest group seen. */
  readonly group: number;
}

const windowLength = 256 * 1024;
const unreadablePiece = 4096;

/** A stretch of the file in memory. */
class Window {
  readonly #file: SpoolFile;
  readonly #size: number;
  #buffer = Buffer.allocUnsafe(windowLength);
  #from = 0;
  #length = 0;
  octetsRead = 0;
  unreadable = 0;

  constructor(file: SpoolFile, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** The octets [offset, offset + length) if they are in memory. */
  peek(offset: number, length: number): Buffer | undefined {
    const at = offset - this.#from;
    return at >= 0 && at + length <= this.#length ? this.#buffer.subarray(at, at + length) : undefined;
  }

  /** Brings [offset, offset + length) into memory; undefined when the file ends before. */
  async load(offset: number, length: number): Promise<Buffer | undefined> {
    if (offset + length > this.#size) return undefined;
    const want = Math.min(Math.max(length, windowLength), this.#size - offset);
    if (this.#buffer.length < want) this.#buffer = Buffer.allocUnsafe(want);
    this.#from = offset;
    this.#length = want;
    const target = this.#buffer.subarray(0, want);
    try {
      await readFully(this.#file, target, offset);
    } catch {
      for (let at = 0; at < want; at += unreadablePiece) {
        const piece = target.subarray(at, at + unreadablePiece);
        try {
          await readFully(this.#file, piece, offset + at);
        } catch {
          piece.fill(0);
          this.unreadable += piece.length;
        }
      }
    }
    this.octetsRead += want;
    return this.peek(offset, length);
  }
}

/** Fills `into`; rejects when the file ends before. */
export async function readFully(file: SpoolFile, into: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const count = await file.read(done === 0 ? into : into.subarray(done), position + done);
    if (count === 0) throw new Error("the file ends early");
    done += count;
  }
}

/**
 * Walks [from, size). `visit` sees every good frame in order; the walk waits for the promise it may return.
 */
export async function scanFrames(
  file: SpoolFile,
  marker: Buffer,
  range: { readonly from: number; readonly size: number },
  visit: (frame: Frame) => Promise<void> | undefined,
): Promise<Scan> {
  const { from, size } = range;
  const window = new Window(file, size);
  const holes: { offset: number; length: number; groupBefore: number; groupAfter: number }[] = [];
  let at = from;
  let end = from;
  let group = 0;
  while (at < size) {
    const frame = await frameAt(window, marker, at, size);
    if (frame === undefined) {
      at = await nextMarker(window, marker, at + 1, size);
      continue;
    }
    if (at > end) holes.push({ offset: end, length: at - end, groupBefore: group, groupAfter: frame.group });
    group = Math.max(group, frame.group);
    at += frame.length;
    end = at;
    const pause = visit(frame);
    if (pause !== undefined) await pause;
  }
  const graded: Hole[] = holes.map(({ offset, length, groupBefore, groupAfter }) => {
    const unfinished = groupAfter === group && groupBefore >= group - 1;
    return { offset, length, cause: unfinished ? "torn" : "damaged" };
  });
  if (end < size) graded.push({ offset: end, length: size - end, cause: window.unreadable > 0 ? "damaged" : "torn" });
  return { holes: graded, end, octetsRead: window.octetsRead, group };
}

async function frameAt(window: Window, marker: Buffer, at: number, size: number): Promise<Frame | undefined> {
  const fixed = window.peek(at, frameHeadLength) ?? (await window.load(at, frameHeadLength));
  const head = fixed === undefined ? undefined : readFrameHead(fixed, marker);
  if (head === undefined) return undefined;
  const { kind, group, headerLength, contentLength } = head;
  const contentAt = at + frameHeadLength + headerLength;
  if (contentAt + contentLength > size) return undefined;
  const octets = window.peek(at, contentAt - at) ?? (await window.load(at, contentAt - at));
  if (octets === undefined || !frameHeadHolds(octets, head)) return undefined;
  const header = parseHeader(kind, octets.toString("utf8", frameHeadLength));
  if (header === undefined) return undefined;
  let checksum = 0;
  for (let done = 0; done < contentLength;) {
    const piece = Math.min(contentLength - done, windowLength);
    const part = window.peek(contentAt + done, piece) ?? (await window.load(contentAt + done, piece));
    if (part === undefined) return undefined;
    checksum = crc32(part, checksum);
    done += piece;
  }
  if (checksum !== head.contentChecksum) return undefined;
  const length = contentAt + contentLength - at;
  return { offset: at, length, group, headerLength, contentLength, ...header };
}

/** The writer was this program, for the checksum holds: the shape is not checked again. */
function parseHeader(kind: FrameKind | undefined, text: string): FrameHeader | undefined {
  if (kind === undefined) return { kind };
  try {
    return kind === "accept" ? { kind, header: JSON.parse(text) } : { kind, header: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** Where the marker stands next, at `at` or behind; `size` when nowhere. */
async function nextMarker(window: Window, marker: Buffer, at: number, size: number): Promise<number> {
  for (let from = at; from + markerLength <= size;) {
    const length = Math.min(windowLength, size - from);
    const octets = window.peek(from, length) ?? (await window.load(from, length));
    const found = octets?.indexOf(marker) ?? -1;
    if (found >= 0) return from + found;
    from += length - markerLength + 1;
  }
  return size;
}
