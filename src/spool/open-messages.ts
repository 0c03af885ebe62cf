// The open messages of a spool: where each stands and which recipients are settled; and the four things that are
// written about them. Each operation makes its frame when its group is formed (lanes.ts), so what it says about the
// home and the settled recipients includes everything the first lane wrote before.
//
// Memory per open message: about 240 octets (measured: a 20-octet id, its map slot, one object of 7 fields); the record
// and the content are not kept. A partly settled one has a Set besides.

import { type AcceptHeader, frameHeadLength, type FrameSource, type SettlementHeader } from "./format.ts";
import type { Operation, Place } from "./lanes.ts";
import type { AcceptRecord, MessageId, Settlement, SpooledMessage } from "./message.ts";
import type { Segment } from "./segments.ts";

/** Handed in, not yet durable. */
export class PendingMessage implements Operation {
  readonly octets: number;
  readonly content: readonly Uint8Array[];
  readonly #record: AcceptRecord;
  readonly #header: string;
  readonly #size: number;
  readonly #index: OpenMessages;
  readonly #resolve: (message: SpooledMessage) => void;
  readonly #reject: (error: Error) => void;

  constructor(
    record: AcceptRecord,
    content: readonly Uint8Array[],
    index: OpenMessages,
    answer: { readonly resolve: (message: SpooledMessage) => void; readonly reject: (error: Error) => void },
  ) {
    const header: AcceptHeader = { record };
    let size = 0;
    for (const part of content) size += part.length;
    this.content = content;
    this.#record = record;
    this.#header = JSON.stringify(header);
    this.#size = size;
    this.#index = index;
    this.#resolve = answer.resolve;
    this.#reject = answer.reject;
    this.octets = size + this.#header.length;
  }

