// How many octets a list takes in a RADIUS message. The rules follow each other, with a NUL between them, over as many
// attributes as it takes (RFC 4849 §2); an attribute holds 253 octets behind its type and length, a packet 4096 with its
// header of 20 (RFC 2865 §3, §5). A server that signs its answers adds Message-Authenticator (RFC 2869 §5.14).

export const mostMessageOctets = 4096;
const header = 20;
const attributeHead = 2;
const attributeMost = 253;
const messageAuthenticator = 18;

/** Of an answer with nothing else in it. */
export function messageOctets(rules: readonly string[]): number {
  const text = rules.reduce((sum, rule) => sum + rule.length + 1, -1);
  return header + messageAuthenticator + text + attributeHead * Math.ceil(text / attributeMost);
}
