// The lists as files for FreeRADIUS 3. The first one decides what new sessions get: it is the users file of an instance of
// the module `files`, which the second file defines and the site calls where it knows that a session is of the pool. The
// others are for sessions that run: attributes for radclient to send as CoA (RFC 5176), one message for each subscriber
// with a list of his own, and what all others get, to which the name of a session has to be added.
//
// With Filter-Id the access server has the filters already, by name; a last file says what they must do.

import { headerLines } from "../../target.ts";
import type { RenderOptions, TextFile } from "../../target.ts";
import type { RuleList } from "./build.ts";
import { nasOf } from "./build.ts";
import { writeRule } from "./rules.ts";
import type { FilterRule } from "./rules.ts";
import { messageOctets } from "./sizes.ts";

/** Of subscribers: what stands in a users file as it is. */
export const plainName = /^(?!DEFAULT$)[A-Za-z0-9][A-Za-z0-9._@+:=/-]*$/;
/** Of profiles: a part of file names and of names of filters. */
export const plainProfile = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

export function printFiles(lists: readonly RuleList[], profile: string, options: RenderOptions): readonly TextFile[] {
  const head = headerLines("radius", options);
  const printer = new Printer(profile, options.revision, nasOf(options).apply);
  const instance = `op25b_${profile.replaceAll("-", "_")}`;
  const usersPath = `mods-config/files/${instance}`;
  const entries = lists.map((list) => printer.entry(list));
  const sizes = lists.map(({ subscriber, rules }) => {
    const texts = rules.map(writeRule);
    return `${subscriber ?? "DEFAULT"}: ${texts.length} rules, at least ${messageOctets(texts)} octets as NAS-Filter-Rule`;
  });
  const own = lists.filter(({ subscriber }) => subscriber !== undefined);
  const rest = lists.filter(({ subscriber }) => subscriber === undefined);
  const named = printer.definitions();
  return [
    { path: usersPath, text: `${comment([...head, ...sizes])}\n${entries.join("\n")}` },
    {
      path: `mods-available/${instance}`,
      text: [
        comment([
          ...head,
          `Call ${instance} in authorize of the sites whose sessions are of this profile, where that is known.`,
        ]),
        `files ${instance} {\n\tfilename = \${modconfdir}/files/${instance}\n}\n`,
      ].join(""),
    },
    {
      path: `coa/${profile}`,
      text: [
        comment([...head, "for radclient: put the name of a running session before it, as Acct-Session-Id"]),
        ...rest.map((list) => printer.message(list)),
      ].join(""),
    },
    ...(own.length === 0
      ? []
      : [
          {
            path: `coa/${profile}-subscribers`,
            text: `${comment([...head, "for radclient: one message each"])}${own.map((list) => printer.message(list)).join("\n")}`,
          },
        ]),
    ...(named === undefined ? [] : [{ path: `filters/${profile}`, text: `${comment(head)}\n${named}` }]),
  ];
}

function comment(lines: readonly string[]): string {
  return lines.map((line) => `# ${line}\n`).join("");
}

class Printer {
  readonly #profile: string;
  readonly #revision: string;
  readonly #apply: "rules" | "filter-id";
  /** Texts of the rules by the name of the filter. */
  readonly #filters = new Map<string, string>();

  constructor(profile: string, revision: string, apply: "rules" | "filter-id") {
    this.#profile = profile;
    this.#revision = revision;
    this.#apply = apply;
  }

  entry(list: RuleList): string {
    const name = list.subscriber === undefined ? "DEFAULT" : `"${list.subscriber}"`;
    return `${name}\n${this.#attributes(list.rules)
      .map((attribute) => `\t${attribute}`)
      .join(",\n")}\n`;
  }

  message({ subscriber, rules }: RuleList): string {
    const lines = [...(subscriber === undefined ? [] : [`User-Name = "${subscriber}"`]), ...this.#attributes(rules)];
    return `${lines.join("\n")}\n`;
  }

  definitions(): string | undefined {
    if (this.#apply === "rules") return undefined;
    return [...this.#filters].map(([name, text]) => `filter ${name}\n${text}`).join("\n");
  }

  #attributes(rules: readonly FilterRule[]): readonly string[] {
    if (this.#apply === "rules") return rules.map((rule) => `NAS-Filter-Rule += "${writeRule(rule)}"`);
    return (["in", "out"] as const).flatMap((direction) => {
      const own = rules.filter((rule) => rule.direction === direction);
      return own.length === 0 ? [] : [`Filter-Id += "${this.#nameOf(own, direction)}"`];
    });
  }

  /** The same rules have one name, and a change of any makes new names for all: sessions move over one by one. */
  #nameOf(rules: readonly FilterRule[], direction: "in" | "out"): string {
    const text = rules.map((rule) => `\t${writeRule(rule)}\n`).join("");
    for (let count = 1; ; count++) {
      const name = `${this.#profile}-${this.#revision}${count === 1 ? "" : `-${count}`}.${direction}`;
      const known = this.#filters.get(name);
      if (known === undefined) this.#filters.set(name, text);
      if (known === undefined || known === text) return name;
    }
  }
}
