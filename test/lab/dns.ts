// A DNS server for tests: answers over UDP what stands in its zone, which may change while it runs. A name that is not there does not
// exist; "broken" is SERVFAIL. Times to live are 0: nothing of an old answer stays anywhere.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { decode, encode } from "dns-packet";
import type { Answer } from "dns-packet";
import { atEnd } from "./cleanup.ts";
import type { Scope } from "./cleanup.ts";
import type { Where } from "./client.ts";
import { loopbackAddress } from "./loopback.ts";

export interface DnsNames {
  readonly TXT?: readonly string[];
  readonly A?: readonly string[];
  readonly MX?: readonly string[];
}

export interface DnsServer extends Where {
  /** By name, lower case. */
  readonly zone: Map<string, DnsNames | "broken">;
}

const NXDOMAIN = 3;
const SERVFAIL = 2;

export async function startDns(scope: Scope, zone: Readonly<Record<string, DnsNames | "broken">>): Promise<DnsServer> {
  const names = new Map(Object.entries(zone));
  const address = loopbackAddress();
  const port = 2053;
  const socket = createSocket("udp4");
  socket.on("message", (bytes, from) => {
    const query = decode(bytes);
    const [question] = query.questions ?? [];
    if (question === undefined) return;
    const found = names.get(question.name.toLowerCase());
    const flags = found === undefined ? NXDOMAIN : found === "broken" ? SERVFAIL : 0;
    const answers = found === undefined || found === "broken" ? [] : answersOf(question.name, question.type, found);
    const response = encode({ type: "response", id: query.id ?? 0, flags, questions: [question], answers });
    socket.send(response, from.port, from.address);
  });
  socket.bind(port, address);
  await once(socket, "listening");
  atEnd(scope, () => void socket.close());
  return { address, port, zone: names };
}

function answersOf(name: string, type: string, { TXT = [], A = [], MX = [] }: DnsNames): Answer[] {
  const ttl = 0;
  switch (type) {
    case "TXT":
      return TXT.map((data) => ({ name, type, ttl, data: [data] }));
    case "A":
      return A.map((data) => ({ name, type, ttl, data }));
    case "MX":
      return MX.map((exchange, preference) => ({ name, type, ttl, data: { preference, exchange } }));
    default:
      return [];
  }
}
