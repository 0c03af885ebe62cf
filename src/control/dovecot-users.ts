// The accounts as Dovecot reads them: a passwd-file for its passdb, one line for each name that an account logs in with. The hashes are the
// same that stand here: Dovecot checks argon2id PHC strings as {ARGON2ID}.
//
// A suspended account gets a hash that nobody knows the password of: to Dovecot, and to whoever tries, it is a wrong password and costs
// as much. An alias leads to its account (`user=`), so that there is one mailbox. App passwords are left out: they are for
// submission and POP3 here, and a line has room for one password.

import { randomBytes } from "node:crypto";
import { hashPassword } from "../io/password-hash.ts";
import { replaceSecretFile } from "../io/durable-file.ts";
import type { CredentialView } from "./control.ts";
import type { EndedLogin } from "./dovecot-sessions.ts";

export interface DovecotUsers {
  /** Of the file. */
  readonly text: string;
  readonly accounts: number;
  readonly suspended: number;
  /** That are not in it. */
  readonly appPasswords: number;
  /** Names that cannot stand in such a file. */
  readonly unnamable: readonly string[];
  /** Whose hash is of a kind that Dovecot does not know: they cannot log in there. */
  readonly unknown: readonly string[];
}

/** `domains`: only theirs; none: all. */
export async function dovecotUsers(
  credentials: readonly CredentialView[],
  domains: readonly string[],
): Promise<DovecotUsers> {
  const wanted = new Set(domains.map((domain) => domain.toLowerCase()));
  const chosen = credentials.filter(({ address }) => wanted.size === 0 || wanted.has(domainOf(address)));
  const nobodys = await hashPassword(randomBytes(32).toString("base64"));
  const lines: string[] = [];
  const unnamable: string[] = [];
  const unknown: string[] = [];
  for (const { address, aliases, suspended, passwordHash } of chosen) {
    const known = withScheme(passwordHash);
    if (known === undefined) unknown.push(address);
    const password = suspended ? withScheme(nobodys)! : (known ?? withScheme(nobodys)!);
    for (const name of [address, ...aliases]) {
      if (!isNamable(name) || !isNamable(address)) unnamable.push(name);
      else lines.push(`${name}:${password}::::::${name === address ? "" : `user=${address}`}\n`);
    }
  }
  return {
    text: lines.join(""),
    accounts: chosen.length,
    suspended: chosen.filter((each) => each.suspended).length,
    appPasswords: chosen.reduce((sum, each) => sum + each.appPasswords, 0),
    unnamable,
    unknown,
  };
}

export interface CopyDifferences {
  /** Lines that are as they should be or not. */
  readonly names: number;
  /** Suspended, and their line lets them in. */
  readonly suspended: readonly string[];
  /** With another password than the account has. */
  readonly other: readonly string[];
  /** Of no account any more. */
  readonly gone: readonly string[];
  readonly missing: readonly string[];
}

/** How such a file differs from the accounts as they are now. */
export function compareDovecotUsers(text: string, credentials: readonly CredentialView[]): CopyDifferences {
  const written = new Map(linesOf(text).map(({ name, password }) => [name, password]));
  const names = written.size;
  const [suspended, other, missing]: [string[], string[], string[]] = [[], [], []];
  for (const { address, aliases, suspended: mayNot, passwordHash } of credentials) {
    const own = withScheme(passwordHash);
    for (const name of [address, ...aliases]) {
      if (!isNamable(name) || !isNamable(address)) continue;
      const found = written.get(name);
      written.delete(name);
      if (found === undefined) missing.push(name);
      else if (mayNot) {
        if (found === own) suspended.push(name);
      } else if (own !== undefined && found !== own) other.push(name);
    }
  }
  return { names, suspended, other, gone: [...written.keys()], missing };
}

/** Whose line in such a file lets in what opens nothing now: the account is gone or suspended, or has another hash. */
export function endedSince(text: string, credentials: readonly CredentialView[]): readonly EndedLogin[] {
  const now = new Map(credentials.map((each) => [each.address, each]));
  const ended = new Map<string, Set<string>>();
  const lines = linesOf(text);
  for (const { name, account, password } of lines) {
    const found = now.get(account);
    const own = found === undefined ? undefined : withScheme(found.passwordHash);
    // Of a hash that Dovecot does not know there was a line that let nobody in.
    const isOver = found === undefined || (found.suspended ? password === own : own !== undefined && password !== own);
    // What is no address is not a line of ours, and may be a mask for more than one.
    if (isOver && /^[^*?]+@/.test(account)) ended.set(account, new Set([account, ...(found?.aliases ?? [])]).add(name));
  }
  // As an alias it was let in with what its account had.
  for (const { name, account } of lines) ended.get(account)?.add(name);
  return [...ended].map(([account, names]) => ({ account, names: [...names] }));
}

/** `account`: that the name leads to. */
function linesOf(
  text: string,
): readonly { readonly name: string; readonly account: string; readonly password: string }[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [name = "", password = ""] = line.split(":", 2);
      return { name, account: /:user=([^\s:]+)/.exec(line)?.[1] ?? name, password };
    });
}

/** Rejects for a person to read; then the old file is still there. */
export function writeDovecotUsers(path: string, { text }: DovecotUsers): Promise<void> {
  return replaceSecretFile(path, text);
}

const schemes: readonly (readonly [RegExp, string])[] = [
  [/^\$argon2id\$/, "{ARGON2ID}"],
  [/^\$6\$/, "{SHA512-CRYPT}"],
  [/^\$5\$/, "{SHA256-CRYPT}"],
  [/^\$2[aby]\$/, "{BLF-CRYPT}"],
  // It says itself what it is.
  [/^\{[A-Z0-9.-]+\}/, ""],
];

function withScheme(hash: string): string | undefined {
  if (/[\s:]/.test(hash)) return undefined;
  const scheme = schemes.find(([pattern]) => pattern.test(hash))?.[1];
  return scheme === undefined ? undefined : `${scheme}${hash}`;
}

/** A colon ends a name, # begins a comment, and a quoted local part may have white space. */
function isNamable(name: string): boolean {
  return !/[\s:]|^#/.test(name);
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}
