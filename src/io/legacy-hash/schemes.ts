// Password hashes that other programs made, as they write them: with Dovecot's scheme in braces, or bare as crypt(3) has
// them. What is read here becomes the text that the store keeps; checking a password against it is verify.ts.
//
// Everything is bounded here, so that no line of a file decides how long a login works: what would take a good part of
// a second is refused. A refused login is answered after a second (directory/guesses.ts), and what takes less than that tells
// nobody that there is such an account.

import { failure, success } from "../../base/result.ts";
import type { Result } from "../../base/result.ts";

type Scheme = "argon2id" | "sha512-crypt" | "blf-crypt" | "ssha" | "ssha256" | "ssha512";

/** Longest text that is looked at. */
const longestHash = 512;

/** Measured as a third of a second of one core, like bcrypt's cost 12. Crypt(3) makes 5,000 unless told otherwise, passlib 656,000. */
const MOST_ROUNDS = 200_000;
/** Of crypt(3): fewer are not made. */
const LEAST_ROUNDS = 1000;
/** 2^12; PHP has had 10 and has 12, Dovecot 5. One more takes twice as long. */
const MOST_COST = 12;
const LEAST_COST = 4;
/** KiB and passes; RFC 9106's second choice is 64 MiB and 3. */
const MOST_ARGON2 = { memory: 131_072, passes: 6, parallelism: 8 };

const known = "ARGON2ID, SHA512-CRYPT, BLF-CRYPT, SSHA, SSHA256, SSHA512";

/** What crypt(3) knows besides, by how it begins. */
const foreign: readonly (readonly [prefix: string, name: string])[] = [
  ["$1$", "MD5-CRYPT"],
  ["$5$", "SHA256-CRYPT"],
  ["$y$", "yescrypt"],
  ["$gy$", "gost-yescrypt"],
  ["$7$", "scrypt"],
  ["$2x$", "a faulty bcrypt of 2011"],
  ["$argon2i$", "ARGON2I"],
  ["$argon2d$", "ARGON2D"],
];

const digests = { ssha: 20, ssha256: 32, ssha512: 64 } as const;
const MOST_SALT = 64;

/** Of a text that readHash has given; undefined: it is none. */
export function schemeOf(stored: string): Scheme | undefined {
  if (stored.startsWith("$argon2id$")) return "argon2id";
  if (stored.startsWith("$6$")) return "sha512-crypt";
  if (stored.startsWith("$2")) return "blf-crypt";
  const name = /^\{(SSHA(?:256|512)?)\}/.exec(stored)?.[1]?.toLowerCase();
  return name === "ssha" || name === "ssha256" || name === "ssha512" ? name : undefined;
}

/** The text for the store, or what is wrong with it, in words that do not repeat it. */
export function readHash(text: string): Result<string, string> {
  if (text === "") return failure("there is no password hash");
  if (text.length > longestHash) return failure(`a password hash has at most ${longestHash} characters`);
  if (!/^[!-~]+$/.test(text)) return failure("a password hash is printable ASCII without spaces");
  const braces = /^\{([A-Za-z0-9._-]{1,32})\}(.*)$/.exec(text);
  if (braces === null) return text.startsWith("{") ? failure("the scheme has no end") : readCrypt(text);
  const [, written = "", hash = ""] = braces;
  const [name = "", encoding = "B64"] = written.toUpperCase().split(/\.(?=(?:B64|BASE64|HEX)$)/);
  switch (name) {
    case "CRYPT":
      return readCrypt(hash);
    case "SHA512-CRYPT":
      return readAs(hash, "$6$", name);
    case "BLF-CRYPT":
      return readAs(hash, "$2", name);
    case "ARGON2ID":
      return readAs(hash, "$argon2id$", name);
    case "SSHA":
    case "SSHA256":
    case "SSHA512":
      return readSalted(name, hash, encoding === "HEX" ? "hex" : "base64");
    case "PLAIN":
    case "CLEAR":
    case "CLEARTEXT":
    case "PLAIN-TRUNC":
      return failure(`{${name}} is the password itself: \`sekimori account add\` takes that from standard input`);
    default:
      return failure(`{${name}} is not read here, only ${known}`);
  }
}

function readAs(hash: string, prefix: string, name: string): Result<string, string> {
  return hash.startsWith(prefix) ? readCrypt(hash) : failure(`what follows {${name}} is not of that scheme`);
}

function readCrypt(hash: string): Result<string, string> {
  if (hash.startsWith("$6$")) return readSha512Crypt(hash);
  if (/^\$2[aby]\$/.test(hash)) return readBcrypt(hash);
  if (hash.startsWith("$argon2id$")) return readArgon2(hash);
  const name = foreign.find(([prefix]) => hash.startsWith(prefix))?.[1];
  if (name !== undefined) return failure(`${name} is not read here, only ${known}`);
  return failure(`the scheme is not known; without one in braces it is that of crypt(3)`);
}

