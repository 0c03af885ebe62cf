// Hosts that accept connections and never say a word: one port on every loopback address, in a process of its own. Prints the port, and
// then how many connections are open whenever that changes.

import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

let open = 0;
let told = 0;
const server = createServer((socket) => {
  open++;
  socket.on("error", () => undefined).on("close", () => open--);
  socket.resume();
});
server.listen({ host: "0.0.0.0", port: 0, backlog: 4096 }, () => {
  console.log(`port ${(server.address() as AddressInfo).port}`);
});
setInterval(() => {
  if (open !== told) console.log(`open ${(told = open)}`);
}, 100);
