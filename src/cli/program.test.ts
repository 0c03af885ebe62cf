// Every command explains itself, and says what its exit codes mean.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Command } from "commander";
import type { House } from "./house.ts";
import { createProgram } from "./program.ts";

const house: House = {
  start: () => Promise.reject(new Error("not for this test")),
  withControl: () => Promise.reject(new Error("not for this test")),
};

function commandsOf(command: Command, path: readonly string[]): readonly (readonly [path: string, command: Command])[] {
  const here = [...path, command.name()];
  return [[here.join(" "), command], ...command.commands.flatMap((each) => commandsOf(each, here))];
}

/** All that `--help` prints, what is added before and after included. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (more) => void (text += more) });
  command.outputHelp();
  return text;
}

const program = createProgram(house);

for (const [path, command] of commandsOf(program, [])) {
  test(`${path} has help`, () => {
    const help = helpOf(command);
    assert.notEqual(command.description(), "");
    for (const { description, required } of command.registeredArguments) {
      // Changes of the queue take an id or a selector in its place.
      assert.ok(required || command.options.some(({ long }) => long === "--sender"));
      assert.notEqual(description, "", "every argument is explained");
    }
    for (const { flags, description } of command.options) assert.notEqual(description, "", flags);
    if (command.commands.length === 0) {
      assert.match(help, /^Examples:\n {2}\S/m);
      const forPrograms = ["serve", "metrics", "completion", "schema"].includes(command.name());
      assert.equal(
        command.options.some(({ long }) => long === "--json"),
        !forPrograms,
      );
    }
    assert.match(
      help,
      /^Exit codes: 0 yes, 1 the answer is no, 2 usage or configuration wrong, 3 not possible here\.$/m,
    );
  });
}

/** Words of an example as a shell would take them apart, without its redirections and pipes. */
function wordsOf(example: string): readonly string[] {
  const [, words = ""] = /\bsekimori ([^|>)]*)/.exec(example) ?? [];
  return [...words.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

for (const [path, command] of commandsOf(program, [])) {
  if (command.commands.length > 0) continue;
  test(`the examples of ${path} are of this command and can be parsed`, () => {
    const [, block = ""] = /^Examples:\n((?: {2}.*\n?)+)/m.exec(helpOf(command)) ?? [];
    for (const example of block.trimEnd().split("\n")) {
      const words = wordsOf(example);
      const depth = path.split(" ").length - 1;
      assert.equal(["sekimori", ...words.slice(0, depth)].join(" "), path);
      // A fresh one each time: what was parsed stays in a command.
      const fresh = createProgram(house);
      let ran = false;
      for (const [, each] of commandsOf(fresh, [])) each.action(() => void (ran = true)).exitOverride();
      fresh.parse([...words], { from: "user" });
      assert.ok(ran, example);
    }
  });
}

test("the completion script is good bash and knows every command", async (t) => {
  const write = t.mock.method(process.stdout, "write", () => true);
  await createProgram(house).parseAsync(["completion", "bash"], { from: "user" });
  const script = write.mock.calls.map((call) => String(call.arguments[0])).join("");
  write.mock.restore();
  const asked = (line: string): string => {
    const words = line.split(" ");
    const run = `${script}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _sekimori; echo "\${COMPREPLY[@]}"`;
    return execFileSync("bash", ["-c", run], { encoding: "utf8" }).trim();
  };
  assert.equal(asked("sekimori que"), "queue");
  assert.equal(asked("sekimori queue re"), "release retry return");
  assert.equal(asked("sekimori queue hold --s"), "--sender --suspected");
});

test("the table of the README has every command", () => {
  const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
  const table = [...readme.matchAll(/^\| `sekimori ([^`]*)` \|/gm)].map(([, words]) => words ?? "");
  for (const [path, { commands }] of commandsOf(program, [])) {
    if (commands.length > 0) continue;
    const [, first = "", second = ""] = path.split(" ");
    const rows = table.filter((words) => words.startsWith(first));
    assert.ok(
      rows.some((row) => new RegExp(`\\b${second}\\b`).test(row)),
      path,
    );
  }
});
