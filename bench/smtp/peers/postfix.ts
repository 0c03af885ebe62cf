// Debian's Postfix. In its favour: it looks up no names, writes no log, and takes mail to relay without AUTH, by the address of
// the client. Kept mail is on hold. "Eased" is its best case: the queue in memory, so without a file per message on this file
// system (scope.ts tells what that can cost); as nothing of that survives a power cut it is no bar.
//
// AUTH: Cyrus SASL with a database of plain-text passwords.

import { chmod, mkdtemp, rm } from "node:fs/promises";
import { makeCertificate } from "../../../test/lab/certificate.ts";
import { runProgram } from "../../../test/lab/child.ts";
import { findProgram } from "../../../test/lab/packages.ts";
import { startPostfix } from "../../../test/lab/postfix.ts";
import { makeSasl } from "../../../test/lab/sasl.ts";
import { plain } from "../../../test/lab/site.ts";
import { temporaryDirectory } from "../../../test/lab/temporary.ts";
import { NotPossible } from "../scope.ts";
import { account, domain, peerHostname } from "./peer.ts";
import type { Mode, StartOptions, Started } from "./peer.ts";

export async function startPostfixPeer({ scope, mode, connections, environment }: StartOptions): Promise<Started> {
  const settings = [
    // Log lines go to syslog's socket, where nobody listens.
    "maillog_file =",
    `default_process_limit = ${connections + 50}`,
    "max_use = 1000",
    "smtpd_timeout = 600s",
  ];
  const version = await postfixVersion();
  const tls =
    mode.kind === "keep" || mode.kind === "store"
      ? undefined
      : await makeCertificate(await temporaryDirectory(scope), peerHostname);
  const auth = mode.kind === "submission" ? await makeSasl(scope, account, "PLAIN") : undefined;
  if (auth?.kind === "absent") throw new NotPossible(auth.reason);
  const postfix = await startPostfix(scope.test, {
    domains: [domain],
    settings: [...settings, ...relaying(mode), ...(auth?.settings ?? [])],
    environment: { ...environment, ...auth?.environment },
    ...(auth === undefined ? {} : { sasl: auth.sasl }),
    ...(tls === undefined ? {} : { tls }),
    // What an account sends is on hold before it goes anywhere.
    ...(tls === undefined ? {} : { relayTo: mode.kind === "relay" ? mode.to : { address: "127.0.0.1", port: 9 } }),
  });
  if (postfix === undefined) throw new NotPossible("no Postfix");
  const { address, port } = postfix;
  const credentials = auth === undefined ? undefined : plain(account.address, account.password);
  return { version, where: { address, port }, hostname: peerHostname, credentials };
}

/** Directories made meanwhile are in memory. */
export async function startPostfixEased(options: StartOptions): Promise<Started> {
  const directory = await mkdtemp("/dev/shm/sekimori-bench-");
  await chmod(directory, 0o711);
  const usual = process.env["TMPDIR"];
  process.env["TMPDIR"] = directory;
  try {
    return await startPostfixPeer(options);
  } finally {
    if (usual === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = usual;
    options.scope.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  }
}

function relaying(mode: Mode): readonly string[] {
  switch (mode.kind) {
    case "keep":
      return [hold("permit_mynetworks")];
    case "submission":
      return [hold("permit_sasl_authenticated")];
    case "store":
      return [`virtual_transport = lmtp:inet:${mode.to.address}:${mode.to.port}`];
    case "relay": {
      const others = (mode.others ?? []).map(({ domain: name, to }) => `{ ${name} = smtp:[${to.address}]:${to.port} }`);
      return others.length === 0 ? [] : [`transport_maps = inline:{ ${others.join(", ")} }`];
    }
  }
}

function hold(permit: string): string {
  return `smtpd_recipient_restrictions = check_recipient_access static:HOLD, ${permit}, reject`;
}

async function postfixVersion(): Promise<string> {
  const program = await findProgram("postfix");
  if (program.kind === "absent") throw new NotPossible(program.reason);
  const { stdout } = await runProgram({
    program: `${program.tree ?? ""}/usr/sbin/postconf`,
    parameters: ["-d", "-h", "mail_version"],
    environment: program.environment,
    milliseconds: 10_000,
  });
  return stdout.trim();
}
