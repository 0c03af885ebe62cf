// Ids of messages and sessions: 16 characters that sort by time and are safe in file names (also where case does
// not count), in header fields, in replies and in shells. Digits and lower-case letters without i, l, o and u.
//
//   9 characters  milliseconds since 1970 (45 bits, good until the year 3084)
//   1 character   the lane: threads of one host take different lanes, so their ids never meet
//   6 characters  random start, then counted up within the same millisecond (30 bits)
//
// One maker never gives the same id twice and never an id that sorts before an earlier one, even when the wall
// clock goes back: it then counts on from its last id. An id is not a secret.

/** So many lanes there are. */
export const lanes = 32;

/** ASCII order is value order; the base32 of Crockford in lower case. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const timeDigits = 9;
const serialDigits = 6;
const poolOctets = 512;
const serialSpan = 2 ** (5 * serialDigits);

/** Unpredictable octets, as `randomBytes` of node:crypto gives them. */
type RandomSource = (octets: number) => Uint8Array;

/** The part of io/clock.ts that ids need; this room imports nothing. */
interface WallClock {
  wall(): number;
}

export interface IdOptions {
  /** 0–31; default 0. */
  readonly lane?: number;
  /** The last id of an earlier run: all ids sort after it, even when the clock was set back meanwhile. */
  readonly after?: string;
}

/** Throws a RangeError when the lane is outside. */
export function createIdMaker(
  clock: WallClock,
  random: RandomSource,
  { lane = 0, after = "" }: IdOptions = {},
): () => string {
  if (!Number.isInteger(lane) || lane < 0 || lane >= lanes) throw new RangeError(`lane ${lane} is not in 0–31`);
  const laneDigit = alphabet.charAt(lane);
  let last = after === "" ? -1 : timeOf(after);
  let prefix = "";
  // Asking for random octets costs more than all the rest of an id, however few they are.
  let pool: Uint8Array = new Uint8Array();
  let drawn = 0;
  // Nothing left in the millisecond of `after`: the next id begins a later one.
  let serial = serialSpan - 1;
  return () => {
    const now = Math.floor(clock.wall());
    if (now > last) {
      startMillisecond(now);
    } else if (serial < serialSpan - 1) {
      serial += 1;
    } else {
      startMillisecond(last + 1);
    }
    return prefix + digits(serial, serialDigits);
  };

  function startMillisecond(at: number): void {
    last = at;
    prefix = digits(at, timeDigits) + laneDigit;
    // The lower half of the span: more than 2²⁹ ids can follow within the millisecond.
    let value = 0;
    for (let i = 0; i < 4; i += 1) value = value * 256 + draw();
    serial = value % (serialSpan / 2);
  }

  function draw(): number {
    if (drawn === pool.length) {
      pool = random(poolOctets);
      drawn = 0;
    }
    const octet = pool[drawn] ?? 0;
    drawn += 1;
    return octet;
  }
}

/** In which lane an id was made; 0 for what is no id. */
export function laneOf(id: string): number {
  return Math.max(0, alphabet.indexOf(id[timeDigits] ?? "0"));
}

function timeOf(id: string): number {
  let value = 0;
  for (const digit of id.slice(0, timeDigits)) value = value * 32 + Math.max(0, alphabet.indexOf(digit));
  return value;
}

function digits(value: number, count: number): string {
  let rest = value;
  let text = "";
  for (let i = 0; i < count; i += 1) {
    text = alphabet.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}
