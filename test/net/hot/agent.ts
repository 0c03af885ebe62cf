// One process in a namespace of the hot update: `agent.ts ROLE` does its part until standard input ends, and then prints what
// it saw as one JSON line. The prober connects at a steady rate and has no deadline of its own: whatever becomes of a
// connection, the kernel says it, so a busy machine changes the rate and never the outcome.

import { execFileSync } from "node:child_process";
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";

export type AgentRole =
  /** Greets on port 25, takes what comes on port 80. */
  | { readonly role: "server" }
  | {
      readonly role: "prober";
      readonly ends: readonly Ends[];
      readonly perSecond: number;
      /**
       * What counts as open. With the greeting no more wait at the server than are open here; where none may come through,
       * the connection alone is too much, and its greeting may never come.
       */
      readonly until: "connect" | "data";
    }
  /** One long connection, written to all the time. */
  | { readonly role: "stream"; readonly ends: Ends; readonly octetsPerSecond: number };

export interface Ends {
  readonly from: string;
  readonly to: string;
}

/** How often each outcome was seen: "open", or the error. */
export type Outcomes = Readonly<Record<string, number>>;

export interface StreamReport {
  readonly sent: number;
  readonly failure: string | undefined;
  /** Segments of it that were sent again, by the kernel's own account of this connection. */
  readonly retransmitted: number;
  /** Of these, what the other side had already (RFC 2883): the kernel asked too early, and nothing had been lost. */
  readonly needless: number;
}

const [argument = ""] = process.argv.slice(2);
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by inside.ts
const role = JSON.parse(argument) as AgentRole;
switch (role.role) {
  case "server":
    await serve();
    break;
  case "prober":
    probe(role.ends, role.perSecond, role.until);
    break;
  case "stream":
    stream(role.ends, role.octetsPerSecond);
}

async function serve(): Promise<void> {
  const mail = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.write("220 mx\r\n");
  });
  const bulk = createServer((socket) => socket.on("error", () => undefined).resume());
  for (const [server, port] of [
    [mail, 25],
    [bulk, 80],
  ] as const) {
    await new Promise<void>((resolve) => server.listen({ port, host: "::", backlog: 4096 }, resolve));
  }
  atEnd(() => ({}));
  console.log("ready");
}

function probe(ends: readonly Ends[], perSecond: number, until: "connect" | "data"): void {
  const outcomes: Record<string, number> = {};
  const began = performance.now();
  let launched = 0;
  let open = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - began) / 1000) * perSecond);
    // What a pause of this process has cost is made up for, but not all at once.
    for (let batch = 0; launched < due && open < 64 && batch < 32; batch++) {
      launched++;
      open++;
      const { from, to } = ends[launched % ends.length]!;
      // A port comes again only after all others: what is still on its way to the last one who had it would end the new one.
      const localPort = 10_000 + (launched % 50_000);
      const socket = connect({ host: to, port: 25, localAddress: from, localPort });
      const count = (outcome: string): void => {
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        open--;
        // Without waiting for the other side, so that ports are free again.
        socket.resetAndDestroy();
      };
      socket.once(until, () => count("open"));
      socket.once("error", (error) => count("code" in error ? String(error.code) : error.message));
    }
  }, 2);
  atEnd(async () => {
    clearInterval(timer);
    // oxlint-disable-next-line no-unmodified-loop-condition -- sockets change it
    while (open > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    return outcomes;
  });
}

function stream({ from, to }: Ends, octetsPerSecond: number): void {
  const chunk = new Uint8Array(Math.ceil(octetsPerSecond / 100));
  let failure: string | undefined;
  const socket: Socket = connect({ host: to, port: 80, localAddress: from });
  socket.on("error", (error) => (failure ??= error.message));
  const timer = setInterval(() => {
    if (socket.writableLength < 4 * chunk.length) socket.write(chunk);
  }, 10);
  atEnd(async () => {
    clearInterval(timer);
    // Asked while it is open: a closed one has no account any more.
    const again = retransmissions(socket.localPort!);
    await new Promise<void>((resolve) => socket.end(resolve));
    const report: StreamReport = { sent: socket.bytesWritten, failure, ...again };
    return report;
  });
}

/** Of one connection (tcp_info); the namespace's own sum would count the prober's as well. */
function retransmissions(localPort: number): Pick<StreamReport, "retransmitted" | "needless"> {
  const said = execFileSync("ss", ["-tinHO", "sport", "=", `:${localPort}`], { encoding: "utf8" });
  if (!said.includes("bytes_sent:")) throw new Error(`ss says nothing of the stream: ${said}`);
  // Left out by ss while they are 0.
  return {
    retransmitted: Number(/ retrans:\d+\/(\d+)/.exec(said)?.[1] ?? 0),
    needless: Number(/ dsack_dups:(\d+)/.exec(said)?.[1] ?? 0),
  };
}

function atEnd(report: () => object | Promise<object>): void {
  process.stdin.resume().once("end", () => {
    void Promise.resolve(report()).then((said) => {
      console.log(JSON.stringify(said));
      process.exit(0);
    });
  });
}
