// The process of the server: who it is to the kernel, what it writes down and for how long.

import type { Keys } from "../types.ts";

export const processKeys = {
  user: {
    type: { kind: "text" },
    otherwise: "the process stays who started it",
    meaning:
      "Started as root, the server becomes this user for its files at once, binds its ports, and gives up root for good. The state and log " +
      "directories must belong to the user. Not needed where systemd or a container starts it as that user.",
    example: "sekimori",
  },
  group: {
    type: { kind: "text" },
    otherwise: "the group that is named like the user",
    meaning: "Group of the process. Needs `user`.",
    example: "sekimori",
  },
  "mail-threads": {
    type: { kind: "integer", minimum: 1, maximum: 32 },
    otherwise: "one less than the machine has cores, at least 1, and not more than the smallest limit below",
    meaning:
      "Threads that take and deliver mail. Limits hold for all of them together. More of them than cores, or two on two cores, make it slower. " +
      "The number may differ from one start to the next. Each has its part of what [delivery], [[egress]] and [[destination]] allow in " +
      "`connections`, `connections-per-destination` and `rate`, so it is at most the smallest of these.",
    example: 3,
  },
} as const satisfies Keys;

export const log = {
  level: {
    type: {
      kind: "choice",
      values: {
        debug: "every session and every command that matters",
        info: "every message and every refusal",
        warn: "what somebody should look at",
        error: "what stops mail",
      },
    },
    default: "info",
    meaning: "The least important event that is still written.",
  },
  directory: {
    type: { kind: "path" },
    otherwise: "`log` in the state directory",
    meaning: "Where the log goes: JSON lines, one file a day. `sekimori trace` reads them.",
    example: "/var/log/sekimori",
  },
  stdout: {
    type: { kind: "boolean" },
    default: false,
    meaning: "Copy every line to standard output as well, for containers and the journal.",
  },
} as const satisfies Keys;

export const retention = {
  log: {
    type: { kind: "duration", minimum: "1d", maximum: "3650d" },
    default: "180d",
    meaning:
      "How long days of the log are kept; then their files are deleted. They say who wrote to whom and when: as long as operating, " +
      "billing and complaints need, and no longer than the law on the secrecy of communications allows. `sekimori retention show` lists everything kept.",
  },
  correspondents: {
    type: { kind: "duration", minimum: "7d", maximum: "3650d" },
    default: "180d",
    meaning:
      "How long after an account last wrote to somebody it is remembered that it did, where `new-recipients` is limited. Kept are keyed hashes, " +
      "not addresses.",
  },
} as const satisfies Keys;