const SHA512_CRYPT = /^\$6\$(?:rounds=(\d{1,10})\$)?([./0-9A-Za-z]{0,16})\$([./0-9A-Za-z]{86})$/;

/** The parts of a text that readHash has given. Throws when it is not one: a damaged store, not a wrong password. */
export function sha512CryptParts(stored: string): {
  readonly rounds: number;
  readonly salt: string;
  readonly hash: string;
} {
  const [, rounds = "5000", salt, hash] = SHA512_CRYPT.exec(stored) ?? [];
  if (salt === undefined || hash === undefined) throw new Error("the stored password hash is damaged");
  return { rounds: Number(rounds), salt, hash };
}

function readSha512Crypt(text: string): Result<string, string> {
  // The rest of the last digest octet: what another last letter says, no password gives.
  if (!SHA512_CRYPT.test(text) || !/[./01]$/.test(text)) return failure("the SHA512-CRYPT hash is damaged or cut");
  const { rounds } = sha512CryptParts(text);
  if (rounds > MOST_ROUNDS) return failure(`rounds=${rounds} would make logins wait: at most ${MOST_ROUNDS}`);
  return rounds < LEAST_ROUNDS ? failure(`crypt(3) makes no fewer than ${LEAST_ROUNDS} rounds`) : success(text);
}

function readBcrypt(text: string): Result<string, string> {
  const match = /^\$2[aby]\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/.exec(text);
  // 16 octets of salt and 23 of the hash: the last letters of both have bits that are always zero.
  if (match === null || !/[.Oeu]$/.test(match[2]!) || !/[.CGKOSWaeimquy26]$/.test(match[3]!)) {
    return failure("the BLF-CRYPT hash is damaged or cut");
  }
  const cost = Number(match[1]);
  if (cost > MOST_COST) return failure(`cost ${cost} would make logins wait: at most ${MOST_COST}`);
  return cost < LEAST_COST ? failure(`bcrypt has no cost below ${LEAST_COST}`) : success(text);
}

function readArgon2(text: string): Result<string, string> {
  const match =
    /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,171})$/.exec(
      text,
    );
  if (match === null) return failure("the ARGON2ID hash is damaged, cut, or of another version than 19");
  const [memory, passes, parallelism] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (memory > MOST_ARGON2.memory || passes > MOST_ARGON2.passes || parallelism > MOST_ARGON2.parallelism) {
    const { memory: m, passes: t, parallelism: p } = MOST_ARGON2;
    return failure(`m=${memory},t=${passes},p=${parallelism} would make logins wait: at most m=${m},t=${t},p=${p}`);
  }
  // RFC 9106 §3.1.
  if (parallelism < 1 || passes < 1 || memory < 8 * parallelism) return failure("the ARGON2ID hash is damaged");
  const canonical = [match[4]!, match[5]!].every(
    (part) => Buffer.from(part, "base64").toString("base64").replaceAll("=", "") === part,
  );
  return canonical ? success(text) : failure("the ARGON2ID hash is damaged or cut");
}

/** The digest and the salt behind it. Throws like sha512CryptParts. */
export function saltedParts(stored: string): {
  readonly algorithm: "sha1" | "sha256" | "sha512";
  readonly digest: Buffer;
  readonly salt: Buffer;
} {
  const scheme = schemeOf(stored);
  if (scheme !== "ssha" && scheme !== "ssha256" && scheme !== "ssha512")
    throw new Error("the stored password hash is damaged");
  const octets = Buffer.from(stored.slice(stored.indexOf("}") + 1), "base64");
  const length = digests[scheme];
  if (octets.length <= length) throw new Error("the stored password hash is damaged");
  const algorithm = { ssha: "sha1", ssha256: "sha256", ssha512: "sha512" } as const;
  return { algorithm: algorithm[scheme], digest: octets.subarray(0, length), salt: octets.subarray(length) };
}

function readSalted(
  name: "SSHA" | "SSHA256" | "SSHA512",
  hash: string,
  encoding: "hex" | "base64",
): Result<string, string> {
  const octets = Buffer.from(hash, encoding);
  const again = octets.toString(encoding);
  // Some leave the padding out.
  const isWhole = encoding === "hex" ? again === hash.toLowerCase() : [again, again.replaceAll("=", "")].includes(hash);
  const length = { SSHA: digests.ssha, SSHA256: digests.ssha256, SSHA512: digests.ssha512 }[name];
  if (!isWhole || octets.length <= length || octets.length > length + MOST_SALT) {
    return failure(`the ${name} hash is damaged or cut`);
  }
  return success(`{${name}}${octets.toString("base64")}`);
}
