// Idle clients, in a process of their own: connections from many addresses, each greeted and after EHLO. Prints `held N of M`
// once all have been tried, and holds them until it is ended.

import { connect } from "node:net";

export interface IdleOptions {
  readonly address: string;
  readonly port: number;
  readonly connections: number;
}

const options = JSON.parse(process.argv[2] ?? "{}") as IdleOptions;
/** At once under way: more would only fill the server's backlog. */
const underWay = 50;
const sources = 50;
const patience = 20_000;

let begun = 0;
let held = 0;
let lost = 0;

function next(): void {
  if (begun === options.connections) return;
  begun++;
  const localAddress = `127.0.1.${1 + (begun % sources)}`;
  const socket = connect({ host: options.address, port: options.port, localAddress, noDelay: true });
  let state: "connecting" | "greeted" | "held" | "over" = "connecting";
  const settle = (how: "held" | "over"): void => {
    if (state === "over" || state === how) return;
    if (state === "held") held--;
    const fresh = state !== "held";
    state = how;
    if (how === "held") held++;
    else {
      lost++;
      socket.destroy();
    }
    if (held + lost === options.connections) console.log(`held ${held} of ${options.connections}`);
    if (fresh) next();
  };
  let text = "";
  socket.setTimeout(patience, () => settle("over"));
  socket.on("error", () => settle("over")).on("close", () => settle("over"));
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
    if (!/^\d{3} [^\n]*\n$/m.test(text)) return;
    const positive = text.startsWith("2");
    text = "";
    if (!positive) return settle("over");
    if (state === "greeted") {
      socket.setTimeout(0);
      return settle("held");
    }
    state = "greeted";
    socket.write("EHLO client.example.org\r\n");
  });
}

for (let number = 0; number < underWay; number++) next();
