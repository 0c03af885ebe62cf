// Signed data with its content inside (RFC 5652 §5), as a configuration profile is signed: one signer, its chain, SHA-256. Writes only.

import { createPrivateKey, hash, sign, X509Certificate } from "node:crypto";
import { element, objectIdentifier, sequence, unsignedInteger } from "./der.ts";

const data = objectIdentifier("1.2.840.113549.1.7.1");
const signedData = objectIdentifier("1.2.840.113549.1.7.2");
const contentType = objectIdentifier("1.2.840.113549.1.9.3");
const messageDigest = objectIdentifier("1.2.840.113549.1.9.4");
const sha256 = sequence(objectIdentifier("2.16.840.1.101.3.4.2.1"));
/** By type of key: RFC 5758 §3.2, RFC 4055 §5. */
const algorithms: Readonly<Record<string, Buffer>> = {
  ec: sequence(objectIdentifier("1.2.840.10045.4.3.2")),
  rsa: sequence(objectIdentifier("1.2.840.113549.1.1.11"), element(0x05)),
};

/** DER. undefined: a key of another type than RSA or EC. Throws when the PEM texts are none. */
export function signContent(content: Uint8Array, chainPem: string, keyPem: string): Buffer | undefined {
  const key = createPrivateKey(keyPem);
  const algorithm = algorithms[key.asymmetricKeyType ?? ""];
  if (algorithm === undefined) return undefined;
  const chain = chainPem
    .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)!
    .map((pem) => new X509Certificate(pem).raw);
  const attributes = [
    sequence(contentType, element(0x31, data)),
    sequence(messageDigest, element(0x31, element(0x04, hash("sha256", content, "buffer")))),
  ].toSorted((a, b) => Buffer.compare(a, b));
  // What is signed is the SET; in the structure it wears another tag (RFC 5652 §5.4).
  const signature = sign("sha256", element(0x31, ...attributes), key);
  const signer = sequence(
    unsignedInteger(Buffer.from([1])),
    issuerAndSerialNumber(chain[0]!),
    sha256,
    element(0xa0, ...attributes),
    algorithm,
    element(0x04, signature),
  );
  const signed = sequence(
    unsignedInteger(Buffer.from([1])),
    element(0x31, sha256),
    sequence(data, element(0xa0, element(0x04, content))),
    element(0xa0, ...chain),
    element(0x31, signer),
  );
  return sequence(signedData, element(0xa0, signed));
}

/** RFC 5652 §10.2.4, from the first fields of the certificate (RFC 5280 §4.1): version, serialNumber, signature, issuer. */
function issuerAndSerialNumber(certificate: Buffer): Buffer {
  const [body] = itemsOf(certificate);
  const [, serial, , issuer] = itemsOf(body!);
  return sequence(issuer!, serial!);
}

/** The elements inside an element, each as a whole. A certificate that OpenSSL has read is well-formed. */
function itemsOf(whole: Buffer): readonly Buffer[] {
  const items: Buffer[] = [];
  const { start, end } = extentOf(whole, 0);
  for (let at = start; at < end;) {
    const next = extentOf(whole, at).end;
    items.push(whole.subarray(at, next));
    at = next;
  }
  return items;
}

function extentOf(octets: Buffer, at: number): { readonly start: number; readonly end: number } {
  const first = octets[at + 1]!;
  if (first < 0x80) return { start: at + 2, end: at + 2 + first };
  const digits = first - 0x80;
  const start = at + 2 + digits;
  return { start, end: start + octets.readUIntBE(at + 2, digits) };
}
