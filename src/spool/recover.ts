// Reads what a spool directory holds after a start: every octet of every segment, in order of their numbers.
//
// Promises: every message whose accept record holds and that has unsettled recipients is found; none is invented,
// for a frame counts only with its segment's marker and both checksums; no old segment is appended to; what is found
// is synced before it is returned, so that nobody acts on what only the page cache knows. A torn tail is cut off the
// file. Bad octets never throw. A segment of another format version does: its mail must not be passed over in silence.
//
// A message may stand in several segments (compaction copies before it deletes, segments.ts): the latest copy is the
// one that counts, the settlements of all are added up. A settlement of an unknown message is ignored: its segment is
// needed by nobody and goes.

import type { SpoolFile, SpoolFiles } from "./files.ts";
import { frameHeadLength, readSegmentHeader, segmentHeaderLength } from "./format.ts";
import type { Place } from "./lanes.ts";
import type { AcceptRecord, MessageId } from "./message.ts";
import { type Frame, type Hole, readFully, scanFrames } from "./scan.ts";
import { readSegmentName, type Segment, type SegmentTable } from "./segments.ts";

export interface RecoveryReport {
  readonly segments: number;
  readonly octetsRead: number;
  /** Octets of commits that never finished. Their messages were not answered with 250. */
  readonly tornOctets: number;
  /**
   * Synced octets that no longer hold. Accepted mail may be lost, or delivered again when it was a settlement: a
   * person has to know. The file is kept, renamed to `.damaged`, when the rest of it is no longer needed.
   */
  readonly damaged: readonly { readonly file: string; readonly offset: number; readonly length: number }[];
}

/** An open message, and where it stands. Its record stays on disk: a million of them would not fit. */
export interface FoundMessage extends Place {
  readonly id: MessageId;
  readonly recipients: number;
  readonly contentLength: number;
  readonly generation: number;
  /** undefined: none. */
  readonly settled: Set<number> | undefined;
}

/** Two objects a message, for a start may find a million. */
interface Trace {
  latest: Omit<FoundMessage, "settled"> | undefined;
  settled: Set<number> | undefined;
}

export async function recoverSegments(
  files: SpoolFiles,
  table: SegmentTable,
  onRecord: (record: AcceptRecord, size: number) => void = () => undefined,
): Promise<{ readonly found: Iterable<FoundMessage>; readonly report: RecoveryReport }> {
  const traces = new Map<MessageId, Trace>();
  const damaged: { file: string; offset: number; length: number }[] = [];
  let segments = 0;
  let octetsRead = 0;
  let tornOctets = 0;

  const traceOf = (id: MessageId): Trace => {
    let trace = traces.get(id);
    if (trace === undefined) traces.set(id, (trace = { latest: undefined, settled: undefined }));
    return trace;
  };

  const noteAccept = (segment: Segment, frame: Extract<Frame, { kind: "accept" }>): void => {
    const { record, copy } = frame.header;
    if (copy === undefined) onRecord(record, frame.contentLength);
    if (record.id > segment.newest) segment.newest = record.id;
    const trace = traceOf(record.id);
    settle(trace, copy?.settled ?? []);
    const { offset, length, headerLength, contentLength } = frame;
    const generation = copy?.generation ?? 0;
    const { id, recipients } = record;
    const place = {
      segment,
      offset,
      length,
      headerLength,
      contentLength,
      id,
      recipients: recipients.length,
      generation,
    };
    const other = trace.latest;
    if (other === undefined || generation >= other.generation) trace.latest = place;
    if (other !== undefined && other.segment !== segment) {
      const [winner, loser] = trace.latest === place ? [segment, other.segment] : [other.segment, segment];
      winner.supersedes.add(loser.number);
    }
  };

  const noteSettlement = (segment: Segment, frame: Extract<Frame, { kind: "settlement" }>): void => {
    const { id, home, settlements } = frame.header;
    const trace = traceOf(id);
    settle(
      trace,
      settlements.map(({ recipient }) => recipient),
    );
    table.reserve(home);
    if (home !== segment.number) segment.settles.set(home, (segment.settles.get(home) ?? 0) + frame.length);
  };

  const note = (segment: Segment, frame: Frame): void => {
    switch (frame.kind) {
      case "accept":
        noteAccept(segment, frame);
        break;
      case "settlement":
        noteSettlement(segment, frame);
        break;
      case undefined:
        // Sound, but not of this version: the file is kept for the version that wrote it.
        damaged.push({ file: segment.name, offset: frame.offset, length: frame.length });
        segment.damaged = true;
        break;
    }
  };

  const readSegment = async (number: number, nameMarker: Buffer, name: string): Promise<void> => {
    const file = await files.open(name);
    const size = await file.size();
    const header = readSegmentHeader(await readLeniently(file, 0, Math.min(size, segmentHeaderLength)));
    if (header.state === "foreign") {
      await file.close();
      throw new Error(`${name}: format version ${header.version} is not known to this version of the program`);
    }
    const marker = header.state === "sound" ? header.marker : nameMarker;
    const segment = table.adopt(number, name, marker, file, size);
    segments++;
    const from = Math.min(segmentHeaderLength, size);
    const scan = await scanFrames(file, marker, { from, size }, (frame) => {
      note(segment, frame);
      return undefined;
    });
    octetsRead += scan.octetsRead;
    for (const hole of header.state === "sound" ? scan.holes : await gradeHeadless(file, size, scan)) {
      if (hole.cause === "torn") {
        tornOctets += hole.offset + hole.length < size ? hole.length : await withoutZeros(file, hole);
      } else {
        damaged.push({ file: name, offset: hole.offset, length: hole.length });
        segment.damaged = true;
      }
    }
    if (!segment.damaged && scan.end < size) {
      // Nothing but the header left, or not even that: back to nothing.
      segment.end = scan.end > segmentHeaderLength ? scan.end : 0;
      await file.truncate(segment.end);
    }
    await file.sync();
  };

  const names = (await files.list()).toSorted();
  for (const name of names) {
    const known = readSegmentName(name);
    if (known?.state === "used") await readSegment(known.number, known.marker, name);
    else if (known !== undefined) table.reserve(known.number);
  }
  await files.syncNames();

  // One at a time: what becomes of a trace takes its place.
  function* found(): Generator<FoundMessage> {
    for (const [id, { latest, settled }] of traces) {
      traces.delete(id);
      if (latest !== undefined && hasOpen(latest.recipients, settled)) yield { ...latest, settled };
    }
  }
  return { found: found(), report: { segments, octetsRead, tornOctets, damaged } };
}

