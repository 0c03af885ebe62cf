// Secrets are named, not written: the configuration says in which file or environment variable one is kept.
// Files of configuration are copied, shown and backed up; nothing here puts a secret into a message.

import { dirname, resolve } from "node:path";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { ConfigSources } from "./files.ts";
import { nearestName } from "./nearest.ts";
import { problemAt } from "./problem.ts";
import type { ConfigProblem } from "./problem.ts";
import { quote } from "./scalars.ts";
import type { ScalarError } from "./scalars.ts";
import type { Node } from "./tree.ts";

/** What `showEffective` writes in place of one. */
export const hiddenSecret = "(secret)";

const form = 'write { file = "…" } or { environment = "NAME" }';

export function readSecret(node: Node, sources: ConfigSources): Result<string, readonly ConfigProblem[]> {
  if (node.kind === "text") {
    const why = "a secret does not stand in the configuration itself, which gets copied, shown and backed up";
    return failure([problemAt(node.place, why, form)]);
  }
  if (node.kind !== "table") return failure([problemAt(node.place, "expected where the secret is kept", form)]);
  const unknown = [...node.entries].filter(([name]) => name !== "file" && name !== "environment");
  if (unknown.length > 0) {
    return failure(
      unknown.map(([name, entry]) => {
        const near = nearestName(name, ["file", "environment"]);
        return problemAt(
          entry.place,
          `unknown key ${quote(name)}`,
          near === undefined ? form : `did you mean "${near}"?`,
        );
      }),
    );
  }
  const [first, second] = [...node.entries];
  if (first === undefined || second !== undefined) {
    return failure([problemAt(node.place, "a secret is kept in exactly one place", form)]);
  }
  const [kind, { value }] = first;
  if (value.kind !== "text" || value.text === "" || value.text.includes("\0")) {
    return failure([
      problemAt(value.place, kind === "file" ? "expected a path in quotes" : "expected a name in quotes"),
    ]);
  }
  const secret =
    kind === "file"
      ? fromFile(resolve(dirname(value.place.file), value.text), sources)
      : fromEnvironment(value.text, sources);
  return secret.ok ? secret : failure([problemAt(value.place, secret.error.message, secret.error.hint)]);
}

function fromEnvironment(name: string, { environment }: ConfigSources): Result<string, ScalarError> {
  const secret = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (secret === undefined) return failure({ message: `environment variable ${quote(name)} is not set` });
  if (secret === "") return failure({ message: `environment variable ${quote(name)} is empty` });
  return success(secret);
}

/** The first and only line of a file that nobody but its owner may touch. */
function fromFile(path: string, sources: ConfigSources): Result<string, ScalarError> {
  const mode = sources.mode(path);
  if (!mode.ok) return failure({ message: `${quote(path)} ${mode.error}` });
  if ((mode.value & 0o077) !== 0) {
    const message = `${quote(path)} is open to others than its owner (mode ${mode.value.toString(8)})`;
    return failure({ message, hint: "chmod 600" });
  }
  const text = sources.read(path);
  if (!text.ok) return failure({ message: `${quote(path)} ${text.error}` });
  const secret = text.value.replace(/\r?\n$/, "");
  if (secret === "") return failure({ message: `${quote(path)} is empty` });
  return /[\r\n\0]/.test(secret) ? failure({ message: `${quote(path)} has more than one line` }) : success(secret);
}
