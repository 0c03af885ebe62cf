// Started as root with `[process] user`: ports below 1024 are bound, every thread is that user afterwards without a way
// back, no file was made as root, and mail flows. In a network namespace of its own, where the ports are free.

import assert from "node:assert/strict";
import { chmodSync, chownSync, globSync, lstatSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { runProgram } from "../lab/child.ts";
import { startServer } from "../lab/server.ts";
import { requiresOtherUsers } from "../lab/skip.ts";
import { temporaryDirectory } from "../lab/temporary.ts";

/** Always there on Debian (base-passwd). */
const user = { name: "daemon", uid: 1, gid: 1 } as const;

function configuration(more: readonly string[]): string {
  return [
    "version = 1",
    'hostname = "mx.sekimori.test"',
    'http.listen = ["127.0.0.1:280"]',
    "[process]",
    `user = "${user.name}"`,
    // All of them stand still while the process is root, and bind one after the other.
    "mail-threads = 2",
    "[[domain]]",
    'name = "sekimori.test"',
    'postmaster = "alice@sekimori.test"',
    'dkim = { selector = "s1" }',
    "[[listener]]",
    'role = "mx"',
    `listen = [${["127.0.0.1:25", ...more].map((endpoint) => `"${endpoint}"`).join(", ")}]`,
    "[[listener]]",
    'role = "submission"',
    'listen = ["127.0.0.1:465"]',
    'tls = "implicit"',
    "",
  ].join("\n");
}

/** A directory that the user may reach, and a wrapper that runs a command in a new network namespace with loopback up. */
async function prepare(t: TestContext): Promise<{ directory: string; wrapper: readonly string[] } | undefined> {
  if (!requiresOtherUsers(t, "ports below 1024 and other users")) return undefined;
  const wrapper = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
  const trial = await runProgram({
    program: "unshare",
    parameters: [...wrapper.slice(1), "true"],
    milliseconds: 10_000,
  });
  if (trial.code !== 0) {
    t.skip(`no network namespaces here: ${trial.stderr.trim()}`);
    return undefined;
  }
  const directory = await temporaryDirectory(t);
  chmodSync(directory, 0o755);
  return { directory, wrapper };
}

/** Sends one message on port 25 from inside the namespace of the process; resolves to the replies. */
async function sendInside(pid: number): Promise<string> {
  const script = [
    'import { connect } from "node:net";',
    'const socket = connect(25, "127.0.0.1");',
    "socket.pipe(process.stdout);",
    'const lines = ["EHLO client.example.org", "MAIL FROM:<a@example.org>", "RCPT TO:<postmaster@sekimori.test>", "DATA",',
    '"Subject: x\\r\\n\\r\\nx\\r\\n.", "QUIT"];',
    'socket.on("data", () => { const line = lines.shift(); if (line !== undefined) socket.write(`${line}\\r\\n`); });',
  ].join("\n");
  const { stdout } = await runProgram({
    program: "nsenter",
    parameters: ["--target", String(pid), "--net", process.execPath, "--input-type=module", "--eval", script],
    milliseconds: 20_000,
  });
  return stdout;
}

test("every thread is the user for good, no file is root's, and mail on port 25 is taken", async (t) => {
  const place = await prepare(t);
  if (place === undefined) return;
  const state = join(place.directory, "var");
  mkdirSync(state);
  chownSync(state, user.uid, user.gid);
  const server = await startServer(t, {
    ...place,
    config: configuration([]),
    accounts: { "alice@sekimori.test": "a long password" },
  });
  const tasks = readdirSync(`/proc/${server.pid}/task`);
  assert.ok(tasks.length > 3, "main, mail, state and libuv's own");
  for (const task of tasks) {
    const status = readFileSync(`/proc/${server.pid}/task/${task}/status`, "utf8");
    assert.match(status, new RegExp(`^Uid:\\t${user.uid}\\t${user.uid}\\t${user.uid}\\t${user.uid}$`, "m"));
    assert.match(status, new RegExp(`^Gid:\\t${user.gid}\\t${user.gid}\\t${user.gid}\\t${user.gid}$`, "m"));
    assert.match(status, new RegExp(`^Groups:\\t${user.gid} *$`, "m"));
    for (const set of ["Prm", "Eff"]) assert.match(status, new RegExp(`^Cap${set}:\\t0+$`, "m"));
  }
  assert.match(await sendInside(server.pid), /250 2\.0\.0 queued/);

  const config = join(place.directory, "sekimori.toml");
  await writeFile(config, `state-directory = "${state}"\n${configuration(["127.0.0.1:26", "127.0.0.1:2526"])}`);
  const reload = await server.command("reload");
  assert.equal(reload.code, 1);
  assert.match(reload.stdout, /restart needed: listener mx on 127\.0\.0\.1:26: a port below 1024 needs privileges/);
  await server.stop();
  const log = await readFile(globSync(join(state, "log/*.jsonl"))[0]!, "utf8");
  assert.match(log, /"privileges\.dropped"/);
  for (const path of globSync(join(state, "**"))) {
    assert.equal(lstatSync(path).uid, user.uid, path);
  }

  // A command on the stopped server makes nothing as root either.
  assert.equal((await server.command("account", "list")).code, 0);
  for (const path of globSync(join(state, "**"))) assert.equal(lstatSync(path).uid, user.uid, path);
});

test("a state directory that holds files of somebody else is refused with what to do", async (t) => {
  const place = await prepare(t);
  if (place === undefined) return;
  await assert.rejects(startServer(t, { ...place, config: configuration([]) }), (error: Error) =>
    error.message.includes(`chown -R ${user.name} ${join(place.directory, "var")}`),
  );
});

test("a user that does not exist is told", async (t) => {
  const place = await prepare(t);
  if (place === undefined) return;
  const config = configuration([]).replace(`user = "${user.name}"`, 'user = "nobody-of-that-name"');
  await assert.rejects(startServer(t, { ...place, config }), /no such user or group: nobody-of-that-name/);
});

test("as a user who is not root and not the one that is asked for it does not start", async (t) => {
  const place = await prepare(t);
  if (place === undefined) return;
  const wrapper = ["setpriv", "--reuid=2", "--regid=2", "--clear-groups"];
  const config = `state-directory = "${place.directory}/elsewhere"\n${configuration([])}`;
  await assert.rejects(startServer(t, { directory: place.directory, wrapper, config }), /only root can become daemon/);
});

test("a program that the user may not read does not start, and says so", async (t) => {
  const place = await prepare(t);
  if (place === undefined) return;
  const closed = join(place.directory, "closed");
  const here = join(closed, "here");
  const checkout = join(import.meta.dirname, "../..");
  // The same program, mounted where nobody else gets.
  const script =
    `mkdir -m 700 ${closed} && mkdir ${here} && mount --bind ${checkout} ${here} && ` +
    `for each; do shift; case $each in */src/main/main.ts) each=${here}/src/main/main.ts;; esac; set -- "$@" "$each"; done; exec "$@"`;
  const wrapper = ["unshare", "--mount", "sh", "-c", script, "sh"];
  const state = join(place.directory, "var");
  mkdirSync(state);
  chownSync(state, user.uid, user.gid);
  await assert.rejects(
    startServer(t, { directory: place.directory, wrapper, config: configuration([]) }),
    new RegExp(`${user.name} cannot read this program in ${here}: move it`),
  );
});
