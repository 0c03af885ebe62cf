// Why a text is no address. The codes are stable: callers branch on them and logs show them. The messages are plain
// and never echo the input, so that they may go into an SMTP reply or a log line as they are.

type AddressErrorCode =
  | "angle-bracket-missing"
  | "comment-too-deep"
  | "comment-unclosed"
  | "control-character"
  | "domain-missing"
  | "domain-syntax"
  | "domain-too-long"
  | "dot-misplaced"
  | "empty"
  | "group-syntax"
  | "group-unclosed"
  | "idn"
  | "label-hyphen"
  | "label-too-long"
  | "line-break"
  | "literal-syntax"
  | "local-part-missing"
  | "local-part-syntax"
  | "local-part-too-long"
  | "non-ascii"
  | "path-too-long"
  | "quoted-string-unclosed"
  | "route-syntax"
  | "trailing-text";

export interface AddressError {
  readonly code: AddressErrorCode;
  readonly message: string;
  /** Index of the UTF-16 unit in the parsed text where the fault was noticed. */
  readonly offset: number;
}

const MESSAGES: Readonly<Record<AddressErrorCode, string>> = {
  "angle-bracket-missing": "angle bracket expected",
  "comment-too-deep": "comments are nested too deep",
  "comment-unclosed": "comment is not closed",
  "control-character": "control character not allowed here",
  "domain-missing": "domain expected",
  "domain-syntax": "character not allowed in a domain",
  "domain-too-long": "domain is longer than 253 octets",
  "dot-misplaced": "dot at the start, at the end or doubled",
  empty: "no address",
  "group-syntax": "group needs a name and cannot hold a group",
  "group-unclosed": "group is not closed by a semicolon",
  idn: "not a valid internationalized domain name",
  "label-hyphen": "domain label starts or ends with a hyphen",
  "label-too-long": "domain label is longer than 63 octets",
  "line-break": "line break that is not folding white space",
  "literal-syntax": "not an IPv4 or IPv6 address literal",
  "local-part-missing": "local part expected",
  "local-part-syntax": "character not allowed in a local part",
  "local-part-too-long": "local part is longer than 64 octets",
  "non-ascii": "character outside ASCII not allowed here",
  "path-too-long": "address is longer than a path of 256 octets can hold",
  "quoted-string-unclosed": "quoted string is not closed",
  "route-syntax": "source route is malformed",
  "trailing-text": "text after the address",
};

export function addressError(code: AddressErrorCode, offset: number): AddressError {
  return { code, message: MESSAGES[code], offset };
}
