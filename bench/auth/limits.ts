// What the figures rest on, written here by hand, shown in the table.

export const limits = {
  rate: "A cold login costs 20 ms of a core and more for argon2id, in libuv's thread pool: at most two at once in a process, so that the spool's sync has threads left.",
  guesses:
    "Who is known goes first, and one of the two places for hashing is never a stranger's; beyond so many failures at the site five strangers' passwords a second are looked at, and as many more as there are right ones. What misses is the commit beside many networks: about 27 hashes a second are 0.6 of a core, of two that load and sync share as well. Beside one address nothing is hashed, and the commit's median moves by a quarter of a millisecond.",
} as const;
