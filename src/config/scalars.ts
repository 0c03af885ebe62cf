// Single values as text: durations, sizes, windows, endpoints, names. Each kind has a reader and a writer, and
// what a writer makes its reader takes back unchanged. Nothing here knows keys, files or defaults.

import { isIP, isIPv6 } from "node:net";
import { formatAddress, parseAddress } from "../address/address.ts";
import type { Address } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import type { Domain } from "../address/domain.ts";
import { parsePrefix } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { Endpoint, Moment, SocketPlace, WindowSettings } from "./settings.ts";

export interface ScalarError {
  readonly message: string;
  readonly hint?: string;
}

type Read<T> = Result<T, ScalarError>;

function wrong(message: string, hint?: string): Read<never> {
  return failure(hint === undefined ? { message } : { message, hint });
}

const durationUnits: readonly (readonly [name: string, milliseconds: number])[] = [
  ["w", 604_800_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
];

/** Milliseconds of `"15m"`, `"1h30m"`: whole numbers with a unit, larger units first. */
export function readDuration(text: string): Read<number> {
  const match =
    /^(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/.exec(text);
  if (match === null || text === "") {
    return wrong(
      `${quote(text)} is not a duration`,
      'write a number and a unit of ms, s, m, h, d or w: "15m", "1h30m", "5d"',
    );
  }
  return success(durationUnits.reduce((sum, [, length], index) => sum + length * Number(match[index + 1] ?? 0), 0));
}

export function writeDuration(milliseconds: number): string {
  let rest = milliseconds;
  let text = "";
  for (const [name, length] of durationUnits) {
    if (name === "w" || rest < length) continue;
    text += `${Math.floor(rest / length)}${name}`;
    rest %= length;
  }
  return text === "" ? "0s" : text;
}

const sizeUnits: Readonly<Record<string, number>> = {
  PiB: 2 ** 50,
  TiB: 2 ** 40,
  GiB: 2 ** 30,
  MiB: 2 ** 20,
  KiB: 2 ** 10,
  PB: 1e15,
  TB: 1e12,
  GB: 1e9,
  MB: 1e6,
  kB: 1e3,
  KB: 1e3,
  B: 1,
};

/** Octets of `"25MiB"` or `"25MB"`. */
export function readSize(text: string): Read<number> {
  const match = /^(\d{1,16}) ?([A-Za-z]{1,3})$/.exec(text);
  const unit = match?.[2];
  if (match === null || unit === undefined || !Object.hasOwn(sizeUnits, unit)) {
    return wrong(
      `${quote(text)} is not a size`,
      'write a number and a unit: "25MiB" is 26,214,400 octets, "25MB" is 25,000,000',
    );
  }
  const octets = Number(match[1]) * (sizeUnits[unit] ?? 1);
  return Number.isSafeInteger(octets) ? success(octets) : wrong(`${quote(text)} is too large`);
}

export function writeSize(octets: number): string {
  for (const [name, factor] of Object.entries(sizeUnits)) {
    if (octets >= factor && octets % factor === 0) return `${octets / factor}${name}`;
  }
  return `${octets}B`;
}

/** `"200/1h"`. The window is named after its length, so that a changed number keeps its history. */
export function readWindow(text: string): Read<WindowSettings> {
  const match = /^(\d{1,9})\/(.+)$/.exec(text);
  const recipients = Number(match?.[1]);
  const length = readDuration(match?.[2] ?? "");
  if (match === null || !length.ok || recipients < 1 || length.value < 1000) {
    return wrong(
      `${quote(text)} is not a limit`,
      'write how many in how long, at least one second: "200/1h", "1000/1d"',
    );
  }
  return success({ name: writeDuration(length.value), length: length.value, recipients });
}

export function writeWindow(window: WindowSettings): string {
  return `${window.recipients}/${writeDuration(window.length)}`;
}

/** `"500MB/1d"`: octets. */
export function readSizeWindow(text: string): Read<WindowSettings> {
  const slash = text.indexOf("/");
  const octets = readSize(text.slice(0, Math.max(0, slash)));
  const length = readDuration(text.slice(slash + 1));
  if (slash < 1 || !octets.ok || !length.ok || octets.value < 1 || length.value < 1000) {
    return wrong(
      `${quote(text)} is not a limit of size`,
      'write a size and an interval of at least one second: "500MB/1d"',
    );
  }
  return success({ name: writeDuration(length.value), length: length.value, recipients: octets.value });
}

export function writeSizeWindow(window: WindowSettings): string {
  return `${writeSize(window.recipients)}/${writeDuration(window.length)}`;
}

/** An IP address in its one canonical spelling (RFC 5952), or undefined. */
export function readIp(text: string): string | undefined {
  if (text.includes("%") || isIP(text) === 0) return undefined;
  return isIPv6(text) ? new URL(`http://[${text}]/`).hostname.slice(1, -1) : text;
}

export function readAddressOfHost(text: string): Read<string> {
  const address = readIp(text);
  if (address !== undefined) return success(address);
  return wrong(`${quote(text)} is not an IP address`, 'as in "192.0.2.25", "2001:db8::25"');
}

/** `"127.0.0.1:2587"`, `"[::1]:2587"`; the port may be left out where there is a usual one. */
export function readEndpoint(text: string, usualPort: number | undefined): Read<Endpoint> {
  const hint = 'write an IP address and a port: "127.0.0.1:2587", "[::1]:2587"';
  const alone = usualPort === undefined ? undefined : readIp(text);
  if (alone !== undefined && usualPort !== undefined) return success({ address: alone, port: usualPort });
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text);
  const [, v6, other] = match ?? [];
  const digits = match?.[3];
  const address = readIp(v6 ?? other ?? "");
  if (match === null || address === undefined || isIPv6(address) !== (v6 !== undefined)) {
    if (isIPv6(text)) return wrong(`${quote(text)} has no brackets`, hint);
    if (/^[a-z][a-z0-9.-]*(?::\d+)?$/i.test(text)) return wrong(`${quote(text)} is a name, not an IP address`, hint);
    return wrong(`${quote(text)} is not an address with a port`, hint);
  }
  const port = digits === undefined ? usualPort : Number(digits);
  if (port === undefined) return wrong(`${quote(text)} has no port`, hint);
  return port > 65_535 ? wrong(`port ${port} does not exist`, "the largest is 65535") : success({ address, port });
}

export function writeEndpoint(endpoint: Endpoint): string {
  const host = isIPv6(endpoint.address) ? `[${endpoint.address}]` : endpoint.address;
  return `${host}:${endpoint.port}`;
}

/** `"127.0.0.1:24"`, `"127.0.0.1"`, `"/run/dovecot/lmtp"`. The kernel takes 107 octets (unix(7)). */
export function readSocketPlace(text: string, usualPort: number): Read<SocketPlace> {
  if (!text.startsWith("/")) return readEndpoint(text, usualPort);
  // oxlint-disable-next-line no-control-regex -- control characters are what must not pass
  if (/[\x00-\x1f\x7f]/.test(text) || Buffer.byteLength(text) > 107) {
    return wrong(`${quote(text)} is not the path of a socket`, "at most 107 octets, without control characters");
  }
  return success({ path: text });
}

export function writeSocketPlace(place: SocketPlace): string {
  return "path" in place ? place.path : writeEndpoint(place);
}

export function readPrefix(text: string, family?: 4 | 6): Read<Prefix> {
  const prefix = parsePrefix(text);
  if (!prefix.ok) return wrong(`${quote(text)} ${prefix.error}`, 'as in "192.0.2.0/24", "2001:db8::/32"');
  const found = prefix.value.address.includes(":") ? 6 : 4;
  if (family === undefined || family === found) return prefix;
  return wrong(
    `${quote(text)} is IPv${found}, not IPv${family}`,
    `it belongs into the list of IPv${found} beside this`,
  );
}

const dateHint = 'write a day or an instant with its zone: "2027-01-15", "2027-01-15T02:00:00+09:00"';

/** A day stands for its beginning or, as the last day of something, for its end (RFC 3339 §5.6 for instants). */
export function readDate(text: string, edge: "begin" | "end"): Read<Moment> {
  const match = /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2}))?([Zz]|[+-]\d{2}:\d{2})?)?$/.exec(text);
  if (match === null) return wrong(`${quote(text)} is not a date`, dateHint);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map((digits) => (digits === undefined ? 0 : Number(digits)));
  const midnight = Date.UTC(year, month - 1, day);
  const real = new Date(midnight);
  if (real.getUTCMonth() !== month - 1 || real.getUTCDate() !== day || year < 1970) {
    return wrong(`there is no ${text.slice(0, 10)}`, dateHint);
  }
  if (match[4] === undefined) {
    return success({ written: text, at: edge === "begin" ? midnight : midnight + 86_400_000, zoned: false });
  }
  if (hour > 23 || minute > 59 || second > 59) return wrong(`${quote(text)} has no such time of day`, dateHint);
  const zone = match[7];
  if (zone === undefined) return wrong(`${quote(text)} has no zone`, dateHint);
  const offset = zone.toUpperCase() === "Z" ? success(0) : readOffset(zone);
  if (!offset.ok) return offset;
  const at = midnight + ((hour * 60 + minute - offset.value) * 60 + second) * 1000;
  return success({ written: text, at, zoned: true });
}

