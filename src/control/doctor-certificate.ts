// The certificate that clients see: of this host, of its key, in time, with its chain, and for the names under which users are led.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Settings } from "../config/settings.ts";
import type { Clock } from "../io/clock.ts";
import type { Finding } from "./doctor.ts";
import { webNames } from "./setup/zone.ts";

const DAY = 86_400_000;
const check = "certificate";

export async function examineCertificate(settings: Settings, clock: Pick<Clock, "wall">): Promise<readonly Finding[]> {
  const { tls, hostname } = settings;
  if (tls.kind === "self-signed") {
    const text = "self-signed: mail programs will warn, other servers take it";
    return [{ check, result: "warn", text, advice: "set [tls] certificate and key" }];
  }
  let chain: readonly X509Certificate[];
  try {
    chain = chainIn(await readFile(tls.certificate, "utf8"));
  } catch (error) {
    const text = `${tls.certificate} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    return [{ check, result: "fail", text, advice: "put the chain there in PEM, the server's own certificate first" }];
  }
  const [certificate] = chain;
  const file = tls.certificate;
  const findings = [
    ...examineNames(settings, certificate!, file),
    ...examineTime(certificate!, file, clock.wall()),
    ...examineChain(chain, file),
    ...(await examineKey(certificate!, file, tls.key)),
  ];
  const until = certificate!.validToDate.toISOString().slice(0, 10);
  return findings.length > 0 ? findings : [{ check, result: "ok", text: `for ${hostname}, until ${until}` }];
}

function chainIn(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (blocks === null) throw new Error("no certificate in PEM");
  return blocks.map((block) => new X509Certificate(block));
}

function examineNames(settings: Settings, certificate: X509Certificate, file: string): Finding[] {
  const { hostname, domains, web } = settings;
  const findings: Finding[] = [];
  if (certificate.checkHost(hostname) === undefined) {
    const text = `${file} is for ${certificate.subjectAltName ?? "no name"}, not for ${hostname}`;
    findings.push({ check, result: "fail", text, advice: `get one for ${hostname}` });
  }
  // Behind a reverse proxy others show theirs.
  if (web.listen.length === 0 || web.tls === "none") return findings;
  const wanted = domains.flatMap((domain) => webNames(settings, domain));
  const missing = wanted.filter((name) => certificate.checkHost(name) === undefined);
  if (missing.length > 0) {
    const text = `${file} is not for ${missing.join(", ")}: who asks there is refused`;
    findings.push({
      check,
      result: "warn",
      text,
      advice: "get one for these names as well, or leave their DNS records out",
    });
  }
  return findings;
}

function examineTime(certificate: X509Certificate, file: string, now: number): Finding[] {
  const left = Math.floor((certificate.validToDate.getTime() - now) / DAY);
  const until = certificate.validToDate.toISOString().slice(0, 10);
  const advice = "renew it, then sekimori reload";
  if (certificate.validFromDate.getTime() > now) {
    const text = `${file} is not valid before ${certificate.validFromDate.toISOString()}`;
    return [{ check, result: "fail", text, advice: "look at the clock of this host" }];
  }
  if (left < 0) return [{ check, result: "fail", text: `${file} ended on ${until}`, advice }];
  return left < 14 ? [{ check, result: "warn", text: `${file} ends on ${until}, in ${left} days`, advice }] : [];
}

/** RFC 8446 §4.4.2: each certificate is issued by the next; the root itself may be left out. */
function examineChain(chain: readonly X509Certificate[], file: string): Finding[] {
  const broken = chain.slice(1).findIndex((issuer, index) => !isIssuedBy(chain[index]!, issuer));
  if (broken !== -1) {
    const text = `${file}: certificate ${broken + 2} did not issue certificate ${broken + 1}`;
    return [{ check, result: "fail", text, advice: "put the server's own certificate first, then each one's issuer" }];
  }
  const [own] = chain;
  if (chain.length === 1 && own!.issuer !== own!.subject) {
    const text = `${file} has no chain: who does not know ${own!.issuer.replaceAll("\n", ", ")} already will refuse it`;
    return [{ check, result: "warn", text, advice: "use the file with the whole chain (fullchain.pem)" }];
  }
  return [];
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

async function examineKey(certificate: X509Certificate, file: string, keyFile: string): Promise<Finding[]> {
  try {
    const key = createPrivateKey(await readFile(keyFile));
    if (certificate.checkPrivateKey(key)) return [];
    const text = `${keyFile} is not the key of ${file}`;
    return [{ check, result: "fail", text, advice: "set [tls] key to the one for which the certificate was issued" }];
  } catch (error) {
    // Its message may quote the file.
    const why = error instanceof Error && "code" in error ? String(error.code) : "no private key";
    return [{ check, result: "warn", text: `${keyFile} cannot be read: ${why}`, advice: "run doctor as root" }];
  }
}
