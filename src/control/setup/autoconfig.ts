// Mozilla's autoconfiguration, version 1.1, which Thunderbird, K-9 and Evolution ask for: what a mail program of a
// domain should use. (draft-ietf-mailmaint-autoconfig; config-v1.1.xml.) A server is left out where a program could log in by SCRAM alone, for
// which the format has no name: it would try what is announced, and fail.

import { document, element } from "./xml.ts";
import type { XmlElement } from "./xml.ts";
import { announceable, withLogin } from "./offer.ts";
import type { Offer, Service } from "./offer.ts";

/** With an address its owner's user name is filled in; otherwise the program does that. */
export function autoconfigOf(offer: Offer, address: string | undefined): string {
  const username = address ?? "%EMAILADDRESS%";
  return document(
    element(
      "clientConfig",
      [
        element(
          "emailProvider",
          [
            element("domain", offer.domain),
            element("displayName", offer.domain),
            element("displayShortName", offer.domain),
            ...withLogin(offer.imap, announceable).map((service) =>
              server("incomingServer", "imap", service, username),
            ),
            ...withLogin(offer.pop3, announceable).map((service) =>
              server("incomingServer", "pop3", service, username),
            ),
            ...withLogin(offer.submission, announceable).map((service) =>
              server("outgoingServer", "smtp", service, username),
            ),
          ],
          { id: offer.domain },
        ),
      ],
      { version: "1.1" },
    ),
  );
}

function server(name: string, type: string, { host, port, tls, logins }: Service, username: string): XmlElement {
  return element(
    name,
    [
      element("hostname", host),
      element("port", String(port)),
      element("socketType", tls === "implicit" ? "SSL" : "STARTTLS"),
      // All inside TLS: the name says what is sent, not how it travels. The second one is CRAM-MD5 (or DIGEST-MD5).
      element("authentication", logins.includes("password") ? "password-cleartext" : "password-encrypted"),
      element("username", username),
    ],
    { type },
  );
}
