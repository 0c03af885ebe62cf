// docs/reference/network.md: the meaning of a policy in sentences, and all that can be wrong with one, from the table in
// src/policy/network/problems.ts.

import { problemKinds } from "../src/policy/network/problems.ts";

const meaning = `# The network policy

\`[network]\` in \`sekimori.toml\` ([every key](configuration.md)) says who may speak to port 25, and when. It is a value: what is in
force at an instant follows from it and from nothing else. This page is made by \`node scripts/reference.ts\`.

## What is decided about a packet

Three groups of rules look at a packet, each on its own. A packet that any of them blocks is blocked; all others pass.

**SAV** (validation of sources) looks at every packet that comes up a customer line, of whatever protocol, once \`sav\` of a pool of
the line has begun. The source must be one of the line's: its own prefixes or, without any, those of its pools. \`0.0.0.0\`, \`::\` and
\`fe80::/10\` always pass, since DHCP, duplicate address detection and neighbour discovery need them. Later fragments are held
to it too.

**OP25B** (Outbound Port 25 Blocking) looks at TCP to port 25 whose source is in a dynamic pool that has a stage other than \`off\`.
The first that applies decides:

1. the source is an own server, of any role: it passes;
2. the source, or its subscriber, has an exemption in force: it passes;
3. the destination is an own server of role \`msa25\` (or \`mx\`, if \`own-mx = "permitted"\`): it passes;
4. the destination is the MSA of a partner whose permit is in force: it passes;
5. the destination is a third-party exception in force: it passes;
6. \`full\`: it is blocked. \`mobile-only\`: it is blocked if the destination is a carrier's, else it passes. \`observe\`: it passes and
   is counted.

**IP25B** (Inbound Source Port 25 Blocking) looks at TCP from port 25 whose destination is in a dynamic pool with \`inbound-25\` in
force. It is the mirror: own servers and exempt addresses as destination pass, the same far ends as source pass, the rest is
blocked; while the stage is \`mobile-only\`, only what comes from carriers. It is never wider than OP25B: \`net check\` proves that
for all times to come, and that the answer of every permitted conversation arrives.

Fragments after the first carry no port. OP25B and IP25B let them pass; nobody can use them without their first one.

Nothing else is looked at. Port 587 stays open (RFC 5068 §3.1), and so do 465, 993 and 995.

## Where a filter stands

| placement | what it sees |
|---|---|
| \`edge\` | all that is forwarded: OP25B and IP25B hold for every packet, SAV for those from customer lines |
| \`interfaces\` | what comes from customers is held against SAV and OP25B, what goes to them against IP25B |
| \`edge-out\` | only what comes from customers |
| \`edge-in\` | only what goes to them |
| \`line\` | a subscriber's session, of one pool; that the source is the pool's is taken for granted |

## Time

Days begin in the zone that \`utc-offset\` says. \`from\` and \`begin\` are the beginning of a day, \`until\` is the last day, its end
included. With a time and a zone they are that instant. A permit ends by itself; devices have no clock, so every text for them
says until when it is valid.

## Addresses

Prefixes stand in the file or, one a line, in files of their own; \`#\` begins a comment there. A million lines are fine. Host bits
and IPv4-mapped addresses are refused. Addresses of both families belong together: a pool with only one gets a warning, since bots
use the other.

## Files beside the configuration

| file | what it is |
|---|---|
| \`network.lock.json\` | what the domains of carriers and partners stand for in DNS; \`net refresh\` writes it and shows what has changed |
| \`network.exemptions.toml\` | exemptions; \`net exempt\` writes it as a whole, comments do not last |
| \`network.exemptions.toml.audit.jsonl\` | who added, renewed or revoked which exemption, when and why; one JSON object a line |
| the \`request\` of a partner | what model B asks of model A: prefixes, dates, contact, and who signed it off. Both sides keep the same file |

## What can be wrong

\`net check\` tells each with its place. Errors end it with exit code 2. Those that *stop* also keep texts from being made; an
expired permit does not, since the text without it is the right one.
`;

export function networkPage(): string {
  const rows = Object.entries(problemKinds).map(([id, { severity, stops, hint }]) => {
    return `| \`${id}\` | ${severity} | ${stops ? "yes" : "no"} | ${hint} |`;
  });
  return `${meaning}\n| id | | stops | what to do |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}
