// Cyrus SASL for Postfix: a database of plain-text passwords and the configuration that names it. Its modules and the program
// that writes the database are Debian's; the database's place is compiled in, but the configuration may name another.

import { chmod, chown } from "node:fs/promises";
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { runProgram } from "./child.ts";
import type { Scope } from "./cleanup.ts";
import { findProgram } from "./packages.ts";
import type { PostfixOptions } from "./postfix.ts";
import { temporaryDirectory } from "./temporary.ts";

export interface SaslAccount {
  readonly address: string;
  readonly password: string;
}

export type Sasl =
  | ({ readonly kind: "found" } & Required<Pick<PostfixOptions, "settings" | "sasl" | "environment">>)
  | { readonly kind: "absent"; readonly reason: string };

export async function makeSasl(scope: Scope, account: SaslAccount, mechanisms: string): Promise<Sasl> {
  const writer = await findProgram("saslpasswd2");
  if (writer.kind === "absent") return writer;
  const modules = globSync("usr/lib/*/sasl2/libsasldb.so", { cwd: writer.tree ?? "/" })[0];
  if (modules === undefined) return { kind: "absent", reason: "SASL has no module for its own database" };
  const directory = await temporaryDirectory(scope);
  const database = join(directory, "database");
  const [user = "", domain = ""] = account.address.split("@");
  const { code, stderr } = await runProgram({
    program: writer.path,
    parameters: ["-p", "-c", "-f", database, "-u", domain, user],
    environment: writer.environment,
    input: account.password,
    milliseconds: 10_000,
  });
  if (code !== 0) return { kind: "absent", reason: `no SASL database: ${stderr.trim()}` };
  // Readable for the user the lab's Postfix runs as.
  const owner = Number(/^uucp:[^:]*:(\d+)/m.exec(readFileSync("/etc/passwd", "utf8"))?.[1]);
  await chmod(directory, 0o711);
  await chown(database, owner, 0);
  const lines = [
    "pwcheck_method: auxprop",
    "auxprop_plugin: sasldb",
    `mech_list: ${mechanisms}`,
    `sasldb_path: ${database}`,
  ];
  return {
    kind: "found",
    settings: ["smtpd_sasl_auth_enable = yes", "smtpd_tls_auth_only = yes"],
    sasl: `${lines.join("\n")}\n`,
    environment: { SASL_PATH: dirname(join(writer.tree ?? "/", modules)) },
  };
}
