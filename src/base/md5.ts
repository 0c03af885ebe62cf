// MD5 (RFC 1321) for CRAM-MD5 and nothing else: what a server keeps for that is the state of MD5 after a first block, and
// node:crypto can neither give nor take a state. Nothing that needs a hash function may use it.

/** Sixteen octets: the four words, the low octet of each first, as the digest has them (§3.5). */
type Md5State = Uint8Array;

const BLOCK = 64;
const initial: Md5State = words([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]);
/** §3.4: 2^32 times the sine of 1 to 64. */
const sines = Array.from({ length: 64 }, (_each, index) => Math.floor(2 ** 32 * Math.abs(Math.sin(index + 1))));
/** By round, and by step in it. */
const turns = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
] as const;

export function md5(message: Uint8Array): Uint8Array {
  return finish(initial, message, 0);
}

/** The state after one block of 64 octets at the beginning. */
export function md5Begin(block: Uint8Array): Md5State {
  if (block.length !== BLOCK) throw new RangeError("a block of MD5 has 64 octets");
  return compress(initial, block, 0);
}

/** The digest of a message that began with the block of `state`, and goes on with `rest`. */
export function md5End(state: Md5State, rest: Uint8Array): Uint8Array {
  return finish(state, rest, BLOCK);
}

/** §3.1 and §3.2: a bit, zeros, the length in bits. */
function finish(begun: Md5State, rest: Uint8Array, before: number): Uint8Array {
  const length = Math.ceil((rest.length + 9) / BLOCK) * BLOCK;
  const padded = new Uint8Array(length);
  padded.set(rest);
  padded[rest.length] = 0x80;
  new DataView(padded.buffer).setBigUint64(length - 8, BigInt(before + rest.length) * 8n, true);
  let state = begun;
  for (let offset = 0; offset < length; offset += BLOCK) state = compress(state, padded, offset);
  return state;
}

/** §3.4. */
function compress(state: Md5State, octets: Uint8Array, offset: number): Md5State {
  const block = new DataView(octets.buffer, octets.byteOffset + offset, BLOCK);
  const before = new DataView(state.buffer, state.byteOffset, state.length);
  const begin = [0, 4, 8, 12].map((at) => before.getUint32(at, true));
  let [a = 0, b = 0, c = 0, d = 0] = begin;
  for (let step = 0; step < 64; step++) {
    const round = step >> 4;
    const [mixed, word] = mix(round, step, b, c, d);
    const sum = (a + mixed + sines[step]! + block.getUint32(word * 4, true)) | 0;
    const turn = turns[round]![step & 3]!;
    [a, d, c, b] = [d, c, b, (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0];
  }
  return words([a, b, c, d].map((word, index) => (word + begin[index]!) >>> 0));
}

/** The function of the round, and which word of the block is its turn. */
function mix(round: number, step: number, b: number, c: number, d: number): readonly [value: number, word: number] {
  switch (round) {
    case 0:
      return [(b & c) | (~b & d), step];
    case 1:
      return [(d & b) | (~d & c), (5 * step + 1) & 15];
    case 2:
      return [b ^ c ^ d, (3 * step + 5) & 15];
    default:
      return [c ^ (b | ~d), (7 * step) & 15];
  }
}

function words(values: readonly number[]): Md5State {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (const [index, value] of values.entries()) view.setUint32(index * 4, value, true);
  return new Uint8Array(view.buffer);
}
