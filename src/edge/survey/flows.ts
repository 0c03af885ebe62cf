// Flow records as nfdump prints them (`nfdump -o csv`): the columns are found by their names, of which there are two
// generations. Only TCP is read; whatever else is in a line is passed over.

import { failure, success } from "../../base/result.ts";
import type { Result } from "../../base/result.ts";

export interface Flow {
  /** Wall ms. */
  readonly at: number;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly packets: number;
}

/** Names of a column in nfdump 1.6 and 1.7.0, and from 1.7.1 on. */
const columns = {
  at: ["ts", "firstSeen"],
  source: ["sa", "srcAddr"],
  destination: ["da", "dstAddr"],
  sourcePort: ["sp", "srcPort"],
  destinationPort: ["dp", "dstPort"],
  protocol: ["pr", "proto"],
  packets: ["ipkt", "packets", "inPackets"],
} as const;

/** The error says which line is wrong. Times without a zone are UTC, as nfdump prints them with TZ=UTC. */
export function readFlows(text: string): Result<readonly Flow[], string> {
  const lines = text.split("\n");
  const header = lines.findIndex((line) =>
    columns.at.some((name) => line.split(",").some((cell) => cell.trim() === name)),
  );
  if (header < 0) return failure("has no header line of nfdump -o csv (ts,te,td,sa,da,…)");
  const names = lines[header]!.split(",").map((cell) => cell.trim());
  const place = Object.fromEntries(
    Object.entries(columns).map(([key, known]) => [
      key,
      names.findIndex((name) => known.some((each) => each === name)),
    ]),
  );
  const missing = Object.entries(place).find(([, index]) => index < 0);
  if (missing !== undefined) return failure(`has no column for the ${missing[0]}`);
  const flows: Flow[] = [];
  for (const [index, line] of lines.entries()) {
    // A summary follows the records; it begins with its own title.
    if (index > header && line.startsWith("Summary")) break;
    if (index <= header || line.trim() === "") continue;
    const cells = line.split(",").map((cell) => cell.trim());
    if (!/^(?:tcp|6)$/i.test(cells[place["protocol"]!] ?? "")) continue;
    const at = Date.parse(`${(cells[place["at"]!] ?? "").replace(" ", "T")}Z`);
    const [sourcePort, destinationPort, packets] = (["sourcePort", "destinationPort", "packets"] as const).map((key) =>
      Number(cells[place[key]!]),
    );
    const source = cells[place["source"]!] ?? "";
    const destination = cells[place["destination"]!] ?? "";
    if (![at, sourcePort, destinationPort, packets].every(Number.isFinite) || source === "" || destination === "") {
      return failure(`line ${index + 1} is no flow: ${line.slice(0, 80)}`);
    }
    flows.push({
      at,
      source,
      destination,
      sourcePort: sourcePort!,
      destinationPort: destinationPort!,
      packets: packets!,
    });
  }
  return success(flows);
}
