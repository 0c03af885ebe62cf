// What the API says when it does not do as asked: problem details (RFC 9457) with a code that stays the same, whatever the
// words become. The table is the single source of status, title, the page under /api/problems/ and the reference.

export interface ProblemDescription {
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 422 | 429 | 500 | 503;
  readonly title: string;
  /** For a person who reads the code for the first time: what happened, and what to do. */
  readonly meaning: string;
}

export const problems = {
  "malformed-json": {
    status: 400,
    title: "The body is not JSON.",
    meaning: "The body could not be parsed (RFC 8259). Nothing of it was looked at.",
  },
  "no-token": {
    status: 401,
    title: "A token is needed.",
    meaning:
      "Send `Authorization: Bearer TOKEN` (RFC 6750 §2.1). `sekimori token show` prints the token that was made at the first start.",
  },
  "wrong-token": {
    status: 401,
    title: "The token is not known.",
    meaning: "It was mistyped, made anew since, or is not one of `[[http.token]]`. The log has it as `api.refused`.",
  },
  host: {
    status: 403,
    title: "The API does not answer to this name.",
    meaning:
      "The Host header names neither an IP address, nor localhost, nor `hostname`, nor one of `[http] names`. So no web page reaches the API " +
      "by pointing its own name here.",
  },
  origin: {
    status: 403,
    title: "Other web pages may not ask.",
    meaning: "The Origin or Sec-Fetch-Site header says that a page from elsewhere asks.",
  },
  rights: {
    status: 403,
    title: "This token may only look.",
    meaning: 'Its `rights` are "read". Changes, and looks that knock at other hosts, need "change".',
  },
  "socket-only": {
    status: 403,
    title: "This is done on the host only.",
    meaning: "The token is made anew through the control socket: `sekimori token rotate`.",
  },
  "no-such-path": { status: 404, title: "There is nothing at this path.", meaning: "See /api/openapi.json." },
  "not-found": {
    status: 404,
    title: "It is not there.",
    meaning: "The account or the message does not exist, or not any more: mail that has ended leaves the queue.",
  },
  method: {
    status: 405,
    title: "Not with this method.",
    meaning: "The path exists; the Allow header says which methods it has.",
  },
  conflict: {
    status: 409,
    title: "Not as things are now.",
    meaning:
      "What was asked makes sense and cannot be done at the moment: the account exists already, the message is in delivery, the " +
      "configuration still leads mail to the account. The detail says which.",
  },
  "body-too-large": { status: 413, title: "The body is too large.", meaning: "No body needs more than 64 KiB." },
  "media-type": {
    status: 415,
    title: "The body must be application/json.",
    meaning: "In UTF-8, and said so in Content-Type.",
  },
  invalid: {
    status: 422,
    title: "Something that was sent is not valid.",
    meaning: "`errors` says what and where. Nothing was changed.",
  },
  configuration: {
    status: 422,
    title: "The configuration file is wrong; nothing has changed.",
    meaning: "`errors` has each problem with file, line and column.",
  },
  busy: {
    status: 429,
    title: "Too much at once.",
    meaning:
      "Sixty-four questions, or two looks into the log, are being answered already. Retry-After says when to ask again.",
  },
  internal: {
    status: 500,
    title: "Something broke here.",
    meaning: "A bug or a broken machine. The cause is in the log as `internal.failed`; it is not told here.",
  },
  "not-ready": {
    status: 503,
    title: "The server is starting or stopping.",
    meaning: "Ask again in a moment.",
  },
} as const satisfies Readonly<Record<string, ProblemDescription>>;

export type ProblemCode = keyof typeof problems;

export interface ProblemError {
  /** JSON Pointer into the body (RFC 6901), name of a parameter, or file:line:column. */
  readonly at: string;
  readonly detail: string;
}

/** Thrown by handlers; the app makes the answer. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly errors: readonly ProblemError[];

  constructor(code: ProblemCode, detail?: string, errors: readonly ProblemError[] = []) {
    super(detail ?? problems[code].title);
    this.code = code;
    this.errors = errors;
  }
}

export function problemResponse(
  { code, message, errors }: Problem,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { status, title } = problems[code];
  const body = {
    type: `/api/problems/${code}`,
    title,
    status,
    code,
    ...(message === title ? {} : { detail: message }),
    ...(errors.length === 0 ? {} : { errors }),
  };
  return Response.json(body, {
    status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...(status === 401 ? { "www-authenticate": 'Bearer realm="sekimori"' } : {}),
      ...(status === 429 || status === 503 ? { "retry-after": "1" } : {}),
      ...headers,
    },
  });
}
