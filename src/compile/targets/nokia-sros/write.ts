// The tree as configuration for `load merge`, in the form in which `info` shows it. Lists and filters have new names with
// each revision; an interface changes over by the names of its filters, all in one commit.

import { formatAddress } from "../../../base/address.ts";
import type { Family } from "../../../base/address.ts";
import type { PortRange } from "../../ir.ts";
import { tcp, udp } from "../../packet.ts";
import type { UsedSet } from "../terms.ts";
import type { Configuration, SrosEntry, SrosFilter, SrosInterface } from "./tree.ts";

const step = 10;
/** Text of a description. */
const longestDescription = 80;

export function writeConfiguration({ lists, filters, interfaces }: Configuration, header: readonly string[]): string {
  const writer = new Writer();
  for (const line of header) writer.line(`# ${line}`);
  writer.block("configure", () => {
    writer.block("filter", () => {
      writer.block("match-list", () => {
        for (const list of lists) writeList(list, writer);
      });
      for (const filter of filters) writeFilter(filter, writer);
    });
    for (const one of interfaces) writeInterface(one, writer);
  });
  return writer.text();
}

class Writer {
  readonly #lines: string[] = [];
  #indent = "";

  line(text: string): void {
    this.#lines.push(`${this.#indent}${text}`);
  }

  /** Empty blocks are not written. */
  block(name: string, inside: () => void): void {
    const before = this.#lines.length;
    this.line(`${name} {`);
    const outer = this.#indent;
    this.#indent = `${outer}    `;
    inside();
    this.#indent = outer;
    if (this.#lines.length === before + 1) this.#lines.pop();
    else this.line("}");
  }

  text(): string {
    return `${this.#lines.join("\n")}\n`;
  }
}

function writeList({ name, addresses }: UsedSet, writer: Writer): void {
  const { family } = addresses;
  writer.block(`${listWord(family)} "${name}"`, () => {
    addresses.forEachPrefix((address, length) => {
      writer.line(`prefix ${formatAddress(address, family)}/${length} { }`);
    });
  });
}

function writeFilter({ name, id, family, entries, defaultAction }: SrosFilter, writer: Writer): void {
  writer.block(`${family === 4 ? "ip" : "ipv6"}-filter "${name}"`, () => {
    writer.line(`default-action ${defaultAction}`);
    writer.line(`filter-id ${id}`);
    for (const [index, entry] of entries.entries()) {
      writer.block(`entry ${(index + 1) * step}`, () => writeEntry(entry, family, writer));
    }
  });
}

function writeEntry(entry: SrosEntry, family: Family, writer: Writer): void {
  writer.line(`description "${entry.description.replaceAll(/[^\x20-\x7e]|["\\]/g, "?").slice(0, longestDescription)}"`);
  writer.block("match", () => {
    if (entry.protocol !== undefined) {
      writer.line(`${family === 4 ? "protocol" : "next-header"} ${protocolWord(entry.protocol)}`);
    }
    for (const [word, list] of [
      ["src-ip", entry.source],
      ["dst-ip", entry.destination],
    ] as const) {
      writer.block(word, () => {
        if (list !== undefined) writer.line(`${listWord(family)} "${list}"`);
      });
    }
    writePorts("src-port", entry.sourcePorts, writer);
    writePorts("dst-port", entry.destinationPorts, writer);
  });
  writer.block("action", () => writer.line(entry.action));
}

function writePorts(word: string, ports: PortRange | undefined, writer: Writer): void {
  if (ports === undefined) return;
  writer.block(word, () => {
    if (ports.first === ports.last) {
      writer.line(`eq ${ports.first}`);
      return;
    }
    writer.block("range", () => {
      writer.line(`start ${ports.first}`);
      writer.line(`end ${ports.last}`);
    });
  });
}

function writeInterface({ place, filters, strict }: SrosInterface, writer: Writer): void {
  const inside = (): void => {
    for (const [word, direction] of [
      ["ingress", "in"],
      ["egress", "out"],
    ] as const) {
      writer.block(word, () => {
        writer.block("filter", () => {
          for (const { filter, family } of filters.filter((each) => each.direction === direction)) {
            writer.line(`${family === 4 ? "ip" : "ipv6"} "${filter}"`);
          }
        });
      });
    }
  };
  const checks = (): void => {
    for (const family of strict) {
      writer.block(family === 4 ? "ipv4" : "ipv6", () => {
        writer.block("urpf-check", () => writer.line("mode strict"));
      });
    }
  };
  if (place.kind === "router") {
    writer.block('router "Base"', () => {
      writer.block(`interface "${place.name}"`, () => {
        inside();
        checks();
      });
    });
    return;
  }
  writer.block("service", () => {
    writer.block(`${place.type} "${place.service}"`, () => {
      writer.block(`interface "${place.name}"`, () => {
        checks();
        writer.block(`sap ${place.sap}`, inside);
      });
    });
  });
}

function listWord(family: Family): string {
  return family === 4 ? "ip-prefix-list" : "ipv6-prefix-list";
}

function protocolWord(protocol: number): string {
  return protocol === tcp ? "tcp" : protocol === udp ? "udp" : String(protocol);
}
