// What the edge counts, by the kernel's own counters: conversations of real connections that were tried and that passed,
// before and after port 25 is blocked; and who it was.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../lab/temporary.ts";
import { inWorld, sekimori, skipsWithoutWorld } from "./world.ts";

/** A customer and the rest of the world on both sides of this machine. Nobody listens: a refusal is an answer as well. */
const network = `
  ip netns add customer; ip netns add world
  ip link add c0 type veth peer name eth0 netns customer
  ip link add w0 type veth peer name eth0 netns world
  for n in customer world; do ip -n $n link set dev lo up; ip -n $n link set dev eth0 up; done
  ip link set dev c0 up; ip link set dev w0 up
  ip addr add 198.51.100.1/25 dev c0; ip addr add 203.0.113.1/24 dev w0; ip addr add 192.0.2.1/24 dev w0
  ip -n customer addr add 198.51.100.10/25 dev eth0; ip -n customer route add default via 198.51.100.1
  ip -n world addr add 203.0.113.25/24 dev eth0; ip -n world addr add 192.0.2.5/24 dev eth0
  ip -n world route add default via 203.0.113.1
  echo 1 > /proc/sys/net/ipv4/ip_forward
  try() { ip netns exec customer timeout 20 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; }
`;

test("conversations are counted before and behind the filter, by class", async (t) => {
  if (await skipsWithoutWorld(t)) return;
  const directory = await temporaryDirectory(t);
  const lab = await readFile(join(import.meta.dirname, "../../etc/lab.toml"), "utf8");
  const file = async (name: string, stage: string): Promise<string> => {
    const path = join(directory, name);
    const stages = /\[\[network\.pool\.stage\]\]\nbegin = "2026-04-01"[^]*?stage = "full"\n/;
    const one = `[[network.pool.stage]]\nbegin = "2026-04-01"\nstage = "${stage}"\n`;
    const text = lab
      .replace("version = 1", `version = 1\nstate-directory = "${directory}/state"`)
      .replace(stages, one)
      .replace(/^inbound-25.*\n/m, "");
    assert.ok(text.includes(one));
    await writeFile(path, text);
    return path;
  };
  const observed = await file("observed.toml", "observe");
  const full = await file("full.toml", "full");
  const tries = "try 203.0.113.25 25; try 203.0.113.25 25; try 203.0.113.130 25; try 192.0.2.5 25; try 192.0.2.5 587";
  const { output } = await inWorld(
    `${network}
    ${sekimori} net effect --sample --config ${observed}; echo "uncounted $?"
    ${sekimori} net apply --config ${observed} >/dev/null && ${sekimori} net effect --sample --config ${observed}
    ${tries}
    ${sekimori} net effect --sample --config ${observed}; echo "sampled $?"
    ${sekimori} net apply --config ${full} >/dev/null && ${sekimori} net effect --sample --config ${full}
    nft flush set inet sekimori_count minute_4; nft flush set inet sekimori_count passed_4
    ${tries}
    ${sekimori} net effect --sample --config ${full}
    ${sekimori} net survey --config ${full} --json > ${directory}/survey.json; echo "survey $?"
    ${sekimori} net effect --config ${full} --json > ${directory}/effect.json; echo "effect $?"
    ${sekimori} net effect --config ${full} --html ${directory}/effect.html; echo "page $?"
    `,
    180_000,
  );
  assert.match(output, /nothing is counted on this edge[^]*uncounted 3\n/);
  for (const step of ["sampled", "survey", "effect", "page"]) assert.match(output, new RegExp(`^${step} 0$`, "m"));
  const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(directory, name), "utf8"));

  const { rows } = (await read("survey.json")) as { readonly rows: readonly Readonly<Record<string, unknown>>[] };
  const who = rows.map(({ address, pool, conversations }) => ({ address, pool, conversations }));
  const both = { others: 2, "own servers": 2, "own submission": 2, "mobile carriers": 2 };
  assert.deepEqual(who, [{ address: "198.51.100.10", pool: "homes", conversations: both }]);

  const { days, comparisons } = (await read("effect.json")) as {
    readonly days: readonly {
      readonly stage: string;
      readonly conversations: Readonly<Record<string, number>>;
      readonly passed: Readonly<Record<string, number>>;
    }[];
    readonly comparisons: readonly {
      readonly port25: { readonly before: number; readonly after: number };
      readonly blocked: number;
    }[];
  };
  const sums = (stage: string, name: string): readonly number[] => {
    const own = days.filter((day) => day.stage === stage);
    const sum = (of: (day: (typeof own)[number]) => number): number => own.reduce((all, day) => all + of(day), 0);
    return [sum(({ conversations }) => conversations[name]!), sum(({ passed }) => passed[name]!)];
  };
  for (const [name, observe, blocked] of [
    ["others", [1, 1], [1, 0]],
    ["mobile carriers", [1, 1], [1, 0]],
    ["own servers", [1, 1], [1, 1]],
    ["own submission", [1, 1], [1, 1]],
  ] as const) {
    assert.deepEqual(sums("observe", name), observe, name);
    assert.deepEqual(sums("full", name), blocked, name);
  }
  // Rates of a few seconds: how long the two stages lasted is chance, what passed and what was blocked is not.
  const [comparison] = comparisons;
  assert.ok(comparison!.port25.before > 0 && comparison!.port25.after > 0 && comparison!.blocked > 0);
  const page = await readFile(join(directory, "effect.html"), "utf8");
  assert.ok(
    page.includes("<svg") && page.includes("to keep spam from infected computers") && !/(?:src|href)=/.test(page),
  );
});
