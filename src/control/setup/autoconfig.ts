// Mozilla's autoconfiguration, version 1.1, which Thunderbird, K-9 and Evolution ask for: what a mail program of a
// domain should use. (draft-ietf-mailmaint-autoconfig; config-v1.1.xml.)

import { document, element } from "./xml.ts";
import type { XmlElement } from "./xml.ts";
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
            ...offer.imap.map((service) => server("incomingServer", "imap", service, username)),
            ...offer.pop3.map((service) => server("incomingServer", "pop3", service, username)),
            ...offer.submission.map((service) => server("outgoingServer", "smtp", service, username)),
          ],
          { id: offer.domain },
        ),
      ],
      { version: "1.1" },
    ),
  );
}

function server(name: string, type: string, { host, port, tls }: Service, username: string): XmlElement {
  return element(
    name,
    [
      element("hostname", host),
      element("port", String(port)),
      element("socketType", tls === "implicit" ? "SSL" : "STARTTLS"),
      // Inside TLS: the name says what is sent, not how it travels.
      element("authentication", "password-cleartext"),
      element("username", username),
    ],
    { type },
  );
}
