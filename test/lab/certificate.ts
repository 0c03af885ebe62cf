// A self-signed certificate for peers in tests, made by openssl(1).

import { join } from "node:path";
import type { TestContext } from "node:test";
import { runProgram } from "./child.ts";
import { requires } from "./skip.ts";

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** Undefined after the test was marked as skipped. */
export async function makeCertificate(
  t: TestContext,
  directory: string,
  name: string,
): Promise<CertificateFiles | undefined> {
  const openssl = await requires(t, "openssl");
  if (openssl === undefined) return undefined;
  const files = { certificate: join(directory, `${name}.pem`), key: join(directory, `${name}.key`) };
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
  const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
  const { code, stderr } = await runProgram({
    program: openssl.path,
    parameters: ["req", "-x509", ...curve, ...subject, "-keyout", files.key, "-out", files.certificate],
    environment: openssl.environment,
    milliseconds: 20_000,
  });
  if (code !== 0) throw new Error(`openssl failed: ${stderr}`);
  return files;
}
