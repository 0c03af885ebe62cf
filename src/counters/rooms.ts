// How many octets each mailbox holds, against its quota: one count for all threads, so that no two of them give the same room
// away. The folder is read by who asks; here is what was found there, what is on its way in, and what was kept exact over our own
// deliveries since. It is read again when somebody else may have changed it (a session listed it, or it seems full).
//
// Promises: of what is reserved, begun and counted here, no more fits than the quota. A count that ran while a message came or
// went is not believed, so none is left out; one may count twice for a while, until the mailbox seems full and is counted again.

import type { Awaitable } from "./counters.ts";

/** `count`: nobody knows. Read the folder, say `counted` with this number, and ask again. */
export type RoomAnswer = "fits" | "full" | { readonly count: number };

export interface Rooms {
  /** Whether so many octets more fit. Rejects when nobody can tell. */
  fits(mailbox: string, octets: number, quota: number): Awaitable<RoomAnswer>;
  /** When they fit, takes the room for them, to be given back or kept by `end`. */
  reserve(mailbox: string, octets: number, quota: number): Awaitable<RoomAnswer>;
  /** Takes it, whether there is or not. */
  begin(mailbox: string, octets: number): void;
  end(mailbox: string, octets: number, outcome: "stored" | "failed"): void;
  /** What the folder held; `anyway`: it changes all the time, and an old number is better than none. */
  counted(mailbox: string, octets: number, count: number, believed: "unchanged" | "anyway"): void;
  /** Messages went, or may have. */
  forget(mailbox: string): void;
}

export interface LocalRooms extends Rooms {
  fits(mailbox: string, octets: number, quota: number): RoomAnswer;
  reserve(mailbox: string, octets: number, quota: number): RoomAnswer;
}

/** A mailbox that seems full is counted again at most this often, ms. */
const RECOUNT = 5000;

interface Room {
  octets: number | undefined;
  /** Octets of deliveries under way. */
  pending: number;
  changes: number;
  countedAt: number;
}

/** `now`: monotonic, ms. */
export function createRooms(now: () => number): LocalRooms {
  const rooms = new Map<string, Room>();

  function roomOf(mailbox: string): Room {
    let room = rooms.get(mailbox);
    if (room === undefined) {
      room = { octets: undefined, pending: 0, changes: 0, countedAt: Number.NEGATIVE_INFINITY };
      rooms.set(mailbox, room);
    }
    return room;
  }

  function fits(mailbox: string, octets: number, quota: number): RoomAnswer {
    const room = roomOf(mailbox);
    if (room.octets !== undefined) {
      if (room.octets + room.pending + octets <= quota) return "fits";
      if (now() - room.countedAt < RECOUNT) return "full";
    }
    return { count: room.changes };
  }

  return {
    fits,
    reserve: (mailbox, octets, quota) => {
      const answer = fits(mailbox, octets, quota);
      if (answer === "fits") roomOf(mailbox).pending += octets;
      return answer;
    },
    begin: (mailbox, octets) => void (roomOf(mailbox).pending += octets),
    end: (mailbox, octets, outcome) => {
      const room = roomOf(mailbox);
      room.pending -= octets;
      if (outcome === "failed") return;
      room.changes++;
      if (room.octets !== undefined) room.octets += octets;
    },
    counted: (mailbox, octets, count, believed) => {
      const room = roomOf(mailbox);
      if (believed === "unchanged" && count !== room.changes) return;
      room.octets = octets;
      room.countedAt = now();
    },
    forget: (mailbox) => {
      const room = rooms.get(mailbox);
      if (room === undefined) return;
      room.changes++;
      room.octets = undefined;
    },
  };
}
