// The commands a client writes, as text. What comes from outside is checked again here although the address grammar
// made it (law 6): one CR in an address would be a second command.

import { crlfLine } from "../../base/crlf.ts";
import type { RecipientNotifications } from "./transaction.ts";

/** Why a string may not stand in MAIL or RCPT; undefined when it may. */
export type AddressFault = "bad-address" | "non-ascii";

// Printable ASCII without space, "<" and ">". This refuses some quoted local parts that the grammar allows
// (`"a b"@example.jp`); they cannot be told from an injection without parsing them again.
const wireAddress = /^[!-;=?-~]*$/;
const ascii = /^[ -~]*$/;

export function addressFault(address: string): AddressFault | undefined {
  if (wireAddress.test(address)) return undefined;
  // Letters outside ASCII need SMTPUTF8 (RFC 6531); control characters and half surrogate pairs are never an address.
  return ascii.test(address) || hasControl(address) || !address.isWellFormed() ? "bad-address" : "non-ascii";
}

function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 33 || code === 127 || code === 60 || code === 62) return true;
  }
  return false;
}

interface MailParameters {
  /** Octets of the content (RFC 1870), when the server offers SIZE. */
  readonly size: number | undefined;
  readonly body: "8BITMIME" | "BINARYMIME" | undefined;
  readonly utf8: boolean;
  /** RFC 3461 §4.3 and §4.4. */
  readonly returns: "FULL" | "HDRS" | undefined;
  readonly envelopeId: string | undefined;
}

export function mailCommand(sender: string, parameters: MailParameters): string {
  const size = parameters.size === undefined ? "" : ` SIZE=${parameters.size}`;
  const body = parameters.body === undefined ? "" : ` BODY=${parameters.body}`;
  const utf8 = parameters.utf8 ? " SMTPUTF8" : "";
  const returns = parameters.returns === undefined ? "" : ` RET=${parameters.returns}`;
  const envelopeId = parameter("ENVID", parameters.envelopeId);
  return crlfLine(`MAIL FROM:<${sender}>${size}${body}${utf8}${returns}${envelopeId}`);
}

export function rcptCommand(recipient: string, asked: RecipientNotifications = {}): string {
  const { notify = [] } = asked;
  const when = notify.length === 0 ? "" : ` NOTIFY=${notify.join(",")}`;
  return crlfLine(`RCPT TO:<${recipient}>${when}${parameter("ORCPT", asked.originalRecipient)}`);
}

/** An esmtp-value (RFC 5321 §4.1.2, with UTF-8 by RFC 6531 §3.3). What is none is left out: it would be a parameter of its own. */
function parameter(keyword: string, value: string | undefined): string {
  return value === undefined || !/^[!-<>-~\u00a0-\u{10ffff}]{1,512}$/u.test(value) ? "" : ` ${keyword}=${value}`;
}
