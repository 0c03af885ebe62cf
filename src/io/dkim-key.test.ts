import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ensureDkimKey } from "./dkim-key.ts";

function recordKey(record: string): Buffer {
  return Buffer.from(/ p=(.*)$/.exec(record)?.[1] ?? "", "base64");
}

await describe("ensureDkimKey", async () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sekimori-dkim-"));
  });
  after(() => rm(directory, { recursive: true }));

  const keep = async (name: string, pem: string | Buffer, mode = 0o600): Promise<string> => {
    const file = join(directory, name);
    await writeFile(file, pem);
    await chmod(file, mode);
    return file;
  };

  await it("makes an RSA key for the owner alone and keeps it", async () => {
    const file = join(directory, "deep", "example.jp.pem");
    const made = await ensureDkimKey(file);
    assert.equal(made.made, true);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal(await readFile(file, "utf8"), made.privateKey);
    assert.deepEqual(await ensureDkimKey(file), { ...made, made: false });
  });

  await it("publishes the public half of an RSA key as SubjectPublicKeyInfo", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const file = await keep("rsa.pem", privateKey.export({ type: "pkcs1", format: "pem" }));
    const key = await ensureDkimKey(file);
    assert.match(key.publicRecord, /^v=DKIM1; k=rsa; p=[A-Za-z0-9+/]+=*$/);
    const data = Buffer.from("signed");
    const publicKey = createPublicKey({ key: recordKey(key.publicRecord), format: "der", type: "spki" });
    assert.equal(verify("sha256", data, publicKey, sign("sha256", data, key.privateKey)), true);
    assert.match(key.privateKey, /^-----BEGIN PRIVATE KEY-----/);
  });

  await it("publishes the 32 octets of an Ed25519 key", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const file = await keep("ed25519.pem", privateKey.export({ type: "pkcs8", format: "pem" }));
    const { publicRecord } = await ensureDkimKey(file);
    assert.match(publicRecord, /^v=DKIM1; k=ed25519; p=/);
    assert.equal(recordKey(publicRecord).toString("base64url"), publicKey.export({ format: "jwk" }).x);
  });

  await it("never replaces a file that it cannot use", async () => {
    const weak = generateKeyPairSync("rsa", { modulusLength: 512 }).privateKey.export({ type: "pkcs8", format: "pem" });
    const curve = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
      type: "pkcs8",
      format: "pem",
    });
    for (const [name, pem, reason] of [
      ["torn.pem", "", /holds no private key/],
      ["weak.pem", weak, /at least 1024 bits/],
      ["curve.pem", curve, /Ed25519/],
    ] as const) {
      const file = await keep(name, pem);
      await assert.rejects(ensureDkimKey(file), reason);
      assert.equal(await readFile(file, "utf8"), pem.toString());
    }
  });

  await it("refuses a key that everybody can read", async () => {
    const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
    await assert.rejects(ensureDkimKey(await keep("open.pem", pem, 0o644)), /open to everybody/);
  });
});
