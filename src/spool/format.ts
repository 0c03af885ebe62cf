// The octets of a segment file, format version 1. All integers are little-endian and unsigned.
//
// Segment header, once, at offset 0:
//
//   offset  length  what
//        0       8  "SKMSPOOL"
//        8       2  format version (1)
//       10       2  zero
//       12       4  segment number, as in the file name
//       16       8  marker: random, this segment's own
//       24       4  zero
//       28       4  CRC-32 of octets 0–27
//
// then frames, end to end:
//
//   offset  length  what
//        0       8  the segment's marker
//        8       4  CRC-32 of octets 12 up to the content (the lengths and the header)
//       12       1  kind: 1 accept, 2 settlement
//       13       3  zero
//       16       4  header length, h
//       20       4  content length, c
//       24       4  group: which commit of this segment, from 1
//       28       4  CRC-32 of the content
//       32       h  header: JSON, UTF-8
//     32+h       c  content (accept only)
//
// Why a random marker and not a fixed magic: after a power loss a file can end in blocks of a file deleted long ago,
// whole frames of an older segment among them; and where octets are bad, the reader looks for the next frame inside
// what may be message content, which a sender chooses. Neither can show a marker that only this segment knows.
// Two checksums, since a sound head tells which message was lost when its content is bad.
//
// The marker is in the file name too (segments.ts): a lost first sector then costs the first frames only.
//
// Reading an older or newer format: readSegmentHeader says the version; a new version gets its own reader.

import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import type { AcceptRecord, MessageId, Settlement } from "./message.ts";

export const segmentHeaderLength = 32;
export const frameHeadLength = 32;
export const markerLength = 8;

const formatVersion = 1;
const segmentMagic = Buffer.from("SKMSPOOL", "latin1");

/** Header of an accept frame. */
export interface AcceptHeader {
  readonly record: AcceptRecord;
  /** In a copy made by compaction: how often it was copied, and the recipients settled by then. */
  readonly copy?: { readonly generation: number; readonly settled: readonly number[] };
}

/** Header of a settlement frame. */
export interface SettlementHeader {
  readonly id: MessageId;
  /** Number of the segment with the accept record: while that exists, this frame is needed. */
  readonly home: number;
  readonly settlements: readonly Settlement[];
}

export type FrameKind = "accept" | "settlement";

export interface FrameHead {
  /** `undefined` for a kind this version does not know. */
  readonly kind: FrameKind | undefined;
  readonly headerLength: number;
  readonly contentLength: number;
  readonly group: number;
  readonly headChecksum: number;
  readonly contentChecksum: number;
}

export function newMarker(): Buffer {
  return randomBytes(markerLength);
}

export function encodeSegmentHeader(number: number, marker: Uint8Array): Buffer {
  const header = Buffer.alloc(segmentHeaderLength);
  segmentMagic.copy(header, 0);
  header.writeUInt16LE(formatVersion, 8);
  header.writeUInt32LE(number, 12);
  header.set(marker, 16);
  header.writeUInt32LE(crc32(header.subarray(0, 28)), 28);
  return header;
}

export type SegmentHeader =
  | { readonly state: "sound"; readonly number: number; readonly marker: Buffer }
  /** Sound, but written by another version of the format. */
  | { readonly state: "foreign"; readonly version: number }
  | { readonly state: "broken" };

export function readSegmentHeader(octets: Buffer): SegmentHeader {
  if (octets.length < segmentHeaderLength || segmentMagic.compare(octets, 0, 8) !== 0) return { state: "broken" };
  if (crc32(octets.subarray(0, 28)) !== octets.readUInt32LE(28)) return { state: "broken" };
  const version = octets.readUInt16LE(8);
  if (version !== formatVersion) return { state: "foreign", version };
  return { state: "sound", number: octets.readUInt32LE(12), marker: Buffer.from(octets.subarray(16, 24)) };
}

export interface FrameSource {
  readonly kind: FrameKind;
  /** JSON text. */
  readonly header: string;
  readonly content: readonly Uint8Array[];
  readonly contentLength: number;
}

/** Adds the frame to `buffers`, the content by reference. Returns the header's length in octets. */
export function encodeFrame(frame: FrameSource, marker: Uint8Array, group: number, buffers: Uint8Array[]): number {
  const { header, content, contentLength } = frame;
  // A UTF-16 unit is at most three octets of UTF-8.
  const room = Buffer.allocUnsafe(frameHeadLength + header.length * 3);
  const headerLength = room.write(header, frameHeadLength, "utf8");
  const head = room.subarray(0, frameHeadLength + headerLength);
  head.set(marker, 0);
  head.writeUInt32LE(frame.kind === "accept" ? 1 : 2, 12);
  head.writeUInt32LE(headerLength, 16);
  head.writeUInt32LE(contentLength, 20);
  head.writeUInt32LE(group, 24);
  let checksum = 0;
  for (const part of content) checksum = crc32(part, checksum);
  head.writeUInt32LE(checksum, 28);
  head.writeUInt32LE(crc32(head.subarray(12)), 8);
  buffers.push(head);
  for (const part of content) if (part.length > 0) buffers.push(part);
  return headerLength;
}

/** The fixed part of a frame; nothing in it is to be trusted before frameHeadHolds. `octets` holds at least 32. */
export function readFrameHead(octets: Buffer, marker: Buffer): FrameHead | undefined {
  if (marker.compare(octets, 0, markerLength) !== 0) return undefined;
  const kind = octets.readUInt32LE(12);
  return {
    kind: kind === 1 ? "accept" : kind === 2 ? "settlement" : undefined,
    headerLength: octets.readUInt32LE(16),
    contentLength: octets.readUInt32LE(20),
    group: octets.readUInt32LE(24),
    headChecksum: octets.readUInt32LE(8),
    contentChecksum: octets.readUInt32LE(28),
  };
}

/** `octets`: the fixed part and the header, exactly. */
export function frameHeadHolds(octets: Buffer, head: FrameHead): boolean {
  return crc32(octets.subarray(12)) === head.headChecksum;
}

/** The content of a whole frame; `undefined` unless every octet of the frame holds. */
export function contentOfFrame(octets: Buffer, marker: Buffer): Buffer | undefined {
  const head = octets.length < frameHeadLength ? undefined : readFrameHead(octets, marker);
  if (head === undefined || octets.length !== frameHeadLength + head.headerLength + head.contentLength)
    return undefined;
  const at = frameHeadLength + head.headerLength;
  if (!frameHeadHolds(octets.subarray(0, at), head)) return undefined;
  const content = octets.subarray(at);
  return crc32(content) === head.contentChecksum ? content : undefined;
}
