// One question to all servers within one deadline, and what the responses mean: records, none, or failed. A CNAME chain
// is followed inside a response and, where a server leaves the end out, by asking again; eight links and that is enough.
// Records with another owner name are not looked at: a response may say what it likes about names nobody asked for.

import type { Answer, DecodedPacket, StringAnswer } from "dns-packet";
import { exchange, type DnsQuestion } from "./exchange.ts";
import { normalName } from "./name.ts";
import type { ServerEndpoint } from "./system.ts";

/** Times to live are seconds; undefined means not to be cached. */
export type Lookup =
  | { readonly kind: "found"; readonly records: readonly Answer[]; readonly ttl: number }
  | { readonly kind: "none"; readonly reason: "nxdomain" | "nodata"; readonly ttl: number | undefined }
  | { readonly kind: "failed"; readonly cause: string };

const chainLimit = 8;
/** Every server is asked this many times before the question has failed. */
const rounds = 2;

const NOERROR = 0;
const FORMERR = 1;
const NXDOMAIN = 3;
const NOTIMP = 4;

export async function lookUp(
  servers: readonly ServerEndpoint[],
  question: DnsQuestion,
  milliseconds: number,
): Promise<Lookup> {
  const deadline = performance.now() + milliseconds;
  let { name } = question;
  let ttl = Number.POSITIVE_INFINITY;
  for (let links = 0; links <= chainLimit;) {
    const answer = await ask(servers, { name, type: question.type }, deadline);
    if (answer.kind === "failed") return answer;
    const found = readAnswer(answer.packet, { name, type: question.type });
    if (found.kind === "none") return found;
    ttl = Math.min(ttl, found.ttl);
    if (found.kind === "found") return { ...found, ttl };
    links += found.links;
    const next = normalName(found.target);
    if (next === undefined) return { kind: "none", reason: "nxdomain", ttl: found.ttl };
    name = next;
  }
  return { kind: "failed", cause: `${question.name}: CNAME chain too long` };
}

type Asked =
  | { readonly kind: "response"; readonly packet: DecodedPacket }
  | { readonly kind: "failed"; readonly cause: string };

async function ask(servers: readonly ServerEndpoint[], question: DnsQuestion, deadline: number): Promise<Asked> {
  const tries = servers.length * rounds;
  let edns: "edns" | "plain" = "edns";
  const causes = new Map<string, string>();
  for (let index = 0; index < tries; index++) {
    const server = servers[index % servers.length];
    const left = deadline - performance.now();
    if (server === undefined || left <= 0) break;
    // The last try may use all that is left.
    const answer = await exchange(server, question, edns, left / (tries - index));
    if (answer.kind === "failed") {
      causes.set(server.address, answer.cause);
      continue;
    }
    const code = responseCode(answer.packet);
    if (code === NOERROR || code === NXDOMAIN) return answer;
    causes.set(server.address, `${server.address} answered ${responseName(code)}`);
    // RFC 6891 §7: servers from before EDNS.
    if (edns === "edns" && (code === FORMERR || code === NOTIMP)) {
      edns = "plain";
      index--;
    }
  }
  return {
    kind: "failed",
    cause: `${question.name} ${question.type}: ${[...causes.values()].join("; ") || "timeout"}`,
  };
}

/** With the upper bits from the OPT record (RFC 6891 §6.1.3), where BADVERS would look like NOERROR. */
function responseCode(packet: DecodedPacket): number {
  const option = packet.additionals?.find((each) => each.type === "OPT");
  return ((packet.flags ?? 0) & 15) | ((option?.extendedRcode ?? 0) << 4);
}

function responseName(code: number): string {
  return (
    ({ 1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED" } as Record<number, string>)[code] ?? `rcode ${code}`
  );
}

type Reading =
  | Extract<Lookup, { kind: "found" | "none" }>
  | { readonly kind: "alias"; readonly target: string; readonly links: number; readonly ttl: number };

function readAnswer(packet: DecodedPacket, question: DnsQuestion): Reading {
  const answers = packet.answers ?? [];
  let owner = question.name;
  let ttl = Number.POSITIVE_INFINITY;
  for (let links = 0; ; links++) {
    const own = answers.filter((each) => each.name.toLowerCase() === owner);
    const records = own.filter((each) => each.type === question.type);
    if (records.length > 0) {
      return { kind: "found", records, ttl: Math.min(ttl, ...records.map(ttlOf)) };
    }
    const alias = own.find((each): each is StringAnswer => each.type === "CNAME");
    if (links > chainLimit) return { kind: "alias", target: owner, links, ttl };
    if (alias === undefined) {
      if (responseCode(packet) === NXDOMAIN) return { kind: "none", reason: "nxdomain", ttl: negativeTtl(packet) };
      // An end that is there but has no such record is not told from an end that was left out: ask for it.
      if (links > 0 && negativeTtl(packet) === undefined) return { kind: "alias", target: owner, links, ttl };
      return { kind: "none", reason: "nodata", ttl: negativeTtl(packet) };
    }
    ttl = Math.min(ttl, ttlOf(alias));
    owner = alias.data.toLowerCase();
  }
}

function ttlOf(record: Answer): number {
  return record.type === "OPT" ? 0 : (record.ttl ?? 0);
}

/** RFC 2308 §5: the SOA in the authority section says for how long; without it nothing is remembered. */
function negativeTtl(packet: DecodedPacket): number | undefined {
  const soa = packet.authorities?.find((each) => each.type === "SOA");
  return soa === undefined ? undefined : Math.min(soa.ttl ?? 0, soa.data.minimum ?? 0);
}
