// What the figures rest on, written here by hand, shown in the table.

export const limits = {
  rate: "A cold login costs 20 ms of a core and more for argon2id, in libuv's thread pool: at most two at once in a process, so that the spool's sync has threads left.",
  guesses:
    "Who is known goes first, and one of the two places for hashing is never a stranger's; beyond so many failures at the site five strangers' passwords a second are looked at.",
} as const;
