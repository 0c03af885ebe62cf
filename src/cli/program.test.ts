// Every command explains itself, and says what its exit codes mean.

import assert from "node:assert/strict";
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
    assert.match(
      help,
      /^Exit codes: 0 yes, 1 the answer is no, 2 usage or configuration wrong, 3 not possible here\.$/m,
    );
  });
}

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
