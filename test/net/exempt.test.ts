// An unblock request at a hosting provider from its ticket to its end, on a Linux edge: added, applied by the unit's own
// commands, in the kernel with its remaining time, gone by itself, and the text renewed by the timer.

import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../lab/temporary.ts";
import { inWorld, sekimori, skipsWithoutWorld } from "./world.ts";

const etc = join(import.meta.dirname, "../../etc");

/** What the unit starts, with this checkout and this configuration instead. */
function commandsOf(unit: string, config: string): readonly string[] {
  return readFileSync(join(etc, unit), "utf8")
    .split("\n")
    .flatMap(
      (line) => /^ExecStart=\S+node --disable-warning=ExperimentalWarning \S+main\.ts (.*)$/.exec(line)?.[1] ?? [],
    )
    .map((words) => `${sekimori} ${words.replace("/etc/sekimori/sekimori.toml", config)}`);
}

test("a virtual machine is unblocked on request, for as long as was agreed", async (t) => {
  if (await skipsWithoutWorld(t)) return;
  const directory = await temporaryDirectory(t);
  const config = join(directory, "hosting.toml");
  cpSync(join(etc, "hosting.toml"), config);
  writeFileSync(config, readFileSync(config, "utf8").replace("/var/lib/sekimori", join(directory, "state")));
  const [renew, sample] = commandsOf("sekimori-edge-renew.service", config);
  const [restore] = commandsOf("sekimori-edge.service", config);
  assert.ok(renew !== undefined && sample !== undefined && restore !== undefined);
  const ask = `${sekimori} net explain --config ${config} --src 203.0.113.12 --dst 198.51.100.25 --line tap-vm12`;
  const { output } = await inWorld(
    `
    nft add table inet foreign; nft add chain inet foreign own '{ type filter hook forward priority 5; }'
    nft add rule inet foreign own tcp dport 22 counter; nft list table inet foreign | md5sum
    ${renew}; echo "first $?"
    ${ask} >/dev/null; echo "blocked $?"
    end=$(date -u -d '+90 seconds' +%Y-%m-%dT%H:%M:%SZ)
    ${sekimori} net exempt add --config ${config} --address 203.0.113.12 2001:db8:f00:12::/64 \
      --owner "Example Trading" --reason "own mail server" --ticket T-9 --until $end; echo "added $?"
    ${sekimori} net apply --config ${config}; echo "applied $?"
    nft list set inet sekimori set_exemption_t_9_t4
    ${ask} >/dev/null; echo "exempt $?"
    ${sekimori} net verify --config ${config} >/dev/null; echo "proved $?"
    ${sekimori} net render --config ${config} > ${directory}/text; echo "rendered $?"
    nft delete table inet sekimori; ${restore}; echo "rebooted $?"
    nft list set inet sekimori set_exemption_t_9_t4
    ${renew}; echo "right $?"
    while [ "$(date -u +%Y-%m-%dT%H:%M:%SZ)" \\< "$end" ]; do sleep 1; done; sleep 1
    echo "over $(nft list set inet sekimori set_exemption_t_9_t4 | grep -c 203.0.113.12)"
    ${ask} >/dev/null; echo "blocked again $?"
    ${sekimori} net verify --config ${config} --target hypervisors --file ${directory}/text >/dev/null; echo "stale text $?"
    ${sekimori} net status --config ${config}; echo "stale $?"
    ${renew}; echo "renewed $?"
    ${sample}; echo "sample $?"
    ${sekimori} net status --config ${config}; echo "status $?"
    nft list table inet sekimori | grep -c exemption_t_9
    nft list table inet foreign | md5sum
    `,
    300_000,
  );
  assert.match(output, /read back from the kernel and proved to be the policy\nfirst 0\nblocked 1\n/);
  assert.match(output, /added exemption t-9, [^]*added 0\n[^]*applied 0\n/);
  assert.match(output, /203\.0\.113\.12 timeout \d/);
  assert.match(output, /exempt 0\nproved 0\nrendered 0\n/);
  assert.match(output, /rebooted 0\n[^]*203\.0\.113\.12 timeout \d[^]*what is in force is right\nright 0\n/);
  assert.match(output, /over 0\nblocked again 1\n[^]*stale text 1\n/);
  assert.match(output, /the policy says something else by now: sekimori net apply\nstale 1\n/);
  assert.match(output, /revision \w+ is in force, [^]*renewed 0\nsample 0\n/);
  assert.match(output, /kernel: as applied\nstatus 0\n/);
  const sums = output.match(/^[0-9a-f]{32}/gm) ?? [];
  assert.equal(sums.length, 2);
  assert.equal(sums[0], sums[1], "a table of somebody else has changed");
});

test("what cannot be done here is said in words", async (t) => {
  if (await skipsWithoutWorld(t)) return;
  const directory = await temporaryDirectory(t);
  const config = join(directory, "hosting.toml");
  cpSync(join(etc, "hosting.toml"), config);
  writeFileSync(config, readFileSync(config, "utf8").replace("/var/lib/sekimori", join(directory, "state")));
  const without = "setpriv --bounding-set=-all --inh-caps=-all";
  const { output } = await inWorld(
    `
    ${sekimori} net confirm --config ${config}; echo "nothing to confirm $?"
    ${sekimori} net rollback --config ${config}; echo "nothing to roll back $?"
    ${sekimori} net apply --config ${config} --confirm soon; echo "no time $?"
    ${without} ${sekimori} net apply --config ${config}; echo "no rights $?"
    ${sekimori} net apply --config ${config} >/dev/null; echo "applied $?"
    ${without} ${sekimori} net status --config ${config}; echo "no view $?"
    echo '{"version":1,' > ${directory}/state/edge/ledger.json
    for verb in status apply confirm rollback restore; do
      ${sekimori} net $verb --config ${config} --json; echo "$verb of damaged $?"
    done
    ${sekimori} net plan --config ${config} | tail -1; echo "plan of damaged $?"
    `,
    300_000,
  );
  assert.match(output, /nothing waits for a confirmation\nnothing to confirm 1\n/);
  assert.match(output, /nothing was applied\nnothing to roll back 1\n/);
  assert.match(output, /no time 2\n/);
  assert.match(output, /nothing has changed: .*[Oo]peration not permitted.*\nno rights 3\n/);
  assert.match(output, /no view 3\n/);
  for (const verb of ["status", "apply", "confirm", "rollback", "restore"]) {
    assert.match(output, new RegExp(`ledger\\.json is damaged: put it aside[^\\n]*\\n${verb} of damaged 3\\n`));
  }
  assert.match(output, /plan of damaged 0\n/);
  assert.ok(!/^ {4}at /m.test(output), output);
});
