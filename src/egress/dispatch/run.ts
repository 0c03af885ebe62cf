// One message on its way: the recipients of it that are being tried together, and how far each of them has come.

import type { SpooledMessage } from "../../spool/message.ts";
import type { FirstAnswer } from "./first-answer.ts";
import type { AttemptResult, Later } from "./transport.ts";

export interface Run {
  readonly message: SpooledMessage;
  readonly content: () => Later<readonly Uint8Array[]>;
  /** Attempts made, this one included, by recipient. */
  readonly attempts: ReadonlyMap<number, number>;
  /** The queue store has rows of it: they must be put back or removed. */
  stored: boolean;
  /** Octets of content kept in memory. */
  readonly held: number;
  /** Recipients of whose delay the sender has been told. */
  readonly warned: Set<number>;
  readonly open: Set<number>;
  /** Open, or ended and not recorded yet. */
  readonly busy: Set<number>;
  /** Open recipients by domain. */
  readonly domains: Map<string, number>;
  results: AttemptResult[];
  /** To be called when what of the results is delivered is recorded. */
  waiters: (() => void)[];
  readonly failures: AttemptResult[];
  scheduled: boolean;
  /** Groups of results on their way into the spool or the store. */
  recording: number;
  /** The sender is still there and waits for an answer to the first attempt. */
  awaited: { readonly resolve: (answer: FirstAnswer) => void; readonly reject: (error: unknown) => void } | undefined;
}

/** Our own trouble is never the end of a message. */
export function brokenHere(recipient: number, error: unknown): AttemptResult {
  const reply = error instanceof Error ? error.message : String(error);
  return { recipient, kind: "deferred", status: "4.3.0", reply, remote: "local", milliseconds: 0 };
}

/** Results with the same words from the same host are one event. */
export function grouped(results: readonly AttemptResult[]): readonly (readonly AttemptResult[])[] {
  const groups = new Map<string, AttemptResult[]>();
  for (const result of results) {
    const key = `${result.remote}\n${result.reply}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [result]);
    else group.push(result);
  }
  return [...groups.values()];
}
