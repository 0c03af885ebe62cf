// Autodiscover in its plain old XML form, which Outlook asks for (MS-OXDSCLI §2.2): one POST with the address, one
// answer with the servers. Outlook takes <SSL>on</SSL> as TLS from the first octet and fails on a STARTTLS port, so there
// <Encryption> alone says it; implicit TLS is offered where the site has it. Without SPA, which is Microsoft's own, Outlook shows the
// password: a server that takes PLAIN and LOGIN no more is left out.

import { withLogin } from "./offer.ts";
import type { Offer, Service } from "./offer.ts";
import { document, element } from "./xml.ts";
import type { XmlElement } from "./xml.ts";

const responseSchema = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006";
const outlookSchema = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

export const outlookLogins = ["password"] as const;

export type AutodiscoverRequest =
  | { readonly kind: "address"; readonly address: string }
  /** Asked for in a form that this is not: mobile sync, for one. */
  | { readonly kind: "schema" }
  | { readonly kind: "malformed" };

/** Bodies are a few hundred octets; the address is all that is read. */
export function readAutodiscover(body: string): AutodiscoverRequest {
  // No parser of XML with entities and DTDs is wanted on a door to the world.
  if (/<!DOCTYPE|<!ENTITY/i.test(body)) return { kind: "malformed" };
  const schema = textOf(body, "AcceptableResponseSchema");
  if (schema !== undefined && schema !== outlookSchema) return { kind: "schema" };
  const address = textOf(body, "EMailAddress");
  return address === undefined || !/^[^\s@<>]+@[^\s@<>]+$/.test(address)
    ? { kind: "malformed" }
    : { kind: "address", address };
}

export function autodiscoverOf(offer: Offer, address: string): string {
  // One of each: Outlook takes the first it understands.
  const protocols = [
    ...withLogin(offer.imap, outlookLogins)
      .slice(0, 1)
      .map((service) => protocol("IMAP", service, address)),
    ...withLogin(offer.pop3, outlookLogins)
      .slice(0, 1)
      .map((service) => protocol("POP3", service, address)),
    ...withLogin(offer.submission, outlookLogins)
      .slice(0, 1)
      .map((service) => protocol("SMTP", service, address)),
  ];
  return document(
    element(
      "Autodiscover",
      [
        element(
          "Response",
          [
            element("User", [element("DisplayName", address)]),
            element("Account", [element("AccountType", "email"), element("Action", "settings"), ...protocols]),
          ],
          { xmlns: outlookSchema },
        ),
      ],
      { xmlns: responseSchema },
    ),
  );
}

/** Error 600: not a request that we know; 601: no such schema (MS-OXDSCLI §3.1.5.3). */
export function autodiscoverError(code: 600 | 601, now: Date): string {
  return document(
    element(
      "Autodiscover",
      [
        element("Response", [
          element(
            "Error",
            [
              element("ErrorCode", String(code)),
              element("Message", code === 600 ? "Invalid Request" : "Provider is not available"),
              element("DebugData"),
            ],
            { Time: now.toISOString().slice(11, 23), Id: "1" },
          ),
        ]),
      ],
      { xmlns: responseSchema },
    ),
  );
}

function protocol(type: string, { host, port, tls }: Service, address: string): XmlElement {
  return element("Protocol", [
    element("Type", type),
    element("Server", host),
    element("Port", String(port)),
    element("LoginName", address),
    element("DomainRequired", "off"),
    element("SPA", "off"),
    ...(tls === "implicit"
      ? [element("SSL", "on"), element("Encryption", "SSL")]
      : [element("SSL", "off"), element("Encryption", "TLS")]),
    element("AuthRequired", "on"),
    ...(type === "SMTP" ? [element("UsePOPAuth", "off"), element("SMTPLast", "off")] : []),
  ]);
}

function textOf(body: string, name: string): string | undefined {
  const match = new RegExp(`<(?:[A-Za-z0-9]+:)?${name}(?:\\s[^>]*)?>\\s*([^<]{1,512}?)\\s*</`).exec(body);
  return match?.[1]
    ?.replaceAll("&amp;", "&")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'");
}
