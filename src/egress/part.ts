// The recipients of a job that travel together to one site in one transaction. A part ends by one result for each of
// its recipients, or is split: what has an answer ends, what has none goes on as a new part.

import type { AttemptResult, TransportJob } from "./dispatch/transport.ts";
import { errorText } from "./error-text.ts";

export interface Part {
  readonly job: TransportJob;
  /** Indexes in the message's recipients. Never empty. */
  readonly recipients: readonly number[];
  /** Monotonic, ms. */
  readonly submittedAt: number;
  /** `again`: a session ended under it before its content had left; not a second time in this attempt. */
  readonly sending: "first" | "again";
  /** The job's owner threw: that must not take the connection with it. */
  readonly failed: (cause: string) => void;
}

export type Ending = Pick<AttemptResult, "kind" | "status" | "reply" | "remote" | "tls" | "confirms" | "said">;

/** The same end for every recipient. */
export function endPart(part: Part, now: number, ending: Ending): void {
  for (const recipient of part.recipients) endRecipient(part, recipient, now, ending);
}

export function endRecipient(part: Part, recipient: number, now: number, ending: Ending, recorded?: () => void): void {
  try {
    part.job.done({ recipient, ...ending, milliseconds: Math.round(now - part.submittedAt) }, recorded);
  } catch (error) {
    part.failed(errorText(error));
    recorded?.();
  }
}

/** First in, first out, without the cost of shift() on a long array. */
export class PartQueue {
  #parts: Part[] = [];
  #head = 0;

  get length(): number {
    return this.#parts.length - this.#head;
  }

  first(): Part | undefined {
    return this.#parts[this.#head];
  }

  push(part: Part): void {
    this.#parts.push(part);
  }

  take(): Part | undefined {
    const part = this.#parts[this.#head];
    if (part === undefined) return undefined;
    this.#head++;
    if (this.#head > 64 && this.#head * 2 > this.#parts.length) {
      this.#parts = this.#parts.slice(this.#head);
      this.#head = 0;
    }
    return part;
  }
}
