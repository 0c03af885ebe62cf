// What DNS says about a site: the name of the host and the way back from its addresses, the MX of its domains, the DKIM
// keys, SPF. Receivers judge by these (RFC 5321 §5.1, RFC 1912 §2.1, RFC 6376 §3.6, RFC 7208 §3).

import type { Domain } from "../address/domain.ts";
import type { DomainSettings, Settings } from "../config/settings.ts";
import { readDkimRecord } from "../io/dkim-key.ts";
import type { DnsAnswer, Resolver } from "../io/dns.ts";
import { stsPolicy, stsRecord } from "./setup/mta-sts.ts";
import type { Finding } from "./doctor.ts";

export async function examineDns(settings: Settings, resolver: Resolver): Promise<readonly Finding[]> {
  const groups = await Promise.all([
    examineHost(settings.hostname, resolver),
    ...settings.domains.flatMap((domain) => [
      examineMx(domain.name, settings.hostname, resolver),
      examineSpf(domain.name, resolver),
      examineDkim(domain, resolver),
      examineDmarc(domain.name, resolver),
      examineStsRecord(domain.name, settings, resolver),
    ]),
  ]);
  return groups.flat();
}

function unknown(check: string, cause: string): Finding {
  return {
    check,
    result: "warn",
    text: `nobody knows: ${cause}`,
    advice: "look at [dns] and the resolver, then ask again",
  };
}

async function examineHost(hostname: Domain, resolver: Resolver): Promise<readonly Finding[]> {
  const check = `DNS of ${hostname}`;
  const answer = await resolver.addresses(hostname);
  if (answer.kind === "failed") return [unknown(check, answer.cause)];
  if (answer.kind === "none") {
    return [
      {
        check,
        result: "fail",
        text: "it has neither A nor AAAA",
        advice: `publish the addresses of this host under ${hostname}`,
      },
    ];
  }
  return Promise.all(
    answer.records.map(async ({ address }): Promise<Finding> => {
      const names = await resolver.ptr(address);
      if (names.kind === "failed") return unknown(check, names.cause);
      const list = names.kind === "found" ? names.records.map((name) => name.toLowerCase().replace(/\.$/, "")) : [];
      if (list.includes(hostname)) return { check, result: "ok", text: `${address} and back` };
      const text = `${address} leads back to ${list.join(", ") || "no name"}, not to ${hostname}`;
      return {
        check,
        result: "warn",
        text,
        advice: "ask who gave you the address to set its PTR: large receivers refuse mail without",
      };
    }),
  );
}

async function examineMx(domain: Domain, hostname: Domain, resolver: Resolver): Promise<readonly Finding[]> {
  const check = `MX of ${domain}`;
  const answer = await resolver.mx(domain);
  if (answer.kind === "failed") return [unknown(check, answer.cause)];
  const advice = `${domain}. IN MX 10 ${hostname}.`;
  if (answer.kind === "none") return [{ check, result: "fail", text: "there is none", advice }];
  const exchanges = answer.records.map(({ exchange }) => exchange);
  if (exchanges.includes(hostname)) return [{ check, result: "ok", text: exchanges.join(", ") }];
  return [
    {
      check,
      result: "warn",
      text: `mail goes to ${exchanges.map((name) => name || "nowhere").join(", ")}, not here`,
      advice,
    },
  ];
}

async function examineSpf(domain: Domain, resolver: Resolver): Promise<readonly Finding[]> {
  const check = `SPF of ${domain}`;
  const answer = await resolver.txt(domain);
  if (answer.kind === "failed") return [unknown(check, answer.cause)];
  const records = found(answer).filter((text) => /^v=spf1(?: |$)/i.test(text));
  if (records.length === 1) return [{ check, result: "ok", text: records[0]! }];
  if (records.length > 1) {
    const text = `${records.length} records: receivers treat that as an error (RFC 7208 §4.5)`;
    return [{ check, result: "fail", text, advice: "leave one" }];
  }
  return [{ check, result: "warn", text: "there is none", advice: `${domain}. IN TXT "v=spf1 mx -all"` }];
}

async function examineDkim({ name, dkim }: DomainSettings, resolver: Resolver): Promise<readonly Finding[]> {
  const check = `DKIM of ${name}`;
  if (dkim === undefined) {
    return [
      { check, result: "warn", text: "mail is not signed", advice: 'dkim = { selector = "…" } in its [[domain]]' },
    ];
  }
  const record = await readDkimRecord(dkim.keyFile).catch((error: unknown) => String(error));
  if (record === undefined || typeof record === "string") {
    const text = record ?? `${dkim.keyFile} does not exist yet`;
    return [
      { check, result: "warn", text, advice: "sekimori dkim show makes it; run doctor as the user of the server" },
    ];
  }
  const place = `${dkim.selector}._domainkey.${name}`;
  const answer = await resolver.txt(place);
  if (answer.kind === "failed") return [unknown(check, answer.cause)];
  const published = found(answer).map(keyIn);
  const advice = "publish what sekimori dkim show prints";
  if (published.length === 0) return [{ check, result: "fail", text: `${place} is not published`, advice }];
  if (published.includes(keyIn(record.publicRecord))) return [{ check, result: "ok", text: `${place} has our key` }];
  return [{ check, result: "fail", text: `${place} has another key: every signature fails`, advice }];
}

/** RFC 9989: exactly one record that begins so. */
async function examineDmarc(domain: Domain, resolver: Resolver): Promise<readonly Finding[]> {
  const check = `DMARC of ${domain}`;
  const answer = await resolver.txt(`_dmarc.${domain}`);
  if (answer.kind === "failed") return [unknown(check, answer.cause)];
  const records = found(answer).filter((text) => /^v=DMARC1\s*(?:;|$)/.test(text));
  if (records.length === 1) return [{ check, result: "ok", text: records[0]! }];
  const text = records.length === 0 ? "there is none" : `${records.length} records: receivers ignore them all`;
  return [{ check, result: "warn", text, advice: "publish what sekimori dns prints" }];
}

/** RFC 8461 §3.1. What the record announces is what [web] serves, or nothing. */
async function examineStsRecord(domain: Domain, settings: Settings, resolver: Resolver): Promise<readonly Finding[]> {
  const { hostname, web, listeners } = settings;
  const serves = web.listen.length > 0 && web.mtaSts !== "none" && listeners.some(({ role }) => role === "mx");
  const check = `MTA-STS of ${domain}`;
  const answer = await resolver.txt(`_mta-sts.${domain}`);
  if (answer.kind === "failed") return serves ? [unknown(check, answer.cause)] : [];
  const records = found(answer).filter((text) => /^v=STSv1\s*(?:;|$)/.test(text));
  if (!serves) return [];
  const wanted = stsRecord(stsPolicy(hostname, web.mtaSts));
  const advice = "publish what sekimori dns prints: senders fetch a policy again when its id changes";
  if (records.length === 0) return [{ check, result: "warn", text: "it is not announced in DNS", advice }];
  const isOurs = records.length === 1 && records[0]!.replaceAll(/\s/g, "") === wanted.replaceAll(/\s/g, "");
  return isOurs
    ? [{ check, result: "ok", text: wanted }]
    : [{ check, result: "warn", text: "DNS announces another policy than the one that is served", advice }];
}

function found(answer: DnsAnswer<string>): readonly string[] {
  return answer.kind === "found" ? answer.records : [];
}

/** The tag p= without the white space that it may hold (RFC 6376 §3.6.1). */
function keyIn(record: string): string {
  return /(?:^|;)\s*p\s*=([^;]*)/.exec(record)?.[1]?.replaceAll(/\s/g, "") ?? "";
}
