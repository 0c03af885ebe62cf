// Rules about what is served by HTTP: where it may be without TLS, and who may ask.

import type { Place } from "../problem.ts";
import { quote, writeEndpoint } from "../scalars.ts";
import { checkUnique, present } from "./rules.ts";
import type { Rules } from "./rules.ts";

/** Who holds a token may do everything: it passes in clear on loopback only, unless somebody says that he knows. */
export function checkHttp(rules: Rules): void {
  const { draft, placeOf } = rules.tree;
  const { token } = draft.http ?? {};
  checkClearText(rules, "http");
  const tokens = present(token);
  for (const [index, { name, secret }] of tokens) {
    if (name !== undefined && !/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
      rules.report(
        placeOf("http", "token", index, "name"),
        `${quote(name)} is not a name of a token`,
        "letters, digits, dots, hyphens and underscores, at most 64",
      );
    }
    checkToken(rules, secret, placeOf("http", "token", index, "secret"));
  }
  checkUnique(
    rules,
    tokens.flatMap(([index, { name }]) =>
      name === undefined ? [] : [[name, placeOf("http", "token", index, "name"), `token ${quote(name)}`] as const],
    ),
  );
}

/** Whoever has the token says who logged in: without one nobody is heard. */
export function checkDovecot(rules: Rules): void {
  const { draft, placeOf, keyPlaceOf } = rules.tree;
  const { listen, token, doveadm } = draft.dovecot ?? {};
  checkClearText(rules, "dovecot");
  checkDoveadm(rules, doveadm);
  checkToken(rules, token, placeOf("dovecot", "token"));
  // It may be there and wrong, which has its own problem.
  const hasToken = keyPlaceOf("dovecot", "token") !== placeOf("dovecot");
  if (present(listen).length > 0 && !hasToken) {
    rules.report(
      placeOf("dovecot", "listen"),
      '"listen" needs "token"',
      'token = { file = "…" }, and the same in Dovecot',
    );
  }
}

/** The key does nearly anything at Dovecot. */
function checkDoveadm(
  rules: Rules,
  doveadm:
    | { readonly host: string | undefined; readonly tls: string | undefined; readonly key: string | undefined }
    | undefined,
): void {
  if (doveadm === undefined) return;
  const { placeOf } = rules.tree;
  const { host, tls, key } = doveadm;
  checkToken(rules, key, placeOf("dovecot", "doveadm", "key"));
  if (tls !== "none" || host === undefined || isLoopback(host)) return;
  const place = placeOf("dovecot", "doveadm", "host");
  rules.report(
    place,
    `${quote(host)} is not an address on loopback, and the key would pass in clear`,
    'tls = "implicit"',
  );
}

function checkClearText(rules: Rules, table: "http" | "dovecot"): void {
  const { draft, placeOf } = rules.tree;
  const { listen, tls, "clear-text": clearText } = (table === "http" ? draft.http : draft.dovecot) ?? {};
  if (tls !== "none" || clearText !== false) return;
  for (const [position, endpoint] of present(listen)) {
    if (isLoopback(endpoint.address)) continue;
    rules.report(
      placeOf(table, "listen", position),
      `${writeEndpoint(endpoint)} is not on loopback, and tokens would pass there in clear`,
      'tls = "implicit", or clear-text = true where something else protects the way',
    );
  }
}

/** RFC 6750 §2.1: b64token. */
function checkToken(rules: Rules, secret: string | undefined, place: Place): void {
  if (secret === undefined || /^[A-Za-z0-9._~+/-]{20,512}=*$/.test(secret)) return;
  rules.report(
    place,
    "the token is too short, or has characters that cannot stand in a header",
    "at least 20 letters and digits: openssl rand -hex 32",
  );
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^127(?:\.\d{1,3}){3}$/.test(address);
}
