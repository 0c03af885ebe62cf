// One question to one server: over UDP from a fresh socket (the kernel picks a random source port) with a random id, and
// once more over TCP when the answer is truncated (RFC 7766 §5). Only a response from that server with that id and
// that question counts (RFC 5452 §9); anything else is ignored and the clock runs on.
// EDNS with 1232 octets keeps answers out of fragments (RFC 6891; the figure of DNS flag day 2020).

import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import { AUTHENTIC_DATA, decode, encode, RECURSION_DESIRED, type DecodedPacket, type RecordType } from "dns-packet";
import type { ServerEndpoint } from "./system.ts";

export interface DnsQuestion {
  readonly name: string;
  readonly type: Extract<RecordType, "A" | "AAAA" | "MX" | "PTR" | "TXT">;
  /** Ask the server to say whether it validated the answer (RFC 6840 §5.7). */
  readonly validated?: true;
}

export type Exchange =
  | { readonly kind: "response"; readonly packet: DecodedPacket }
  | { readonly kind: "failed"; readonly cause: string };

const payloadSize = 1232;

export async function exchange(
  server: ServerEndpoint,
  question: DnsQuestion,
  edns: "edns" | "plain",
  milliseconds: number,
): Promise<Exchange> {
  const started = performance.now();
  const answer = await overUdp(server, question, edns, milliseconds);
  if (answer.kind === "failed" || !answer.packet.flag_tc) return answer;
  return await overTcp(server, question, edns, Math.max(1, milliseconds - (performance.now() - started)));
}

function encodeQuery(id: number, { name, type, validated }: DnsQuestion, edns: "edns" | "plain"): Buffer {
  return encode({
    type: "query",
    id,
    flags: validated ? RECURSION_DESIRED | AUTHENTIC_DATA : RECURSION_DESIRED,
    questions: [{ name, type, class: "IN" }],
    additionals:
      edns === "plain"
        ? []
        : [
            {
              type: "OPT",
              name: ".",
              udpPayloadSize: payloadSize,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ],
  });
}

/** The response to exactly this question, or undefined. */
function decodeResponse(bytes: Buffer, id: number, question: DnsQuestion): DecodedPacket | undefined {
  let packet: DecodedPacket;
  try {
    packet = decode(bytes);
  } catch {
    return undefined;
  }
  const asked = packet.questions?.[0];
  if (!packet.flag_qr || packet.id !== id || packet.questions?.length !== 1 || asked === undefined) return undefined;
  const same = asked.type === question.type && asked.class === "IN" && asked.name.toLowerCase() === question.name;
  return same ? packet : undefined;
}

function overUdp(
  server: ServerEndpoint,
  question: DnsQuestion,
  edns: "edns" | "plain",
  milliseconds: number,
): Promise<Exchange> {
  return new Promise((resolve) => {
    const id = randomInt(65536);
    const socket = createSocket(isIPv6(server.address.replace(/%.*/, "")) ? "udp6" : "udp4");
    const end = (answer: Exchange): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      // An ICMP error that comes late must not become an unhandled event.
      socket.on("error", () => undefined);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end({ kind: "failed", cause: `no answer from ${server.address}` }), milliseconds);
    socket.on("error", (error) => end({ kind: "failed", cause: `${server.address}: ${error.message}` }));
    socket.on("message", (bytes) => {
      const packet = decodeResponse(bytes, id, question);
      if (packet !== undefined) end({ kind: "response", packet });
    });
    // Connected, so that the kernel drops what others send and reports a closed port.
    socket.connect(server.port, server.address, () => socket.send(encodeQuery(id, question, edns)));
  });
}

function overTcp(
  server: ServerEndpoint,
  question: DnsQuestion,
  edns: "edns" | "plain",
  milliseconds: number,
): Promise<Exchange> {
  return new Promise((resolve) => {
    const id = randomInt(65536);
    const socket = connect({ host: server.address, port: server.port, noDelay: true });
    let received = Buffer.alloc(0);
    const end = (answer: Exchange): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on("error", () => undefined);
      socket.destroy();
      resolve(answer);
    };
    const fail = (cause: string): void => end({ kind: "failed", cause: `${server.address} over TCP: ${cause}` });
    const timer = setTimeout(() => fail("no answer"), milliseconds);
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => fail("closed"));
    socket.on("connect", () => {
      const query = encodeQuery(id, question, edns);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(query.length);
      socket.write(Buffer.concat([length, query]));
    });
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const packet = decodeResponse(received.subarray(2, 2 + received.readUInt16BE(0)), id, question);
      if (packet === undefined) fail("a response to something else");
      else end({ kind: "response", packet });
    });
  });
}
