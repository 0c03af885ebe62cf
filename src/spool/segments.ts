// The segment files of one spool: which exist, what keeps each of them, and their removal.
//
// A segment holds accept records with their content, and settlements of messages that may live in other segments.
// It may go when nothing would come back by its absence:
//
//   1. no message in it is open,
//   2. every segment that its settlements name is gone (else a settled message would be open again),
//   3. every segment with an older copy of one of its messages is gone (else that copy would count again).
//
// And not before whoever counts by the accept records has taken them over (mayForget).
//
// 2 and 3 cannot form a ring: settlements and copies are written by one lane only (lanes.ts), into segments newer
// than all that the lane finished before, and the other lane's segments hold accept records only. "Gone" means that the
// directory was synced after the removal; without that, a power loss could bring back the older file alone.
//
// One file descriptor is open for each segment.

import { type SpoolFile, type SpoolFiles, systemErrorCode } from "./files.ts";
import { newMarker } from "./format.ts";
import type { MessageId } from "./message.ts";

export interface Segment {
  readonly number: number;
  readonly name: string;
  readonly marker: Buffer;
  readonly file: SpoolFile;
  /** Known to be good and synced up to here. */
  end: number;
  /** The file reaches to here; behind `end` it is zeros (lanes.ts). */
  reach: number;
  /** Last group begun. */
  group: number;
  /** A closed segment is never written again. */
  state: "active" | "closed" | "removed";
  /** Messages whose one valid record is here and that have open recipients, and the octets of their frames. */
  open: number;
  openOctets: number;
  /** By segment number: octets of the settlement frames here that name it. */
  readonly settles: Map<number, number>;
  /** Numbers of segments with older copies of messages here. */
  readonly supersedes: Set<number>;
  /** Id of the newest message that was accepted into it; "" when there is none. */
  newest: MessageId;
  /** Reads in flight. */
  readers: number;
  /** Something synced was found bad: the file is set aside, not deleted, when it is no longer needed. */
  damaged: boolean;
  /** Compaction met a message in it that cannot be read. */
  immovable: boolean;
}

const suffix = ".segment";
/** Given to a damaged segment when the spool is done with it, so that a person may look at it. */
const damagedSuffix = ".damaged";

// The marker (format.ts) is in the name too, so that a lost first sector does not take the whole segment with it.
function segmentName(number: number, marker: Buffer): string {
  return `${String(number).padStart(10, "0")}-${marker.toString("hex")}${suffix}`;
}

/** What a file name in the spool's directory stands for; undefined for a file that is not ours. */
export function readSegmentName(
  name: string,
): { readonly number: number; readonly marker: Buffer; readonly state: "used" | "set-aside" } | undefined {
  const match = /^(\d{10})-([0-9a-f]{16})\.(segment|damaged)$/.exec(name);
  if (match === null) return undefined;
  const [, number, marker = "", kind] = match;
  return {
    number: Number(number),
    marker: Buffer.from(marker, "hex"),
    state: kind === "segment" ? "used" : "set-aside",
  };
}

/** Gives back the zeros behind the last group. When it fails the next start does it. */
export async function cutZeros(segment: Segment): Promise<void> {
  if (segment.reach <= segment.end) return;
  segment.reach = segment.end;
  await segment.file.truncate(segment.end).catch(() => undefined);
}

export interface SegmentTable {
  all(): Iterable<Segment>;
  has(number: number): boolean;
  count(): number;
  octets(): number;
  /** Open messages in all of them. */
  open(): number;
  /** Takes in a segment found at recovery. */
  adopt(number: number, name: string, marker: Buffer, file: SpoolFile, end: number): Segment;
  /** This number was used before: no new segment gets it, for settlements may still name it. */
  reserve(number: number): void;
  /** A new, empty file. Its name is not synced yet. */
  create(): Promise<Segment>;
  /** Octets that a rewrite of the segment would have to carry over. */
  needed(segment: Segment): number;
  isRemovable(segment: Segment): boolean;
  /** Only mayForget says no, for now. */
  isHeldBack(segment: Segment): boolean;
  /** Is an older copy of a message in it still there? */
  isSuperseding(segment: Segment): boolean;
  /** Removes files and syncs the directory; a segment leaves the table only after that. */
  remove(segments: readonly Segment[]): Promise<void>;
  closeFiles(): Promise<void>;
}

/** `mayForget`: the accept records up to this id are needed by nobody outside the spool. */
export function createSegmentTable(
  files: SpoolFiles,
  mayForget: (newest: MessageId) => boolean = () => true,
): SegmentTable {
  const segments = new Map<number, Segment>();
  let highest = 0;

  const take = (number: number, name: string, marker: Buffer, file: SpoolFile, end: number): Segment => {
    highest = Math.max(highest, number);
    const segment: Segment = {
      number,
      name,
      marker,
      file,
      end,
      reach: end,
      group: 0,
      state: "closed",
      open: 0,
      openOctets: 0,
      settles: new Map(),
      supersedes: new Set(),
      newest: "",
      readers: 0,
      damaged: false,
      immovable: false,
    };
    segments.set(number, segment);
    return segment;
  };

  const needed = (segment: Segment): number => {
    let octets = segment.openOctets;
    for (const [number, length] of segment.settles) {
      if (segments.has(number)) octets += length;
      else segment.settles.delete(number);
    }
    return octets;
  };

  const isSuperseding = (segment: Segment): boolean => {
    for (const number of segment.supersedes) {
      if (segments.has(number)) return true;
      segment.supersedes.delete(number);
    }
    return false;
  };

  const isSpent = (segment: Segment): boolean =>
    segment.state === "closed" &&
    segment.open === 0 &&
    segment.readers === 0 &&
    needed(segment) === 0 &&
    !isSuperseding(segment);

  return {
    all: () => segments.values(),
    has: (number) => segments.has(number),
    count: () => segments.size,
    octets() {
      let octets = 0;
      for (const segment of segments.values()) octets += segment.end;
      return octets;
    },
    open() {
      let open = 0;
      for (const segment of segments.values()) open += segment.open;
      return open;
    },
    adopt: take,
    reserve(number) {
      highest = Math.max(highest, number);
    },
    async create() {
      const number = ++highest;
      const marker = newMarker();
      const name = segmentName(number, marker);
      const file = await files.create(name);
      const segment = take(number, name, marker, file, 0);
      segment.state = "active";
      return segment;
    },
    needed,
    isSuperseding,
    isRemovable: (segment) => isSpent(segment) && mayForget(segment.newest),
    isHeldBack: (segment) => isSpent(segment) && !mayForget(segment.newest),
    async remove(leaving) {
      for (const segment of leaving) {
        try {
          if (segment.damaged) await files.rename(segment.name, segment.name.replace(suffix, damagedSuffix));
          else await files.remove(segment.name);
        } catch (error) {
          // Already gone, by an earlier try whose directory sync failed.
          if (systemErrorCode(error) !== "ENOENT") throw error;
        }
      }
      await files.syncNames();
      for (const segment of leaving) {
        segment.state = "removed";
        segments.delete(segment.number);
      }
      await Promise.all(leaving.map((segment) => segment.file.close()));
    },
    async closeFiles() {
      const open = [...segments.values()];
      segments.clear();
      await Promise.all(
        open.map(async (segment) => {
          if (segment.state === "active") await cutZeros(segment);
          await segment.file.close();
        }),
      );
    },
  };
}
