// etc/sekimori.service: systemd finds nothing wrong with it, and a server that starts as the unit starts it (a user with one
// capability and no way to more) binds port 25 and, after a reload, another one.

import assert from "node:assert/strict";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { runProgram } from "../lab/child.ts";
import { startServer } from "../lab/server.ts";
import { requiresOtherUsers } from "../lab/skip.ts";
import { temporaryDirectory } from "../lab/temporary.ts";

const root = join(import.meta.dirname, "../..");
const unit = readFileSync(join(root, "etc/sekimori.service"), "utf8");
const analyze = "/usr/bin/systemd-analyze";

test("the unit names files of this program, and commands that it has", async () => {
  const commands = [...unit.matchAll(/^Exec(?:Start|Reload)=(.*)$/gm)].map(([, line]) => (line ?? "").split(" "));
  assert.equal(commands.length, 2);
  for (const [node = "", , main = "", command] of commands) {
    for (const path of [node, main]) assert.ok(existsSync(path.replace(/^\/opt\/sekimori/, root)), path);
    const help = await runProgram({
      program: process.execPath,
      parameters: [join(root, "src/main/main.ts"), command ?? "", "--help"],
      milliseconds: 20_000,
    });
    assert.equal(help.code, 0);
    assert.match(help.stdout, /--config <file>/);
  }
});

test("systemd-analyze finds no mistake in the unit and little exposure", async (t) => {
  if (!existsSync(analyze)) return t.skip("absent: systemd-analyze");
  const directory = await temporaryDirectory(t);
  const file = join(directory, "sekimori.service");
  // The user of this process stands in for the one that an installation makes.
  const local = unit.replaceAll("/opt/sekimori", root).replace(/^(User|Group)=.*$/gm, "$1=daemon");
  await writeFile(file, local.replace(/^(ExecStart|ExecReload)=\S+/gm, `$1=${process.execPath}`));
  const verify = await runProgram({ program: analyze, parameters: ["verify", "--man=no", file], milliseconds: 30_000 });
  assert.deepEqual([verify.code, verify.stderr], [0, ""]);
  const security = await runProgram({
    program: analyze,
    parameters: ["security", "--offline=true", "--no-pager", "--threshold=25", file],
    milliseconds: 30_000,
  });
  assert.equal(security.code, 0, security.stdout);
});

test("a user with the one capability serves port 25 and opens another at a reload", async (t) => {
  if (!requiresOtherUsers(t, "network namespaces and other users")) return;
  const namespace = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
  const user = [
    "setpriv",
    "--reuid=1",
    "--regid=1",
    "--clear-groups",
    "--no-new-privs",
    "--bounding-set=-all,+net_bind_service",
  ];
  const wrapper = [...namespace, ...user, "--inh-caps=-all,+net_bind_service", "--ambient-caps=+net_bind_service"];
  const trial = await runProgram({
    program: "unshare",
    parameters: [...wrapper.slice(1), "true"],
    milliseconds: 10_000,
  });
  if (trial.code !== 0) return t.skip(`no network namespaces here: ${trial.stderr.trim()}`);
  const directory = await temporaryDirectory(t);
  chmodSync(directory, 0o755);
  mkdirSync(join(directory, "var"));
  chownSync(join(directory, "var"), 1, 1);
  const config = [
    "version = 1",
    'hostname = "mx.sekimori.test"',
    'domain = [{ name = "sekimori.test", postmaster = "alice@sekimori.test" }]',
    'listener = [{ role = "mx", listen = ["127.0.0.1:25"] }]',
    "",
  ].join("\n");
  const server = await startServer(t, { directory, wrapper, config });
  const status = await readFile(`/proc/${server.pid}/status`, "utf8");
  assert.match(status, /^CapEff:\t0*400$/m);
  assert.match(status, /^NoNewPrivs:\t1$/m);
  const file = join(directory, "sekimori.toml");
  await writeFile(file, (await readFile(file, "utf8")).replace('"127.0.0.1:25"', '"127.0.0.1:25", "127.0.0.1:26"'));
  const reload = await server.command("reload");
  assert.deepEqual([reload.code, reload.stdout], [0, "reloaded, changed: listeners\n"]);
  await server.stop();
});
