// The table of bad PROXY headers against a real listener: cut without a word, the cause in the log, and no session was there.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parsePrefix } from "../../src/base/prefix.ts";
import { dial, listen, makeMaterial, makeService } from "../../src/ingress/smtp/test-service.ts";
import type { Material } from "../../src/ingress/smtp/test-service.ts";
import { badHeaders } from "./proxy.ts";

let directory: string;
let material: Material;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "bad-proxy-"));
  material = await makeMaterial(directory);
});
after(() => rm(directory, { recursive: true }));

test("the table is not smaller than it was", () => {
  assert.ok(badHeaders.length >= 35, `${badHeaders.length} rows`);
  assert.equal(new Set(badHeaders.map(({ name }) => name)).size, badHeaders.length);
});

for (const tls of ["starttls", "implicit"] as const) {
  test(`bad PROXY headers, ${tls}`, async (t) => {
    const loopback = parsePrefix("127.0.0.0/8");
    assert.ok(loopback.ok);
    const service = makeService(material);
    const listener = await listen(t, service, { proxies: [loopback.value], tls });
    for (const { name, octets, cause } of badHeaders) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other, as their order is looked at
      await t.test(`${name}: ${cause}`, async () => {
        const earlier = service.named("proxy.refused").length;
        const client = dial(t, listener);
        // What follows must be nobody's.
        client.send(`${octets.toString("latin1")}EHLO smuggled.example.org\r\n`);
        assert.equal(await client.reply(), "(closed)");
        const refusals = service.named("proxy.refused").slice(earlier);
        assert.deepEqual(
          refusals.map((event) => [Reflect.get(event, "cause"), Reflect.get(event, "client")]),
          [[cause, "127.0.0.1"]],
        );
        assert.deepEqual(service.named("session.opened"), []);
        assert.deepEqual(service.named("internal.failed"), []);
      });
    }
  });
}
