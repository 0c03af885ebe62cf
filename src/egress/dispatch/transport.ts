// What the dispatcher wants from whoever speaks to other hosts.

import type { Result } from "../../base/result.ts";
import type { ConversionError } from "../../message/convert.ts";
import type { ReplyWords } from "../../proto/smtp-client/reply.ts";
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
  /** Delivered to a server that offers DSN: the duty to notify has gone with the message (RFC 3461 §5.2.1). */
  readonly confirms?: true;
  /** The remote's answer about this recipient that was no yes; none when it gave none (unreachable, lost). */
  readonly said?: ReplyWords;
  /** The remote is the mailbox store of the domain: this is the end of the way. */
  readonly stored?: true;
  readonly milliseconds: number;
}

/** At once where it is in memory already: that is the fast path. */
export type Later<T> = T | Promise<T>;

export interface TransportJob {
  readonly message: SpooledMessage;
  readonly recipients: readonly number[];
  /** Which attempt this is, from 1. */
  readonly attempt?: number;
  readonly content: () => Later<readonly Uint8Array[]>;
  /** The same in 7-bit form, for a server that cannot take it as it is (RFC 6152 §3). Signed in that form. */
  readonly sevenBit?: () => Promise<Result<readonly Uint8Array[], ConversionError>>;
  /**
   * Called exactly once for every recipient of the job. `recorded` is to be called when a crash no longer leads to another
   * attempt, or when that could not be reached: the next message on the connection waits for it.
   */
  readonly done: (result: AttemptResult, recorded?: () => void) => void;
  /** Something does wait: what `done` said is to be recorded at once, not with the next that comes along. */
  readonly hurry: () => void;
}

export interface Transport {
  submit(job: TransportJob): void;
}
