// Postfix's smtp-sink as the next hop of our egress: 500 messages over reused connections, all delivered.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { egressFor } from "../../src/egress/test-support.ts";
import { atEnd } from "../lab/cleanup.ts";
import { startChild } from "../lab/child.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { requires } from "../lab/skip.ts";

const port = 2600;

test("Postfix's smtp-sink takes everything", async (t) => {
  const program = await requires(t, "smtp-sink");
  if (program === undefined) return;
  const host = loopbackAddress();
  // As root it insists on giving up its privileges.
  const user = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
  const sink = startChild({
    program: program.path,
    parameters: [...user, `${host}:${port}`, "100"],
    environment: program.environment,
  });
  atEnd(t, async () => void (await sink.stop("SIGTERM", 5000)));
  const egress = egressFor(t, { smarthost: { protocol: "smtp", host, port, tls: "never", auth: undefined } });
  const attempt = async (): Promise<string | undefined> => (await egress.deliver(["bob@example.jp"]))[0]?.kind;
  // It listens when it listens.
  for (let tries = 0; tries < 200 && (await attempt()) !== "delivered"; tries++) await sleep(20);
  const kinds = await Promise.all(Array.from({ length: 500 }, attempt));
  assert.deepEqual([...new Set(kinds)], ["delivered"]);
});
