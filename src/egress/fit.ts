// What a message needs and what a server offers: the content as it may go over this session. 8-bit and binary content
// is converted where the server does not take it (RFC 6152 §3, RFC 3030 §3), a header in UTF-8 is not (RFC 6531 §3.6): that
// message is refused with 5.6.7. Nothing is sent in the hope that it passes.

import { isAscii } from "node:buffer";
import { failure, success, type Result } from "../base/result.ts";
import { convertToSevenBit } from "../message/convert.ts";
import { headerOctets, readHeaders } from "../message/headers.ts";
import type { Extensions } from "../proto/smtp-client/extensions.ts";
import type { Later, TransportJob } from "./dispatch/transport.ts";

export interface FittedContent {
  readonly content: readonly Uint8Array[];
  readonly eightBit: boolean;
  readonly binary: boolean;
  readonly utf8: boolean;
}

interface Unfit {
  readonly status: string;
  readonly message: string;
}

type Fitting = Pick<TransportJob, "message" | "content" | "sevenBit">;

/** At once where the content is in memory and goes as it is. Throws or rejects when it cannot be read. */
export function fitContent(job: Fitting, extensions: Extensions): Later<Result<FittedContent, Unfit>> {
  const { eightBit, binary = false, utf8 = false } = job.message;
  const asItIs = binary ? extensions.binaryMime : !eightBit || extensions.eightBitMime;
  if (!asItIs || (utf8 && !extensions.smtpUtf8)) return fitWithCare(job, extensions, asItIs);
  const content = job.content();
  if (content instanceof Promise) return content.then((octets) => success({ content: octets, eightBit, binary, utf8 }));
  return success({ content, eightBit, binary, utf8 });
}

async function fitWithCare(
  job: Fitting,
  extensions: Extensions,
  asItIs: boolean,
): Promise<Result<FittedContent, Unfit>> {
  const { eightBit, binary = false, utf8 = false } = job.message;
  // Clients say SMTPUTF8 for messages that do not need it, too.
  if (utf8 && !extensions.smtpUtf8 && hasUtf8Header(await job.content())) {
    return failure({
      status: "5.6.7",
      message: "the header of the message is in UTF-8, and the server does not offer SMTPUTF8",
    });
  }
  const said = utf8 && extensions.smtpUtf8;
  if (asItIs) return success({ content: await job.content(), eightBit, binary, utf8: said });
  const converted = await sevenBitOf(job);
  if (!converted.ok) {
    const needs = binary ? "binary" : "8-bit";
    const message = `the message is ${needs}, the server does not take that, and it cannot be converted: ${converted.error.message}`;
    return failure({ status: converted.error.status, message });
  }
  return success({ content: converted.value, eightBit: false, binary: false, utf8: said });
}

async function sevenBitOf(job: Fitting): ReturnType<NonNullable<TransportJob["sevenBit"]>> {
  if (job.sevenBit !== undefined) return await job.sevenBit();
  const converted = convertToSevenBit(await job.content());
  return converted.ok ? success(converted.value.content) : converted;
}

function hasUtf8Header(content: readonly Uint8Array[]): boolean {
  const read = readHeaders(content);
  return !read.ok || !isAscii(headerOctets(read.value));
}
