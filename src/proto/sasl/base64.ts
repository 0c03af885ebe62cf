// Base64 of SASL lines, read strictly (RFC 4648 §4, RFC 4954 §4, RFC 5034 §4). Does not know "*" (cancel):
// that line belongs to the protocol around it.

/**
 * The octets of one response, or undefined when it is not canonical base64: another alphabet, white space,
 * missing padding, left-over bits. "=" is the empty initial response, "" the empty response.
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text === "=") return new Uint8Array(0);
  if (text.length % 4 !== 0) return undefined;
  const decoded = Buffer.from(text, "base64");
  // Buffer skips what it does not know; only canonical text comes back unchanged.
  return decoded.toString("base64") === text ? new Uint8Array(decoded) : undefined;
}
