// `sekimori doctor` on a real site whose resolver is down: what nobody knows is a warning.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { atEnd } from "../lab/cleanup.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { startSink } from "../lab/sink.ts";
import { startSite } from "../lab/site.ts";

test("a running site has no failure; a stopped one whose port another program has does not", async (t) => {
  const site = await startSite(t, {
    smarthost: await startSink(t),
    tables: ["[dns]", `servers = ["${loopbackAddress()}:5353"]`, 'timeout = "1s"'],
  });
  const { code, stdout } = await site.server.command("doctor");
  // Nobody answers about DNS: a warning.
  assert.equal(code, 1, stdout);
  assert.match(stdout, /^the server is running: of \d+ checks 0 failed, [1-9]\d* warn$/m);
  assert.match(stdout, /^ok +port 2525: mx on \S+:2525 answers$/m);
  assert.match(stdout, /^warn +MX of sekimori\.test: nobody knows/m);

  await site.server.stop();
  const taker = createServer();
  await new Promise<void>((resolve) => taker.listen({ host: site.address, port: 2525 }, resolve));
  atEnd(t, () => void taker.close());
  const stopped = await site.server.command("doctor", "--json");
  assert.equal(stopped.code, 2);
  const findings = JSON.parse(stopped.stdout) as readonly { readonly check: string; readonly result: string }[];
  const results = new Map(findings.map(({ check, result }) => [check, result]));
  assert.deepEqual([results.get("port 2525"), results.get("port 2587")], ["fail", "ok"]);
});
