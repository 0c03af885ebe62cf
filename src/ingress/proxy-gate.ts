// Who the client of a new connection is. Connections from the proxies of a listener begin with a PROXY header, and the
// client is whom it names; all others are their own client, and a header from them is not one.
//
// A proxy that sends no header, or a bad one, or takes too long for it, is cut without a word: whoever listens there did
// not ask for mail. So is one whose client left before.

import type { Socket } from "node:net";
import { plainIp } from "../base/ip.ts";
import { prefixMatcher } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import type { Observer } from "../observe/events.ts";
import { readProxyHeader } from "../proto/proxy/header.ts";

export interface Client {
  readonly address: string;
  readonly port: number;
}

export interface ProxyGate {
  /** Calls `serve` once the client is known; the socket's next octets are the client's first. */
  admit(socket: Socket, serve: (client: Client) => void): void;
  /** Cuts the connections that have not said whose they are. */
  close(): void;
}

/** From the connection to the end of the header, ms. A proxy sends it at once; this leaves room for a lost packet or two. */
const PATIENCE = 10_000;

export function createProxyGate(
  { listener, proxies, observer }: { listener: string; proxies: readonly Prefix[]; observer: Observer },
  patience = PATIENCE,
): ProxyGate {
  const isProxy = prefixMatcher(proxies);
  const waiting = new Set<Socket>();

  function readHeader(socket: Socket, proxy: Client, serve: (client: Client) => void): void {
    let received: Buffer = Buffer.alloc(0);
    const refuse = (defect: string): void => {
      settle();
      socket.destroy();
      observer.emit("proxy.refused", { listener, client: proxy.address, port: proxy.port, cause: defect });
    };
    const timer = setTimeout(() => refuse("no PROXY header in time"), patience);
    const onData = (octets: Buffer): void => {
      received = received.length === 0 ? octets : Buffer.concat([received, octets]);
      const header = readProxyHeader(received);
      if (header.kind === "incomplete") return;
      if (header.kind === "bad") {
        refuse(header.defect);
        return;
      }
      settle();
      socket.pause();
      if (received.length > header.length) socket.unshift(received.subarray(header.length));
      serve(header.client ?? proxy);
    };
    const onEnd = (): void => refuse("the connection ended before its PROXY header");
    const onClose = (): void => settle();
    function settle(): void {
      clearTimeout(timer);
      waiting.delete(socket);
      socket.off("data", onData).off("end", onEnd).off("close", onClose);
    }
    waiting.add(socket);
    socket
      .on("data", onData)
      .on("end", onEnd)
      .on("close", onClose)
      .on("error", () => socket.destroy());
  }

  return {
    admit: (socket, serve) => {
      const own = { address: plainAddress(socket.remoteAddress ?? "unknown"), port: socket.remotePort ?? 0 };
      if (isProxy(own.address)) readHeader(socket, own, serve);
      else serve(own);
    },
    close: () => {
      for (const socket of waiting) socket.destroy();
    },
  };
}

/** What has no colon is plain already. */
function plainAddress(address: string): string {
  if (!address.includes(":")) return address;
  return plainIp(address) ?? address;
}