  encode(): FrameSource {
    return { kind: "accept", header: this.#header, content: this.content, contentLength: this.#size };
  }

  done(place: Place): void {
    const message = new OpenMessage(place, this.#size, this.#record.recipients.length, 0, undefined);
    message.enter();
    this.#index.set(this.#record.id, message);
    this.#resolve({ ...this.#record, size: this.#size });
  }

  fail(error: Error): void {
    this.#index.delete(this.#record.id);
    this.#reject(error);
  }
}

export class OpenMessage {
  segment: Segment;
  offset: number;
  headerLength: number;
  readonly contentLength: number;
  readonly recipients: number;
  generation: number;
  settled: Set<number> | undefined;

  constructor(
    place: Omit<Place, "length">,
    contentLength: number,
    recipients: number,
    generation: number,
    settled: Set<number> | undefined,
  ) {
    this.segment = place.segment;
    this.offset = place.offset;
    this.headerLength = place.headerLength;
    this.contentLength = contentLength;
    this.recipients = recipients;
    this.generation = generation;
    this.settled = settled;
  }

  get frameLength(): number {
    return frameHeadLength + this.headerLength + this.contentLength;
  }

  /** Its segment counts it from now on. */
  enter(): void {
    this.segment.open++;
    this.segment.openOctets += this.frameLength;
  }

  leave(): void {
    this.segment.open--;
    this.segment.openOctets -= this.frameLength;
  }

  isSettled(recipient: number): boolean {
    return this.settled?.has(recipient) === true;
  }

  /** Marks recipients; says whether none is left open. */
  settle(settlements: readonly Settlement[]): "open" | "ended" {
    this.settled ??= new Set();
    for (const { recipient } of settlements) this.settled.add(recipient);
    return this.settled.size === this.recipients ? "ended" : "open";
  }
}

export type OpenMessages = Map<MessageId, PendingMessage | OpenMessage>;

export class SettleOperation implements Operation {
  readonly octets = 128;
  readonly #id: MessageId;
  readonly #settlements: readonly Settlement[];
  readonly #index: OpenMessages;
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;
  /** A message ended or became smaller in a closed segment. */
  readonly #onLess: (segment: Segment) => void;
  #home = 0;

  constructor(
    id: MessageId,
    settlements: readonly Settlement[],
    index: OpenMessages,
    answer: {
      readonly resolve: () => void;
      readonly reject: (error: Error) => void;
      readonly onLess: (segment: Segment) => void;
    },
  ) {
    this.#id = id;
    this.#settlements = settlements;
    this.#index = index;
    this.#resolve = answer.resolve;
    this.#reject = answer.reject;
    this.#onLess = answer.onLess;
  }

  #message(): OpenMessage | undefined {
    const slot = this.#index.get(this.#id);
    return slot instanceof OpenMessage ? slot : undefined;
  }

  encode(): FrameSource | undefined {
    const message = this.#message();
    if (message === undefined) return undefined;
    const settlements = this.#settlements.filter(({ recipient }) => !message.isSettled(recipient));
    if (settlements.length === 0) return undefined;
    this.#home = message.segment.number;
    const header: SettlementHeader = { id: this.#id, home: this.#home, settlements };
    return { kind: "settlement", header: JSON.stringify(header), content: [], contentLength: 0 };
  }

  done(place: Place | undefined): void {
    if (place !== undefined) {
      noteSettles(place, this.#home);
      const message = this.#message();
      if (message?.settle(this.#settlements) === "ended") {
        this.#index.delete(this.#id);
        message.leave();
        this.#onLess(message.segment);
      }
    }
    this.#resolve();
  }

  fail(error: Error): void {
    this.#reject(error);
  }
}

/** Compaction: the accept record again, in a newer segment. */
export class CopyOperation implements Operation {
  readonly octets: number;
  readonly #message: OpenMessage;
  readonly #source: Segment;
  readonly #record: AcceptRecord;
  readonly #content: Buffer;
  readonly #index: OpenMessages;
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;

  constructor(
    message: OpenMessage,
    record: AcceptRecord,
    content: Buffer,
    index: OpenMessages,
    answer: { readonly resolve: () => void; readonly reject: (error: Error) => void },
  ) {
    this.octets = message.frameLength;
    this.#message = message;
    this.#source = message.segment;
    this.#record = record;
    this.#content = content;
    this.#index = index;
    this.#resolve = answer.resolve;
    this.#reject = answer.reject;
  }

  encode(): FrameSource | undefined {
    const message = this.#message;
    if (this.#index.get(this.#record.id) !== message) return undefined;
    const copy = { generation: message.generation + 1, settled: [...(message.settled ?? [])] };
    const header: AcceptHeader = { record: this.#record, copy };
    const contentLength = this.#content.length;
    return { kind: "accept", header: JSON.stringify(header), content: [this.#content], contentLength };
  }

  done(place: Place | undefined): void {
    if (place !== undefined) {
      place.segment.supersedes.add(this.#source.number);
      const message = this.#message;
      // A settlement in the same group may have ended it.
      if (this.#index.get(this.#record.id) === message) {
        message.leave();
        message.segment = place.segment;
        message.offset = place.offset;
        message.headerLength = place.headerLength;
        message.generation++;
        message.enter();
      }
    }
    this.#resolve();
  }

  fail(error: Error): void {
    this.#reject(error);
  }
}

/** Compaction: a settlement of a message in a third segment again, word for word. */
export class KeepOperation implements Operation {
  readonly octets = 128;
  readonly #header: SettlementHeader;
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;

  constructor(
    header: SettlementHeader,
    answer: { readonly resolve: () => void; readonly reject: (error: Error) => void },
  ) {
    this.#header = header;
    this.#resolve = answer.resolve;
    this.#reject = answer.reject;
  }

  encode(): FrameSource {
    return { kind: "settlement", header: JSON.stringify(this.#header), content: [], contentLength: 0 };
  }

  done(place: Place): void {
    noteSettles(place, this.#header.home);
    this.#resolve();
  }

  fail(error: Error): void {
    this.#reject(error);
  }
}

function noteSettles({ segment, length }: Place, home: number): void {
  if (home !== segment.number) segment.settles.set(home, (segment.settles.get(home) ?? 0) + length);
}
