// What we sign, OpenSSL verifies; one octet off, it does not.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { signContent } from "./cms.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const skip = !hasOpenssl && "no openssl(1)";

function openssl(...parameters: readonly string[]): number | null {
  return spawnSync("openssl", parameters).status;
}

for (const algorithm of ["rsa:2048", "ec"] as const) {
  test(`what a key of ${algorithm} signed is verified by openssl cms, changed content is not`, { skip }, (t) => {
    const directory = mkdtempSync(join(tmpdir(), "sekimori-cms-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const [certificate, key, file] = ["crt", "key", "der"].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    const curve = algorithm === "ec" ? ["-pkeyopt", "ec_paramgen_curve:P-256"] : [];
    const made = ["-nodes", "-subj", "/CN=mx.example.jp", "-days", "30", "-keyout", key, "-out", certificate];
    assert.equal(openssl("req", "-x509", "-newkey", algorithm, ...curve, ...made), 0);
    const content = Buffer.from("日本語 and\r\nmore\n".repeat(100));
    const signed = signContent(content, readFileSync(certificate, "utf8"), readFileSync(key, "utf8"));
    assert.ok(signed);

    const verify = (octets: Buffer): number | null => {
      writeFileSync(file, octets);
      const from = ["-binary", "-inform", "DER", "-in", file, "-CAfile", certificate, "-purpose", "any"];
      return openssl("cms", "-verify", ...from, "-out", join(directory, "content"));
    };
    assert.equal(verify(signed), 0);
    assert.deepEqual(readFileSync(join(directory, "content")), content);
    const changed = Buffer.from(signed);
    const at = changed.indexOf("more");
    changed[at] = changed[at]! ^ 1;
    assert.notEqual(verify(changed), 0);
  });
}

test("a key of another type signs nothing", () => {
  const key = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  assert.equal(signContent(Buffer.from("x"), "", key), undefined);
});
