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

/** Reads an export line by line, however long it is. */
export interface FlowReader {
  /** undefined: no flow of TCP. The error says which line is wrong. */
  read(line: string): Result<Flow | undefined, string>;
  /** Whether that can have been an export. */
  end(): Result<undefined, string>;
}

/** Times without a zone are UTC, as nfdump prints them with TZ=UTC. */
export function createFlowReader(): FlowReader {
  let place: Readonly<Record<keyof typeof columns, number>> | undefined;
  let number = 0;
  let isOver = false;
  return {
    read: (line) => {
      number++;
      // A summary follows the records; it begins with its own title.
      if (place !== undefined && line.startsWith("Summary")) isOver = true;
      if (isOver || line.trim() === "") return success(undefined);
      const cells = line.split(",").map((cell) => cell.trim());
      if (place === undefined) {
        if (!columns.at.some((name) => cells.includes(name))) return success(undefined);
        const found = placesOf(cells);
        if (!found.ok) return found;
        place = found.value;
        return success(undefined);
      }
      if (!/^(?:tcp|6)$/i.test(cells[place.protocol] ?? "")) return success(undefined);
      const flow = flowOf(cells, place);
      return flow === undefined ? failure(`line ${number} is no flow: ${line.slice(0, 80)}`) : success(flow);
    },
    end: () =>
      place === undefined ? failure("has no header line of nfdump -o csv (ts,te,td,sa,da,…)") : success(undefined),
  };
}

function placesOf(names: readonly string[]): Result<Readonly<Record<keyof typeof columns, number>>, string> {
  const find = (key: keyof typeof columns): number =>
    names.findIndex((name) => columns[key].some((known) => known === name));
  const place = {
    at: find("at"),
    source: find("source"),
    destination: find("destination"),
    sourcePort: find("sourcePort"),
    destinationPort: find("destinationPort"),
    protocol: find("protocol"),
    packets: find("packets"),
  };
  const missing = Object.entries(place).find(([, index]) => index < 0);
  return missing === undefined ? success(place) : failure(`has no column for the ${missing[0]}`);
}

function flowOf(cells: readonly string[], place: Readonly<Record<keyof typeof columns, number>>): Flow | undefined {
  const at = Date.parse(`${(cells[place.at] ?? "").replace(" ", "T")}Z`);
  const [source = "", destination = ""] = [cells[place.source], cells[place.destination]];
  const sourcePort = Number(cells[place.sourcePort]);
  const destinationPort = Number(cells[place.destinationPort]);
  const packets = Number(cells[place.packets]);
  const isWhole = [at, sourcePort, destinationPort, packets].every(Number.isFinite);
  if (!isWhole || source === "" || destination === "") return undefined;
  return { at, source, destination, sourcePort, destinationPort, packets };
}
