// The channel binding tls-exporter (RFC 9266): octets that only the two ends of one TLS connection can know. Taken from
// TLS 1.3 only: in 1.2 they are unique only with the extended master secret, of which Node says nothing.

import type { TLSSocket } from "node:tls";

export function channelBinding(socket: TLSSocket): Uint8Array | undefined {
  if (socket.getProtocol() !== "TLSv1.3") return undefined;
  return socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
}
