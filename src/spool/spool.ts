// The spool of one mail thread: accepted messages on disk until every recipient is settled.
//
// Promises: append resolves when record and content are synced (group commit, lanes.ts); what append resolved is there
// after any crash, until it is settled (recover.ts); read returns the content octet for octet or rejects; the space of
// settled messages comes back (compact.ts). The format is in format.ts.
//
// Does not: lock the directory (one process, one spool per directory: the caller's matter; a second open
// would cut off what the first is just writing), limit its size (status()
// says the octets, the caller refuses mail in time), schedule anything, or look into content. The content buffers
// belong to the spool until append resolves: nobody may write to them. A settlement may be handed in as soon as the
// append of its message has resolved, not before. A settlement that was refused (disk full) is not tried again here:
// until it is, its message counts as open, keeps its space, and would be delivered again after a restart.

import { createHousekeeping } from "./compact.ts";
import { spoolFilesIn, type SpoolFiles } from "./files.ts";
import { contentOfFrame, frameHeadHolds, frameHeadLength, readFrameHead } from "./format.ts";
import type { AcceptHeader } from "./format.ts";
import { createLanes } from "./lanes.ts";
import type { AcceptRecord, MessageId, OpenMessageFound, Recovered, Spool, SpooledMessage } from "./message.ts";
import { OpenMessage, type OpenMessages, PendingMessage, SettleOperation } from "./open-messages.ts";
import { type FoundMessage, recoverSegments, type RecoveryReport } from "./recover.ts";
import { readFully } from "./scan.ts";
import { createSegmentTable, type Segment } from "./segments.ts";

export interface SpoolOptions {
  /** A segment is closed when it would grow beyond this, octets. Default 64 MiB. */
  readonly segmentSize?: number;
  /**
   * Commits that may be in flight at once, each into its own segment. Default 2: where a sync takes 2 ms more, a third
   * more messages than 1 (bench/RESULTS-storage.md).
   */
  readonly lanes?: 1 | 2;
  /** The second lane is used while a sync takes at least this long, ms. Default 1. */
  readonly overlapFrom?: number;
  /** How long a settlement waits for a message to travel with before it is synced alone, ms. Default 10. */
  readonly settleDelay?: number;
  /** The disk. Default: the real one. */
  readonly files?: SpoolFiles;
  /** At recovery: every accept record that stands, whether its message is settled or not, with the octets of its content. */
  readonly onRecord?: (record: AcceptRecord, size: number) => void;
  /** May a segment go whose newest accept record is this? Asked before a removal; the default is yes. */
  readonly mayForget?: (newest: MessageId) => boolean;
  /** A commit, a removal or a compaction failed. The callers of append and settle hear of theirs besides. */
  readonly onFailure?: (error: Error) => void;
}

export interface OpenedSpool {
  readonly spool: Spool;
  readonly recovered: Recovered;
  readonly report: RecoveryReport;
}

