// The table of bad configurations through `sekimori config check`: exit code 2, every problem with its place on standard error,
// nothing on standard output.

import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { runCommand } from "../../src/cli/program.ts";
import { badConfigs } from "./config.ts";
import type { BadConfig } from "./config.ts";

const nobody = (): Promise<never> => Promise.reject(new Error("nothing is to be started or asked here"));

async function lay(t: TestContext, { files, modes = {} }: BadConfig): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "bad-config-"));
  t.after(() => rm(directory, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name);
    /* oxlint-disable no-await-in-loop -- a few files */
    if (content === null) await mkdir(path);
    else {
      await writeFile(path, content);
      await chmod(path, modes[name] ?? 0o600);
    }
    /* oxlint-enable no-await-in-loop */
  }
  return directory;
}

async function run(
  t: TestContext,
  words: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const output = { stdout: "", stderr: "" };
  const mocks = (["stdout", "stderr"] as const).map((name) =>
    t.mock.method(process[name], "write", (text: string) => {
      output[name] += text;
      return true;
    }),
  );
  try {
    const code = await runCommand({ start: nobody, withControl: nobody }, words);
    return { code, ...output };
  } finally {
    for (const mock of mocks) mock.mock.restore();
  }
}

test("the table is not smaller than it was", () => {
  assert.ok(badConfigs.length >= 60, `${badConfigs.length} rows`);
  assert.equal(new Set(badConfigs.map(({ name }) => name)).size, badConfigs.length);
});

for (const row of badConfigs) {
  test(row.name, async (t) => {
    const directory = await lay(t, row);
    const file = join(directory, "sekimori.toml");
    const { code, stdout, stderr } = await run(t, ["config", "check", "--config", file]);
    const lines = stderr.replaceAll(`${directory}/`, "").trimEnd().split("\n");
    const count = row.expect.length === 1 ? "a problem" : `${row.expect.length} problems`;
    assert.deepEqual([code, stdout, lines], [2, "", [...row.expect, `sekimori: sekimori.toml has ${count}`]]);
    for (const line of row.expect) assert.match(line, /^[^:]+:[1-9]\d*:[1-9]\d*: \S/);
  });
}

test("a configuration that is not there, and one that is a directory", async (t) => {
  const directory = await lay(t, { name: "", files: { "conf.d": null }, expect: [] });
  for (const [name, why] of [
    ["missing.toml", "does not exist"],
    ["conf.d", "is a directory"],
  ] as const) {
    const file = join(directory, name);
    // oxlint-disable-next-line no-await-in-loop -- standard error is one
    const { code, stderr } = await run(t, ["config", "check", "--config", file]);
    assert.deepEqual(
      [code, stderr],
      [2, `${file}:1:1: the configuration file ${why}\nsekimori: ${file} has a problem\n`],
    );
  }
});

test("every command that reads the configuration ends with 2 for one that is wrong, and does nothing", async (t) => {
  const directory = await lay(t, { name: "", files: { "sekimori.toml": "version = 1\nnonsense = 1\n" }, expect: [] });
  const config = ["--config", join(directory, "sekimori.toml")];
  for (const words of [
    ["serve"],
    ["reload"],
    ["status"],
    ["metrics"],
    ["doctor"],
    ["token", "show"],
    ["account", "list"],
    ["account", "add", "a@example.jp"],
    ["queue", "list"],
    ["queue", "hold", "--all"],
    ["trace", "x"],
    ["retention", "purge"],
    ["config", "show"],
    ["dkim", "show"],
  ]) {
    // oxlint-disable-next-line no-await-in-loop -- standard error is one
    const { code, stdout, stderr } = await run(t, [...words, ...config]);
    assert.deepEqual([code, stdout], [2, ""], `${words.join(" ")}: ${stderr}`);
    assert.match(stderr, /sekimori\.toml:2:1: unknown key "nonsense"/);
  }
});
