import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect, createServer } from "node:tls";
import type { TLSSocket } from "node:tls";
import { ensureSelfSigned } from "./certificate.ts";

const now = Date.UTC(2026, 10, 22, 12);
const day = 86_400_000;
const host = "mx.example.jp";

async function read(path: string): Promise<X509Certificate> {
  return new X509Certificate(await readFile(path));
}

await describe("ensureSelfSigned", async () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sekimori-certificate-"));
  });
  after(() => rm(directory, { recursive: true }));

  const fresh = (): string => join(directory, crypto.randomUUID());

  await it("makes a certificate for the names and for loopback that is no authority", async () => {
    const { certificate, made } = await ensureSelfSigned(fresh(), [host, "submission.example.jp", "192.0.2.1"], now);
    const parsed = await read(certificate);
    assert.equal(made, true);
    assert.equal(parsed.ca, false);
    assert.equal(parsed.subject, `CN=${host}`);
    assert.equal(parsed.verify(parsed.publicKey), true);
    assert.equal(parsed.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
    assert.equal(
      parsed.subjectAltName,
      "DNS:mx.example.jp, DNS:submission.example.jp, IP Address:192.0.2.1, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
    );
    assert.equal(parsed.checkHost(host), host);
    assert.equal(parsed.checkHost("other.example.jp"), undefined);
    assert.deepEqual(parsed.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  });

  await it("is valid from an hour ago for 397 days, with a serial of its own", async () => {
    const [one, two] = await Promise.all([fresh(), fresh()].map((path) => ensureSelfSigned(path, [host], now)));
    const [first, second] = [await read(one?.certificate ?? ""), await read(two?.certificate ?? "")];
    assert.equal(first.validFromDate.getTime(), now - 3_600_000);
    assert.equal(first.validToDate.getTime(), now - 3_600_000 + 397 * day);
    assert.notEqual(first.serialNumber, second.serialNumber);
    assert.match(first.serialNumber, /^[0-9A-F]{16,32}$/);
  });

  await it("keeps dates right beyond 2049, where their form changes", async () => {
    const later = Date.UTC(2049, 5, 1);
    const certificate = await read((await ensureSelfSigned(fresh(), [host], later)).certificate);
    assert.equal(certificate.validFromDate.getUTCFullYear(), 2049);
    assert.equal(certificate.validToDate.getTime(), later - 3_600_000 + 397 * day);
  });

  await it("writes files that only the owner may read and leaves nothing else behind", async () => {
    const path = fresh();
    const { certificate, key } = await ensureSelfSigned(path, [host], now);
    assert.equal((await stat(key)).mode & 0o777, 0o600);
    assert.equal((await stat(certificate)).mode & 0o777, 0o600);
    assert.equal((await stat(path)).mode & 0o777, 0o700);
    assert.deepEqual((await readdir(path)).toSorted(), ["self-signed.crt", "self-signed.key"]);
  });

  await it("leaves a good certificate alone", async () => {
    const path = fresh();
    const { certificate } = await ensureSelfSigned(path, [host], now);
    const text = await readFile(certificate, "utf8");
    const again = await ensureSelfSigned(path, [host], now + 366 * day);
    assert.equal(again.made, false);
    assert.equal(await readFile(certificate, "utf8"), text);
  });

  await it("renews with the same key when fewer than 30 days are left", async () => {
    const path = fresh();
    const { certificate, key } = await ensureSelfSigned(path, [host], now);
    const [oldKey, old] = [await readFile(key, "utf8"), await read(certificate)];
    const again = await ensureSelfSigned(path, [host], now + 368 * day);
    assert.equal(again.made, true);
    assert.equal(await readFile(key, "utf8"), oldKey);
    assert.ok((await read(certificate)).validToDate > old.validToDate);
  });

  await it("renews for a new name", async () => {
    const path = fresh();
    await ensureSelfSigned(path, [host], now);
    const again = await ensureSelfSigned(path, [host, "mx2.example.jp"], now);
    assert.equal(again.made, true);
    assert.equal((await read(again.certificate)).checkHost("mx2.example.jp"), "mx2.example.jp");
  });

  for (const [what, file] of [
    ["certificate", "self-signed.crt"],
    ["key", "self-signed.key"],
  ] as const) {
    await it(`replaces a ${what} that is torn, and one that belongs to another`, async () => {
      const [path, other] = [fresh(), fresh()];
      const { certificate, key } = await ensureSelfSigned(path, [host], now);
      const stranger = await ensureSelfSigned(other, [host], now);
      const strangers = await readFile(what === "key" ? stranger.key : stranger.certificate);
      for (const content of ["", strangers.subarray(0, 80), strangers]) {
        await writeFile(join(path, file), content);
        assert.equal((await ensureSelfSigned(path, [host], now)).made, true);
        assert.equal((await read(certificate)).checkPrivateKey(createPrivateKey(await readFile(key))), true);
      }
    });
  }

  await it("lets a client that trusts it shake hands by name", async () => {
    // Wall time: OpenSSL looks at the real clock.
    const paths = await ensureSelfSigned(fresh(), [host], Date.now());
    const [cert, key] = await Promise.all([readFile(paths.certificate), readFile(paths.key)]);
    const server = createServer({ cert, key }, (socket) => socket.end("hello"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    const { port } = address;
    const dial = (servername: string): Promise<TLSSocket> =>
      new Promise((resolve, reject) => {
        const socket = connect({ host: "127.0.0.1", port, servername, ca: cert }, () => resolve(socket));
        socket.on("error", reject);
      });
    try {
      const socket = await dial(host);
      assert.equal(socket.authorized, true);
      assert.equal(Buffer.concat(await socket.toArray()).toString(), "hello");
      await assert.rejects(dial("other.example.jp"), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
