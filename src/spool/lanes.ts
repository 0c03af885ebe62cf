// Group commit. Everything handed in while a sync is in flight goes into the next one: one write, one fdatasync, for
// as many messages as came together. A group is formed a few turns of the event loop after its first operation: an
// idle loop turns in microseconds, and in a busy one what all the sockets have to say meanwhile joins.
//
// A lane is one segment being appended to, with at most one commit in flight. With two lanes a second commit starts
// while the first one waits for the disk, where that takes long; where a sync is quick, its CPU costs more than the wait,
// and what comes meanwhile goes into one group. Order: operations of the first lane become durable in the order they were
// handed in. An accept record takes whichever lane is free, so a message may become durable before one handed in
// earlier. Nothing depends on that order: whoever settles a message has awaited its append, and at recovery
// settlements count wherever they stand. Settlements and copies go through the first lane only (why: segments.ts).
//
// A lost settlement costs a duplicate at worst. So settlements and copies wait a little for a message to travel with,
// instead of taking a sync of their own that the next message would have to wait for; unless somebody says `hurry`.
//
// When a write or a sync fails, every operation of the group is refused, and the segment is never written again: after
// a failed fdatasync the kernel may call lost pages clean, so a later sync that succeeds proves nothing about them.
// The file is cut back to the last good group, so that refused records do not come back after a restart. This is a
// best effort on a disk that has just failed. The next group gets a new file.
//
// A file grows ahead of its groups, by zeros that are synced with one of them. A group then overwrites what is allocated
// already, and its sync has no new size and no new blocks to record: measured on ext4 without a journal, 48 µs of CPU and 154 µs
// of time instead of 88 and 236; a journal makes the difference larger. The zeros go when the segment is closed.
//
// A new segment's header is synced, and its name, before the first group is written. If both went in one sync, a power cut could
// leave octets of that group without the header, which nobody could tell from a damaged file full of mail.

import { type SpoolFile, type SpoolFiles, systemErrorCode } from "./files.ts";
import { encodeFrame, encodeSegmentHeader, frameHeadLength, type FrameSource, segmentHeaderLength } from "./format.ts";
import { cutZeros, type Segment, type SegmentTable } from "./segments.ts";

/** Where a frame came to stand. */
export interface Place {
  readonly segment: Segment;
  readonly offset: number;
  readonly headerLength: number;
  /** Of the whole frame, octets. */
  readonly length: number;
}

/** Something to be made durable. The lane calls `encode` when it forms the group, then `done` or `fail`, once. */
export interface Operation {
  /** About how much it will write. */
  readonly octets: number;
  /** `undefined`: there is nothing left to write; `done` is called all the same. */
  encode(): FrameSource | undefined;
  done(place: Place | undefined): void;
  fail(error: Error): void;
}

export interface Lanes {
  /** By any lane: accept records. */
  submit(operation: Operation): void;
  /** By the first lane, in order: settlements and copies. */
  submitInOrder(operation: Operation): void;
  /** What waits in order waits no longer. */
  hurry(): void;
  /** Commits all that waits, without delay; resolves when nothing is in flight. */
  finish(): Promise<void>;
  commits(): number;
}

interface Lane {
  segment: Segment | undefined;
  busy: boolean;
}

/** Linux takes this many buffers in one writev (IOV_MAX). */
const buffersPerWrite = 1024;
/** A group stops growing here: beyond, the time is in writing and no longer in the sync. */
const groupOctets = 16 * 1024 * 1024;
/** By how much a file grows ahead, octets; larger groups make their own room. */
const ahead = 256 * 1024;
const zeros = Buffer.alloc(ahead);
/**
 * Turns of the loop in which a group gathers. Messages in a group at 20 sessions with one message each: 1.6 with one turn, 2.7
 * with two, 3.3 with three.
 */
const gatherTurns = 3;

