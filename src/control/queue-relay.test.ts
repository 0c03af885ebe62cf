// What the queue tells of a third party's server is what the router does.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDomain } from "../address/domain.ts";
import type { Domain } from "../address/domain.ts";
import { demoSettings } from "../config/load.ts";
import type { RouteTarget, Settings } from "../config/settings.ts";
import { createRouter, deliveryOf } from "../egress/routing.ts";
import { relayViews } from "./queue-relay.ts";

const demo = demoSettings("/nowhere");

function nameOf(text: string): Domain {
  const parsed = parseDomain(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

function target(host: string, protocol: RouteTarget["protocol"] = "smtp"): RouteTarget {
  return { host, port: 25, protocol, tls: "opportunistic", auth: undefined };
}

const settings: Settings = {
  ...demo,
  domains: [
    { ...demo.domains[0]!, name: nameOf("sekimori.test"), store: undefined },
    {
      ...demo.domains[0]!,
      name: nameOf("stored.test"),
      store: { target: target("/run/lmtp", "lmtp"), imap: undefined, answerWithin: 0 },
    },
  ],
  delivery: {
    ...demo.delivery,
    smarthost: undefined,
    routes: new Map([
      [nameOf("routed.test"), target("exact.sekimori.test")],
      [nameOf("lists.test"), target("/run/lists", "lmtp")],
    ]),
  },
  substitute: {
    ...demo.substitute,
    providers: [{ domains: [nameOf("third.example")], relay: target("relay.third.example"), until: undefined }],
  },
};
const relayOf = relayViews(settings);
const site = "relay.third.example:25 opportunistic";

test("mail of a substitute sender leaves by his provider's server, whatever its recipient's domain has else", () => {
  for (const recipient of ["dora@example.org", "dora@Routed.test", '"a@b"@example.org', "dora@[192.0.2.1]"]) {
    assert.deepEqual(relayOf({ relay: "third.example" }, recipient), { domain: "third.example", site }, recipient);
  }
});

test("what ends here goes no such way, and neither does other mail", () => {
  for (const recipient of ["bob@sekimori.test", "bob@STORED.test", "all@lists.test", "postmaster"]) {
    assert.equal(relayOf({ relay: "third.example" }, recipient), undefined, recipient);
  }
  assert.equal(relayOf({}, "dora@example.org"), undefined);
});

test("without an agreement any more it is said that there is none", () => {
  assert.deepEqual(relayOf({ relay: "gone.example" }, "dora@example.org"), { domain: "gone.example" });
});

test("the router says the same", async () => {
  const router = createRouter({
    settings: deliveryOf(settings),
    hostname: "mx.sekimori.test",
    resolver: { mx: () => Promise.resolve({ kind: "none", reason: "nodata" }) },
    clock: { monotonic: () => 0 },
  });
  for (const [domain, wanted] of [
    ["example.org", site],
    ["routed.test", site],
    ["stored.test", "/run/lmtp:25 opportunistic lmtp"],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- three
    const route = await router.route(domain, "third.example");
    assert.equal(route.kind === "hosts" ? route.site : route.reply, wanted);
  }
});
