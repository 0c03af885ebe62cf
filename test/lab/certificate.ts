// A self-signed certificate for peers in tests, with a key of its own, made as the server makes its first one.

import { join } from "node:path";
import { ensureSelfSigned } from "../../src/io/certificate.ts";

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

export async function makeCertificate(directory: string, name: string): Promise<CertificateFiles> {
  const { certificate, key } = await ensureSelfSigned(join(directory, name), [name], Date.now());
  return { certificate, key };
}