export async function openSpool(directory: string, options: SpoolOptions = {}): Promise<OpenedSpool> {
  const { segmentSize = 64 * 1024 * 1024, lanes: laneCount = 2, files = spoolFilesIn(directory) } = options;
  const onFailure = options.onFailure ?? (() => undefined);
  const table = createSegmentTable(files, options.mayForget);
  const index: OpenMessages = new Map();
  let appended = 0;
  let reads = 0;
  let onLastRead: (() => void) | undefined;
  let closing: Promise<void> | undefined;

  let recovery: Awaited<ReturnType<typeof recoverSegments>>;
  try {
    recovery = await recoverSegments(files, table, options.onRecord);
  } catch (error) {
    await table.closeFiles();
    throw error;
  }
  const open: OpenMessageFound[] = [];
  for (const found of recovery.found) open.push(enter(found, index));
  open.sort((a, b) => (a.id < b.id ? -1 : 1));

  const lanes = createLanes({
    files,
    table,
    lanes: laneCount,
    segmentSize,
    overlapFrom: options.overlapFrom ?? 1,
    settleDelay: options.settleDelay ?? 10,
    onClosed: () => housekeeping.wake(),
    onFailure,
  });
  const housekeeping = createHousekeeping({
    table,
    index,
    submitInOrder: (operation) => lanes.submitInOrder(operation),
    onFailure,
  });
  housekeeping.wake();

  const onLess = (segment: Segment): void => housekeeping.noteLess(segment);

  /** The first octets of a message's frame. It may move or end meanwhile; the segment stays while it is read. */
  async function reading<T>(
    { segment, offset }: OpenMessage,
    length: number,
    use: (octets: Buffer, segment: Segment) => T,
  ): Promise<T> {
    segment.readers++;
    reads++;
    try {
      const octets = Buffer.allocUnsafeSlow(length);
      await readFully(segment.file, octets, offset);
      return use(octets, segment);
    } finally {
      segment.readers--;
      if (segment.readers === 0) onLess(segment);
      if (--reads === 0) onLastRead?.();
    }
  }

  async function recordOf(id: MessageId): Promise<SpooledMessage> {
    const message = index.get(id);
    if (!(message instanceof OpenMessage) || closing !== undefined)
      throw new Error(`message ${id} is not in the spool`);
    return reading(message, frameHeadLength + message.headerLength, (octets, segment) => {
      const head = readFrameHead(octets, segment.marker);
      if (head === undefined || !frameHeadHolds(octets, head))
        throw new Error(`message ${id}: checksum does not hold in ${segment.name}`);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an accept frame whose checksum holds
      const header = JSON.parse(octets.toString("utf8", frameHeadLength)) as AcceptHeader;
      return { ...header.record, size: message.contentLength };
    });
  }

  const spool: Spool = {
    append(record, content) {
      return new Promise((resolve, reject) => {
        if (closing !== undefined) throw new Error("the spool is closed");
        if (index.has(record.id)) throw new Error(`message ${record.id} is in the spool already`);
        if (record.recipients.length === 0) throw new Error(`message ${record.id} has no recipients`);
        const message = new PendingMessage(record, content, index, {
          resolve(accepted) {
            appended++;
            resolve(accepted);
          },
          reject,
        });
        index.set(record.id, message);
        lanes.submit(message);
      });
    },

    settle(id, settlements) {
      const settled = new Promise<void>((resolve, reject) => {
        if (closing !== undefined) throw new Error("the spool is closed");
        const message = index.get(id);
        // All settled before: nothing to add.
        if (message === undefined) return resolve();
        if (message instanceof PendingMessage) throw new Error(`message ${id} is settled before it is in the spool`);
        for (const { recipient } of settlements) {
          const isIndex = Number.isInteger(recipient) && recipient >= 0 && recipient < message.recipients;
          if (!isIndex) throw new Error(`message ${id} has no recipient ${recipient}`);
        }
        lanes.submitInOrder(new SettleOperation(id, settlements, index, { resolve, reject, onLess }));
      });
      // Callers need not wait, so a refusal nobody listens to must not end the process; onFailure hears of it.
      settled.catch(() => undefined);
      return settled;
    },

    hurry: () => lanes.hurry(),

    async read(id) {
      const message = index.get(id);
      if (message === undefined || closing !== undefined) throw new Error(`message ${id} is not in the spool`);
      if (message instanceof PendingMessage) return Buffer.concat(message.content);
      return reading(message, message.frameLength, (octets, segment) => {
        const content = contentOfFrame(octets, segment.marker);
        if (content === undefined) throw new Error(`message ${id}: checksum does not hold in ${segment.name}`);
        return content;
      });
    },

    status: () => ({
      segments: table.count(),
      octets: table.octets(),
      openMessages: table.open(),
      commits: lanes.commits(),
      appended,
    }),

    close() {
      closing ??= (async () => {
        await housekeeping.stop();
        await lanes.finish();
        if (reads > 0) await new Promise<void>((resolve) => (onLastRead = resolve));
        await table.closeFiles();
      })();
      return closing;
    },
  };
  return { spool, recovered: { open, record: recordOf }, report: recovery.report };
}

/** Most messages have one recipient: a million of them share this. */
const onlyOne: readonly number[] = [0];

function enter(found: FoundMessage, index: OpenMessages): OpenMessageFound {
  const { id, recipients, contentLength, generation, settled } = found;
  const message = new OpenMessage(found, contentLength, recipients, generation, settled);
  message.enter();
  index.set(id, message);
  if (recipients === 1) return { id, open: onlyOne };
  const open: number[] = [];
  for (let recipient = 0; recipient < recipients; recipient++)
    if (settled?.has(recipient) !== true) open.push(recipient);
  return { id, open };
}
