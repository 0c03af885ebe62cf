// Who may ask the API over the network: the tokens that the configuration names, or one of our own with all rights, made at
// the first start and kept in a file that only its owner reads. Compared by their digests, all of them each time, so that the
// time an answer takes says nothing about a token; never logged.

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Settings } from "../config/settings.ts";
import { writePrivateFile } from "../io/durable-file.ts";

export interface TokenHolder {
  /** As it stands in the log. */
  readonly name: string;
  readonly rights: "read" | "change";
}

export interface Tokens {
  /** undefined: nobody we know. */
  holderOf(presented: string): TokenHolder | undefined;
  /** The old one ends at once. Rejects when it cannot be written; undefined while the configuration names tokens. */
  rotate(): Promise<string | undefined>;
}

type HttpSettings = Settings["http"];

/** Of the token in the state directory. */
const OWN_NAME = "api-token";

export function tokenFile({ state }: Pick<Settings, "state">): string {
  return join(state, OWN_NAME);
}

/** undefined when there is none yet. Throws for a person to read when others than its owner may read the file. */
export function readToken(file: string): string | undefined {
  let mode: number;
  try {
    ({ mode } = statSync(file));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  if ((mode & 0o077) !== 0) throw new Error(`${file} is open to others than its owner: chmod 600 ${file}`);
  const token = readFileSync(file, "utf8").trim();
  if (token.length < 20) throw new Error(`${file} holds no token: delete it, and the next start makes one`);
  return token;
}

/** 256 random bits; the prefix is for those who search for secrets in the wrong places. */
export async function makeToken(file: string): Promise<string> {
  const token = `sekimori_${randomBytes(32).toString("base64url")}`;
  await writePrivateFile(file, `${token}\n`);
  return token;
}

/** `http`: in effect now; a reload replaces it. */
export async function openTokens(file: string, http: () => HttpSettings): Promise<Tokens> {
  let own = digest(readToken(file) ?? (await makeToken(file)));

  return {
    holderOf: (presented) => {
      const asked = digest(presented);
      let found: TokenHolder | undefined;
      for (const { name, rights, digest: known } of acceptedTokens()) {
        if (timingSafeEqual(known, asked)) found = { name, rights };
      }
      return found;
    },
    rotate: async () => {
      if (http().tokens.length > 0) return undefined;
      const token = await makeToken(file);
      own = digest(token);
      return token;
    },
  };

  function acceptedTokens(): readonly (TokenHolder & { readonly digest: Buffer })[] {
    const { tokens } = http();
    if (tokens.length === 0) return [{ name: OWN_NAME, rights: "change", digest: own }];
    return tokens.map(({ name, rights, secret }) => ({ name, rights, digest: digest(secret) }));
  }
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
