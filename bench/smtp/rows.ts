// The rows of the table: what the load does, who is compared, and what ours is to reach.
//
// Targets are ratios to the best durable MTA of the same run (peers/peer.ts), since figures of different machines, and of
// different hours on one, do not compare. Where a server is left out of a row, the reason is in the row.

import type { PeerName } from "./peers/peer.ts";

/** Per second; server µs each; octets a connection. What "each" is, the row's unit says. */
export type Metric = "rate" | "cpu" | "memory";

export type Target =
  | { readonly metric: Metric; readonly of: "bar"; readonly atLeast: number }
  | { readonly metric: Metric; readonly of: "bar"; readonly atMost: number }
  | { readonly metric: Metric; readonly of: "itself"; readonly atMost: number };

export type Load =
  /** By smtp-source(1), with these options; in clear. */
  | { readonly kind: "source"; readonly options: string }
  /** The same load, on servers whose every fsync takes 2 ms longer. */
  | { readonly kind: "slow-source"; readonly options: string }
  /** By smtp-source(1) for a domain whose mailboxes are in an LMTP store, smtp-sink(1): until the last arrival there. In clear. */
  | { readonly kind: "store"; readonly options: string }
  /** Sessions with STARTTLS, and AUTH where the server wants it; relayed to smtp-sink(1): until the last arrival there. */
  | { readonly kind: "relay"; readonly connections: number; readonly perConnection: "one" | "all" }
  /** Sessions with STARTTLS, AUTH and one message each. */
  | { readonly kind: "submit"; readonly connections: number }
  /** Connections held after EHLO: so many, but fewer of those that make a process for each. */
  | { readonly kind: "idle"; readonly connections: (peer: PeerName) => number };

export interface Row {
  readonly name: string;
  readonly title: string;
  readonly unit: "message" | "session" | "connection";
  readonly load: Load;
  /** Messages in one run at most: bounds what the servers keep on disk. */
  readonly most: number;
  readonly targets: readonly Target[];
  readonly peers: readonly PeerName[];
  /** Why others are not in it. */
  readonly without: Readonly<Partial<Record<PeerName, string>>>;
}

const durable = ["sekimori", "Postfix", "Exim", "Haraka", "sekimori (again)"] as const;
const everybody = [...durable, "smtp-server"] as const;
const greetingDelay = "delays every greeting by 100 ms, to catch early talkers";
const slowerRelay = "delivers less than Postfix in the rows that relay by TLS";
const quitDelay = "waits 200 ms after every QUIT";

interface Shape {
  readonly name: string;
  readonly title: string;
  readonly most?: number;
  readonly targets: readonly Target[];
  readonly peers?: readonly PeerName[];
  readonly without?: Row["without"];
}

function messages(load: Load, { most = 40_000, peers = everybody, without = {}, ...rest }: Shape): Row {
  return { unit: load.kind === "submit" ? "session" : "message", load, most, peers, without, ...rest };
}

function source(options: string, shape: Shape): Row {
  return messages({ kind: "source", options }, shape);
}

const rate = (atLeast: number): readonly Target[] => [{ metric: "rate", of: "bar", atLeast }];

export const rows: readonly Row[] = [
  source("-s 20 -l 4096", {
    name: "s20",
    title: "one message per connection, 20 sessions, 4 kB",
    targets: [...rate(3), { metric: "cpu", of: "bar", atMost: 0.2 }],
    peers: [...durable, "Postfix, eased"],
    without: { "smtp-server": greetingDelay },
  }),
  source("-s 100 -l 4096", {
    name: "s100",
    title: "one message per connection, 100 sessions, 4 kB",
    targets: rate(4),
  }),
  source("-s 1 -l 4096", {
    name: "s1",
    title: "one message per connection, 1 session, 4 kB",
    targets: rate(1.2),
    peers: ["sekimori", "Postfix", "Haraka", "sekimori (again)"],
    without: { Exim: quitDelay, "smtp-server": greetingDelay },
  }),
  source("-d -s 20 -l 4096", {
    name: "d20",
    title: "connections kept, 20 sessions, 4 kB",
    targets: rate(3.3),
    peers: [...everybody, "Postfix, eased"],
  }),
  source("-d -s 1 -l 4096", { name: "d1", title: "connection kept, 1 session, 4 kB", targets: [] }),
  source("-d -s 20 -l 102400", {
    name: "big",
    title: "connections kept, 20 sessions, 100 kB",
    most: 5000,
    targets: rate(3.5),
  }),
  source("-d -s 20 -l 4096 -r 10", {
    name: "r10",
    title: "connections kept, 20 sessions, 4 kB, 10 recipients",
    most: 20_000,
    targets: rate(4),
  }),
  ...(["one", "all"] as const).map((perConnection) =>
    messages(
      { kind: "store", options: perConnection === "one" ? "-s 20 -l 4096" : "-d -s 20 -l 4096" },
      {
        name: perConnection === "one" ? "lmtp-s20" : "lmtp-d20",
        title: `end to end to an LMTP store, 20 sessions, ${perConnection === "one" ? "one message per connection" : "connections kept"}, 4 kB`,
        most: 20_000,
        targets: rate(perConnection === "one" ? 6 : 10),
        peers: ["sekimori", "Postfix", "sekimori (again)"],
        without: { Exim: slowerRelay, Haraka: slowerRelay, "smtp-server": "has no queue" },
      },
    ),
  ),
  ...(["one", "all"] as const).map((perConnection) =>
    messages(
      { kind: "relay", connections: 20, perConnection },
      {
        name: perConnection === "one" ? "e2e-s20" : "e2e-d20",
        title: `end to end by TLS to smtp-sink, 20 sessions, ${perConnection === "one" ? "one message per connection" : "connections kept"}, 4 kB`,
        most: 10_000,
        targets: rate(perConnection === "one" ? 6 : 10),
        peers: durable,
        without: { "smtp-server": "has no queue" },
      },
    ),
  ),
  ...([20, 100] as const).map((connections) =>
    messages(
      { kind: "submit", connections },
      {
        name: `tls${connections}`,
        title: `TLS 1.3, AUTH PLAIN, one message of 4 kB per session, ${connections} clients`,
        targets: rate(connections === 20 ? 3.5 : 2),
      },
    ),
  ),
  ...([20, 100] as const).map((connections) =>
    messages(
      { kind: "slow-source", options: `-d -s ${connections} -l 4096` },
      {
        name: `slow${connections}`,
        title: `every sync 2 ms slower, connections kept, ${connections} sessions, 4 kB`,
        targets: rate(connections === 20 ? 1.2 : 3),
      },
    ),
  ),
  {
    name: "idle",
    title: "memory per idle connection in clear",
    unit: "connection",
    load: {
      kind: "idle",
      connections: (peer) => (peer.startsWith("Postfix") || peer === "Exim" ? 1000 : 15_000),
    },
    most: 15_000,
    targets: [{ metric: "memory", of: "itself", atMost: 5 * 1024 }],
    peers: durable,
    without: { "smtp-server": greetingDelay },
  },
];
