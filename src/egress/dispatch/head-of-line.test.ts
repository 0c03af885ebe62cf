// With real sockets: a host that accepts connections and never answers, mail for it first and more of it than the window
// holds, and mail for a healthy host behind.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { parseDomain } from "../../address/domain.ts";
import type { Domain } from "../../address/domain.ts";
import type { RouteTarget } from "../../config/settings.ts";
import { openSqliteStore } from "../../store/sqlite/sqlite-store.ts";
import { startServer } from "../scripted-server.ts";
import { egressFor } from "../test-support.ts";
import { openHouse, settledAs, until } from "./test-support.ts";

const alice = "alice@sekimori.test";

function domain(text: string): Domain {
  const parsed = parseDomain(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

function routeTo(port: number): RouteTarget {
  return { host: "127.0.0.1", port, protocol: "smtp", tls: "opportunistic", auth: undefined };
}

/** Accepts and says nothing. */
async function hangingHost(context: TestContext): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server that listens
  return (server.address() as AddressInfo).port;
}

test("mail for a host that hangs, more than the window holds, does not hold healthy mail back", async (context) => {
  const hanging = await hangingHost(context);
  const healthy = await startServer(context, {});
  const egress = egressFor(context, {
    routes: new Map([
      [domain("hanging.example"), routeTo(hanging)],
      [domain("example.jp"), routeTo(healthy.port)],
    ]),
  });
  const house = openHouse(openSqliteStore(":memory:"), { window: 40, transport: egress });
  try {
    house.dispatcher.start();
    const stuck = Array.from({ length: 400 }, () => house.send(alice, ["x@hanging.example"]));
    await until("what found no room waits", () => house.store.countWaiting() === 380);
    const sent = Array.from({ length: 200 }, (_each, index) => house.send(alice, [`r${index}@example.jp`]));
    await until("healthy mail is delivered", () =>
      sent.every((message) => settledAs(house, message)[0] === "delivered"),
    );
    assert.equal(healthy.messages.length, 200);
    assert.equal(
      stuck.every((message) => settledAs(house, message)[0] === undefined),
      true,
    );
    assert.ok(house.dispatcher.activeCount() <= 40);
  } finally {
    const ending = egress.close();
    await house.end();
    await ending;
  }
});