export function createLanes(options: {
  readonly files: SpoolFiles;
  readonly table: SegmentTable;
  readonly lanes: number;
  readonly segmentSize: number;
  /** The second lane is used while a sync takes at least this long, ms. */
  readonly overlapFrom: number;
  /** How long settlements and copies wait for a message to travel with, ms; 0 is not at all. */
  readonly settleDelay: number;
  /** A segment was closed. */
  readonly onClosed: () => void;
  readonly onFailure: (error: Error) => void;
}): Lanes {
  const { files, table, segmentSize, overlapFrom, settleDelay, onClosed, onFailure } = options;
  const lanes: Lane[] = Array.from({ length: options.lanes }, () => ({ segment: undefined, busy: false }));
  const first = lanes[0];
  const waiting = { any: [] as Operation[], inOrder: [] as Operation[] };
  let scheduled = false;
  let commits = 0;
  /** The quickest of late, ms: what a busy thread adds before it hears of the end is not the disk's. */
  let syncTime = 0;
  let idleWaiters: (() => void)[] = [];

  let timer: NodeJS.Timeout | undefined;
  let isDue = false;

  const hasWork = (lane: Lane): boolean =>
    lane === first ? waiting.any.length > 0 || isDue : waiting.any.length > 0 && syncTime >= overlapFrom;

  const takeGroup = (lane: Lane): Operation[] => {
    if (lane !== first) {
      const [group, rest] = cutGroup(waiting.any);
      waiting.any = rest;
      return group;
    }
    if (!hasWork(lane)) return [];
    const [ordered, orderedRest] = cutGroup(waiting.inOrder);
    const [free, freeRest] = cutGroup(waiting.any);
    waiting.inOrder = orderedRest;
    waiting.any = freeRest;
    if (orderedRest.length === 0) {
      isDue = false;
      clearTimeout(timer);
      timer = undefined;
    }
    return ordered.length === 0 ? free : ordered.concat(free);
  };

  const closeSegment = async (lane: Lane): Promise<void> => {
    const { segment } = lane;
    if (segment !== undefined) {
      await cutZeros(segment);
      segment.state = "closed";
    }
    lane.segment = undefined;
    onClosed();
  };

  /** Without the zeros, if there is no room for them, the next group only costs more. */
  const growAhead = async (segment: Segment, end: number): Promise<void> => {
    const room = Math.min(ahead, segmentSize - end);
    segment.reach = end;
    if (room <= 0 || end - segment.end > ahead / 2) return;
    await writeAll(segment.file, [zeros.subarray(0, room)], end).then(
      () => (segment.reach = end + room),
      () => undefined,
    );
  };

  const sync = async (segment: Segment): Promise<void> => {
    const begun = performance.now();
    await segment.file.sync();
    syncTime = Math.min(performance.now() - begun, 1.05 * syncTime + 0.02);
  };

  const abandon = async (lane: Lane): Promise<void> => {
    const { segment } = lane;
    if (segment === undefined) return;
    try {
      await segment.file.truncate(segment.end);
      await segment.file.sync();
    } catch {
      // The failure that led here is the one to report.
    }
    await closeSegment(lane);
  };

  const commit = async (lane: Lane, group: readonly Operation[]): Promise<void> => {
    const places: (Place | undefined)[] = [];
    let end = 0;
    try {
      let octets = 0;
      for (const operation of group) octets += operation.octets;
      if (lane.segment !== undefined && lane.segment.end + octets > segmentSize) await closeSegment(lane);
      const segment = (lane.segment ??= await table.create());
      if (segment.end === 0) {
        await writeAll(segment.file, [encodeSegmentHeader(segment.number, segment.marker)], 0);
        await segment.file.sync();
        await files.syncNames();
        segment.end = segmentHeaderLength;
        segment.reach = segmentHeaderLength;
      }
      const buffers: Uint8Array[] = [];
      segment.group++;
      end = segment.end;
      for (const operation of group) {
        const frame = operation.encode();
        if (frame === undefined) {
          places.push(undefined);
          continue;
        }
        const headerLength = encodeFrame(frame, segment.marker, segment.group, buffers);
        const length = frameHeadLength + headerLength + frame.contentLength;
        places.push({ segment, offset: end, headerLength, length });
        end += length;
      }
      if (buffers.length > 0) {
        await writeAll(segment.file, buffers, segment.end);
        if (end > segment.reach) await growAhead(segment, end);
        await sync(segment);
        commits++;
      }
      segment.end = end;
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error));
      await abandon(lane);
      onFailure(cause);
      for (const operation of group) operation.fail(cause);
      return;
    }
    for (let i = 0; i < group.length; i++) group[i]?.done(places[i]);
  };

  const run = async (lane: Lane): Promise<void> => {
    lane.busy = true;
    const group = takeGroup(lane);
    if (group.length > 0) await commit(lane, group);
    lane.busy = false;
    if (waiting.any.length > 0 || isDue) schedule();
    if (isIdle()) {
      for (const wake of idleWaiters) wake();
      idleWaiters = [];
    }
  };

  const isIdle = (): boolean =>
    waiting.any.length === 0 && waiting.inOrder.length === 0 && lanes.every((lane) => !lane.busy);

  const pump = (): void => {
    scheduled = false;
    for (const lane of lanes) {
      if (!lane.busy && hasWork(lane)) void run(lane);
    }
  };

  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    let turns = gatherTurns;
    const turn = (): void => {
      turns--;
      if (turns === 0) pump();
      else setImmediate(turn);
    };
    setImmediate(turn);
  };

  const makeDue = (): void => {
    isDue = true;
    schedule();
  };

  return {
    submit(operation) {
      waiting.any.push(operation);
      schedule();
    },
    submitInOrder(operation) {
      waiting.inOrder.push(operation);
      if (settleDelay === 0) makeDue();
      else timer ??= setTimeout(makeDue, settleDelay);
    },
    hurry() {
      if (waiting.inOrder.length > 0 && !isDue) makeDue();
    },
    finish() {
      if (isIdle()) return Promise.resolve();
      if (waiting.inOrder.length > 0) makeDue();
      return new Promise((resolve) => void idleWaiters.push(resolve));
    },
    commits: () => commits,
  };
}

/** As many operations as make a group, at least one if there is one; and those left over. */
function cutGroup(operations: Operation[]): [group: Operation[], rest: Operation[]] {
  let octets = 0;
  for (let i = 0; i < operations.length; i++) {
    octets += operations[i]?.octets ?? 0;
    if (octets > groupOctets && i > 0) return [operations.slice(0, i), operations.slice(i)];
  }
  return [operations, []];
}

/** Writes all of it, however little the system takes at a time. */
async function writeAll(file: SpoolFile, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let rest = buffers;
  let at = position;
  while (rest.length > 0) {
    const some = rest.length > buffersPerWrite ? rest.slice(0, buffersPerWrite) : rest;
    let written = await writeUninterrupted(file, some, at);
    if (written === 0) throw new Error("the file takes no more octets");
    at += written;
    let whole = 0;
    for (let part = rest[whole]; part !== undefined && written >= part.length; part = rest[++whole]) {
      written -= part.length;
    }
    rest = whole === rest.length ? [] : rest.slice(whole);
    const cut = rest[0];
    if (written > 0 && cut !== undefined) rest = [cut.subarray(written), ...rest.slice(1)];
  }
}

async function writeUninterrupted(file: SpoolFile, buffers: readonly Uint8Array[], position: number): Promise<number> {
  for (;;) {
    try {
      return await file.write(buffers, position);
    } catch (error) {
      if (systemErrorCode(error) !== "EINTR") throw error;
    }
  }
}
