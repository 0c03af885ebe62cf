// The senders of the socket rows, in a process of their own: each sends a message, waits for one octet, sends the next.

import { connect } from "node:net";

const [port, connections, size] = process.argv.slice(2).map(Number);
const message = Buffer.alloc(size ?? 0, "x");
for (let i = 0; i < (connections ?? 0); i++) {
  const socket = connect({ port: port ?? 0, host: "127.0.0.1", noDelay: true });
  socket.on("connect", () => socket.write(message));
  socket.on("data", () => socket.write(message));
  socket.on("error", () => socket.destroy());
}
