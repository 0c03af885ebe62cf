import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { nearestName } from "./nearest.ts";
import * as scalars from "./scalars.ts";

function valueOf<T>(result: { ok: true; value: T } | { ok: false }): T | undefined {
  return result.ok ? result.value : undefined;
}

await describe("durations", async () => {
  await it("are sums of whole numbers with a unit, larger units first", () => {
    for (const [text, milliseconds] of [
      ["90s", 90_000],
      ["15m", 900_000],
      ["1h30m", 5_400_000],
      ["1w2d3h4m5s6ms", 788_645_006],
      ["250ms", 250],
      ["5m250ms", 300_250],
      ["0s", 0],
    ] as const) {
      assert.equal(valueOf(scalars.readDuration(text)), milliseconds, text);
    }
  });

  await it("are nothing else", () => {
    for (const text of ["", "5", "m", "1.5h", "-5m", "5 m", "30m1h", "5M", "5min", "1m1m", "１m", "9999999999s"]) {
      assert.equal(scalars.readDuration(text).ok, false, text);
    }
  });

  await it("read back as they were written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e14 }), (milliseconds) => {
        assert.equal(valueOf(scalars.readDuration(scalars.writeDuration(milliseconds))), milliseconds);
      }),
    );
  });
});

await describe("sizes", async () => {
  await it("tell binary from decimal units", () => {
    for (const [text, octets] of [
      ["25MiB", 26_214_400],
      ["25MB", 25_000_000],
      ["1 GiB", 2 ** 30],
      ["512B", 512],
      ["1kB", 1000],
    ] as const) {
      assert.equal(valueOf(scalars.readSize(text)), octets, text);
    }
  });

  await it("always name their unit", () => {
    for (const text of ["", "25", "25M", "25mb", "1.5MB", "-1MB", "1  MB", "25MiBs", "1constructor", "9PPB"]) {
      assert.equal(scalars.readSize(text).ok, false, text);
    }
  });

  await it("read back as they were written", () => {
    const anySize = fc.oneof(
      fc.maxSafeNat(),
      fc.tuple(fc.nat(1000), fc.constantFrom(1000, 1024, 2 ** 20, 1e6, 2 ** 30)).map(([n, unit]) => n * unit),
    );
    fc.assert(
      fc.property(anySize, (octets) => assert.equal(valueOf(scalars.readSize(scalars.writeSize(octets))), octets)),
    );
  });
});

await describe("windows", async () => {
  await it("are named after their length, however it is written", () => {
    assert.deepEqual(valueOf(scalars.readWindow("1000/24h")), { name: "1d", length: 86_400_000, recipients: 1000 });
  });

  await it("let at least one recipient pass in at least a second", () => {
    for (const text of ["0/1h", "5/0s", "5/999ms", "5", "/1h", "5/", "5/1h/1d", "1000000000/1h"]) {
      assert.equal(scalars.readWindow(text).ok, false, text);
    }
  });
});

await describe("endpoints", async () => {
  await it("have one spelling for one address", () => {
    assert.deepEqual(valueOf(scalars.readEndpoint("[2001:0DB8::0:1]:25", undefined)), {
      address: "2001:db8::1",
      port: 25,
    });
    assert.deepEqual(valueOf(scalars.readEndpoint("192.0.2.1", 53)), { address: "192.0.2.1", port: 53 });
    assert.deepEqual(valueOf(scalars.readEndpoint("::1", 53)), { address: "::1", port: 53 });
    assert.deepEqual(valueOf(scalars.readEndpoint("[::1]", 53)), { address: "::1", port: 53 });
  });

  await it("read back as they were written", () => {
    const endpoint = fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 0, max: 65_535 }));
    fc.assert(
      fc.property(endpoint, ([address, port]) => {
        const canonical = scalars.readIp(address);
        assert.ok(canonical !== undefined);
        const written = scalars.writeEndpoint({ address: canonical, port });
        assert.deepEqual(valueOf(scalars.readEndpoint(written, undefined)), { address: canonical, port });
      }),
    );
  });
});

await describe("quote", async () => {
  await it("lets nothing through that a terminal would obey", () => {
    assert.equal(scalars.quote("\u001b[2J\u009b\u202e\n\u007f"), String.raw`"\u001b[2J\u009b\u202e\n\u007f"`);
  });
});

await describe("nearestName", async () => {
  const known = ["timeout", "errors", "message-size", "tls"];
  await it("finds what was meant", () => {
    for (const [wrong, meant] of [
      ["timout", "timeout"],
      ["tiemout", "timeout"],
      ["messageSize", "message-size"],
      ["message_size", "message-size"],
      ["MESSAGE-SIZE", "message-size"],
      ["tsl", "tls"],
    ] as const) {
      assert.equal(nearestName(wrong, known), meant, wrong);
    }
  });

  await it("stays silent when nothing is near", () => {
    for (const wrong of ["", "abc", "certificate", "timeout".repeat(1000)])
      assert.equal(nearestName(wrong, known), undefined);
  });
});
