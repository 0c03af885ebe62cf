// Killed at any moment of a change, the filter is the old or the new one, the ledger can be read, and a rollback or a reboot
// leads to one of them.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../lab/temporary.ts";
import { inWorld, skipsWithoutWorld } from "./world.ts";

test("SIGKILL at 21 random moments of a change", async (t) => {
  if (await skipsWithoutWorld(t)) return;
  const directory = await temporaryDirectory(t);
  // More than a pipe holds, so that a text can be cut in the middle.
  const prefixes = Array.from({ length: 6000 }, (_, index) => `10.${index >> 7}.${(index & 127) * 2}.0/24`);
  await writeFile(join(directory, "pool"), `${prefixes.join("\n")}\n`);
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
        'ipv4-files = ["pool"]',
        'ipv6 = ["2001:db8:a:d000::/52"]',
        `stage = [{ begin = "2026-01-01", stage = "${stage}" }]`,
        "[network.targets.nftables]",
        "",
      ].join("\n"),
    );
    return path;
  };
  const [old, next] = [await file("old.toml", "observe"), await file("new.toml", "full")];
  const driver = join(import.meta.dirname, "kill-driver.ts");
  const node = `${process.execPath} --disable-warning=ExperimentalWarning`;
  const { code, output } = await inWorld(`${node} ${driver} ${old} ${next} 21`, 400_000);
  assert.equal(code, 0, output);
  const seen = JSON.parse(output.trim().split("\n").at(-1)!) as Readonly<Record<string, number>>;
  assert.ok(seen["kills"]! >= 20 && seen["reboots"]! >= 4, output);
  t.diagnostic(JSON.stringify(seen));
});
