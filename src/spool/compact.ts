// Housekeeping: removes segments nobody needs, and rewrites those that hold little.
//
// A segment in which one message waits for five days would keep its 64 MiB, and through its settlements those after it.
// So a closed segment that needs less than a quarter of its octets is rewritten: its open messages, with what is
// settled of them, and the settlements that other segments still need go into the current segment of the first lane;
// when these are synced, the old file can go. In small steps between which mail goes first; one at a time, oldest
// first. At a quarter, rewriting costs at most a third of what it frees.
//
// A failure ends the round; the next change in a closed segment starts another. A segment that only mayForget holds back
// is looked at again after a while: nobody tells when its answer changes, and without mail nothing else would.

import { frameHeadLength, segmentHeaderLength } from "./format.ts";
import type { Operation } from "./lanes.ts";
import { CopyOperation, KeepOperation, OpenMessage, type OpenMessages } from "./open-messages.ts";
import { type Frame, readFully, scanFrames } from "./scan.ts";
import type { Segment, SegmentTable } from "./segments.ts";

/** Needed share of a segment below which it is rewritten. */
const sparse = 0.25;
/** Octets copied before the step is synced and the next one begins. A single larger message is a step of its own. */
const stepOctets = 256 * 1024;
/** Until mayForget is asked again, ms. Short, so that a server that keeps crashing soon after its start frees space all the same. */
const askAgain = 100;

export interface Housekeeping {
  /** Looks for something to do. */
  wake(): void;
  /** A segment is needed less than before. */
  noteLess(segment: Segment): void;
  /** Resolves when what runs has ended; nothing runs after. */
  stop(): Promise<void>;
}

export function createHousekeeping(options: {
  readonly table: SegmentTable;
  readonly index: OpenMessages;
  readonly submitInOrder: (operation: Operation) => void;
  readonly onFailure: (error: Error) => void;
}): Housekeeping {
  const { table, index, submitInOrder, onFailure } = options;
  let round: Promise<void> | undefined;
  let again = false;
  let stopping = false;
  let timer: NodeJS.Timeout | undefined;

  const isSparse = (segment: Segment): boolean => {
    if (segment.state !== "closed" || segment.immovable || table.isSuperseding(segment)) return false;
    const needed = table.needed(segment);
    return needed > 0 && needed < segment.end * sparse;
  };

  const compact = async (source: Segment): Promise<void> => {
    let step: Promise<void>[] = [];
    let octets = 0;
    const submit = (
      length: number,
      make: (answer: { resolve: () => void; reject: (e: Error) => void }) => Operation,
    ) => {
      const part = new Promise<void>((resolve, reject) => submitInOrder(make({ resolve, reject })));
      // It may fail while the next frame is being read; finishStep hears of it.
      part.catch(() => undefined);
      step.push(part);
      octets += length;
    };
    const finishStep = async (): Promise<void> => {
      const parts = step;
      step = [];
      octets = 0;
      await Promise.all(parts);
    };
    const carry = async (frame: Frame): Promise<void> => {
      if (frame.kind === "accept") {
        const { record } = frame.header;
        const message = index.get(record.id);
        const isHere = message instanceof OpenMessage && message.segment === source && message.offset === frame.offset;
        if (!isHere) return;
        const content = Buffer.allocUnsafe(frame.contentLength);
        await readFully(source.file, content, frame.offset + frameHeadLength + frame.headerLength);
        if (message.segment !== source) return;
        submit(frame.length, (answer) => new CopyOperation(message, record, content, index, answer));
      } else if (frame.kind === "settlement") {
        const { header } = frame;
        if (header.home === source.number || !table.has(header.home)) return;
        submit(frame.length, (answer) => new KeepOperation(header, answer));
      }
      if (octets >= stepOctets) await finishStep();
    };
    await scanFrames(source.file, source.marker, { from: segmentHeaderLength, size: source.end }, (frame) => {
      const isNothing = stopping || frame.kind === undefined;
      return isNothing ? undefined : carry(frame);
    });
    await finishStep();
    if (stopping) return;
    source.settles.clear();
    // What is still counted here was not found on the way: its octets no longer hold.
    if (source.open > 0) source.immovable = true;
  };

  const work = async (): Promise<void> => {
    for (;;) {
      if (stopping) return;
      again = false;
      const leaving = [...table.all()].filter((segment) => table.isRemovable(segment));
      if (leaving.length > 0) {
        await table.remove(leaving);
        continue;
      }
      const next = [...table.all()].find(isSparse);
      if (next !== undefined) await compact(next);
      else if (!again) break;
    }
    if (stopping || ![...table.all()].some((segment) => table.isHeldBack(segment))) return;
    clearTimeout(timer);
    timer = setTimeout(wake, askAgain).unref();
  };

  const start = (): void => {
    round ??= work()
      .catch((error: unknown) => onFailure(error instanceof Error ? error : new Error(String(error))))
      .then(() => {
        round = undefined;
      });
  };

  const wake = (): void => {
    again = true;
    if (!stopping) start();
  };

  return {
    wake,
    noteLess(segment) {
      if (segment.state === "closed" && segment.openOctets < segment.end * sparse) wake();
    },
    async stop() {
      stopping = true;
      clearTimeout(timer);
      await round;
    },
  };
}
