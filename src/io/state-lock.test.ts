import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { lockState } from "./state-lock.ts";

const root = mkdtempSync(join(tmpdir(), "sekimori-lock-"));
after(() => rmSync(root, { recursive: true }));

test("a directory is made when it is missing, closed to strangers, and locked once", () => {
  const directory = join(root, "deep", "state");
  const first = lockState(directory);
  assert.ok(first !== undefined);
  assert.equal(statSync(directory).mode & 0o007, 0);
  assert.equal(lockState(directory), undefined);
  assert.ok(lockState(join(root, "other")) !== undefined, "another directory is another matter");
  first.release();
  const second = lockState(directory);
  assert.ok(second !== undefined);
  second.release();
});

test(
  "another process is kept out while the holder lives, and let in when it was killed",
  { timeout: 20_000 },
  async () => {
    const directory = join(root, "killed");
    const script = `
    const { lockState } = await import(${JSON.stringify(new URL("state-lock.ts", import.meta.url).href)});
    if (lockState(${JSON.stringify(directory)}) === undefined) process.exit(1);
    process.stdout.write("locked");
    setInterval(() => undefined, 1000);`;
    const holder = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const [text] = (await once(holder.stdout, "data")) as [Buffer];
      assert.equal(text.toString(), "locked");
      assert.equal(lockState(directory), undefined);
      const ended = once(holder, "exit");
      holder.kill("SIGKILL");
      await ended;
      const lock = lockState(directory);
      assert.ok(lock !== undefined, "no stale lock is left");
      lock.release();
    } finally {
      holder.kill("SIGKILL");
    }
  },
);

test("what cannot be locked at all is an error, not somebody else's lock", () => {
  const file = join(root, "file");
  writeFileSync(file, "");
  assert.throws(() => lockState(file));
  assert.throws(() => lockState(join(file, "below")));
});
