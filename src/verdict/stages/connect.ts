// CONNECT: may this session be served at all?

import type { ConnectFacts } from "../facts.ts";
import type { Verdict } from "../verdict.ts";

export function decideConnect(facts: ConnectFacts): readonly Verdict[] {
  const { hostname, client } = facts;
  const evidence = { hostname };
  const verdicts: Verdict[] = [];
  if (facts.ended !== undefined) {
    const { role, until } = facts.ended;
    const reason = role === "legacy" ? "connect.legacy-ended" : "connect.substitute-ended";
    verdicts.push({ kind: "disconnect", reason, evidence: { hostname, until } });
  }
  if (facts.sessions > facts.sessionLimit) verdicts.push({ kind: "disconnect", reason: "connect.capacity", evidence });
  switch (client.kind) {
    case "within":
      break;
    case "connections":
      verdicts.push({
        kind: "disconnect",
        reason: "connect.client-connections",
        evidence: { hostname, limit: client.limit },
      });
      break;
    case "rate":
      verdicts.push({
        kind: "disconnect",
        reason: "connect.client-rate",
        evidence: { hostname, limit: client.limit, window: client.window },
      });
      break;
    case "logins":
      // Where people log in, who is known at this address is let in among those who guess there: AUTH decides.
      if (facts.role !== "mx") break;
      verdicts.push({
        kind: "disconnect",
        reason: "connect.client-logins",
        evidence: { hostname, limit: client.limit, window: client.window },
      });
      break;
    case "unavailable":
      // Nobody knows how many there are: not one more (law 3). The greeting has no 451, so it is a 421.
      if (client.fail === "closed") verdicts.push({ kind: "disconnect", reason: "connect.uncounted", evidence });
      break;
  }
  verdicts.push({ kind: "accept", reason: "connect.welcome", evidence });
  return verdicts;
}
