// Whether somebody listens at an endpoint, and whether we could: for checks before a server starts. Nothing is sent.

import { connect, createServer } from "node:net";

interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export function probeConnect(
  { address, port }: Endpoint,
  milliseconds: number,
): Promise<"connected" | "refused" | "unreachable"> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: milliseconds });
    const end = (how: "connected" | "refused" | "unreachable"): void => {
      socket.destroy();
      resolve(how);
    };
    socket.once("connect", () => end("connected"));
    socket.once("timeout", () => end("unreachable"));
    socket.once("error", (error) => end(codeOf(error) === "ECONNREFUSED" ? "refused" : "unreachable"));
  });
}

/** Bound for a moment. */
export function probeBind({ address, port }: Endpoint): Promise<"free" | "taken" | "forbidden" | "no such address"> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error) => {
      const code = codeOf(error);
      if (code === "EADDRINUSE") resolve("taken");
      else if (code === "EACCES") resolve("forbidden");
      else if (code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT") resolve("no such address");
      else reject(error);
    });
    server.listen({ host: address, port, ipv6Only: true }, () => server.close(() => resolve("free")));
  });
}

function codeOf(error: Error): unknown {
  return "code" in error ? error.code : undefined;
}
