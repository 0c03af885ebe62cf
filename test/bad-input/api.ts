// What programs should not ask of the API, and what they are told: status and code of the problem. A row stands for a mistake
// that clients make, or for something that was an attack on some other server.

export interface BadCall {
  readonly name: string;
  readonly method: string;
  /** Behind /api/v1 unless it begins with /. */
  readonly path: string;
  /** `good`: the usual headers, with a token that may change; null takes one away. */
  readonly headers: Readonly<Record<string, string | null>>;
  readonly body: string | Buffer | undefined;
  readonly expect: `${number}` | `${number} ${string}`;
}

type Row = readonly [
  name: string,
  request: string,
  expect: BadCall["expect"],
  more?: { readonly body?: unknown; readonly raw?: string | Buffer; readonly headers?: BadCall["headers"] },
];

const address = "carol@sekimori.test";
const password = "correct horse battery";
const hold = { change: "hold", selector: { kind: "message", id: "nothing" } };

const rows: readonly Row[] = [
  // --- who asks
  ["no token", "GET accounts", "401 no-token", { headers: { authorization: null } }],
  ["an empty token", "GET accounts", "401 no-token", { headers: { authorization: "Bearer " } }],
  [
    "a wrong token",
    "GET accounts",
    "401 wrong-token",
    { headers: { authorization: "Bearer 0123456789abcdef0123456789" } },
  ],
  ["a token of another length", "GET accounts", "401 wrong-token", { headers: { authorization: "Bearer x" } }],
  [
    "half of the token",
    "GET accounts",
    "401 wrong-token",
    { headers: { authorization: "Bearer all-rights-0123456789abcdef" } },
  ],
  ["a token and more", "GET accounts", "401 no-token", { headers: { authorization: "Bearer a b" } }],
  ["a token as Basic", "GET accounts", "401 no-token", { headers: { authorization: "Basic YTpi" } }],
  [
    "the name of an operator in place of a token",
    "GET accounts",
    "401 no-token",
    { headers: { authorization: null, "sekimori-operator": "root" } },
  ],
  [
    "a token in the query",
    "GET accounts?access_token=all-rights-0123456789abcdef0123",
    "401 no-token",
    { headers: { authorization: null } },
  ],
  ["no token for a path that is not there", "GET nothing", "401 no-token", { headers: { authorization: null } }],
  [
    "a change by a token that may only look",
    "DELETE accounts/alice@sekimori.test",
    "403 rights",
    { headers: { authorization: "Bearer read-only-0123456789abcdef01234567" } },
  ],
  ["a new token over the network", "POST token/rotate", "403 socket-only"],

  // --- from where
  ["a name that was rebound", "GET accounts", "403 host", { headers: { host: "attacker.example" } }],
  ["a name that was rebound, with a port", "GET accounts", "403 host", { headers: { host: "attacker.example:2080" } }],
  ["a name that ends like ours", "GET accounts", "403 host", { headers: { host: "xmx.sekimori.test" } }],
  [
    "a name that was rebound, for the document",
    "GET /api/openapi.json",
    "403 host",
    { headers: { host: "attacker.example" } },
  ],
  ["a host that is none", "GET accounts", "400", { headers: { host: "[::1" } }],
  ["a page from elsewhere", "GET accounts", "403 origin", { headers: { origin: "https://attacker.example" } }],
  ["a page from nowhere", "GET accounts", "403 origin", { headers: { origin: "null" } }],
  [
    "a page from another port",
    "GET accounts",
    "403 origin",
    { headers: { host: "localhost", origin: "http://localhost:8080" } },
  ],
  ["a picture on a page elsewhere", "GET accounts", "403 origin", { headers: { "sec-fetch-site": "cross-site" } }],
  [
    "a question before a question from elsewhere",
    "OPTIONS accounts",
    "403 origin",
    { headers: { origin: "https://attacker.example", "access-control-request-method": "POST" } },
  ],

  // --- what
  ["a path that is not there", "GET nothing", "404 no-such-path"],
  ["a version that is not there", "GET /api/v2/accounts", "404 no-such-path"],
  ["the way out of the folder", "GET ../../etc/passwd", "404"],
  ["the way out of the folder, encoded", "GET accounts/..%2f..%2fetc%2fpasswd", "404 not-found"],
  ["an account that is not there", "GET accounts/nobody@sekimori.test", "404 not-found"],
  ["an account that is no address", "GET accounts/%00", "404 not-found"],
  ["an account in half a character", "GET accounts/%ff", "404 not-found"],
  ["a message that is not there", "GET queue/nothing", "404 not-found"],
  ["a message of the JavaScript prototype", "GET queue/__proto__", "404 not-found"],
  ["a problem that is not there", "GET /api/problems/constructor", "404 no-such-path"],
  ["a password for nobody", "PUT accounts/nobody@sekimori.test/password", "404 not-found", { body: { password } }],
  ["a method that the path does not have", "PATCH accounts", "405 method"],
  ["a change by looking", "GET queue/changes", "404 not-found"],
  ["a reload by looking", "GET reload", "405 method"],
  ["a purge by looking", "GET retention/purge", "405 method"],
  ["another method by header", "GET reload", "405 method", { headers: { "x-http-method-override": "POST" } }],
  ["a method of WebDAV", "PROPFIND accounts", "405 method"],
  ["TRACE", "TRACE accounts", "405 method"],

  // --- bodies
  ["no JSON", "POST accounts", "400 malformed-json", { raw: "{" }],
  ["an empty body", "POST accounts", "400 malformed-json", { raw: "" }],
  ["JSON and more", "POST accounts", "400 malformed-json", { raw: "{} {}" }],
  [
    "a body in UTF-16",
    "POST accounts",
    "415 media-type",
    { raw: Buffer.from("{}", "utf16le"), headers: { "content-type": "application/json; charset=utf-16" } },
  ],
  [
    "a form",
    "POST accounts",
    "415 media-type",
    { raw: "address=a", headers: { "content-type": "application/x-www-form-urlencoded" } },
  ],
  [
    "plain text, which a page may send",
    "POST accounts",
    "415 media-type",
    { raw: JSON.stringify({ address, password }), headers: { "content-type": "text/plain" } },
  ],
  ["a body of no kind", "POST accounts", "415 media-type", { raw: "{}", headers: { "content-type": null } }],
  [
    "a body that is too large",
    "POST accounts",
    "413 body-too-large",
    { body: { address, password: "x".repeat(70_000) } },
  ],
  [
    "a body that is too large, in chunks",
    "POST accounts",
    "413 body-too-large",
    { raw: "x".repeat(70_000), headers: { "transfer-encoding": "chunked" } },
  ],
  ["thousands of brackets", "POST accounts", "422 invalid", { raw: `${"[".repeat(30_000)}${"]".repeat(30_000)}` }],
  ["a list for an object", "POST accounts", "422 invalid", { body: [] }],
  ["null for an object", "POST accounts", "422 invalid", { body: null }],
  ["nothing in it", "POST accounts", "422 invalid", { body: {} }],
  ["a key nobody knows", "POST accounts", "422 invalid", { body: { address, password, admin: true } }],
  [
    "a key of the JavaScript prototype",
    "POST accounts",
    "422 invalid",
    { raw: `{"address":"${address}","password":"${password}","__proto__":{"done":true}}` },
  ],
  [
    "a hash that would make logins wait",
    "POST accounts",
    "422 invalid",
    { body: { address, hash: "$2y$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" } },
  ],
  ["a hash of no scheme", "POST accounts", "422 invalid", { body: { address, hash: "{LANMAN}x" } }],
  ["a password and a hash", "POST accounts", "422 invalid", { body: { address, password, hash: "{SSHA}AAAA" } }],
  [
    "an import of more than fits one answer",
    "POST account-imports",
    "422 invalid",
    { body: { accounts: Array.from({ length: 101 }, () => ({ address, hash: "x" })) } },
  ],
  ["an import of passwords", "POST account-imports", "422 invalid", { body: { accounts: [{ address, password }] } }],
  ["a number for an address", "POST accounts", "422 invalid", { body: { address: 1, password } }],
  ["no address", "POST accounts", "422 invalid", { body: { address: "carol", password } }],
  ["an address of another house", "POST accounts", "422 invalid", { body: { address: "carol@example.org", password } }],
  [
    "a line end in an address",
    "POST accounts",
    "422 invalid",
    { body: { address: "carol\r\n@sekimori.test", password } },
  ],
  [
    "an address longer than any",
    "POST accounts",
    "422 invalid",
    { body: { address: `${"c".repeat(400)}@sekimori.test`, password } },
  ],
  ["a short password", "POST accounts", "422 invalid", { body: { address, password: "short" } }],
  ["a password longer than any", "POST accounts", "422 invalid", { body: { address, password: "x".repeat(2000) } }],
  [
    "a password that SASL cannot say",
    "POST accounts",
    "422 invalid",
    { body: { address, password: "correct\0horse" } },
  ],
  ["an alias that is no address", "POST accounts", "422 invalid", { body: { address, password, aliases: ["x"] } }],
  ["an account that exists", "POST accounts", "409 conflict", { body: { address: "ALICE@sekimori.test", password } }],
  [
    "an alias that is taken",
    "POST accounts",
    "409 conflict",
    { body: { address, password, aliases: ["alice@sekimori.test"] } },
  ],
  ["the account of the postmaster, deleted", "DELETE accounts/alice@sekimori.test", "409 conflict"],
  [
    "a standing that is none",
    "PUT accounts/alice@sekimori.test/standing",
    "422 invalid",
    { body: { standing: "gone" } },
  ],
  [
    "a standing that it has",
    "PUT accounts/alice@sekimori.test/standing",
    "409 conflict",
    { body: { standing: "active" } },
  ],

  // --- pages and filters
  ["a page of nothing", "GET accounts?limit=0", "422 invalid"],
  ["a page larger than any", "GET accounts?limit=1001", "422 invalid"],
  ["a page of a negative size", "GET accounts?limit=-1", "422 invalid"],
  ["a page of 1e3", "GET queue?limit=1e3", "422 invalid"],
  ["a page behind nothing", "GET queue?after=", "422 invalid"],
  ["a state that is none", "GET queue?state=lost", "422 invalid"],
  ["a mistyped parameter", "GET queue?stat=held", "422 invalid"],
  [
    "SQL in a filter is a domain nobody has",
    "POST queue/changes",
    "409 conflict",
    { body: { change: "hold", selector: { kind: "domain", domain: "' OR 1=1 --" } } },
  ],

  // --- the queue
  ["a change of a message that is not there", "POST queue/changes", "404 not-found", { body: hold }],
  ["a change that is none", "POST queue/changes", "422 invalid", { body: { ...hold, change: "explode" } }],
  ["a selector of no kind", "POST queue/changes", "422 invalid", { body: { change: "hold", selector: {} } }],
  [
    "two selectors in one",
    "POST queue/changes",
    "422 invalid",
    { body: { change: "hold", selector: { kind: "all", id: "x" } } },
  ],
  [
    "the whole queue, deleted",
    "POST queue/changes",
    "422 invalid",
    { body: { change: "delete", selector: { kind: "all" } } },
  ],

  // --- the rest
  ["an empty question", "POST traces", "422 invalid", { body: { question: "" } }],
  ["a question longer than any", "POST traces", "422 invalid", { body: { question: "x".repeat(2000) } }],
  ["a probe of a command line", "POST doctor", "422 invalid", { body: { probe: ["x; rm -rf /"] } }],
  [
    "a probe of everybody",
    "POST doctor",
    "422 invalid",
    { body: { probe: Array.from({ length: 11 }, () => "192.0.2.1") } },
  ],
  ["a reload of a file that is wrong", "POST reload", "422 configuration"],
];

export const badCalls: readonly BadCall[] = rows.map(([name, request, expect, more = {}]) => {
  const [method = "", path = ""] = request.split(" ", 2);
  const body = more.raw ?? ("body" in more ? JSON.stringify(more.body) : undefined);
  return { name, method, path, headers: more.headers ?? {}, body, expect };
});
