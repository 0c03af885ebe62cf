// What the figures rest on, written here by hand, shown in the table.

export const limits = {
  rate: "A cold login costs 20 ms of a core and more for argon2id, in libuv's thread pool: at most two at once in a process, so that the spool's sync has threads left.",
  guesses:
    "Who is known goes first, and one of the two places for hashing is never a stranger's; beyond so many failures at the site five strangers' passwords a second are looked at, and one more for five right ones. Beside many networks the commit misses, and the logins are at their bound. It is not the hashes by themselves: as many in a process apart move nothing. What is left is the first seconds, in which the hundred that the site allows are looked at one after the other, with hundreds of others waiting for them, and five hundred answers a second on the mail thread.",
} as const;
