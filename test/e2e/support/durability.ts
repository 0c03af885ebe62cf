// Judges a trace of system calls: was every "250 2.0.0 queued as ID" written to a client after the message's bytes were durable?
//
// For each of them there must be, before the write of the reply began: writes that cover the whole frame of the
// message in a segment, all ended; after them an fdatasync of the same file that began after the last of those
// writes had ended, and that ended with 0; and, since a file that was made lately may lose its name, an fsync of its directory
// that began after it was made. The frame's length is read from its own head (src/spool/format.ts).

import { dirname } from "node:path";
import { readFrameHead, frameHeadLength } from "../../../src/spool/format.ts";
import { descriptorOf, offsetOf, parseTrace, pathOf, piecesOf } from "./strace.ts";

interface Span {
  readonly start: number;
  readonly end: number;
}

interface Write extends Span {
  readonly began: number;
  readonly ended: number;
}

interface OpenFile {
  readonly path: string;
  /** Line at which it came into being; undefined when it was there before. */
  readonly made: number | undefined;
  readonly writes: Write[];
  readonly syncs: { readonly began: number; readonly ended: number }[];
}

interface Frame extends Span {
  readonly file: OpenFile;
}

export interface Judgement {
  /** Ids in the replies, in order. */
  readonly replied: readonly string[];
  /** What is wrong, one sentence each. */
  readonly violations: readonly string[];
  readonly syncs: number;
}

export function judgeTrace(trace: string): Judgement {
  /** What a descriptor stands for now. */
  const descriptors = new Map<number, OpenFile | "client">();
  const made = new Map<string, number>();
  const files: OpenFile[] = [];
  const frames = new Map<string, Frame[]>();
  const replies: { readonly id: string; readonly began: number }[] = [];
  let syncs = 0;

  for (const call of parseTrace(trace)) {
    switch (call.name) {
      case "accept4":
        if (call.result !== undefined && call.result >= 0) descriptors.set(call.result, "client");
        break;
      case "openat": {
        if (call.result === undefined || call.result < 0) break;
        const path = pathOf(call);
        if (call.text.includes("O_CREAT") && call.text.includes("O_EXCL")) made.set(path, call.ended);
        const file: OpenFile = { path, made: made.get(path), writes: [], syncs: [] };
        files.push(file);
        descriptors.set(call.result, file);
        break;
      }
      case "close":
        descriptors.delete(descriptorOf(call));
        break;
      case "fdatasync":
      case "fsync": {
        const file = descriptors.get(descriptorOf(call));
        if (file === undefined || file === "client" || call.result !== 0) break;
        file.syncs.push({ began: call.began, ended: call.ended });
        if (isSegment(file)) syncs++;
        break;
      }
      case "write":
      case "writev":
      case "sendto":
      case "sendmsg":
      case "pwrite64":
      case "pwritev":
      case "pwritev2": {
        const target = descriptors.get(descriptorOf(call));
        if (target === undefined) break;
        if (target === "client") {
          for (const { octets } of piecesOf(call)) {
            for (const [, id = ""] of octets.toString("latin1").matchAll(/250 2\.0\.0 queued as (\S+)\r\n/g)) {
              replies.push({ id, began: call.began });
            }
          }
        } else if (isSegment(target)) noteWrite(target, call, frames);
        break;
      }
      default:
        break;
    }
  }

  const violations: string[] = [];
  for (const { id, began } of replies) {
    const reasons = (frames.get(id) ?? []).map((frame) => whyNotDurable(frame, began, files));
    if (reasons.length === 0) violations.push(`${id}: answered, and never written to a segment`);
    else if (!reasons.includes(undefined)) violations.push(`${id}: ${reasons.join("; ")}`);
  }
  return { replied: replies.map(({ id }) => id), violations, syncs };
}

function isSegment({ path }: OpenFile): boolean {
  return path.endsWith(".segment");
}

function noteWrite(file: OpenFile, call: Parameters<typeof piecesOf>[0], frames: Map<string, Frame[]>): void {
  const pieces = piecesOf(call);
  const start = offsetOf(call);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const written = call.result ?? 0;
  if (length < written) throw new Error(`strace left out a part of a write of ${written} octets`);
  file.writes.push({ start, end: start + Math.max(0, written), began: call.began, ended: call.ended });
  let at = start;
  for (const { octets, length: pieceLength } of pieces) {
    const frame = acceptFrame(octets);
    if (frame !== undefined) {
      const known = frames.get(frame.id) ?? [];
      // A write cut short is repeated from where it stopped: the same frame again, at another place, is another copy.
      known.push({ file, start: at, end: at + frame.length });
      frames.set(frame.id, known);
    }
    at += pieceLength;
  }
}

/** The id and the whole length, when the octets are the beginning of an accept frame. */
function acceptFrame(octets: Buffer): { readonly id: string; readonly length: number } | undefined {
  if (octets.length <= frameHeadLength) return undefined;
  const head = readFrameHead(octets, octets.subarray(0, 8));
  if (head?.kind !== "accept") return undefined;
  const id = /^\{"record":\{"id":"([^"]+)"/.exec(octets.toString("utf8", frameHeadLength))?.[1];
  if (id === undefined) return undefined;
  return { id, length: frameHeadLength + head.headerLength + head.contentLength };
}

function whyNotDurable({ file, start, end }: Frame, replied: number, files: readonly OpenFile[]): string | undefined {
  const touching = file.writes.filter((write) => write.start < end && write.end > start && write.began < replied);
  let covered = start;
  for (const write of touching.toSorted((one, other) => one.start - other.start)) {
    if (write.start <= covered) covered = Math.max(covered, write.end);
  }
  if (covered < end) return `only ${covered - start} of its ${end - start} octets were written before the reply`;
  const lastWrite = Math.max(...touching.map(({ ended }) => ended));
  const synced = file.syncs.some((sync) => sync.began > lastWrite && sync.ended < replied);
  if (!synced) return "no sync of its file began after its last write and ended before the reply";
  const { made } = file;
  if (made === undefined) return undefined;
  const folders = files.filter(({ path }) => path === dirname(file.path));
  const named = folders.some(({ syncs }) => syncs.some((sync) => sync.began > made && sync.ended < replied));
  return named ? undefined : "the name of its file was not synced before the reply";
}
