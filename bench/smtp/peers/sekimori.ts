// Ours as an operator runs it: the command with a configuration file, the whole decision path, events and log on, durable
// before 250. Kept mail: delivery is paused. Remote mail is taken from an account only, inside TLS.

import { loopbackAddress } from "../../../test/lab/loopback.ts";
import { startServer } from "../../../test/lab/server.ts";
import { plain } from "../../../test/lab/site.ts";
import { temporaryDirectory } from "../../../test/lab/temporary.ts";
import { account, domain } from "./peer.ts";
import type { Mode, StartOptions, Started } from "./peer.ts";

export async function startOurs({ scope, mode, connections, environment }: StartOptions): Promise<Started> {
  const address = loopbackAddress();
  const hostname = `mx.${domain}`;
  const isMx = mode.kind === "keep" || mode.kind === "store";
  const where = { address, port: isMx ? 2525 : 2587 };
  const aliases = Array.from({ length: 10 }, (_each, index) => `${index + 1}bench = "${account.address}"`);
  const unlimited = '["100000000/1h"]';
  const config = [
    "version = 1",
    `hostname = "${hostname}"`,
    `http.listen = ["${address}:2080"]`,
    "[[domain]]",
    `name = "${domain}"`,
    `postmaster = "${account.address}"`,
    `aliases = { ${aliases.join(", ")} }`,
    ...(mode.kind === "store" ? [`mailboxes = { lmtp = "${mode.to.address}:${mode.to.port}" }`] : []),
    "[[listener]]",
    `role = "${isMx ? "mx" : "submission"}"`,
    `listen = ["${address}:${where.port}"]`,
    'tls = "starttls"',
    "[smtp]",
    "messages = 1000000",
    `sessions = ${Math.max(10_000, connections + 100)}`,
    "[limits.account]",
    `recipients = ${unlimited}`,
    `attempts = ${unlimited}`,
    ...routes(mode),
    "",
  ].join("\n");
  const directory = await temporaryDirectory(scope);
  const accounts = { [account.address]: account.password };
  // A session of its own, as a service has and as Postfix makes for itself: the scheduler groups by session.
  await startServer(scope, { directory, config, accounts, wrapper: ["setsid"], environment });
  const credentials = isMx ? undefined : plain(account.address, account.password);
  return { version: "", where, hostname, credentials };
}

function routes(mode: Mode): readonly string[] {
  if (mode.kind === "store") return ["[delivery]", 'retry = ["1s"]'];
  if (mode.kind !== "relay") return ["[delivery]", "paused = true"];
  const all = [{ domain: "example.jp", to: mode.to }, ...(mode.others ?? [])];
  return [
    "[delivery]",
    'retry = ["1s"]',
    ...all.flatMap(({ domain: name, to }) => [
      "[[route]]",
      `domain = "${name}"`,
      `host = "${to.address}"`,
      `port = ${to.port}`,
    ]),
  ];
}
