// A road to another host that can be closed and opened: a TCP forwarder on a loopback address of its own. Closed,
// connections are refused, as by a host whose server is down.

import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import type { Where } from "../../lab/client.ts";
import { atEnd } from "../../lab/cleanup.ts";
import type { Scope } from "../../lab/cleanup.ts";
import { loopbackAddress } from "../../lab/loopback.ts";

export interface Forwarder extends Where {
  open(): Promise<void>;
  /** Cuts what is connected. */
  close(): Promise<void>;
}

export async function startForwarder(scope: Scope, to: Where): Promise<Forwarder> {
  const address = loopbackAddress();
  const { port } = to;
  const sockets = new Set<Socket>();
  let server: Server | undefined;

  const join = (from: Socket): void => {
    const onward = connect({ host: to.address, port: to.port });
    for (const [one, other] of [
      [from, onward],
      [onward, from],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  };
  const open = async (): Promise<void> => {
    const fresh = createServer(join);
    server = fresh;
    await new Promise<void>((resolve, reject) => {
      fresh.once("error", reject);
      fresh.listen(port, address, resolve);
    });
  };
  const close = async (): Promise<void> => {
    const old = server;
    server = undefined;
    for (const socket of sockets) socket.destroy();
    if (old === undefined) return;
    await new Promise<void>((resolve) => {
      old.close(() => resolve());
    });
  };
  await open();
  atEnd(scope, close);
  return { address, port, open, close };
}
