// CONNECT: may this session be served at all?

import type { ConnectFacts } from "../facts.ts";
import type { Verdict } from "../verdict.ts";

export function decideConnect(facts: ConnectFacts): readonly Verdict[] {
  const evidence = { hostname: facts.hostname };
  if (facts.sessions > facts.sessionLimit) return [{ kind: "disconnect", reason: "connect.capacity", evidence }];
  return [{ kind: "accept", reason: "connect.welcome", evidence }];
}
