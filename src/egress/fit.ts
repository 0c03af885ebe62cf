// What a message needs and what a server offers: the content as it may go over this session. 8-bit and binary content
// is converted where the server does not take it (RFC 6152 §3, RFC 3030 §3), a header in UTF-8 is not (RFC 6531 §3.6): that
// message is refused with 5.6.7. Nothing is sent in the hope that it passes.

import { isAscii } from "node:buffer";
import { failure, success, type Result } from "../base/result.ts";
import { convertToSevenBit } from "../message/convert.ts";
import { headerOctets, readHeaders } from "../message/headers.ts";
import type { Extensions } from "../proto/smtp-client/extensions.ts";
import type { Part } from "./part.ts";

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

/** Rejects when the content cannot be read. */
export async function fitContent(
  part: Pick<Part, "message" | "content" | "sevenBit">,
  extensions: Extensions,
): Promise<Result<FittedContent, Unfit>> {
  const { eightBit, binary = false, utf8 = false } = part.message;
  // Clients say SMTPUTF8 for messages that do not need it, too.
  if (utf8 && !extensions.smtpUtf8 && hasUtf8Header(await part.content())) {
    return failure({
      status: "5.6.7",
      message: "the header of the message is in UTF-8, and the server does not offer SMTPUTF8",
    });
  }
  const asItIs = binary ? extensions.binaryMime : !eightBit || extensions.eightBitMime;
  if (asItIs) {
    return success({ content: await part.content(), eightBit, binary, utf8: utf8 && extensions.smtpUtf8 });
  }
  const converted = await sevenBitOf(part);
  if (!converted.ok) {
    const needs = binary ? "binary" : "8-bit";
    const message = `the message is ${needs}, the server does not take that, and it cannot be converted: ${converted.error.message}`;
    return failure({ status: converted.error.status, message });
  }
  return success({ content: converted.value, eightBit: false, binary: false, utf8: utf8 && extensions.smtpUtf8 });
}

async function sevenBitOf(part: Pick<Part, "content" | "sevenBit">): ReturnType<NonNullable<Part["sevenBit"]>> {
  if (part.sevenBit !== undefined) return await part.sevenBit();
  const converted = convertToSevenBit(await part.content());
  return converted.ok ? success(converted.value.content) : converted;
}

function hasUtf8Header(content: readonly Uint8Array[]): boolean {
  const read = readHeaders(content);
  return !read.ok || !isAscii(headerOctets(read.value));
}
