// What the system says about names: /etc/resolv.conf and /etc/hosts, read once at start. Of resolv.conf only the
// name servers count: mail domains are absolute, a search list has no business with them.

import { readFileSync } from "node:fs";
import { isIP } from "node:net";

export interface ServerEndpoint {
  readonly address: string;
  readonly port: number;
}

/** resolv.conf(5): three at most; none means the local host. */
export function readSystemServers(file: string): readonly ServerEndpoint[] {
  const servers: ServerEndpoint[] = [];
  for (const line of readLines(file)) {
    const [keyword, address = ""] = line;
    // A link-local server carries its zone: fe80::1%eth0.
    if (keyword === "nameserver" && isIP(address) !== 0 && servers.length < 3) servers.push({ address, port: 53 });
  }
  return servers.length > 0 ? servers : [{ address: "127.0.0.1", port: 53 }];
}

/** hosts(5): lower-case name → addresses in the order of the file. `localhost` is there even if the file is not. */
export function readHosts(file: string): ReadonlyMap<string, readonly string[]> {
  const hosts = new Map<string, string[]>();
  for (const [address = "", ...names] of readLines(file)) {
    if (isIP(address) === 0) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      const known = hosts.get(key);
      if (known === undefined) hosts.set(key, [address]);
      else if (!known.includes(address)) known.push(address);
    }
  }
  // RFC 6761 §6.3: localhost is answered here and not asked for.
  if (!hosts.has("localhost")) hosts.set("localhost", ["127.0.0.1", "::1"]);
  return hosts;
}

function readLines(file: string): readonly (readonly string[])[] {
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch {
    // No such file: the defaults of resolv.conf(5) and hosts(5) hold.
  }
  return text.split("\n").map((line) =>
    line
      .replace(/[#;].*/, "")
      .trim()
      .split(/\s+/),
  );
}
