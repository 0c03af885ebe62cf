// A SCRAM-SHA-256 client for tests, written from RFC 5802 §3 alone: it shares no code with the server's side.

import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

interface ClientOptions {
  readonly name: string;
  readonly password: string;
  readonly nonce?: string;
  /** gs2-header; "n,,": without channel binding. */
  readonly header?: string;
  readonly binding?: Uint8Array;
}

export function scramClient({ name, password, nonce = "fyko+d2lbbFgONRv", header = "n,,", binding }: ClientOptions) {
  const bare = `n=${name.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=${nonce}`;
  let signature = "";
  return {
    first: header + bare,
    /** The second message; `change` may spoil what is sent and signed. */
    final: (serverFirst: string, change: (unproved: string) => string = (unproved) => unproved): string => {
      const fields = new Map(serverFirst.split(",").map((part) => [part[0], part.slice(2)]));
      const salted = pbkdf2Sync(
        password,
        Buffer.from(fields.get("s")!, "base64"),
        Number(fields.get("i")),
        32,
        "sha256",
      );
      const channel = Buffer.concat([Buffer.from(header), binding ?? Buffer.alloc(0)]).toString("base64");
      const unproved = change(`c=${channel},r=${fields.get("r")}`);
      const spoken = `${bare},${serverFirst},${unproved}`;
      const clientKey = hmac(salted, "Client Key");
      const proof = hmac(createHash("sha256").update(clientKey).digest(), spoken).map(
        (octet, i) => octet ^ clientKey[i]!,
      );
      signature = hmac(hmac(salted, "Server Key"), spoken).toString("base64");
      return `${unproved},p=${Buffer.from(proof).toString("base64")}`;
    },
    /** What the server must say at the end if it knows the password as well. */
    expected: () => `v=${signature}`,
  };
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
