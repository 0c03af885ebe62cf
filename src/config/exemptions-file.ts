// The file that `net exempt` keeps: [[exemption]] tables and nothing else. It is written by machine as a whole, so comments
// in it do not last; the first lines say so. Read with the configuration by network.ts.

import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { checkTables } from "./check.ts";
import type { ConfigSources } from "./files.ts";
import { network } from "./schema/network.ts";
import type { NetworkTables } from "./schema/network.ts";
import type { ConfigProblem } from "./problem.ts";
import { formatToml } from "./show.ts";
import { formatPrefix } from "../base/prefix.ts";
import { readTree } from "./tree.ts";
import type { Written } from "./types.ts";

/** An exemption as it is written. */
export interface WrittenExemption {
  readonly id: string;
  readonly addresses?: readonly string[];
  readonly subscriber?: string;
  readonly owner: string;
  readonly reason: string;
  readonly ticket: string;
  readonly from?: string;
  readonly until: string;
}

const heading = `# Exemptions from the blocking of port 25. \`sekimori net exempt\` writes this file as a whole: change it with
# \`net exempt add | renew | revoke\`, which keep an audit log beside it. Comments do not last.

version = 1
`;

export function writeExemptions(exemptions: readonly WrittenExemption[]): string {
  const tables = exemptions.map((exemption) => {
    const lines = Object.entries(exemption).flatMap(([key, value]: [string, Written | undefined]) =>
      value === undefined ? [] : [`${key} = ${formatToml(value)}\n`],
    );
    return `\n[[exemption]]\n${lines.join("")}`;
  });
  return `${heading}${tables.join("")}`;
}

/** What writeExemptions wrote, or somebody by hand. `id` is a number where there is none. */
export function readExemptions(
  text: string,
  file: string,
  sources: ConfigSources,
): Result<readonly WrittenExemption[], readonly ConfigProblem[]> {
  const tree = readTree(text, file);
  if (!tree.ok) return failure([tree.error]);
  tree.value.entries.delete("version");
  const keys = { exemption: network.exemption };
  const { draft, problems } = checkTables<Pick<NetworkTables, "exemption">>(tree.value, keys, sources);
  if (problems.length > 0) return failure(problems);
  return success(
    draft.exemption.map(({ id, addresses, subscriber, owner = "", reason = "", ticket = "", from, until }, index) => ({
      id: id ?? `entry-${index + 1}`,
      ...(addresses === undefined ? {} : { addresses: addresses.map(formatPrefix) }),
      ...(subscriber === undefined ? {} : { subscriber }),
      owner,
      reason,
      ticket,
      ...(from === undefined ? {} : { from: from.written }),
      until: until?.written ?? "",
    })),
  );
}