/** Minutes east of UTC. */
export function readOffset(text: string): Read<number> {
  const match = /^([+-])(\d{2}):(\d{2})$/.exec(text);
  const [hours, minutes] = [Number(match?.[2]), Number(match?.[3])];
  if (match === null || hours > 14 || minutes > 59) {
    return wrong(`${quote(text)} is not an offset from UTC`, 'as in "+09:00", "-05:00", "+00:00"');
  }
  return success((match[1] === "-" ? -1 : 1) * (hours * 60 + minutes));
}

export function writeOffset(minutes: number): string {
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${minutes < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}:${String(rest).padStart(2, "0")}`;
}

/** Part of names on devices, the shortest of which have room for little. */
export function readName(text: string): Read<string> {
  if (/^[a-z](?:[a-z0-9-]{0,22}[a-z0-9])?$/.test(text)) return success(text);
  return wrong(`${quote(text)} is not a name`, "up to 24 small letters, digits and hyphens, a letter first");
}

export function readDomain(text: string): Read<Domain> {
  const domain = parseDomain(text);
  return domain.ok ? domain : wrong(`${quote(text)} is not a domain name: ${domain.error.message}`);
}

/** A mailbox with a domain name, which may be in any script; the local part is ASCII. No address literal. */
export function readAddress(text: string): Read<Address> {
  const at = text.lastIndexOf("@");
  const domain = parseDomain(text.slice(at + 1));
  const address = parseAddress(domain.ok && at !== -1 ? `${text.slice(0, at)}@${domain.value}` : text);
  if (!address.ok) return wrong(`${quote(text)} is not a mail address: ${address.error.message}`);
  return address.value.domain === undefined ? wrong(`${quote(text)} has no domain name`) : address;
}

export function readHost(text: string): Read<string> {
  const address = readIp(/^\[(.*)\]$/.exec(text)?.[1] ?? text);
  if (address !== undefined) return success(address);
  const domain = parseDomain(text);
  if (domain.ok && !/^[\d.]+$/.test(domain.value)) return domain;
  return wrong(
    `${quote(text)} is neither a host name nor an IP address`,
    text.includes(":") ? 'the port goes into "port"' : undefined,
  );
}

/** Labels of letters, digits and hyphens (RFC 6376 §3.1), lower-cased, since DNS does not tell case apart. */
export function readSelector(text: string): Read<string> {
  const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
  if (text.length <= 128 && new RegExp(`^${label}(?:\\.${label})*$`, "i").test(text))
    return success(text.toLowerCase());
  return wrong(`${quote(text)} is not a DKIM selector`, "letters, digits and hyphens, as in a host name");
}

/** A local part as a key of `aliases`: quoted as in an address where it must be; compared in lower case. */
export function readLocalPart(text: string): Read<string> {
  const address = parseAddress(`${text}@local.invalid`);
  if (address.ok && address.value.domain === "local.invalid") return success(address.value.local.toLowerCase());
  return wrong(`${quote(text)} is not a local part`, text.includes("@") ? "only what stands before the @" : undefined);
}

export function writeLocalPart(local: string): string {
  const domain = parseDomain("local.invalid");
  if (!domain.ok) throw new Error("local.invalid is a domain");
  return formatAddress({ local, domain: domain.value, literal: undefined }).slice(0, -"@local.invalid".length);
}

/** Control characters escaped, so that a file cannot write to the terminal that shows its problems. */
export function quote(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return JSON.stringify(short).replaceAll(/[\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
