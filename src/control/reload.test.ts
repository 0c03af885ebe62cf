import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import type { Settings } from "../config/settings.ts";
import { createReload } from "./reload.ts";
import type { Applied } from "./reload.ts";
import { loadSite } from "./site.ts";

const text = (state: string, more: string): string =>
  [
    "version = 1",
    `state-directory = "${state}"`,
    'hostname = "mx.sekimori.test"',
    'domain = [{ name = "sekimori.test", postmaster = "alice@sekimori.test" }]',
    'listener = [{ role = "mx", listen = ["127.0.0.1:2525"] }]',
    more,
    "",
  ].join("\n");

function office(t: TestContext, answer: (settings: Settings) => Promise<Applied>) {
  const directory = mkdtempSync(join(tmpdir(), "sekimori-reload-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "sekimori.toml");
  const write = (more: string, state = directory): void => writeFileSync(file, text(state, more));
  write("");
  const site = loadSite({ config: file });
  assert.ok(site.ok);
  let { settings } = site.value;
  const events: string[] = [];
  const reload = createReload({
    site: site.value,
    settings: () => settings,
    observer: { emit: (event) => void events.push(event) },
    apply: async (next) => {
      const applied = await answer(next);
      if (applied.kind === "applied") settings = next;
      return applied;
    },
  });
  return { write, reload, events, settings: () => settings, directory };
}

const applied = { kind: "applied", changed: [], restart: [] } as const;

test("what is built in keeps its value and is named; the rest is applied", async (t) => {
  const { write, reload, settings } = office(t, () => Promise.resolve(applied));
  const before = settings();
  write(
    'http.listen = ["127.0.0.1:9999"]\n[log]\nlevel = "debug"\nstdout = true\n[process]\nuser = "mail"\n[smtp]\nerrors = 7',
  );
  assert.deepEqual(await reload("operator"), {
    kind: "applied",
    changed: ["log", "smtp"],
    restart: ["process", "http.listen", "log.stdout"],
  });
  const { http, log, process, smtp } = settings();
  assert.deepEqual([http, log.stdout, process, log.level, smtp.errors], [before.http, false, undefined, "debug", 7]);
});

test("a file with mistakes, another state directory and an application that throws change nothing", async (t) => {
  let calls = 0;
  const { write, reload, settings, events, directory } = office(t, () => {
    calls++;
    return Promise.reject(new Error("the key is gone"));
  });
  const before = settings();
  write("nonsense = 1");
  const wrong = await reload("SIGHUP");
  assert.ok(wrong.kind === "refused" && /nonsense/.test(wrong.problems.join()));
  write("", `${directory}/elsewhere`);
  const moved = await reload("SIGHUP");
  assert.ok(moved.kind === "refused" && /restart needed: state-directory/.test(moved.problems.join()));
  assert.equal(calls, 0);
  write("");
  assert.deepEqual(await reload("SIGHUP"), { kind: "refused", problems: ["the key is gone"] });
  assert.equal(settings(), before);
  assert.deepEqual(events, ["config.refused", "config.refused", "config.refused"]);
});

test("reloads that are asked for together happen one after the other", async (t) => {
  let open = 0;
  const { reload, events } = office(t, async () => {
    assert.equal(++open, 1);
    await new Promise((resolve) => setImmediate(resolve));
    open--;
    return applied;
  });
  await Promise.all(["SIGHUP", "operator", "SIGHUP"].map((by) => reload(by)));
  assert.equal(events.length, 3);
});