function settle(trace: Trace, recipients: readonly number[]): void {
  if (recipients.length === 0) return;
  trace.settled ??= new Set();
  for (const recipient of recipients) trace.settled.add(recipient);
}

function hasOpen(recipients: number, settled: ReadonlySet<number> | undefined): boolean {
  if (settled === undefined) return recipients > 0;
  for (let recipient = 0; recipient < recipients; recipient++) if (!settled.has(recipient)) return true;
  return false;
}

/** What cannot be read is zeros. */
async function readLeniently(file: SpoolFile, position: number, length: number): Promise<Buffer> {
  const octets = Buffer.alloc(length);
  try {
    await readFully(file, octets, position);
  } catch {
    octets.fill(0);
  }
  return octets;
}

/**
 * The holes of a file whose header is broken. A header is synced before the first group; so when there is no frame
 * either, the file is torn if nothing was ever written in it: it is too short for a frame, or all zeros. Anything
 * else may have been mail.
 */
async function gradeHeadless(
  file: SpoolFile,
  size: number,
  scan: { readonly holes: readonly Hole[]; readonly end: number },
): Promise<readonly Hole[]> {
  if (scan.end > segmentHeaderLength)
    return [{ offset: 0, length: segmentHeaderLength, cause: "damaged" }, ...scan.holes];
  const isTorn = size <= segmentHeaderLength + frameHeadLength || (await isAllZeros(file, size));
  return [{ offset: 0, length: size, cause: isTorn ? "torn" : "damaged" }];
}

/** Octets of a hole at the end of the file up to the zeros that it grew ahead by (lanes.ts). */
async function withoutZeros(file: SpoolFile, { offset, length }: Hole): Promise<number> {
  const pieceLength = 64 * 1024;
  for (let rest = length; rest > 0;) {
    const octets = Buffer.alloc(Math.min(pieceLength, rest));
    await readFully(file, octets, offset + rest - octets.length);
    const last = octets.findLastIndex((octet) => octet !== 0);
    rest -= octets.length;
    if (last >= 0) return rest + last + 1;
  }
  return 0;
}

async function isAllZeros(file: SpoolFile, size: number): Promise<boolean> {
  const pieceLength = 64 * 1024;
  const zeros = Buffer.alloc(pieceLength);
  for (let at = 0; at < size; at += pieceLength) {
    const length = Math.min(pieceLength, size - at);
    const octets = Buffer.alloc(length);
    try {
      await readFully(file, octets, at);
    } catch {
      return false;
    }
    if (!octets.equals(zeros.subarray(0, length))) return false;
  }
  return true;
}
