// File names in a Maildir (https://cr.yp.to/proto/maildir.html, Maildir++ for S=, Dovecot for W=):
//
//   1767225600.M000123P4711Q1.mx1.example.jp,S=2048,W=2048:2,S
//   └────────────── unique ──────────────────┘sizes──────┘flags
//
// W= is the size with CRLF line ends, which is what POP3 announces. Names made here sort in order of delivery.

import { createHash } from "node:crypto";
import type { Clock } from "../io/clock.ts";

/**
 * Makes the part before the sizes; never twice the same in one process, even when the clock steps back. Makers at the same
 * time have different numbers (`maker` of `makers`), and Q tells them apart.
 */
export function uniqueNames(host: string, clock: Clock, maker = 0, makers = 1): () => string {
  // "/" and ":" cannot stand in a file name; the specification replaces them like this.
  const safeHost = host.replaceAll("/", "\\057").replaceAll(":", "\\072").replaceAll(",", "\\054");
  let last = 0;
  let count = maker;
  return () => {
    last = Math.max(Math.floor(clock.wall() * 1000), last + 1);
    count += makers;
    const seconds = Math.floor(last / 1_000_000);
    const microseconds = String(last % 1_000_000).padStart(6, "0");
    return `${seconds}.M${microseconds}P${process.pid}Q${count}.${safeHost}`;
  };
}

/** The name with its size. Stored content has CRLF line ends, so that both sizes are one. */
export function withSize(unique: string, size: number): string {
  return `${unique},S=${size},W=${size}`;
}

interface ParsedName {
  /** What stays the same when flags or sizes are rewritten. */
  readonly unique: string;
  /** Octets with CRLF line ends, when the name tells. */
  readonly wireSize: number | undefined;
}

export function parseName(name: string): ParsedName {
  const base = name.split(":", 1)[0] ?? name;
  const [unique = base, ...fields] = base.split(",");
  let wireSize: number | undefined;
  for (const field of fields) {
    const digits = /^W=(\d{1,15})$/.exec(field)?.[1];
    if (digits !== undefined) wireSize = Number(digits);
  }
  return { unique, wireSize };
}

/** RFC 1939 §7: 1 to 70 characters from 0x21 to 0x7E. Names that are not become their hash. */
export function uniqueId(text: string): string {
  return /^[!-~]{1,70}$/.test(text) ? text : createHash("sha256").update(text).digest("base64url");
}
