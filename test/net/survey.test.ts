// A survey of flows that real programs exported: packets in a capture file, made into flows by nfpcapd and printed by nfdump,
// joined with accounting records as FreeRADIUS writes them.

import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { runProgram } from "../lab/child.ts";
import { findProgram } from "../lab/packages.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { parseIp } from "../../src/base/ip.ts";
import { run } from "../../src/cli/test-run.ts";

const began = Date.UTC(2026, 10, 23, 10) / 1000;

interface Segment {
  /** Seconds after the beginning. */
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly ports: readonly [number, number];
}

/** A capture file of SYNs on Ethernet (pcap, version 2.4). */
function capture(segments: readonly Segment[]): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65_535, 16);
  head.writeUInt32LE(1, 20);
  return Buffer.concat([head, ...segments.flatMap(frame)]);
}

function frame({ at, from, to, ports }: Segment): readonly Buffer[] {
  const [source, destination] = [Buffer.from(parseIp(from)!), Buffer.from(parseIp(to)!)];
  const isIpv4 = source.length === 4;
  const tcp = Buffer.alloc(20);
  tcp.writeUInt16BE(ports[0], 0);
  tcp.writeUInt16BE(ports[1], 2);
  tcp.writeUInt8(5 << 4, 12);
  tcp.writeUInt8(2, 13);
  const ip = Buffer.alloc(isIpv4 ? 12 : 8);
  ip.writeUInt8(isIpv4 ? 0x45 : 0x60, 0);
  ip.writeUInt16BE(isIpv4 ? 40 : tcp.length, isIpv4 ? 2 : 4);
  ip.writeUInt8(6, isIpv4 ? 9 : 6);
  ip.writeUInt8(64, isIpv4 ? 8 : 7);
  const ethernet = Buffer.from([2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, ...(isIpv4 ? [8, 0] : [0x86, 0xdd])]);
  const octets = Buffer.concat([ethernet, ip, source, destination, tcp]);
  const record = Buffer.alloc(16);
  record.writeUInt32LE(began + at, 0);
  record.writeUInt32LE(octets.length, 8);
  record.writeUInt32LE(octets.length, 12);
  return [record, octets];
}

function accounting(status: string, user: string, at: number, address: string): string {
  return [
    new Date((began + at) * 1000).toUTCString(),
    `\tAcct-Status-Type = ${status}`,
    `\tAcct-Session-Id = "${user}-1"`,
    `\tUser-Name = "${user}"`,
    `\tFramed-IP-Address = ${address}`,
    `\tEvent-Timestamp = "${began + at}"`,
    "\n",
  ].join("\n");
}

test("who still uses port 25, from flows of nfdump and accounting records", async (t) => {
  const nfpcapd = await findProgram("nfpcapd");
  if (nfpcapd.kind === "absent") return t.skip(nfpcapd.reason);
  const directory = await temporaryDirectory(t);
  const mx = "203.0.113.25";
  await writeFile(
    join(directory, "packets.pcap"),
    capture([
      { at: 0, from: "198.51.100.10", to: mx, ports: [51_000, 25] },
      // The SYN again: one conversation.
      { at: 1, from: "198.51.100.10", to: mx, ports: [51_000, 25] },
      { at: 5, from: "2001:db8:a:d010::10", to: "2001:db8:25:1::25", ports: [51_001, 25] },
      { at: 70, from: "198.51.100.10", to: "192.0.2.5", ports: [51_002, 587] },
      // Somebody else has the address by now.
      { at: 130, from: "198.51.100.10", to: "203.0.113.129", ports: [51_003, 25] },
      // A static customer, and the web: not surveyed.
      { at: 131, from: "198.51.100.200", to: mx, ports: [51_004, 25] },
      { at: 132, from: "198.51.100.10", to: mx, ports: [51_005, 80] },
    ]),
  );
  const made = await runProgram({
    program: nfpcapd.path,
    parameters: ["-r", join(directory, "packets.pcap"), "-l", directory],
    environment: nfpcapd.environment,
    milliseconds: 60_000,
  });
  const flows = (await readdir(directory)).filter((name) => name.startsWith("nfcapd.2"));
  assert.ok(flows.length > 0, made.stdout + made.stderr);
  const printed = await runProgram({
    program: join(dirname(nfpcapd.path), "nfdump"),
    parameters: ["-R", directory, "-o", "csv"],
    environment: { ...nfpcapd.environment, TZ: "UTC" },
    milliseconds: 60_000,
  });
  assert.match(printed.stdout, /203\.0\.113\.25/, printed.stderr);
  await writeFile(join(directory, "flows.csv"), printed.stdout);
  await writeFile(
    join(directory, "detail"),
    accounting("Start", "alice", -3600, "198.51.100.10") +
      accounting("Stop", "alice", 100, "198.51.100.10") +
      accounting("Start", "bob", 120, "198.51.100.10"),
  );
  const config = join(directory, "sekimori.toml");
  const lab = await readFile(join(import.meta.dirname, "../../etc/lab.toml"), "utf8");
  await writeFile(config, lab.replace("version = 1", `version = 1\nstate-directory = "${directory}/state"`));

  const asked = ["net", "survey", "--config", config, "--flows", join(directory, "flows.csv")];
  const { code, out, err } = await run(...asked, "--assignments", join(directory, "detail"), "--json");
  assert.equal(code, 0, err);
  const { rows } = JSON.parse(out) as { readonly rows: readonly Readonly<Record<string, unknown>>[] };
  const found = rows.map(({ address, subscriber, conversations }) => ({ address, subscriber, conversations }));
  assert.deepEqual(
    found.toSorted((a, b) => (String(a.subscriber) < String(b.subscriber) ? -1 : 1)),
    [
      {
        address: "198.51.100.10",
        subscriber: "alice",
        conversations: { others: 1, "own submission": 1 },
      },
      { address: "198.51.100.10", subscriber: "bob", conversations: { "mobile carriers": 1 } },
      { address: "2001:db8:a:d010::10", subscriber: undefined, conversations: { others: 1 } },
    ],
  );
  const audit = (await readFile(join(directory, "state/edge/audit.jsonl"), "utf8")).trim().split("\n");
  assert.equal(audit.length, 1);
  assert.equal((JSON.parse(audit[0]!) as { did: string }).did, "survey");

  const text = await run(...asked);
  assert.match(text.out, /^kept: conversations by customer and class, 1 day after the last one/m);
  const missing = await run("net", "survey", "--config", config, "--flows", join(directory, "gone.csv"));
  assert.equal(missing.code, 2, missing.err);
  const wrong = await run("net", "survey", "--config", config, "--flows", config);
  assert.equal(wrong.code, 2, wrong.err);
});
