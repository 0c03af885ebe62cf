// What the dispatcher wants from whoever speaks to other hosts.

import type { SpooledMessage } from "../../spool/message.ts";

/** How one attempt for one recipient ended. */
export interface AttemptResult {
  /** Index in the message's recipients. */
  readonly recipient: number;
  readonly kind: "delivered" | "deferred" | "failed";
  /** RFC 3463. */
  readonly status: string;
  /** The remote's words, or ours about why there were none. */
  readonly reply: string;
  /** "host[address]:port", or "local". */
  readonly remote: string;
  readonly tls?: string;
  readonly milliseconds: number;
}

export interface TransportJob {
  readonly message: SpooledMessage;
  readonly recipients: readonly number[];
  /** Which attempt this is, from 1. */
  readonly attempt?: number;
  readonly content: () => Promise<readonly Uint8Array[]>;
  /** Called exactly once for every recipient of the job. */
  readonly done: (result: AttemptResult) => void;
}

export interface Transport {
  submit(job: TransportJob): void;
}
