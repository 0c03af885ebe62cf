// Who had which address when, out of the accounting records of RADIUS (RFC 2866) as FreeRADIUS writes them to `detail`
// files: records of `Attribute = value` lines, an empty line between them. An address belongs to a session from its
// Start (or its first Interim-Update) to its Stop; when nothing more is heard, to the beginning of the next session with
// the address. Times are Event-Timestamp less Acct-Delay-Time (RFC 2869 §5.3, RFC 2866 §5.2), to the second.

import { parsePrefix } from "../../base/prefix.ts";
import { addressOf, compareWords, formatAddress, hostMask, parseAddress } from "../../base/address.ts";
import type { Address, Family } from "../../base/address.ts";
import { parseIp } from "../../base/ip.ts";

export interface Assignment {
  readonly subscriber: string;
  readonly session: string;
  /** Wall ms; `until` undefined: not over yet, as far as the records go. */
  readonly from: number;
  readonly until: number | undefined;
}

export interface Assignments {
  /** Who had the address at that instant (wall ms). */
  at(address: string, instant: number): Assignment | undefined;
  readonly records: number;
  /** Records that could not be used, by reason. */
  readonly skipped: ReadonlyMap<string, number>;
}

interface Session extends Omit<Assignment, "until"> {
  until: number | undefined;
}

/** Takes accounting records line by line, however many there are. */
export interface AssignmentReader {
  read(line: string): void;
  end(): Assignments;
}

export function createAssignmentReader(): AssignmentReader {
  const sessions = new Map<string, Session[]>();
  const open = new Map<string, Session>();
  const skipped = new Map<string, number>();
  let records = 0;
  let record = new Map<string, string>();
  const skip = (why: string): void => void skipped.set(why, (skipped.get(why) ?? 0) + 1);
  const take = (): void => {
    if (record.size === 0) return;
    records++;
    const status = record.get("Acct-Status-Type");
    const at = instantOf(record);
    const session = record.get("Acct-Session-Id");
    const subscriber = record.get("User-Name");
    if (status === undefined || session === undefined) skip("without Acct-Status-Type or Acct-Session-Id");
    else if (at === undefined) skip("without a time");
    else if (subscriber === undefined) skip("without User-Name");
    else {
      for (const key of keysOf(record)) {
        const known = open.get(`${key} ${session}`);
        if (status === "Stop") {
          const ended = known ?? begin(sessions, key, { subscriber, session, from: startOf(record, at) });
          ended.until = at;
          open.delete(`${key} ${session}`);
        } else if ((status === "Start" || status === "Interim-Update" || status === "Alive") && known === undefined) {
          open.set(`${key} ${session}`, begin(sessions, key, { subscriber, session, from: at }));
        }
      }
    }
    record = new Map();
  };
  return {
    read: (line) => {
      const match = /^\s+([A-Za-z0-9-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|(.*?))\s*$/.exec(line);
      if (match !== null) record.set(match[1]!, match[2]?.replaceAll(/\\(.)/g, "$1") ?? match[3]!);
      else if (line.trim() === "") take();
    },
    end: () => {
      take();
      return assignmentsOf(sessions, records, skipped);
    },
  };
}

function assignmentsOf(
  sessions: ReadonlyMap<string, Session[]>,
  records: number,
  skipped: ReadonlyMap<string, number>,
): Assignments {
  for (const list of sessions.values()) list.sort((a, b) => a.from - b.from);
  const lengths = [
    ...new Set([...sessions.keys()].filter((key) => key.includes(":")).map((key) => Number(key.split("/")[1]))),
  ];
  return {
    records,
    skipped,
    at: (written, instant) => {
      const address = parseAddress(written);
      if (address === undefined) return undefined;
      const keys =
        address.length === 1
          ? [keyOf(address, 4, 32)]
          : lengths.map((length) => keyOf(masked(address, length), 6, length));
      for (const key of keys) {
        const found = lastBegun(sessions.get(key) ?? [], instant);
        if (found !== undefined && (found.until === undefined || instant < found.until)) return found;
      }
      return undefined;
    },
  };
}

/** What the session was given: an address, and prefixes of either kind (RFC 3162, RFC 4818). */
function keysOf(record: ReadonlyMap<string, string>): readonly string[] {
  const keys: string[] = [];
  const ipv4 = parseAddress(record.get("Framed-IP-Address") ?? "");
  if (ipv4?.length === 1) keys.push(keyOf(ipv4, 4, 32));
  for (const name of ["Framed-IPv6-Prefix", "Delegated-IPv6-Prefix", "Framed-IPv6-Address"]) {
    const prefix = parsePrefix(record.get(name) ?? "");
    const octets = prefix.ok ? parseIp(prefix.value.address) : undefined;
    if (prefix.ok && octets?.length === 16) keys.push(keyOf(addressOf(octets), 6, prefix.value.length));
  }
  return keys;
}

/** Whoever begins with an address ends the one before, whose Stop was lost. */
function begin(sessions: Map<string, Session[]>, key: string, session: Omit<Session, "until">): Session {
  const list = sessions.get(key) ?? [];
  sessions.set(key, list);
  const before = list.at(-1);
  if (before !== undefined && before.until === undefined && before.from <= session.from) before.until = session.from;
  const begun: Session = { ...session, until: undefined };
  list.push(begun);
  return begun;
}

function lastBegun(list: readonly Session[], instant: number): Session | undefined {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]!.from <= instant) low = middle + 1;
    else high = middle;
  }
  return list[low - 1];
}

function startOf(record: ReadonlyMap<string, string>, at: number): number {
  const seconds = Number(record.get("Acct-Session-Time") ?? 0);
  return Number.isFinite(seconds) ? at - seconds * 1000 : at;
}

/** Event-Timestamp as seconds or as FreeRADIUS spells dates; `Timestamp` is when the server wrote the record. */
function instantOf(record: ReadonlyMap<string, string>): number | undefined {
  const delay = Number(record.get("Acct-Delay-Time") ?? 0) * 1000;
  for (const name of ["Event-Timestamp", "Timestamp"]) {
    const text = record.get(name);
    if (text === undefined) continue;
    const instant = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
    if (Number.isFinite(instant)) return instant - (Number.isFinite(delay) ? delay : 0);
  }
  return undefined;
}

function keyOf(address: Address, family: Family, length: number): string {
  return `${formatAddress(address, family)}/${length}`;
}

function masked(address: Address, length: number): Address {
  const network = address.map((word, index) => (word & ~hostMask(index, length)) >>> 0);
  return compareWords(network, 0, address, 0, address.length) === 0 ? address : network;
}
