// The content of a message as it leaves the house: signed, and in 7-bit form where the next hop needs that. Converted
// first, signed afterwards (RFC 6376 §5.3): our signature holds. Others' do not survive, which an event tells.

import { success, type Result } from "../../base/result.ts";
import { convertToSevenBit, type ConversionError } from "../../message/convert.ts";
import type { Observer } from "../../observe/events.ts";
import type { SpooledMessage } from "../../spool/message.ts";
import type { Later, TransportJob } from "./transport.ts";

type Content = readonly Uint8Array[];

export interface OutgoingServices {
  readonly observer: Observer;
  /** Adds what leaves the house needs (DKIM). */
  readonly finish: (message: SpooledMessage, content: Content) => Later<Content>;
}

/** Each form is made when it is first asked for, and once. */
export function outgoing(
  { observer, finish }: OutgoingServices,
  message: SpooledMessage,
  content: () => Later<Content>,
): Pick<TransportJob, "content" | "sevenBit"> {
  let asItIs: Later<Content> | undefined;
  let sevenBit: Promise<Result<Content, ConversionError>> | undefined;

  async function convert(): Promise<Result<Content, ConversionError>> {
    const converted = convertToSevenBit(await content());
    if (!converted.ok) return converted;
    const { brokenSignatures } = converted.value;
    observer.emit("delivery.converted", { message: message.id, brokenSignatures });
    return success(await finish(message, converted.value.content));
  }

  return {
    content: () => (asItIs ??= then(content(), (bytes) => finish(message, bytes))),
    sevenBit: () => (sevenBit ??= convert()),
  };
}

function then<T, U>(value: Later<T>, use: (value: T) => Later<U>): Later<U> {
  return value instanceof Promise ? value.then(use) : use(value);
}
