// docs/reference/commands.md and the manual page docs/sekimori.1 from the commands themselves.

import type { Command } from "commander";
import { createProgram } from "../src/cli/program.ts";

const introduction = `# Commands

What each command says when it is asked with \`--help\`. A running server is asked through its control socket; without one the commands open
its files themselves. This page is made from the commands by \`node scripts/reference.ts\`, like the manual page [sekimori.1](../sekimori.1)
(\`man -l docs/sekimori.1\`).
`;

/** Never asked for anything: only the names and words of the commands are read. */
const nobody = (): Promise<never> => Promise.reject(new Error("only for its words"));

export function commandPages(): ReadonlyMap<string, string> {
  const program = createProgram({ start: nobody, withControl: nobody });
  const leaves = leavesOf(program, []);
  const sections = leaves.map(([path, command]) => `## \`${path}\`\n\n\`\`\`text\n${ownHelp(command)}\n\`\`\`\n`);
  return new Map([
    ["docs/reference/commands.md", `${introduction}\n${sections.join("\n")}`],
    ["docs/sekimori.1", manualPage(program, leaves)],
  ]);
}

type Leaf = readonly [path: string, command: Command];

function leavesOf(command: Command, path: readonly string[]): readonly Leaf[] {
  const here = [...path, command.name()];
  if (command.commands.length === 0) return [[here.join(" "), command]];
  return command.commands.flatMap((each) => leavesOf(each, here));
}

/** Without what every command repeats at its end. */
function ownHelp(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (more) => void (text += more), getOutHelpWidth: () => 100 });
  command.outputHelp();
  return text.split("\nWhich configuration:")[0]!.trim();
}

function manualPage(program: Command, leaves: readonly Leaf[]): string {
  const commands = leaves.flatMap(([path, command]) => {
    const parameters = command.registeredArguments.map((each) =>
      each.required ? `<${each.name()}>` : `[${each.name()}]`,
    );
    const words = [...path.split(" ").slice(1), ...parameters];
    return [
      ".TP",
      `.B ${roff(words.join(" "))}`,
      roff(`${capital(command.description())}.`),
      ...command.options.flatMap(({ flags, description }) => [
        ".RS",
        ".TP",
        `.B ${roff(flags)}`,
        roff(description),
        ".RE",
      ]),
    ];
  });
  return [
    ".TH SEKIMORI 1",
    ".SH NAME",
    `sekimori \\- ${roff(program.description())}`,
    ".SH SYNOPSIS",
    ".B sekimori",
    "COMMAND [OPTION]...",
    ".SH DESCRIPTION",
    "A running server is asked through its control socket; without one the commands open its files themselves.",
    "The configuration is the file of \\-\\-config, of $SEKIMORI_CONFIG, ./sekimori.toml or /etc/sekimori/sekimori.toml;",
    "without any of them it is the built\\-in demonstration with its state in \\-\\-var (./var).",
    ".SH COMMANDS",
    ...commands,
    ".SH EXIT STATUS",
    ...["0", "yes", "1", "the answer is no", "2", "usage or configuration wrong", "3", "not possible here"].map(
      (text, index) => (index % 2 === 0 ? `.TP\n.B ${text}` : text),
    ),
    ".SH FILES",
    ".TP",
    ".I /etc/sekimori/sekimori.toml",
    "the configuration",
    ".TP",
    ".I /var/lib/sekimori",
    "the state: spool, index, mailboxes, keys, the token of the API, the control socket",
    "",
  ].join("\n");
}

function roff(text: string): string {
  return text
    .replaceAll("\\", "\\\\")
    .replaceAll("-", "\\-")
    .replaceAll(/^([.'])/gm, "\\&$1");
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
