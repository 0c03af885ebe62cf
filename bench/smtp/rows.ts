// The rows of the table: what the load generator does, and what is compared.

export interface AcceptRow {
  readonly kind: "accept";
  readonly name: string;
  readonly title: string;
  /** For smtp-source(1). */
  readonly load: readonly string[];
  /** Messages in one run at most: bounds what the servers keep on disk. */
  readonly most: number;
}

export interface RelayRow {
  readonly kind: "relay";
  readonly name: string;
  readonly title: string;
  readonly connections: number;
  readonly size: number;
  readonly most: number;
}

export type Row = AcceptRow | RelayRow;

function accept(name: string, title: string, load: string, most = 40_000): AcceptRow {
  return { kind: "accept", name, title, load: load.split(" "), most };
}

export const rows: readonly Row[] = [
  accept("s20", "one message per connection, 20 sessions, 4 kB", "-s 20 -l 4096"),
  accept("s1", "one message per connection, 1 session, 4 kB", "-s 1 -l 4096"),
  accept("s100", "one message per connection, 100 sessions, 4 kB", "-s 100 -l 4096"),
  accept("d20", "connections kept, 20 sessions, 4 kB", "-d -s 20 -l 4096"),
  accept("big", "connections kept, 20 sessions, 100 kB", "-d -s 20 -l 102400", 5000),
  accept("r10", "connections kept, 20 sessions, 4 kB, 10 recipients", "-d -s 20 -l 4096 -r 10", 20_000),
  {
    kind: "relay",
    name: "e2e",
    title: "end to end: 20 TLS sessions in, queue, relay to smtp-sink, 4 kB",
    connections: 20,
    size: 4096,
    most: 20_000,
  },
];
