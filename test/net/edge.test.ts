// `sekimori net` on a Linux edge, against the kernel: applied and proved, on probation, rolled back when nobody confirms
// although the command line is dead, restored after a reboot.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { temporaryDirectory } from "../lab/temporary.ts";
import { inWorld, sekimori, skipsWithoutWorld } from "./world.ts";

interface Ground {
  readonly directory: string;
  /** Applies a policy whose pool is blocked, or only observed. */
  readonly full: string;
  readonly observed: string;
}

async function ground(t: TestContext): Promise<Ground> {
  const directory = await temporaryDirectory(t);
  const file = async (name: string, stage: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(
      path,
      [
        "version = 1",
        `state-directory = "${join(directory, "state")}"`,
        "[network]",
        'operator = "enterprise"',
        "[[network.pool]]",
        'name = "homes"',
        'kind = "dynamic"',
        'ipv4 = ["198.51.100.0/25"]',
        'ipv6 = ["2001:db8:a:d000::/52"]',
        `stage = [{ begin = "2026-01-01", stage = "${stage}" }]`,
        "[[network.server]]",
        'name = "msa"',
        'role = "msa25"',
        'ipv4 = ["192.0.2.5"]',
        'ipv6 = ["2001:db8:a:1::5"]',
        "[[network.server]]",
        'name = "submission"',
        'role = "msa587"',
        'ipv4 = ["192.0.2.5"]',
        'ipv6 = ["2001:db8:a:1::5"]',
        "[network.targets.nftables]",
        "",
      ].join("\n"),
    );
    return path;
  };
  return { directory, full: await file("full.toml", "full"), observed: await file("observed.toml", "observe") };
}

const blocks = "nft list table inet sekimori | grep -c 'reject with tcp reset'";

test("apply is read back and proved; status says so; a foreign change is seen", async (t) => {
  if (await skipsWithoutWorld(t)) return;
  const { full, observed } = await ground(t);
  const { output } = await inWorld(
    `
    ${sekimori} net status --config ${full}; echo "before $?"
    ${sekimori} net plan --config ${full}; echo "plan $?"
    ${sekimori} net apply --config ${full}; echo "applied $?"
    ${sekimori} net plan --config ${full}; echo "plan again $?"
    setpriv --bounding-set=-all --inh-caps=-all ${sekimori} net plan --config ${observed}; echo "plan without rights $?"
    echo "blocks $(${blocks})"
    ${sekimori} net status --config ${full}; echo "status $?"
    nft flush chain inet sekimori forward
    ${sekimori} net status --config ${full}; echo "tampered $?"
    ${sekimori} net plan --config ${full} --json; echo "plan of tampered $?"
    ${sekimori} net apply --config ${full}; echo "again $?"
    ${sekimori} net status --config ${full}; echo "mended $?"
    `,
    120_000,
  );
  assert.match(output, /before 1\n/);
  assert.match(output, /proved to be the policy\napplied 0\n/);
  assert.match(output, /blocks [1-9]/);
  assert.match(
    output,
    /compared with the filter in the kernel\n[^]*blocked: TCP to port 25 from pool homes [^]*plan 0\n/,
  );
  assert.match(output, /compared with the filter in the kernel\n  an apply would change nothing\nplan again 0\n/);
  const withoutRights =
    /since the kernel cannot be read \(CAP_NET_ADMIN\): [^]*no longer blocked: TCP to port 25 from pool homes [^]*plan without rights 0\n/;
  assert.match(output, withoutRights);
  assert.match(output, /"result": "changes"[^]*plan of tampered 0\n/);
  assert.match(output, /kernel: as applied\nstatus 0\n/);
  assert.match(output, /kernel: different \(.*\)\ntampered 1\n/);
  assert.match(output, /again 0\n[^]*mended 0\n/);
});

test("nobody confirms, and the command line is dead: the filter before is back", async (t) => {
  if (await skipsWithoutWorld(t)) return;
  const { full, observed } = await ground(t);
  const { output } = await inWorld(
    `
    ${sekimori} net apply --config ${observed} >/dev/null; echo "first $?"
    setsid ${sekimori} net apply --config ${full} --confirm 8s >/dev/null & shell=$!
    for i in $(seq 100); do [ "$(${blocks})" -gt 0 ] && break; sleep 0.1; done
    echo "blocking $(${blocks})"
    kill -9 $shell 2>/dev/null
    ${sekimori} net apply --config ${observed}; echo "second $?"
    for i in $(seq 150); do [ "$(${blocks})" -eq 0 ] && break; sleep 0.2; done
    sleep 1
    echo "after $(${blocks})"
    ${sekimori} net status --config ${observed}; echo "status $?"
    ${sekimori} net confirm --config ${full}; echo "late $?"
    `,
    180_000,
  );
  assert.match(output, /first 0\n/);
  assert.match(output, /blocking [1-9]/);
  assert.match(output, /a change waits for its confirmation[^]*second 3\n/);
  assert.match(output, /after 0\n/);
  assert.match(output, /kernel: as applied\nstatus 0\n/);
  assert.match(output, /nothing waits for a confirmation\nlate 1\n/);
});

test("confirmed in time it stays, and comes back after a reboot; on probation what was before comes back", async (t) => {
  if (await skipsWithoutWorld(t)) return;
  const { full, observed } = await ground(t);
  const { output } = await inWorld(
    `
    ${sekimori} net apply --config ${full} --confirm 60s; echo "applied $?"
    ${sekimori} net confirm --config ${full}; echo "confirmed $?"
    ${sekimori} net apply --config ${observed} --confirm 10m >/dev/null; echo "probation $(${blocks})"
    nft flush ruleset
    ${sekimori} net restore --config ${full}; echo "restored $? $(${blocks})"
    ${sekimori} net status --config ${full}; echo "status $?"
    ${sekimori} net rollback --config ${full}; echo "back $? $(${blocks})"
    `,
    120_000,
  );
  assert.match(output, /is rolled back at .* unless you say: sekimori net confirm\napplied 0\n/);
  assert.match(output, /confirmed 0\nprobation 0\n/);
  assert.match(output, /restored 0 [1-9]/);
  assert.match(output, /status 0\n/);
  assert.match(output, /nothing is filtered any more\nback 0 0\n/);
});

test("a policy that is wrong changes nothing and exits with 2", async (t) => {
  if (await skipsWithoutWorld(t)) return;
  const { full, directory } = await ground(t);
  const wrong = join(directory, "wrong.toml");
  await writeFile(
    wrong,
    'version = 1\n[network]\noperator = "carrier"\n[[network.pool]]\nname = "x"\nkind = "dynamic"\nipv4 = ["198.51.100.1/25"]\n',
  );
  const { output } = await inWorld(
    `
    ${sekimori} net apply --config ${full} >/dev/null; nft list table inet sekimori | md5sum
    ${sekimori} net apply --config ${wrong}; echo "wrong $?"
    nft list table inet sekimori | md5sum
    `,
    60_000,
  );
  assert.match(output, /wrong\.toml:7:9: .*\n[^]*wrong 2\n/);
  const sums = output.match(/^[0-9a-f]{32}/gm) ?? [];
  assert.equal(sums.length, 2);
  assert.equal(sums[0], sums[1]);
});
