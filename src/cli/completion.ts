// `sekimori completion`: a script for the shell, made from the commands themselves.

import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { leaf } from "./leaf.ts";
import { print } from "./output.ts";

type Shell = "bash" | "zsh";

function chooseShell(value: string): Shell {
  if (value === "bash" || value === "zsh") return value;
  throw new InvalidArgumentError("bash or zsh");
}

/** Each command by its words, deepest first, with what may follow. */
function branches(command: Command, path: readonly string[]): readonly (readonly [path: string, words: string])[] {
  const names = command.commands.map((each) => each.name());
  const options = command.options.map(({ long, short }) => long ?? short ?? "");
  const own = [path.map((word) => ` ${word}`).join(""), [...names, ...options, "--help"].join(" ")] as const;
  return [...command.commands.flatMap((each) => branches(each, [...path, each.name()])), own];
}

function completionScript(program: Command, shell: Shell): string {
  const cases = branches(program, []).map(([path, words]) => `    "${path}"*) words="${words}" ;;`);
  return [
    ...(shell === "zsh" ? ["autoload -U +X bashcompinit && bashcompinit"] : []),
    "_sekimori() {",
    '  local word words path=""',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    '    case "$word" in -*) ;; *) path="$path $word" ;; esac',
    "  done",
    '  case "$path" in',
    ...cases,
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    "}",
    "complete -o default -F _sekimori sekimori",
  ].join("\n");
}

export function addCompletionCommand(program: Command): void {
  leaf(program, "completion", "print a script that completes commands and options in a shell", {
    examples: ['$eval "$(sekimori completion bash)"', "$sekimori completion zsh >> ~/.zshrc"],
    site: "none",
    json: "none",
  })
    .argument("<shell>", "bash or zsh", chooseShell)
    .action((shell: Shell) => print(completionScript(program, shell)));
}
