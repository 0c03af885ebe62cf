// A configuration profile for Apple's Mail (Configuration Profile Reference, com.apple.mail.managed): the account with
// its servers, without the password, which the device asks for. Its identifiers are made from the address, so that a
// second profile of the same account takes the place of the first. It names one login for each server: the password, or CRAM-MD5 where that is
// all there is of the two.

import { createHash } from "node:crypto";
import { announceable, incomingOf, withLogin } from "./offer.ts";
import type { Offer, Service } from "./offer.ts";
import { document, element } from "./xml.ts";
import type { XmlElement } from "./xml.ts";

const doctype =
  '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">';

/** What Apple's Mail can use of a site: it needs a mailbox service and a submission service. undefined: it has not both. */
export function profileServices(
  offer: Offer,
): { readonly incoming: NonNullable<ReturnType<typeof incomingOf>>; readonly outgoing: Service } | undefined {
  const incoming = incomingOf(offer);
  const [outgoing] = withLogin(offer.submission, announceable);
  return incoming === undefined || outgoing === undefined ? undefined : { incoming, outgoing };
}

export function mobileconfigOf(offer: Offer, address: string): string | undefined {
  const services = profileServices(offer);
  if (services === undefined) return undefined;
  const { incoming, outgoing } = services;
  const reversed = offer.domain.split(".").toReversed().join(".");
  const account = dictionary({
    EmailAccountDescription: address,
    EmailAccountType: incoming.protocol === "imap" ? "EmailTypeIMAP" : "EmailTypePOP",
    EmailAddress: address,
    IncomingMailServerAuthentication: authenticationOf(incoming.service),
    IncomingMailServerHostName: incoming.service.host,
    IncomingMailServerPortNumber: incoming.service.port,
    // One switch for both ways: on a STARTTLS port Mail negotiates.
    IncomingMailServerUseSSL: true,
    IncomingMailServerUsername: address,
    OutgoingMailServerAuthentication: authenticationOf(outgoing),
    OutgoingMailServerHostName: outgoing.host,
    OutgoingMailServerPortNumber: outgoing.port,
    OutgoingMailServerUseSSL: true,
    OutgoingMailServerUsername: address,
    OutgoingPasswordSameAsIncomingPassword: true,
    PayloadDisplayName: address,
    PayloadIdentifier: `${reversed}.mail.account`,
    PayloadType: "com.apple.mail.managed",
    PayloadUUID: uuidOf(`account ${address}`),
    PayloadVersion: 1,
    PreventMove: false,
    SMIMEEnabled: false,
  });
  return document(
    element(
      "plist",
      [
        dictionary({
          PayloadContent: [account],
          PayloadDescription: `Mail of ${address}`,
          PayloadDisplayName: address,
          PayloadIdentifier: `${reversed}.mail`,
          PayloadOrganization: offer.domain,
          PayloadRemovalDisallowed: false,
          PayloadType: "Configuration",
          PayloadUUID: uuidOf(`profile ${address}`),
          PayloadVersion: 1,
        }),
      ],
      { version: "1.0" },
    ),
    doctype,
  );
}

function authenticationOf({ logins }: Service): "EmailAuthPassword" | "EmailAuthCRAMMD5" {
  return logins.includes("password") ? "EmailAuthPassword" : "EmailAuthCRAMMD5";
}

type Value = string | number | boolean | readonly XmlElement[];

function dictionary(values: Readonly<Record<string, Value>>): XmlElement {
  return element(
    "dict",
    Object.entries(values).flatMap(([key, value]) => [element("key", key), valueOf(value)]),
  );
}

function valueOf(value: Value): XmlElement {
  if (typeof value === "string") return element("string", value);
  if (typeof value === "number") return element("integer", String(value));
  if (typeof value === "boolean") return element(value ? "true" : "false");
  return element("array", value);
}

/** The same for the same name (RFC 9562 §5.8: a custom UUID). */
function uuidOf(name: string): string {
  const octets = createHash("sha256").update(`sekimori mobileconfig ${name}`).digest().subarray(0, 16);
  octets[6] = (octets[6]! & 0x0f) | 0x80;
  octets[8] = (octets[8]! & 0x3f) | 0x80;
  const hex = octets.toString("hex").toUpperCase();
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
